"""Bodies in any number of pieces, packed or not, are the same records; what is too large is refused early."""

from __future__ import annotations

import gzip
import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vibeworkbench.containers.model import ReportKind
from vibeworkbench.containers.reading import LogReading, ReportReading
from vibeworkbench.errors import InvalidInput, LimitExceeded
from vibeworkbench.logs.columns import Refusal, encoded, lines_of
from vibeworkbench.logs.discretion import mask
from vibeworkbench.logs.model import Kind, Level, Record
from vibeworkbench.logs.reading import SLICE_BYTES, Reading, Unpacking, level_number, records_of, unix_microseconds
from vibeworkbench.settings import LogSettings

LINES = st.lists(st.binary(max_size=30).filter(lambda line: b"\n" not in line), max_size=10)


@settings(deadline=None)
@given(LINES, st.integers(1, 40), st.booleans())
def test_lines_come_whole_however_the_body_is_cut(lines: list[bytes], size: int, is_packed: bool) -> None:
    """Also where it is gzip of several members."""
    content = b"\n".join(lines)
    half = len(content) // 2
    sent = gzip.compress(content[:half]) + gzip.compress(content[half:]) if is_packed else content
    unpacking = Unpacking("gzip" if is_packed else "", 10**6, 10**6)
    found = b""
    for start in range(0, len(sent), size):
        found += b"".join(unpacking.lines(sent[start : start + size]))
    assert found + unpacking.last() == content


def test_slices_end_with_lines() -> None:
    """A large body is never in memory as a whole."""
    unpacking = Unpacking("", 10**7, 10**6)
    body = b"x" * 999 + b"\n"
    slices = [content for _ in range(1000) for content in unpacking.lines(body)]
    assert len(slices) > 2
    assert all(content.endswith(b"\n") and len(content) < SLICE_BYTES + 1000 for content in slices)


def test_what_is_too_large_is_refused_while_it_is_unpacked() -> None:
    """A few kilobytes that would become gigabytes, and a line without an end."""
    with pytest.raises(LimitExceeded):
        list(Unpacking("gzip", 10**6, 10**6).lines(gzip.compress(b"x" * 10**8)))
    endless = Unpacking("", 10**9, 10**6)
    with pytest.raises(LimitExceeded):
        list(endless.lines(b"x" * 2 * 10**6))


def test_the_records_of_a_json_body() -> None:
    """A list of them or one; nothing beside them."""
    several, is_list = records_of(b'{"records": [1, {"a": 2}]}')
    assert ([bytes(each) for each in several], is_list) == ([b"1", b'{"a": 2}'], True)
    one, is_list = records_of(b'{"source": "x"}')
    assert ([bytes(each) for each in one], is_list) == ([b'{"source": "x"}'], False)
    for body in (b'{"records": 1}', b'{"records": [], "more": 1}', b"[]", b"nothing"):
        with pytest.raises(InvalidInput):
            records_of(body)


@pytest.mark.parametrize(
    ("said", "level"),
    [
        ("WARN", Level.warning),
        ("err", Level.error),
        (17, Level.error),
        (None, 0),
        ("", 0),
        ("unknown", 0),
        ("loud", None),
    ],
)
def test_levels_in_whatever_spelling(said: str | int | None, level: int | None) -> None:
    """And numbers of OpenTelemetry."""
    assert level_number(said) == level


def test_unix_time_in_whatever_unit() -> None:
    """Told apart by its size."""
    for said in (1_764_320_400, 1_764_320_400_000, 1_764_320_400_000_000, 1_764_320_400_000_000_000):
        assert unix_microseconds(said) == 1_764_320_400_000_000
    assert unix_microseconds(None) is None


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"message": "x" * 101}, "message"),
        ({"message": "é" * 60}, "message"),
        ({"attributes": {"a": "x" * 60}}, "attributes"),
        ({"attributes": [1]}, "attributes"),
        ({"timestamp": -1}, "timestamp"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"source": ""}, "source"),
        ({"source": "a\nb"}, "source"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_what_is_wrong_with_a_record_is_told_with_its_field(more: dict[str, object], field: str) -> None:
    """And a sample of it is kept, without its secrets."""
    reading = Reading(Kind.worker, LogSettings(message_bytes=100, attributes_bytes=50))
    record = {"source": "w", "timestamp": None, "level": None, "message": "password=hunter2"} | more
    lines = reading.lines(json.dumps(record).encode())
    assert len(lines) == 0
    assert [each.field for each in reading.rejected] == [field]
    assert "hunter2" not in lines.refused[0].sample
    assert not reading.is_foreign


@pytest.mark.parametrize(
    "attributes", ['{"token":"t0p",' + '"a":{' * 600 + '"b":1' + "}" * 601, '{"token":"t0p","b":1e999}']
)
def test_attributes_that_nobody_can_go_through_are_masked_as_text(attributes: str) -> None:
    """One record costs its batch nothing."""
    lines = lines_of([Record(kind=Kind.worker, source="s", message="m")])
    lines.attributes[0] = attributes
    mask(lines)
    assert list(msgspec.json.decode(lines.attributes[0] or "")) == ["unreadable"]
    assert "t0p" not in (lines.attributes[0] or "")


def test_names_and_ids_of_records_hold_no_secret() -> None:
    """A source that is a command line or an address, too; ids stay different, and plain names what they are."""
    made = {"source": "pg://ada:hunter2@db", "stream": "out --password hunter2", "id": "token=hunter2"}
    lines = lines_of(
        [
            Record(kind=Kind.worker, message="m", **made),
            Record(kind=Kind.worker, message="m", **{**made, "id": "token=hunter3"}),
            Record(kind=Kind.worker, message="m", source="token:eu", stream="stderr", id="sk-learn-trainer-000001"),
        ]
    )
    lines.refused.append(Refusal("worker", "worker --token=hunter2", 1, "x"))
    mask(lines)
    assert b"hunter" not in encoded(lines)
    assert len({*lines.id}) == 3
    assert (lines.source[2], lines.stream[2]) == ("token:eu", "stderr")
    assert (lines.source[0], lines.refused[0].source) == ("pg://•••@db", "worker --token=•••")


def test_names_of_processes_hold_no_secret() -> None:
    """Programs may name themselves after their command line."""
    reading = ReportReading(ReportKind.process)
    told = {
        "containerId": "c",
        "processId": "7",
        "timestamp": 1,
        "id": "token=hunter2",
        "containerName": "x --token=hunter2",
    }
    told |= {"name": "worker --password hunter2", "user": "ada pwd=hunter2", "command": "w api_key=hunter2"}
    (brought,) = reading.several([json.dumps(told).encode()])
    assert b"hunter2" not in msgspec.json.encode(brought.what)


def test_a_container_line_with_a_number_that_is_none_is_rejected_alone() -> None:
    """The others of its body are kept."""
    reading = LogReading(LogSettings())
    line = b'{"containerId":"c","message":"m","attributes":{"a":%s}}'
    assert len(reading.several([line % b"1e999", line % b"1"])) == 1
    assert [(each.index, each.field) for each in reading.rejected] == [(0, "attributes")]
