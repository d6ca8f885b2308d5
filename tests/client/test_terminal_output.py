"""Unread output: whatever pieces it came in and however it is read, each character is read once."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibeworkbench.client.terminal import output
from vibeworkbench.client.terminal.output import LOOK_BACK, Output, plain

PIECES = [
    "a",
    "b",
    "x" * 5,
    "é",
    "\n",
    "\r\n",
    "\r",
    "\x1b[31m",
    "\x1b]0;t\x07",
    "\x1b]8;;\x1b\\",
    "\x1b(B",
    "\x1b[0",
    "\x07",
]
texts = st.lists(st.sampled_from(PIECES)).map("".join)


@given(texts, st.integers(1, 9), st.booleans(), st.data())
def test_all_of_it_is_read_once(text, size, as_plain, data):
    """By searching and by taking, in pieces that cut characters and sequences."""
    written, found, unread = text.encode(), [], Output()
    for at in range(0, len(written), size):
        unread.feed(written[at : at + size])
        if data.draw(st.booleans()):
            seen = unread.search(re.compile("[ab]x|\n"), as_plain=as_plain)
            found.append("" if seen is None else seen[1] + seen[0][0])
        if data.draw(st.booleans()):
            found.append(unread.take(as_plain=as_plain))
    found.append(unread.take(as_plain=as_plain))
    rest = unread.take(as_plain=False)
    assert "".join(found) == (plain(text[: len(text) - len(rest)]) if as_plain else text)


@given(texts, st.lists(st.sampled_from(["search", "take", "raw search", "raw take"])))
def test_both_ways_of_reading_may_be_mixed(text, steps):
    """Nothing is read twice by them together."""
    unread, read = Output(), 0
    unread.feed(text.encode())
    for step in steps:
        before = len(unread)
        if step.endswith("search"):
            unread.search(re.compile("[ab]x|\n"), as_plain=step == "search")
        else:
            unread.take(as_plain=step == "take")
        assert 0 <= len(unread) <= before
        read += before - len(unread)
    assert read + len(unread) == len(text)


def test_long_reading_forgets_what_was_read(monkeypatch):
    monkeypatch.setattr(output, "COMPACTED", 10)
    unread = Output()
    for number in range(1000):
        unread.feed(f"\x1b[1mline {number}\x1b[0m\r\n".encode())
        seen = unread.search(re.compile(r"line (\d+)\n"), as_plain=True)
        assert seen is not None
        assert seen[0][1] == str(number)
    assert len(unread) == 0


def test_what_nobody_reads_is_forgotten_from_its_beginning():
    unread = Output(most=100)
    for number in range(100):
        unread.feed(b"%02d\r\n" % number)
    assert unread.forgotten > 0
    assert unread.forgotten + len(unread) == 400
    assert unread.take(as_plain=True).endswith("98\n99\n")


def test_a_search_in_vain_is_not_done_again_over_everything():
    """A match that spans more than ``LOOK_BACK`` characters that were searched before is not found."""
    unread, pattern = Output(), re.compile("<.*>")
    unread.feed(b"<" + b"." * LOOK_BACK)
    assert unread.search(pattern, as_plain=True) is None
    unread.feed(b".>")
    assert unread.search(pattern, as_plain=True) is None
    unread.search_anew()
    assert unread.search(pattern, as_plain=True) is not None


@pytest.mark.parametrize("begun", ["\x1b]0;", "\x1bP"])
def test_a_sequence_that_never_ends_is_text_in_the_end(begun):
    unread = Output()
    unread.feed(begun.encode())
    unread.feed(b"x" * 5000)
    assert "xxx" in unread.take(as_plain=True)
