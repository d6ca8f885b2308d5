"""Lines out of frames and raw bytes, and the position between them, with generated cases."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vibeworkbench.engine.lines import LINE_BYTES, FramedLines, Line, RawLines
from vibeworkbench.engine.position import WINDOW_NS, Position
from vibeworkbench.errors import UpstreamFailed

STAMP = b"2026-11-18T10:40:01.000000001Z "
AT_NS = 1_794_998_401_000_000_001


def frame(payload: bytes, kind: int = 1) -> bytes:
    return struct.pack(">BxxxI", kind, len(payload)) + payload


@given(
    texts=st.lists(st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), max_size=30), max_size=8),
    cuts=st.lists(st.integers(1, 7)),
    framed=st.booleans(),
)
def test_lines_do_not_depend_on_how_bytes_arrive(texts, cuts, framed):
    """Cut anywhere, the same lines come out."""
    stream = b"".join(frame(STAMP + t.encode() + b"\n") if framed else STAMP + t.encode() + b"\r\n" for t in texts)
    reader = FramedLines() if framed else RawLines()
    lines: list[Line] = []
    for cut in [*cuts, len(stream)]:
        lines += reader.feed(stream[:cut])
        stream = stream[cut:]
    lines += reader.feed(stream)
    assert [line.text for line in [*lines, *reader.rest()]] == texts
    assert all(line.at is not None and line.at_ns % 10 == 1 for line in lines)


def test_a_line_that_never_ends_is_told_with_the_stream():
    """And one whose continuation has another instant is another line."""
    reader = FramedLines()
    assert list(reader.feed(frame(STAMP + b"begun"))) == []
    later = STAMP.replace(b"001Z", b"002Z")
    assert [line.text for line in reader.feed(frame(later + b"next"))] == ["begun"]
    assert [line.text for line in reader.rest()] == ["next"]
    raw = RawLines()
    assert list(raw.feed(STAMP + b"$ ")) == []
    assert [line.text for line in raw.rest()] == ["$ "]
    assert list(raw.rest()) == []


def test_several_lines_in_one_frame():
    """Engines other than Docker's put what they have in a frame."""
    lines = list(FramedLines().feed(frame(STAMP + b"a\n" + STAMP + b"b\n", 2)))
    assert [(line.stream, line.text) for line in lines] == [("stderr", "a"), ("stderr", "b")]


def test_lines_without_an_instant():
    """Are told without one."""
    (line,) = FramedLines().feed(frame(b"plain\n"))
    assert (line.at_ns, line.at, line.text) == (0, None, "plain")


@pytest.mark.parametrize("stream", [b"hello world\n", frame(b"x", 7), b"\1\0\0\0\x7f\0\0\0"])
def test_what_has_no_frames_is_refused(stream):
    """A header of an unknown stream or an absurd size is none."""
    with pytest.raises(UpstreamFailed):
        list(FramedLines().feed(stream))


def test_endless_lines_are_bounded():
    """What exceeds the limit is dropped up to the line's end, in both forms."""
    piece = STAMP + b"z" * 16_384
    reader = FramedLines()
    for _ in range(LINE_BYTES // 16_384 + 3):
        assert list(reader.feed(frame(piece))) == []
    (line,) = reader.feed(frame(STAMP + b"end\n"))
    assert len(line.text) == LINE_BYTES
    raw = RawLines()
    first = list(raw.feed(STAMP + b"z" * (2 * LINE_BYTES)))
    assert [len(line.text) for line in first] == [LINE_BYTES]
    assert list(raw.feed(b"z" * (2 * LINE_BYTES + 1))) == []
    assert [line.text for line in raw.feed(b"tail\nnext\n")] == ["next"]
    assert list(raw.feed(b"z" * (2 * LINE_BYTES + 1))) != []
    assert list(raw.rest()) == []


@given(
    steps=st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["stdout", "stderr"])), min_size=1, max_size=40),
    breaks=st.lists(st.integers(0, 40), max_size=4),
    late=st.booleans(),
)
def test_every_line_is_taken_once(steps, breaks, late):
    """However often the stream breaks and the position is stored; lines of two streams may come out of order."""
    at_ns, log = AT_NS, []
    for step, stream in steps:
        at_ns += step * WINDOW_NS // 4
        log.append(Line(at_ns - (late and stream == "stderr") * WINDOW_NS // 5, stream, str(len(log))))
    taken: list[Line] = []
    position = Position()
    for stop in [*sorted(breaks), len(log)]:
        position = Position(position.mark())
        seconds, _, fraction = position.since.partition(".")
        since_ns = int(seconds) * 10**9 + int(fraction or 0)
        sent = [line for line in log[:stop] if line.at_ns >= since_ns]
        taken += [line for line in sent if position.takes(line)]
    assert taken == log


def test_the_position_stays_small():
    """A container that says much has a short window; an engine without nanoseconds repeats nothing either."""
    position = Position()
    lines = [Line(AT_NS + number, "stdout", "") for number in range(2000)]
    assert all(position.takes(line) for line in lines)
    assert len(position.mark()["seen"]) <= 513
    position.resume()
    assert not any(position.takes(line) for line in lines)
    assert position.takes(Line(AT_NS + 2000, "stdout", ""))


@settings(deadline=None)
@given(stop=st.integers(600, 1600), late_at=st.integers(500, 1600), late_by=st.integers(0, 500))
def test_a_stream_may_come_late_by_hundreds_of_lines(stop, late_at, late_by):
    """Wherever the reading breaks, before the late line or behind it: Engine 20.10 writes them in such an order."""
    log = [Line(AT_NS + number * 70_000, "stdout", str(number)) for number in range(1700)]
    log.insert(late_at, Line(log[late_at - late_by].at_ns + 1, "stderr", "late"))
    position = Position()
    taken = [line for line in log[:stop] if position.takes(line)]
    position = Position(position.mark())
    seconds, _, fraction = position.since.partition(".")
    since_ns = int(seconds) * 10**9 + int(fraction or 0)
    taken += [line for line in log if line.at_ns >= since_ns and position.takes(line)]
    assert taken == log


def test_a_mark_of_single_instants_is_gone_on_from():
    """As it was stored up to version 0.1: nothing before its first instant is counted."""
    lines = [Line(AT_NS + number, "stdout", str(number)) for number in range(6)]
    position = Position({"seen": [[AT_NS + 2, "stdout", 1], [AT_NS + 3, "stdout", 1]]})
    assert [line.text for line in lines if position.takes(line)] == ["4", "5"]


def test_a_log_without_instants():
    """Begins anew each time, and passes over what it has counted."""
    position = Position()
    assert position.takes(Line(0, "stdout", "a"))
    assert position.since == "0"
    position.resume()
    assert [position.takes(Line(0, "stdout", text)) for text in "ab"] == [False, True]
