"""From arrived records to rows: DuckDB and Python read headers alike, and everything is counted."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from tests.logs.headers.test_known import LINES
from tests.logs.headers.written import FORMS, written
from vibeworkbench.logs import grams
from vibeworkbench.logs.headers import layouts_of
from vibeworkbench.logs.headers.kept import layout_from, text_of
from vibeworkbench.logs.pipeline import ARRIVED, AT_ONCE, Pipeline
from vibeworkbench.logs.records import TABLES

NOW = datetime(2026, 11, 28, tzinfo=UTC)
PAIRS = {name: list(written(form, 60)) for name, form in FORMS.items()}


@pytest.fixture
def connection():
    """A warehouse in memory with the tables of logs."""
    with duckdb.connect() as opened:
        for step in TABLES.steps:
            opened.execute(step)
        yield opened


def arrived(sources: list[str], messages: list[str], **columns: list) -> pa.Table:
    """Records as they arrive."""
    count = len(messages)
    given = {
        "received_at": [NOW.replace(tzinfo=None)] * count,
        "said_at": [None] * count,
        "kind": ["files"] * count,
        "source": sources,
        "instance": [""] * count,
        "stream": [""] * count,
        "level": [0] * count,
        "message": messages,
        "attributes": [None] * count,
        "record_id": [None] * count,
        **columns,
    }
    return pa.table([pa.array(given[field.name], field.type) for field in ARRIVED], schema=ARRIVED)


def opened(connection) -> Pipeline:
    """A pipeline that knows what the warehouse knows."""
    pipeline = Pipeline()
    pipeline.load(connection)
    return pipeline


def test_rows_are_what_python_reads(connection):
    """Message, instant, level and attributes of each row are those that the source's layout finds in the line."""
    texts = {name: [line for line, _ in pairs] for name, pairs in PAIRS.items()} | {
        name: [line] for name, (line, *_) in LINES.items()
    }
    lines = [(name, line) for name, own in texts.items() for line in own]
    opened(connection).store(connection, arrived(*map(list, zip(*lines, strict=True))), 1)
    rows = connection.execute("SELECT source, message, said_at, level FROM log_line ORDER BY seq").fetchall()
    layouts = {name: layouts_of(own, NOW) for name, own in texts.items()}
    for (name, line), row in zip(lines, rows, strict=True):
        parsed = layouts[name].parsed(line, NOW)
        said_at = (parsed.timestamp or NOW).replace(tzinfo=None)
        assert row == (name, parsed.message, said_at, parsed.level), line


def test_an_instant_that_is_written_as_few_are_stands_among_others(connection):
    """A leap second, which most ways of reading refuse; an instant that is none; a zone, and none."""
    lines = [
        *(f"Nov 22 10:00:{second} box sshd[7]: session {second} opened" for second in (58, 59, 60, 57)),
        "Feb 30 10:00:00 box sshd[7]: session 1 opened",
        "Nov 22 10:01:00 box sshd[7]: session 2 opened",
    ] * 3
    zoned = [f"2026-11-22T10:00:{second}{zone} INFO x" for second in (59, 60) for zone in ("", "Z", "+02:00")] * 3
    sources = ["syslog"] * len(lines) + ["zoned"] * len(zoned)
    opened(connection).store(connection, arrived(sources, [*lines, *zoned]), 1)
    rows = connection.execute("SELECT said_at FROM log_line ORDER BY seq").fetchall()
    layouts = [layouts_of(lines, NOW)] * len(lines) + [layouts_of(zoned, NOW)] * len(zoned)
    for layout, line, row in zip(layouts, [*lines, *zoned], rows, strict=True):
        assert row == ((layout.parsed(line, NOW).timestamp or NOW).replace(tzinfo=None),), line
    assert rows[2] == (datetime(2026, 11, 22, 10, 0, 59),)  # noqa: DTZ001 - as DuckDB has it
    assert rows[4] == (NOW.replace(tzinfo=None),)


def test_attributes_of_header_and_record(connection):
    """What the header tells is kept beside what the record brought, and the record counts."""
    lines = [
        "Nov 22 10:00:00 box app[12]: failed",
        'Nov 22 10:00:00 bo"x app[13]: failed',
        '{"msg":"x","n":1}',
        "plain",
    ]
    table = arrived(["a", "a", "b", "c"], lines, attributes=['{"pid":"7","k":1}', None, None, '{"k":2}'])
    opened(connection).store(connection, table, 1)
    rows = connection.execute("SELECT attributes FROM log_line ORDER BY seq").fetchall()
    assert [row[0] for row in rows] == [
        '{"host":"box","component":"app","pid":"7","k":1}',
        '{"host":"bo\\"x","component":"app","pid":"13"}',
        '{"n":1}',
        '{"k":2}',
    ]


def test_what_a_record_says_itself_counts(connection):
    """Level and instant of the record go before the header's."""
    said = datetime(2026, 1, 2)  # noqa: DTZ001 - the warehouse's are naive UTC
    line = "2026-11-22 10:00:00,123 - app.db - ERROR - no"
    opened(connection).store(connection, arrived(["a"], [line], level=[9], said_at=[said]), 1)
    assert connection.execute("SELECT said_at, level, message FROM log_line").fetchone() == (said, 9, "no")


