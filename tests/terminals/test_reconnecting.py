"""When a lost upstream is asked again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vibeworkbench.terminals.reconnecting import BASE_S, CAP_S, HEALTHY_S, Reconnecting, delay_of


def _fail(state: Reconnecting, times: int, chance: float = 0.5) -> Reconnecting:
    for _ in range(times):
        state = state.lost(0.0, chance)
    return state


def test_the_ceiling_of_the_wait_doubles_up_to_its_cap():
    """0.5 s, 1, 2, 4 ... 30 s, and never more."""
    ceilings = [delay_of(attempt, 1.0) for attempt in (1, 2, 3, 4, 7, 8, 10_000)]
    assert ceilings == [BASE_S, 1.0, 2.0, 4.0, CAP_S, CAP_S, CAP_S]


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_the_wait_is_anything_below_its_ceiling(attempt, chance):
    """Full jitter: who was cut off together does not come back together."""
    assert 0.0 <= delay_of(attempt, chance) == chance * delay_of(attempt, 1.0)


def test_attempts_are_counted_and_end_at_the_limit():
    """After the last allowed attempt has failed, it is over, and stays over."""
    assert _fail(Reconnecting(limit=3), 3) == Reconnecting(3, attempt=3, delay_s=1.0)
    assert _fail(Reconnecting(limit=3), 4) == _fail(Reconnecting(limit=3), 5)
    assert _fail(Reconnecting(limit=3), 4) == Reconnecting(3, attempt=3, is_over=True)


def test_a_healthy_connection_ends_the_story():
    """Whoever was connected for long enough begins at the first attempt again."""
    connected = _fail(Reconnecting(limit=3), 3).connected(100.0)
    assert connected.attempt == 3
    assert connected.lost(100.0 + HEALTHY_S, 0.0).attempt == 1


def test_a_connection_that_breaks_at_once_counts_as_a_failure():
    """An upstream that accepts and breaks is given up like one that refuses."""
    state = Reconnecting(limit=3)
    for now in range(4):
        assert not state.is_over
        state = state.connected(float(now)).lost(now + HEALTHY_S - 0.1, 0.0)
    assert state.is_over


def test_who_wants_it_now_does_not_wait():
    """Also when it was given up; if that attempt fails, the waits begin small."""
    asked = _fail(Reconnecting(limit=3), 9).asked()
    assert (asked.is_over, asked.delay_s, asked.attempt) == (False, 0.0, 1)
    assert asked.lost(0.0, 1.0) == Reconnecting(3, attempt=2, delay_s=1.0)


def test_a_first_connection_needs_no_attempt():
    """What was reached at once says attempt 0."""
    assert Reconnecting().connected(5.0).attempt == 0


def test_without_any_allowed_attempt_it_is_over_at_once():
    """A limit of 0 means that nothing is asked again."""
    assert Reconnecting(limit=0).lost(0.0, 0.0).is_over
