"""A search reads only the stretches that can hold what is searched for, and misses nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.logs.test_pipeline import arrived, opened
from vibeworkbench.logs import asking, grams, searching
from vibeworkbench.logs.asking import Wanted
from vibeworkbench.logs.records import TABLES

START = datetime(2026, 11, 1, tzinfo=UTC).replace(tzinfo=None)


@pytest.fixture(scope="module")
def connection():
    """Five stretches and a bit, one line each second, a rare word in the second."""
    count = 5 * grams.ROWS + 100
    lines = [f"user {at} has logged in from 10.2.{at % 251}.{at % 17}" for at in range(count)]
    lines[20_000] = "the Quarantined zebra_77 is gone; id 7f3a9c12"
    lines[20_001] = "OOM"
    lines[count - 5] = "zebra in the tail"
    said = [START + timedelta(seconds=at) for at in range(count)]
    with duckdb.connect() as connection:
        for step in TABLES.steps:
            connection.execute(step)
        opened(connection).store(connection, arrived(["a"] * count, lines, said_at=said), 1)
        yield connection


@pytest.mark.parametrize(
    ("text", "seqs"),
    [
        ("quarantined", [20_001]),
        ("arantin", [20_001]),
        ("ZEBRA", [5 * grams.ROWS + 96, 20_001]),
        ("gone zebra_77", [20_001]),
        ('"is gone; id 7f3a"', [20_001]),
        ("oom", [20_002]),
        ("user 41234 ", [41_235]),
        ("nowhere", []),
    ],
)
def test_finds_what_is_there(connection, text, seqs):
    """Words, parts of words, phrases, numbers, and what is too short for a gram."""
    assert [line.seq for line in asking.lines(Wanted(text=text))(connection)] == seqs


def test_a_rare_word_has_few_candidates(connection):
    """Lines without a stretch, and the one stretch."""
    assert [span.first for span in searching.spans(connection, ["quarantined"])] == [5 * grams.ROWS + 1, grams.ROWS + 1]


def test_the_newest_of_many_come_without_reading_all(connection):
    """A frequent word is found in the youngest lines, in order."""
    read: list[tuple[int, int]] = []
    candidates = searching.spans(connection, ["logged"])

    def reading(first: int, end: int) -> list[tuple[datetime, int]]:
        read.append((first, end))
        query = "SELECT said_at, seq FROM log_line WHERE seq >= ? AND seq < ? ORDER BY said_at DESC LIMIT 10"
        return connection.execute(query, [first, end]).fetchall()

    assert len(candidates) == 6
    assert len(searching.newest(candidates, reading, lambda row: row[0], 10)) == 10
    assert len(read) == 1
    found = asking.lines(Wanted(text="logged", limit=150))(connection)
    assert [line.seq for line in found][:3] == [5 * grams.ROWS + 100, 5 * grams.ROWS + 99, 5 * grams.ROWS + 98]
    assert len(found) == 150


def test_what_is_older_than_asked_for_is_not_read(connection):
    """The beginning of the wanted time leaves stretches out."""
    begin = START + timedelta(seconds=4 * grams.ROWS)
    assert len(searching.spans(connection, ["logged"], begin)) == 2


@given(st.text(min_size=1, max_size=30), st.text(max_size=20), st.text(max_size=20))
def test_no_text_hides_from_its_grams(text, before, after):
    """Whatever stands around it, and however it is capitalised, a line that holds a text has the text's grams."""
    line = (before + text + after).encode("utf-8", "surrogatepass")
    have = {*grams.letter_grams(line).tolist(), *grams.digit_grams(line).tolist()}
    assert have >= set(grams.wanted([text]))


def test_bits_are_found_where_they_were_set():
    """A stretch's parts hold exactly its grams."""
    stretch = grams.Stretch()
    stretch.add(grams.letter_grams(b"quarantined"))
    parts = stretch.parts()
    present = [gram for gram in range(grams.PARTS * grams.PART_BITS) if grams.is_set(parts[grams.part_of(gram)], gram)]
    assert present == grams.wanted(["quarantined"])
