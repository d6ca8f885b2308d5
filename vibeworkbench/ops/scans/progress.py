"""Progress of a scan, published as it is made and at most four times a second."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from vibeworkbench.ops.scans.model import Progress

INTERVAL_S = 0.25
"""Least time between two messages; what happens in between is told by the next."""


@dataclass(slots=True)
class ProgressReport:
    """Adds up what collectors report and publishes the sum.

    ``report`` may be called at any time and from any thread; it costs a dictionary's entry.

    Attributes:
        publish: Says the progress; it deals with its own failures.
    """

    publish: Callable[[Progress], Awaitable[None]]
    _parts: dict[str, tuple[int, int]] = field(default_factory=dict)
    _step: str = "looking"
    _ended: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _over: asyncio.Event = field(default_factory=asyncio.Event)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    _awake: bool = False
    _told: bool = False
    _task: asyncio.Task[None] | None = None

    def begin(self, names: list[str]) -> None:
        """These collectors are looking; each counts as one record until it says more."""
        self._parts = dict.fromkeys(names, (0, 1))
        self._task = asyncio.create_task(self._run(), name="scan progress")

    def report(self, name: str, processed: int, total: int) -> None:
        """A collector has processed so many of so many records."""
        done_before, total_before = self._parts.get(name, (0, 1))
        processed = max(int(processed), done_before)
        self._parts[name] = (processed, max(int(total), processed, total_before))
        self._wake(f"looking: {name}")

    def ended(self, name: str) -> None:
        """A collector's look is over."""
        total = self._parts.get(name, (0, 1))[1]
        self._parts[name] = (total, total)
        self._ended += 1
        self._wake(f"looked: {name} ({self._ended} of {len(self._parts)})")

    def step(self, step: str) -> None:
        """The scan has come to another step."""
        self._wake(step)

    async def end(self) -> None:
        """Nothing more is published, what was being published is, and even a short scan has told of itself once."""
        self._over.set()
        self._news.set()
        if self._task is not None:
            await self._task

    @property
    def now(self) -> Progress:
        """How far the scan is."""
        parts = list(self._parts.values())
        return Progress(sum(part[0] for part in parts), sum(part[1] for part in parts), self._step)

    def _wake(self, step: str) -> None:
        self._step = step
        if not self._awake:
            self._awake = True
            with suppress(RuntimeError):  # the loop is closed: a lost look still reports
                self._loop.call_soon_threadsafe(self._news.set)

    async def _run(self) -> None:
        while not (self._over.is_set() and self._told):
            await self._news.wait()
            self._news.clear()
            self._awake = False
            if not (self._over.is_set() and self._told):
                self._told = True
                await self.publish(self.now)
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._over.wait(), INTERVAL_S)
