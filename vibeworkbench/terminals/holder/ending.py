"""How processes are made to end: asked, told, then forced. Pure."""

from __future__ import annotations

import signal

STEPS = ((0.0, signal.SIGHUP), (0.5, signal.SIGTERM), (1.5, signal.SIGKILL))
"""Seconds after the wish to end, and what the processes get that are still there."""
LAST_S = 2.5
"""So long after the wish nothing is waited for any more."""


class Ending:
    """A wish to end, and how far it got.

    Args:
        now: When it was uttered; seconds of a monotonic clock.
        groups: Process groups that shall end.
    """

    def __init__(self, now: float, groups: set[int]) -> None:
        self._since = now
        self._step = 0
        self.groups = groups

    def due(self, now: float) -> signal.Signals | None:
        """What the groups get now; each step is due once."""
        if self._step == len(STEPS) or now < self._since + STEPS[self._step][0]:
            return None
        self._step += 1
        return STEPS[self._step - 1][1]

    def next_at(self) -> float:
        """When to look again."""
        return self._since + (STEPS[self._step][0] if self._step < len(STEPS) else LAST_S)

    def is_late(self, now: float) -> bool:
        """Whether all has been tried."""
        return now >= self._since + LAST_S
