"""Masks: what varies by its form gets a name, the same in Python and in DuckDB."""

from __future__ import annotations

import itertools
import re
import time

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vibeworkbench.logs import masks

PIECES = st.sampled_from(
    (
        *"0123456789abfxzLTZ./:-_@=,;()[]{}<>\"'\\ \t\n%#|~é\u2028😀\x0b\x00",
        *("0x", "://", "Jan ", "Mon, ", " 2024", "10.0.0.1", "12:30:59", "fe80::", " ms", " KB", "C:\\", "/usr", "ab1"),
    )
)
TEXTS = st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=80)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from 10.0.0.7 port 22", "from <ip> port <number>"),
        ("to db-1/10.0.0.7:5432 now", "to <ip> now"),
        ("at fe80::1ff:fe23:4567:890a up", "at <ip> up"),
        ("GET https://a.example/b?c=1 failed", "GET <url> failed"),
        ("mail to a.b@c.example bounced", "mail to <email> bounced"),
        ("job 123e4567-e89b-12d3-a456-426614174000 done", "job <uuid> done"),
        ("link 00:1b:44:11:3a:b7 down", "link <mac> down"),
        ("since 2024-05-06T07:08:09.123Z", "since <time>"),
        ("since Mon May 06 07:08:09 2024", "since <time>"),
        ("since 06/May/2024:07:08:09 +0000", "since <time>"),
        ("asked api.shop.example:443 twice", "asked <host> twice"),
        ("open /var/log/x.log: denied", "open <path>: denied"),
        (r"open C:\Temp\x.log", "open <path>"),
        ("Input/output error", "Input/output error"),
        ("at 0x7ffe and commit 4f2a9bc1", "at <hex> and commit <hex>"),
        ("read 12.5 MB in 30 ms", "read <size> in <duration>"),
        ("took <1 sec", "took <duration>"),
        ("block_-42 of 7 (99.5%)", "block_<number> of <number> (<number>)"),
        ("eth0 and sha256", "eth<number> and sha<number>"),
        ("it failed\n  at a.b(c.d:1)\n\tat e", "it failed"),
        ("", ""),
    ],
)
def test_names_what_varies(text: str, expected: str) -> None:
    assert masks.masked(text) == expected


@pytest.fixture(scope="module")
def database() -> duckdb.DuckDBPyConnection:
    with duckdb.connect() as connection:
        yield connection


@settings(max_examples=100, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=20))
@example(["x" * 5000])
def test_means_the_same_in_duckdb(database: duckdb.DuckDBPyConnection, texts: list[str]) -> None:
    """Python's ``re`` and DuckDB's RE2 agree on every text."""
    found = database.execute(
        f"SELECT {masks.mask_sql('t')}, {masks.zero_sql('t')} FROM (SELECT unnest($texts::VARCHAR[]) AS t)",
        {"texts": texts},
    ).fetchall()
    assert found == [(masks.masked(text), masks.zeroed(text)) for text in texts]


@settings(max_examples=500, deadline=None)
@given(TEXTS)
def test_texts_that_differ_in_digits_only_are_masked_alike(text: str) -> None:
    assert masks.masked(masks.zeroed(text)) == masks.masked(text)


@settings(max_examples=100, deadline=None)
@given(TEXTS)
def test_no_digit_is_left(text: str) -> None:
    assert not re.search("[0-9]", masks.masked(text))


@given(TEXTS)
def test_tells_which_masks_fired(text: str) -> None:
    """The last step is the masked text, and no step is without effect."""
    steps = masks.fired(text)
    texts = [text[: masks.LONGEST], *(after for _, after in steps)]
    assert texts[-1] == masks.masked(text)
    assert all(one != other for one, other in itertools.pairwise(texts))


@pytest.mark.parametrize("unit", ["a", "1", "a.", "1.", "a-", "/a", "a1", ":", "1:", "@", "\\", " ", "\n ", "Jan "])
def test_a_huge_text_costs_no_more_than_its_first_characters(unit: str) -> None:
    huge, short = unit * (2**20 // len(unit)), unit * (masks.LONGEST // len(unit))
    started = time.process_time()
    masks.masked(short)
    middle = time.process_time()
    masks.masked(huge)
    assert time.process_time() - middle < 10 * (middle - started) + 0.1
