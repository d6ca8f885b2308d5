"""Where a replay goes on from what is known of a stream."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibeworkbench.terminals.upstreams.splicing import CANDIDATES, LEAST_BYTES, Splice, splice_of

STREAM = random.Random(1).randbytes(20_000)
PERIOD = b"y\n"
LINE = b"x" * 63 + b"\n"


def test_where_nothing_is_known_all_is_new():
    """The first byte of the replay is the first that is wanted."""
    assert splice_of(b"", STREAM) == Splice(0, is_certain=True)
    assert splice_of(b"", b"") == Splice(0, is_certain=True)


@pytest.mark.parametrize("tail", [b"x", STREAM])
def test_an_empty_replay_says_nothing(tail: bytes):
    """What is known may have been all that there was, or not."""
    assert splice_of(tail, b"") == Splice(0, is_certain=False)


@pytest.mark.parametrize(
    ("tail", "replay", "start"),
    [
        (STREAM, STREAM, len(STREAM)),
        (STREAM[:-100], STREAM, len(STREAM) - 100),
        (STREAM[5_000:15_000], STREAM, 15_000),
        (STREAM[5_000:15_000], STREAM[4_999:], 10_001),
        (b"$ ", b"$ echo", 2),
    ],
)
def test_a_replay_that_holds_all_that_is_known_goes_on_right_after_it(tail: bytes, replay: bytes, start: int):
    """Whatever stands before it is old."""
    assert splice_of(tail, replay) == Splice(start, is_certain=True)


@pytest.mark.parametrize("overlap", [LEAST_BYTES, LEAST_BYTES + 1, 9_999])
def test_a_replay_that_begins_within_what_is_known_goes_on_at_its_end(overlap: int):
    """From the least overlap that says anything up to one byte less than all."""
    assert splice_of(STREAM[:10_000], STREAM[10_000 - overlap :]) == Splice(overlap, is_certain=True)


def test_a_replay_that_ends_where_what_is_known_ends_holds_nothing_new():
    """It begins later and stops at the same byte."""
    assert splice_of(STREAM, STREAM[-2_000:]) == Splice(2_000, is_certain=True)


@pytest.mark.parametrize("overlap", [0, 1, LEAST_BYTES - 1])
def test_an_overlap_that_is_too_short_says_nothing(overlap: int):
    """All is shown, and it is not claimed that nothing is missing."""
    assert splice_of(STREAM[:10_000], STREAM[10_000 - overlap :]) == Splice(0, is_certain=False)


def test_a_replay_that_begins_as_what_is_known_and_goes_on_otherwise_is_another_stream():
    """The key is found, what follows it differs."""
    assert splice_of(STREAM, STREAM[1_000:4_000] + b"\0" * 4_000) == Splice(0, is_certain=False)


def test_a_replay_that_stops_before_what_is_known_is_not_its_continuation():
    """A piece from the middle has lost the end."""
    assert splice_of(STREAM, STREAM[1_000:4_000]) == Splice(0, is_certain=False)


def test_what_is_known_and_comes_twice_in_the_replay_does_not_say_the_place():
    """The last one shows the least that was seen, without a claim."""
    tail = STREAM[:3_000]
    assert splice_of(tail, tail + b"between" + tail + b"new") == Splice(6_007, is_certain=False)


def test_a_prompt_within_a_replay_is_not_the_one_that_was_seen():
    """A shell that had only shown its prompt printed more than its server keeps, and shows the same prompt again."""
    assert splice_of(b"$ ", b"printed\n$ ls") == Splice(10, is_certain=False)


def test_overlapping_repetitions_are_found_too():
    """Two places may share bytes."""
    assert splice_of(b"aa", b"aaa") == Splice(3, is_certain=False)


def test_a_replay_of_lines_that_repeat_themselves_does_not_say_the_place():
    """It fits wherever the period does: what is known ends with the lines with which the replay begins."""
    tail, replay = b"before" + PERIOD * 1_000, PERIOD * 5_000
    assert splice_of(tail, replay) == Splice(2_000, is_certain=False)


def test_a_tail_that_repeats_itself_may_be_found_whole_and_yet_elsewhere():
    """The replay holds it once, and could also begin in its middle."""
    tail = PERIOD * 600
    assert splice_of(tail, tail + b"new") == Splice(1_200, is_certain=False)


def test_a_replay_with_two_overlaps_does_not_say_the_place():
    """What is known ends with a block that comes twice; so does the replay's beginning."""
    block = STREAM[:LEAST_BYTES]
    assert splice_of(b"before" + block + block, block + block + b"new") == Splice(2 * LEAST_BYTES, is_certain=False)
    assert splice_of(b"before" + block + block, block + b"new") == Splice(LEAST_BYTES, is_certain=True)


def test_more_places_that_look_alike_than_are_looked_at_say_nothing():
    """The search ends; a place found until then is shown, not claimed."""
    many = LINE * (LEAST_BYTES // len(LINE) + CANDIDATES + 10)
    assert splice_of(many + b"end", LINE * 20 + b"end of another") == Splice(0, is_certain=False)


def test_a_large_hostile_replay_is_searched_once():
    """24 MB that look like what is known nearly everywhere are no work without end."""
    tail = b"a" * 65_535 + b"b"
    assert splice_of(tail, b"a" * (24 * 2**20)) == Splice(0, is_certain=False)


@given(st.binary(max_size=300), st.data())
def test_any_replay_of_a_stream_that_is_told_apart_loses_and_doubles_nothing(noise: bytes, data: st.DataObject):
    """Wherever the reader stopped and the replay begins: a claim is the truth."""
    stream = noise + STREAM[:6_000] + noise
    head = data.draw(st.integers(0, len(stream)))
    known = data.draw(st.integers(0, head))
    begin = data.draw(st.integers(0, head))
    splice = splice_of(stream[known:head], stream[begin:])
    assert 0 <= splice.start <= len(stream) - begin
    is_much = head - known >= LEAST_BYTES
    assert splice.is_certain or not is_much or begin > head - LEAST_BYTES
    if splice.is_certain and is_much:
        assert stream[begin + splice.start :] == stream[head:]


@given(st.lists(st.sampled_from([b"a", b"b"]), max_size=12).map(b"".join), st.data())
def test_in_a_stream_that_repeats_itself_a_claim_fits_in_one_place_only(word: bytes, data: st.DataObject):
    """Each other place would have to be told from it by bytes that are there."""
    tail = word * data.draw(st.integers(0, 200))
    replay = word[data.draw(st.integers(0, len(word))) :] + word * data.draw(st.integers(0, 250))
    places = [end for end in range(len(tail), len(replay) + 1) if replay[end - len(tail) : end] == tail]
    places += [end for end in range(LEAST_BYTES, min(len(tail), len(replay) + 1)) if tail.endswith(replay[:end])]
    splice = splice_of(tail, replay)
    if tail and splice.is_certain:
        assert places == [splice.start]
    elif tail:
        is_telling = len(tail) >= LEAST_BYTES or places == [len(tail)]
        assert len(places) != 1 or not is_telling or len(tail) > CANDIDATES
