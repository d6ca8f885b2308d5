"""The client's logs against a real server: search, follow, sources, sending; what strangers wrote stays text."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from tests.patience import PATIENCE_S
from vibeworkbench import connect
from vibeworkbench.client import displays
from vibeworkbench.client.errors import ClientError
from vibeworkbench.client.log_values import (
    Explanation,
    Line,
    Lines,
    LogSource,
    LogSources,
    Receipt,
    Template,
    Templates,
)
from vibeworkbench.client.logs import SENT_AT_ONCE, judge_of, query_of

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
NASTY = "<img src=x onerror=alert(1)>\x1b[31m\u202egnp"
_numbers = itertools.count()


@pytest.fixture(scope="module")
def server(start_server):
    return start_server("", "--no-lab")


@pytest.fixture
def wb(server):
    with connect(server.url, server.token) as found:
        yield found


@pytest.fixture
def source():
    """A source that no other test speaks for."""
    return f"source-{next(_numbers)}"


def record(source: str, message: str, **more: object) -> dict[str, object]:
    return {"source": source, "timestamp": "2026-11-28T09:00:00Z", "level": "info", "message": message, **more}


def line(**more: object) -> Line:
    fields = {"line_id": "1", "received_at": NOW, "kind": "worker", "source": "fetcher", "message": "ready", **more}
    return Line(**fields)  # type: ignore[arg-type]


def test_what_was_sent_is_found_by_words_phrases_level_and_time(wb, source):
    """The longest word and the others, in whatever order; a phrase as it is; a level and worse."""
    sent = wb.logs.send(
        [
            record(source, "connection RESET by peer", level="error", attributes={"pid": 7}),
            record(source, "reset the connection", timestamp="2026-11-28T08:00:00Z"),
        ]
    )
    assert (sent.accepted, sent.duplicates, sent.rejected_count) == (2, 0, 0)

    def found(*words: str, **filters: object) -> list[str]:
        return [each.message for each in wb.logs.search(*words, source=source, **filters)]

    assert len(found("reset connection")) == 2
    assert found('"reset by" connection') == ["connection RESET by peer"]
    assert found('"the connection"') == ["reset the connection"]
    assert found(level="warning") == ["connection RESET by peer"]
    assert found("nowhere connection") == []
    since = datetime(2026, 11, 28, 8, 30, tzinfo=UTC)
    assert found(since=since) == ["connection RESET by peer"]
    assert found(until=since) == ["reset the connection"]
    assert found(kind="build") == []
    assert wb.logs(source=f"worker:{source}", limit=1)[0].attributes == {"pid": 7}


def test_lines_become_a_frame_and_a_page_says_that_there_are_more(wb, source):
    """Columns are typed; the cursor is that of REST."""
    wb.logs.send([record(source, f"number {number}") for number in range(3)])
    lines = wb.logs.search(source=source, limit=2)
    assert len(lines) == 2
    assert lines.next_cursor
    frame = lines.to_df()
    assert frame["at"].dtype == "datetime64[us, UTC]"
    assert list(frame["source"]) == [source, source]
    assert isinstance(Lines(()).to_df(), pd.DataFrame)


def test_lines_that_come_are_followed_after_those_that_are_there(wb, source):
    """Each once, oldest first, and only those that fit."""
    wb.logs.send([record(source, "before")])
    with wb.logs.tail(source=source, level="info", last=5).wait_joined() as tail:
        assert [each.message for each in tail.next(PATIENCE_S)] == ["before"]
        wb.logs.send([record(source, "too quiet", level="debug"), record(source, "after", level="error")])
        came: list[str] = []
        while not came:
            came += [each.message for each in tail.next(PATIENCE_S)]
        assert came == ["after"]
        assert tail.skipped == 0
        assert "tail of the logs" in repr(tail)


def test_a_tail_can_be_iterated_over_until_it_is_closed(wb, source):
    """The loop of a script."""
    with wb.logs.tail(source=source, last=0).wait_joined() as tail:
        wb.logs.send([record(source, f"line {number}") for number in range(3)])
        assert [each.message for each in itertools.islice(tail, 3)] == ["line 0", "line 1", "line 2"]
        tail.close()
        assert list(tail) == []


def test_what_is_sent_again_is_stored_once_and_bad_ones_are_told_with_their_place(wb, source):
    """Over as many requests as it takes."""
    records = [record(source, f"number {number}", id=f"{source}-{number}") for number in range(SENT_AT_ONCE + 2)]
    records[SENT_AT_ONCE + 1]["level"] = "no such level"
    assert wb.logs.send(records).accepted == SENT_AT_ONCE + 1
    again = wb.logs.send(records)
    assert (again.accepted, again.duplicates) == (0, SENT_AT_ONCE + 1)
    assert [each.index for each in again.rejected] == [SENT_AT_ONCE + 1]
    assert "level" in again._repr_html_()


def test_plain_lines_need_a_source(wb, source):
    """A text has no field to name it."""
    assert wb.logs.send(["one", "two"], source=source, kind="build").accepted == 2
    assert {each.kind for each in wb.logs.search(source=source)} == {"build"}
    with pytest.raises(ClientError, match="names no source"):
        wb.logs.send(["one"])


def test_sources_say_who_has_spoken(wb, source):
    """Their list is what the logs show of themselves, too."""
    wb.logs.send([record(source, "hello")])
    mine = next(each for each in wb.logs.sources() if each.source == source)
    assert (mine.kind, mine.lines) == ("worker", 1)
    assert source in wb.logs._repr_html_()
    assert source in repr(wb.logs)
    assert source in set(wb.logs.sources().to_df()["source"])


def test_templates_are_what_is_said_over_and_over(wb, source):
    """With how often, since when, and how a line gets there."""
    wb.logs.send([record(source, f"job {number} took {number} ms") for number in range(20)])
    found = [each for each in wb.logs.templates("took") if f"worker:{source}" in each.source_names]
    assert [each.count for each in found] == [20]
    one = wb.logs.template(found[0].template_id)
    assert one.text == found[0].text
    assert "took" in one._repr_html_()
    assert [each.template_id for each in wb.logs.search(template=one.template_id, limit=1)] == [one.template_id]


def test_a_line_is_explained_and_nothing_of_it_stored(wb, source):
    """The steps from the raw line to its template."""
    told = wb.logs.explain("2026-11-28 09:00:00,123 ERROR job 17 failed", source=f"worker:{source}")
    assert "job" in str(told)
    assert "<table" in told._repr_html_()
    assert len(wb.logs.search(source=source)) == 0


def test_filters_that_cannot_be_meant_are_refused_here():
    """Before anything is asked."""
    with pytest.raises(ClientError, match="no level"):
        query_of(level="loud")
    with pytest.raises(ClientError, match="time zone"):
        query_of(since=datetime(2026, 1, 1))  # noqa: DTZ001 - what is refused
    assert query_of(since=timedelta(hours=1))["from"]


def test_what_comes_is_judged_as_what_is_there():
    """Words in any order, phrases as they are, a level and worse, everything else equal."""
    fits = judge_of('peer "reset by"', level="warning", source="worker:fetcher", instance="a", template="t")
    good = {"message": "Reset by peer", "level": "error", "instance": "a", "template_id": "t"}
    assert fits(line(**good))
    for wrong in (
        {"level": "info"},
        {"source": "x"},
        {"instance": "b"},
        {"template_id": "u"},
        {"message": "reset peer"},
    ):
        assert not fits(line(**{**good, **wrong})), wrong


@pytest.mark.parametrize(
    "shown",
    [
        line(message=f"{NASTY}\n{NASTY}", source=NASTY, attributes={NASTY: NASTY}),
        Lines([line(message=f"{NASTY}\nmore", source=NASTY)]),
        Template(template_id=NASTY, text=NASTY, count=1, first_seen_at=NOW, last_seen_at=NOW, samples=[NASTY]),
        Templates([Template(template_id="t", text=NASTY, count=1, first_seen_at=NOW, last_seen_at=NOW)]),
        LogSources([LogSource(kind="worker", source=NASTY, layout={"name": NASTY}, rejected=1, rejected_sample=NASTY)]),
        Explanation({NASTY: [{"masks": NASTY}], "text": NASTY}),
        Receipt(accepted=1),
    ],
    ids=lambda shown: type(shown).__name__,
)
def test_what_strangers_wrote_stays_text(shown):
    """No element of theirs, and nothing that a terminal or the reading direction would obey."""
    html = shown._repr_html_()
    assert "<img" not in html
    assert "<div" in html
    assert repr(shown)


def test_unseen_characters_are_marked():
    """What turns the reading direction is seen; colours are left out."""
    assert displays.visible("a\x1b[31mb\u202ec") == "ab\N{REPLACEMENT CHARACTER}c"
    assert displays.bars([0, 2, 1]).count("<rect") == 2
