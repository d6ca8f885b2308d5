"""Who renders when: one render for each dashboard at a time, a few at once, and nobody asks in vain."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from vibeworkbench.dashboards.model import Progress
from vibeworkbench.dashboards.render import Told

Work = Callable[[str, Told], Awaitable[None]]


class _Turn:
    """One render: waiting, then under way."""

    def __init__(self) -> None:
        self.progress: Progress | None = None
        self.task: asyncio.Task[None]


class Renders:
    """The renders of one server.

    Args:
        work: Renders the dashboard of a name, telling its progress.
        ended: Told the name when a render is over, however it ended.
        at_once: How many renders are under way at the same time.
    """

    def __init__(self, work: Work, ended: Callable[[str], None], at_once: int) -> None:
        self._work = work
        self._ended = ended
        self._places = asyncio.Semaphore(at_once)
        self._lanes: dict[str, list[_Turn]] = {}

    def ask(self, name: str) -> asyncio.Task[None]:
        """The dashboard is rendered from what its notebook says now or later; the task ends with that render.

        Who asks while it waits for its turn shares it; who asks while it is under way gets the next one.
        """
        lane = self._lanes.setdefault(name, [])
        if lane and lane[-1].progress is None:
            return lane[-1].task
        turn, before = _Turn(), self.of(name)
        turn.task = asyncio.create_task(self._take(name, turn, before), name=f"render {name}")
        turn.task.add_done_callback(lambda _task: self._leave(name, turn))  # one cancelled early takes no step itself
        lane.append(turn)
        return turn.task

    async def _take(self, name: str, turn: _Turn, before: list[asyncio.Task[None]]) -> None:
        def told(progress: Progress) -> None:
            turn.progress = progress

        if before:
            await asyncio.wait(before)
        async with self._places:
            told(Progress())
            await self._work(name, told)

    def _leave(self, name: str, turn: _Turn) -> None:
        lane = self._lanes[name]
        lane.remove(turn)
        if not lane:
            del self._lanes[name]
        self._ended(name)

    def of(self, name: str) -> list[asyncio.Task[None]]:
        """The dashboard's renders: the one under way, and the one that waits."""
        return [turn.task for turn in self._lanes.get(name, [])]

    def progress_of(self, name: str) -> Progress | None:
        """How far the dashboard's render is; ``None`` when it is not being rendered, nor about to be."""
        lane = self._lanes.get(name)
        return (lane[0].progress or Progress()) if lane else None

    async def drop(self, name: str) -> None:
        """The dashboard is not being rendered any more."""
        await _cancelled(self.of(name))

    async def stop(self) -> None:
        """Nothing is being rendered any more."""
        await _cancelled([turn.task for lane in self._lanes.values() for turn in lane])


async def _cancelled(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)
