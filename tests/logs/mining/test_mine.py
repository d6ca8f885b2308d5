"""``mine`` and ``templates``: one id for each line, whatever the lines are."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from vibeworkbench.logs import mine, templates

USERS = ("alice", "bob", "carol", "dave", "erin", "frank", "grace")


def test_lines_of_one_statement_have_one_id() -> None:
    """Also when the parameter is a plain word, and in several columns."""
    lines = [f"Failed login of user {user} from 10.0.0.{at} port {9 * at}" for at, user in enumerate(USERS)]
    ids = mine([*lines, "Listening on port 80"])
    assert len(set(ids[:-1])) == 1
    assert ids[-1] != ids[0]


def test_the_text_names_what_varies() -> None:
    lines = [f"Failed login of user {user} from 10.0.0.1" for user in USERS]
    assert list(templates(lines).values()) == ["Failed login of user <*> from <ip>"]


def test_few_words_are_statements_of_their_own() -> None:
    """Two or three words in a column are no parameter: what starts is not what stops."""
    assert len(set(mine(["service api started", "service api stopped", "service api failed"]))) == 3


def test_switches_stay() -> None:
    assert len(set(mine(["overlap:true", "overlap:false"]))) == 2


def test_values_after_an_equals_sign_are_parameters() -> None:
    assert len(set(mine(["open name=alpha mode=fast", "open name=beta mode=slow"]))) == 1


def test_lists_of_any_length_are_one() -> None:
    assert len(set(mine(["delete blk_1", "delete blk_1, blk_22", "delete blk_1 blk_2 blk_3"]))) in (1, 2)
    assert len(set(mine(["to 1.1.1.1", "to 1.1.1.1, 2.2.2.2", "to 1.1.1.1 2.2.2.2 3.3.3.3"]))) == 1


def test_nothing_is_remembered_between_calls() -> None:
    lines = ["a 1", "b 2", *(f"user {user} came" for user in USERS)]
    first = mine(lines)
    mine([f"user {user} went" for user in USERS])
    assert mine(lines) == first


def test_the_order_of_lines_does_not_matter() -> None:
    lines = [f"{verb} file {name}.txt of {user}" for verb in ("open", "close") for name in "abcde" for user in USERS]
    shuffled = random.Random(7).sample(lines, len(lines))
    one, other = dict(zip(lines, mine(lines), strict=True)), dict(zip(shuffled, mine(shuffled), strict=True))
    assert len(set(one.values())) == len(set(other.values())) == len({(one[line], other[line]) for line in lines})


def test_mine_and_templates_agree() -> None:
    lines = ["a 1", "", "b 2", "a 3"]
    assert list(templates(lines)) == list(dict.fromkeys(mine(lines)))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.text(max_size=60) | st.binary(max_size=60).map(lambda data: data.decode("latin-1")), max_size=30))
def test_anything_is_a_line(lines: list[str]) -> None:
    ids = mine(lines)
    assert len(ids) == len(lines)
    assert set(templates(lines)) == set(ids)


def test_no_lines() -> None:
    assert mine([]) == []
    assert templates([]) == {}


def test_lone_surrogates_are_characters() -> None:
    """What ``surrogateescape`` made of bytes that are no UTF-8."""
    assert len(mine(["bad \udc80 byte", "bad \udc81 byte"])) == 2


def test_a_huge_line_and_many_equal_ones() -> None:
    lines = ["x" * 2**20, "y " * 2**19, "\0\1\2" * 2**18, *["the same 1"] * 200_000]
    ids = mine(lines)
    assert len(ids) == len(lines)
    assert len(set(ids)) == 4
