"""Flap detection as Naemon's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibeworkbench.ops.issues.flapping import LOOKS, change_ratio, flaps, remembered, settled

ALL = (1 << LOOKS) - 1


def memory(verdicts):
    looks = 0
    for seen in verdicts:
        looks = remembered(looks, seen)
    return looks


def of_naemon(states):
    """The percentage of ``flapping_pct`` in Naemon's ``flapping.c``, oldest state first, from its formula."""
    curved = 0.0
    for x in range(1, len(states)):
        if states[x] != states[x - 1]:
            curved += (x - 1) * (1.25 - 0.75) / (LOOKS - 2) + 0.75
    return curved * 100 / (LOOKS - 1)


@given(st.lists(st.booleans(), min_size=LOOKS, max_size=LOOKS))
def test_the_ratio_is_naemons(states):
    """Same history, same number."""
    assert change_ratio(memory(states)) * 100 == pytest.approx(of_naemon(states))


def test_a_steady_state_never_changes_and_an_alternating_one_always():
    """The ends of the scale."""
    assert change_ratio(0) == change_ratio(ALL) == 0
    assert change_ratio(memory([True, False] * 11)) == pytest.approx(1.0)


def test_only_the_last_looks_are_remembered():
    """After 21 equal looks nothing of the past is left."""
    assert memory([True, False] * 20 + [True] * LOOKS) == ALL
    assert settled(ALL)
    assert settled(0)
    assert not settled(1)


def test_starting_and_stopping_have_thresholds_of_their_own():
    """Between the two, what flapped flaps on and what did not does not start."""
    between = memory([False] * 16 + [True, False, True, False, True])
    ratio = change_ratio(between)
    assert not flaps(between, flapping=False, start_ratio=ratio, stop_ratio=ratio / 2)
    assert flaps(between, flapping=True, start_ratio=ratio, stop_ratio=ratio / 2)
    assert flaps(between, flapping=False, start_ratio=ratio * 0.99, stop_ratio=ratio / 2)
    assert not flaps(between, flapping=True, start_ratio=1.0, stop_ratio=ratio * 1.01)
