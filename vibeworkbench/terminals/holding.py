"""Who holds a terminal's program, why, and until when: people, and tasks that wait for one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Literal

from vibeworkbench.terminals import notices
from vibeworkbench.terminals.model import Hold
from vibeworkbench.terminals.notices import Notice

HilState = Literal["paused", "review", "resumed"]

TASK_S = 86_400.0
"""How long a task that waits for a person holds a program at most."""
TASKS = 16
"""Most tasks that are remembered as waiting in one terminal; older ones are forgotten."""


class Holding:
    """At most one hold at a time; a newer one takes the place of the one before.

    Args:
        told: Called after it began or ended, with who did that.

    Attributes:
        hold: The present one.
    """

    def __init__(self, told: Callable[[str], None]) -> None:
        self.hold: Hold | None = None
        self._told = told
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: dict[str, Notice] = {}

    def begin(self, by: str, why: str, for_s: float) -> None:
        """The program is held, at most ``for_s`` seconds."""
        self._forget()
        self.hold = Hold(by, why, datetime.now(UTC) + timedelta(seconds=for_s))
        self._timer = asyncio.get_running_loop().call_later(for_s, self.end, "the time limit")
        self._told(by)

    def end(self, by: str) -> None:
        """The program goes on."""
        self._forget()
        if self.hold is not None:
            self.hold = None
            self._told(by)

    def close(self) -> None:
        """Nothing is planned any more."""
        self._forget()

    def task(self, state: HilState, *, task_id: str, reason: str, review_id: str | None) -> Notice:
        """The task holds the program while it waits for a person; the result is what all are told of it."""
        now = datetime.now(UTC)
        notice = notices.hil_state(
            state, task_id=task_id, reason=reason, review_id=review_id, timestamp_ms=int(now.timestamp() * 1000)
        )
        by = f"task {task_id}"
        self._waiting.pop(task_id, None)
        if state != "resumed":
            self._waiting[task_id] = notice
            while len(self._waiting) > TASKS:
                del self._waiting[next(iter(self._waiting))]
            self.begin(by, reason, TASK_S)
        elif self.hold is not None and self.hold.by == by:
            self._pass_on(by)
        return notice

    def _pass_on(self, by: str) -> None:
        """Another task that waits holds the program now; where there is none, it goes on."""
        if not self._waiting:
            self.end(by)
            return
        task_id, notice = next(reversed(self._waiting.items()))
        self.begin(f"task {task_id}", str(notice["reason"]), TASK_S)

    @property
    def waiting(self) -> list[Notice]:
        """What is to be told of the tasks that wait."""
        return list(self._waiting.values())

    def _forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