def test_everything_is_counted(connection):
    """Lines are counted by template, source, level and minute, the same ones in every table."""
    pipeline, seq = opened(connection), 1
    for _ in range(3):
        lines = [(name, line) for name, pairs in PAIRS.items() for line, _ in pairs]
        seq += pipeline.store(connection, arrived(*map(list, zip(*lines, strict=True))), seq)
    total = 3 * sum(map(len, PAIRS.values()))
    sums = [
        connection.execute(f"SELECT sum({column})::BIGINT FROM {table}").fetchone()[0]
        for table, column in (
            ("log_template", "count"),
            ("log_template_source", "count"),
            ("log_count", "count"),
            ("log_source", "lines"),
        )
    ]
    assert sums == [total] * 4
    rows = connection.execute("SELECT count(*), min(len(samples)), max(len(samples)) FROM log_template").fetchone()
    assert rows[0] < 40
    assert (rows[1], rows[2]) == (3, 3)
    wrong = connection.execute(
        "SELECT count(*) FROM (SELECT template_id, count(*) AS n, max(level) AS l FROM log_line GROUP BY ALL) x "
        "JOIN log_template t USING (template_id) WHERE t.count <> x.n OR t.level <> x.l"
    ).fetchone()
    assert wrong == (0,)


def test_a_restart_changes_nothing(connection):
    """A new pipeline goes on with the same templates and layouts, and its stretches hold what the old one's held."""
    lines = [line for line, _ in PAIRS["python default"]]
    opened(connection).store(connection, arrived(["a"] * 60, lines), 1)
    known = connection.execute("SELECT DISTINCT template_id FROM log_line").fetchall()
    again = opened(connection)
    again.store(connection, arrived(["a"], lines[:1]), 61)
    assert set(connection.execute("SELECT DISTINCT template_id FROM log_line").fetchall()) == set(known)
    assert again.headings.layout(("files", "a")).names == ("learned: time - component - level -",)


def test_a_source_that_starts_to_write_otherwise_is_read_again(connection):
    """Forms are added when many lines fit none; what was known stays."""
    pipeline = opened(connection)
    before, after = PAIRS["python default"] * 5, PAIRS["letters"] * 5
    pipeline.store(connection, arrived(["a"] * 300, [line for line, _ in before]), 1)
    pipeline.store(connection, arrived(["a"] * 300, [line for line, _ in after]), 301)
    pipeline.store(connection, arrived(["a"] * 300, [line for line, _ in after]), 601)
    rows = connection.execute("SELECT message FROM log_line WHERE seq > 600 ORDER BY seq").fetchall()
    assert [row[0] for row in rows] == [message for _, message in after]
    assert len(pipeline.headings.layout(("files", "a")).names) == 2


def test_layouts_are_kept_whole():
    """A layout comes back from its text as it was."""
    for lines in [*([line for line, _ in pairs] for pairs in PAIRS.values()), *([line] for line, *_ in LINES.values())]:
        layout = layouts_of(lines, NOW)
        assert layout_from(text_of(layout)) == layout


def test_lines_that_are_not_ascii_are_cut_where_they_should_be(connection):
    """Bytes and characters are not mixed up."""
    lines = ["2026-11-22 10:00:00,123 - äpp.dü - ERROR - schön 1", "2026-11-22 10:00:01,123 - äpp.dü - INFO - ☃ 22"] * 3
    opened(connection).store(connection, arrived(["a"] * 6, lines), 1)
    rows = connection.execute("SELECT message, level FROM log_line ORDER BY seq LIMIT 2").fetchall()
    assert rows == [("schön 1", 17), ("☃ 22", 9)]


def test_more_lines_than_are_in_memory_at_once_are_counted_once(connection):
    """The first ones have other templates than the last ones, and both have samples."""
    count = AT_ONCE + 1000
    lines = [f"{'opened' if at < AT_ONCE else 'closed'} session {at}" for at in range(count)]
    assert opened(connection).store(connection, arrived(["a"] * count, lines), 1) == count
    wanted = [(1000, 3), (AT_ONCE, 3)]
    assert connection.execute("SELECT count, len(samples) FROM log_template ORDER BY 1").fetchall() == wanted
    assert connection.execute("SELECT sum(count) FROM log_count").fetchone() == (count,)
    assert connection.execute("SELECT lines FROM log_source").fetchone() == (count,)
    bounds = connection.execute("SELECT first_seq, next_seq FROM log_stretch ORDER BY 1").fetchall()
    assert bounds == [(1 + at * grams.ROWS, 1 + (at + 1) * grams.ROWS) for at in range(count // grams.ROWS)]


def test_batches_of_any_size_give_the_same(connection):
    """One line at a time or all at once: the same rows."""
    lines = [line for line, _ in itertools.chain(PAIRS["syslog"], PAIRS["bars"], PAIRS["klog"])]
    pipeline = opened(connection)
    pipeline.store(connection, arrived(["a"] * len(lines), lines), 1)
    whole = connection.execute("SELECT message, said_at, level, template_id FROM log_line ORDER BY seq").fetchall()
    for at, line in enumerate(lines):
        pipeline.store(connection, arrived(["a"], [line]), 1000 + at)
    single = connection.execute(
        "SELECT message, said_at, level, template_id FROM log_line WHERE seq >= 1000 ORDER BY seq"
    ).fetchall()
    assert single == whole
    assert np.array_equal(len(whole), len(single))
