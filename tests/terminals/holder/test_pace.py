"""A shell is read evenly where its workbench takes little."""

from __future__ import annotations

import pytest

from vibeworkbench.terminals.holder.pace import AHEAD, FAST_BYTES_S, FORGET_S, LEAST_BYTES, MOST_REST_S, Pace


def full(pace: Pace, bytes_s: float, *, since: float = 0.0, rounds: int = 4) -> float:
    """The workbench was full again and again, and took so much in between; when that was last."""
    for number in range(rounds):
        taken = number * LEAST_BYTES
        since += LEAST_BYTES / bytes_s if number else 0
        pace.sent(since, taken, is_full=True)
    return since


@pytest.mark.parametrize("bytes_s", [FAST_BYTES_S / 2, 1_000_000, 50_000])
def test_a_slow_workbench_is_read_for_evenly(bytes_s: float) -> None:
    """Each piece is followed by a rest, so that twice as much is read as it takes."""
    pace = Pace()
    now = full(pace, bytes_s)
    assert not pace.read(now, 4_096)
    assert pace.next_at == pytest.approx(now + 4_096 / (AHEAD * bytes_s))


def test_a_fast_workbench_is_not_waited_for() -> None:
    """Nor is one of which nothing is known."""
    pace = Pace()
    assert pace.read(0.0, 4_096)
    now = full(pace, 2 * FAST_BYTES_S)
    assert pace.read(now, 4_096)
    assert pace.next_at <= now


def test_a_workbench_that_becomes_fast_is_followed() -> None:
    """Its last pace counts."""
    pace = Pace()
    now = full(pace, 100_000)
    assert not pace.read(now, 4_096)
    pace.sent(now + LEAST_BYTES / (2 * FAST_BYTES_S), 4 * LEAST_BYTES, is_full=True)
    assert pace.next_at <= now
    assert pace.read(now, 4_096)


def test_a_workbench_that_takes_all_there_is_has_no_pace() -> None:
    """What it once took is forgotten."""
    pace = Pace()
    now = full(pace, 100_000)
    pace.sent(now + FORGET_S / 2, 4 * LEAST_BYTES, is_full=False)
    assert not pace.read(now, 4_096)
    pace.sent(now + 2 * FORGET_S, 4 * LEAST_BYTES, is_full=False)
    assert pace.read(now + 2 * FORGET_S, 4_096)
    assert pace.next_at <= now + 2 * FORGET_S


def test_a_workbench_that_takes_nothing_for_long_keeps_its_pace() -> None:
    """It did not take all there was: it rests."""
    pace = Pace()
    now = full(pace, 100_000) + 3 * FORGET_S
    pace.sent(now, 5 * LEAST_BYTES, is_full=False)
    assert not pace.read(now, 4_096)
    pace.sent(now + FORGET_S / 2, 6 * LEAST_BYTES, is_full=True)
    assert not pace.read(now + FORGET_S / 2, 4_096)
    assert pace.next_at > now + FORGET_S / 2


@pytest.mark.parametrize("held_s", [5.0, 600.0, 86_400.0])
def test_a_held_program_goes_on_at_once(held_s: float) -> None:
    """How long a workbench took nothing is no pace: nobody waits as long again."""
    pace = Pace()
    now = full(pace, 500_000) + held_s
    pace.sent(now, 4 * LEAST_BYTES, is_full=True)
    pace.read(now, 4_096)
    assert pace.next_at - now <= MOST_REST_S


def test_what_was_known_before_a_silence_is_forgotten() -> None:
    """Though the workbench is full as soon as there is anything again."""
    pace = Pace()
    now = full(pace, 500_000)
    pace.sent(now + 0.1, 4 * LEAST_BYTES, is_full=False)
    pace.sent(now + 600, 5 * LEAST_BYTES, is_full=True)
    assert pace.read(now + 600, 4_096)


def test_once_slow_is_not_slow() -> None:
    """A workbench that was busy for a moment is read for as ever."""
    pace = Pace()
    now = full(pace, 100_000, rounds=2)
    assert pace.read(now, 4_096)
    pace.sent(now + LEAST_BYTES / (2 * FAST_BYTES_S), 2 * LEAST_BYTES, is_full=True)
    pace.sent(now + 0.1, 2 * LEAST_BYTES, is_full=False)
    pace.sent(now + 2 * FORGET_S, 2 * LEAST_BYTES, is_full=False)
    now = full(pace, 100_000, since=now + 2 * FORGET_S, rounds=2)
    assert pace.read(now, 4_096)


def test_few_bytes_say_nothing() -> None:
    """A workbench that was full twice in a row has not become slow."""
    pace = Pace()
    pace.sent(1.0, 0, is_full=True)
    pace.sent(1.1, LEAST_BYTES - 1, is_full=True)
    assert pace.read(1.1, 4_096)
