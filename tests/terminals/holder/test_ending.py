"""How processes are made to end."""

from __future__ import annotations

import signal

from vibeworkbench.terminals.holder.ending import LAST_S, STEPS, Ending


def test_each_step_is_due_once_and_in_time() -> None:
    """They are asked, told and forced, each at its time; then nothing is waited for."""
    ending, due = Ending(100.0, {7}), []
    for hundredth in range(300):
        now = 100.0 + hundredth / 100
        number = ending.due(now)
        if number is not None:
            due.append((hundredth / 100, number))
        assert ending.is_late(now) == (now >= 100.0 + LAST_S)
    assert due == list(STEPS)
    assert [number for _, number in due] == [signal.SIGHUP, signal.SIGTERM, signal.SIGKILL]


def test_it_says_when_to_look_again() -> None:
    """The next step's time, and after the last one the time when all has been tried."""
    ending = Ending(0.0, set())
    assert ending.next_at() == 0.0
    ending.due(0.0)
    assert ending.next_at() == STEPS[1][0]
    ending.due(1.0)
    ending.due(2.0)
    assert ending.next_at() == LAST_S
