"""Which ids are remembered, and for how long."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from vibeworkbench.logs.window import SEALED_IDS, Window, hashed, packed

SECOND_US = 1_000_000


def test_an_id_is_known_within_the_window_and_forgotten_after_it() -> None:
    """Not before, and not much later."""
    window = Window(100 * SECOND_US, 1000)
    window.add([1, 2], 0)
    assert window.known([1, 3, 2, 0]) == [True, False, True, False]
    window.forget(99 * SECOND_US)
    assert window.known([1, 2]) == [True, True]
    window.forget(101 * SECOND_US)
    assert window.known([1, 2]) == [False, False]
    assert len(window) == 0


def test_what_was_recalled_is_known_as_what_was_added() -> None:
    """After a restart, from the hashes on disk."""
    window = Window(100 * SECOND_US, 1000)
    window.recall(5 * SECOND_US, packed([7, 5]))
    window.recall(6 * SECOND_US, packed([9]))
    assert window.known([5, 6, 7, 9]) == [True, False, True, True]
    assert window.forget(105 * SECOND_US + 1) == 5 * SECOND_US + 1
    assert window.known([5, 7, 9]) == [False, False, True]


def test_no_more_are_remembered_than_may_be() -> None:
    """The oldest go first."""
    window = Window(100 * SECOND_US, SEALED_IDS)
    window.add(range(1, SEALED_IDS + 1), 0)
    window.add([SEALED_IDS + 1], 1)
    window.forget(2)
    assert window.known([1, SEALED_IDS, SEALED_IDS + 1]) == [False, False, True]


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(1, 50), max_size=20), max_size=10), st.lists(st.integers(0, 60)))
def test_exactly_what_was_added_is_known(batches: list[list[int]], asked: list[int]) -> None:
    """However it came, and 0 never: it is no id."""
    window = Window(SECOND_US, 10_000)
    for number, batch in enumerate(batches):
        if number % 2:
            window.add(batch, number)
        else:
            window.recall(number, packed(batch))
    added = {each for batch in batches for each in batch}
    assert window.known(asked) == [each in added for each in asked]


def test_an_id_belongs_to_its_source() -> None:
    """Two workers that count from 1 are not in each other's way."""
    assert hashed("worker", "a", "1") != hashed("worker", "b", "1")
    assert hashed("worker", "a", "1") != hashed("worker", "a1", "")
