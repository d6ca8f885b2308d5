"""Containers: reports and lines come in once, and how containers are is told to whoever asks or watches."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from weakref import WeakValueDictionary

from vibeworkbench.containers import asking, live, records
from vibeworkbench.containers.asking import Container
from vibeworkbench.containers.columns import PAYLOAD, Reports, Seen, encoded
from vibeworkbench.containers.joining import together
from vibeworkbench.containers.model import Report
from vibeworkbench.containers.numbers import Numbers
from vibeworkbench.containers.reading import Brought
from vibeworkbench.containers.records import Kept, ReportKeeper
from vibeworkbench.containers.watching import Watcher
from vibeworkbench.errors import NotFound, WorkbenchError
from vibeworkbench.logs.columns import FileMark, Receipt
from vibeworkbench.logs.model import Record
from vibeworkbench.logs.service import Logs
from vibeworkbench.logs.window import hashed
from vibeworkbench.rooms.service import Rooms
from vibeworkbench.settings import ContainerSettings, ContainerThresholds

AGENTS = "agent"
"""Under this name logs keep which numbers of agents' lines were seen."""
LOGS = "logs"
FORGET_INTERVAL_S = 3600.0

log = logging.getLogger(__name__)


class Containers:
    """What is known of containers, here and elsewhere.

    Args:
        logs: Where lines and reports are kept.
        rooms: Where they are said.
        settings: Of the engine here, and of keeping.
        thresholds: From where on a container is not well.
        clock: The present instant, aware UTC.
    """

    def __init__(
        self,
        *,
        logs: Logs,
        rooms: Rooms,
        settings: ContainerSettings,
        thresholds: ContainerThresholds,
        clock: Callable[[], datetime],
    ) -> None:
        self.logs = logs
        self.thresholds = thresholds
        self.keeper = ReportKeeper(self._stored, settings.most_containers)
        self.watcher = Watcher(settings=settings, bring=self)
        self._settings = settings
        self._clock = clock
        self._speaker = live.Speaker(rooms=rooms, warehouse=logs.warehouse, lines=logs.settings.live_lines)
        self._newest: dict[str, records.Known] = {}
        self._numbers: dict[str, dict[str, Numbers]] | None = None
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._running: list[asyncio.Task[None]] = []
        logs.intake.add(self.keeper)
        logs.listen(self._speaker.lines_stored)

    async def start(self) -> None:
        """The engine here is followed where there is one; what is new is said; what is old is forgotten."""
        self._running = [
            asyncio.create_task(each, name=name)
            for name, each in (
                ("containers room", self._speaker.run()),
                ("containers engine", self.watcher.run()),
                ("containers kept", self._forget()),
            )
        ]

    async def stop(self) -> None:
        """Nothing more is brought."""
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)

    async def _forget(self) -> None:
        while True:
            try:
                await self.forget()
            except WorkbenchError as error:
                log.warning("containers: old samples cannot be forgotten now: %s", error.message)
            except Exception:  # border: a loop in the background goes on whatever happens
                log.exception("containers: old samples cannot be forgotten")
            await asyncio.sleep(FORGET_INTERVAL_S)

    async def forget(self) -> None:
        """What is older than the settings say is gone.

        Raises:
            Unavailable: The warehouse cannot be used.
        """
        now, settings = self._clock(), self._settings
        samples, rest = (now - timedelta(days=each) for each in (settings.keep_samples_days, settings.keep_days))

        def forgotten(connection: Any) -> dict[str, records.Known]:
            records.forget(connection, samples, rest)
            self.keeper.load(connection)
            return asking.known(connection)

        self._newest = await self.logs.warehouse.write(forgotten)

    # Bringing

    async def take_lines(self, brought: Sequence[Brought], marks: Sequence[FileMark] = ()) -> Receipt:
        """Lines are on disk, each once.

        Raises:
            Unavailable: Nothing of it is kept; the same call may succeed later.
        """
        return await self.logs.intake.lasting.done(self._take_lines(brought, marks))

    async def _take_lines(self, brought: Sequence[Brought], marks: Sequence[FileMark]) -> Receipt:
        async with self._fresh(LOGS, brought) as (new, seen):
            lines = [each.what for each in new if isinstance(each.what, Record)]
            states = [
                FileMark(AGENTS, each.agent_id, {"ranges": each.ranges} if each.ranges else None) for each in seen
            ]
            receipt = await self.logs.ingest(together(lines), [*marks, *states])
        accepted = len(new) - receipt.duplicates  # of lines that were joined, each counts
        return Receipt(accepted, len(brought) - accepted)

    async def take_reports(self, kind: str, brought: Sequence[Brought]) -> Receipt:
        """Reports are on disk, each once.

        Raises:
            Unavailable: Nothing of it is kept; the same call may succeed later.
        """
        return await self.logs.intake.lasting.done(self._take_reports(kind, brought))

    async def _take_reports(self, kind: str, brought: Sequence[Brought]) -> Receipt:
        async with self._fresh(kind, brought) as (new, seen):
            reports = [each.what for each in new if isinstance(each.what, Report)]

            def pack(wanted: Sequence[bool]) -> bytes:
                return encoded(Reports([each for each, is_new in zip(reports, wanted, strict=True) if is_new], seen))

            is_new = await self.logs.intake.put(PAYLOAD, pack, [_hash(each) for each in reports], is_bare=not seen)
        return Receipt(sum(is_new), len(brought) - sum(is_new))

    @asynccontextmanager
    async def _fresh(
        self, kind: str, brought: Sequence[Brought]
    ) -> AsyncIterator[tuple[Sequence[Brought], Sequence[Seen]]]:
        """What of it bears no number that was seen, and the numbers that are seen when the block has ended well.

        Of agents that are forgotten in their favour, no numbers are seen.
        """
        agents = sorted({each.agent_id for each in brought if each.sequence})
        if not agents:
            yield brought, ()
            return
        async with AsyncExitStack() as turns:
            for agent_id in agents:
                await turns.enter_async_context(self._turns.setdefault(agent_id, asyncio.Lock()))
            known = (await self._known_numbers()).setdefault(kind, {})
            mine = {each: Numbers(known[each].ranges if each in known else ()) for each in agents}
            new = [each for each in brought if not each.sequence or mine[each.agent_id].add(each.sequence)]
            others = {agent_id: numbers for agent_id, numbers in known.items() if agent_id not in mine}
            left = dict(islice(others.items(), max(len(others) + len(mine) - self._settings.most_agents, 0)))
            yield (
                new,
                [Seen(each, kind, numbers.ranges) for each, numbers in mine.items()]
                + [Seen(each, kind, []) for each in left],
            )
            self._remember(known, mine, left)

    def _remember(self, known: dict[str, Numbers], mine: Mapping[str, Numbers], left: Mapping[str, Numbers]) -> None:
        """The agents that were heard of last stand last; those that are left out are known no more."""
        for agent_id, numbers in left.items():
            if known.get(agent_id) is numbers:  # it was not heard of meanwhile
                del known[agent_id]
        for agent_id, numbers in mine.items():
            known.pop(agent_id, None)
            known[agent_id] = numbers
        self.logs.forgot("agents", len(left))

    async def _known_numbers(self) -> dict[str, dict[str, Numbers]]:
        if self._numbers is not None:
            return self._numbers
        marks = await self.logs.marks(AGENTS)
        found = await self.logs.warehouse.read(records.seen_numbers)
        found |= {(agent_id, LOGS): mark["ranges"] for agent_id, mark in marks.items()}
        read: dict[str, dict[str, Numbers]] = {}
        for (agent_id, kind), ranges in found.items():
            read.setdefault(kind, {})[agent_id] = Numbers((a, b) for a, b in ranges)
        if self._numbers is None:  # another request may have read them at the same time, and have counted on since
            self._numbers = read
        return self._numbers

    # Saying

    def _stored(self, kept: Kept) -> None:
        self._newest |= kept.containers
        for container_id in kept.forgotten:
            self._newest.pop(container_id, None)
        self.logs.forgot("containers", len(kept.forgotten))
        self._speaker.reports_stored(kept.reports)

    def snapshot(self, _connection: Any, room: str) -> Mapping[str, Any]:
        """What a late member is told: the containers with their newest sample, or the one that the room is of."""
        known = self._newest.copy()
        chosen = known if room == live.MAIN else {name: each for name, each in known.items() if name == room}
        now = self._clock()
        found = [asking.container_of(each, known[each], 0, self.thresholds, now) for each in sorted(chosen)]
        return {"containers": [asking.said(each) for each in found], "engine": self.watcher.engine()}

    # Asking

    async def containers(self) -> list[Container]:
        """Every container, as it was last heard of.

        Raises:
            Unavailable: The warehouse cannot be used.
        """
        await self.logs.drained()
        now, limits = self._clock(), self.thresholds
        since = now - timedelta(seconds=limits.restarts_within_s)

        def asked(connection: Any) -> list[Container]:
            restarts = asking.restarts(connection, since)
            known = asking.known(connection).items()
            return [asking.container_of(name, each, restarts.get(name, 0), limits, now) for name, each in known]

        return await self.logs.warehouse.read(asked)

    async def container(self, container_id: str) -> Container:
        """One container.

        Raises:
            NotFound: Nothing was ever heard of it.
            Unavailable: The warehouse cannot be used.
        """
        for each in await self.containers():
            if each.container_id == container_id:
                return each
        raise NotFound("No such container was heard of.")

    async def ask(self, question: Callable[[Any], Any]) -> Any:
        """The answer to a question of ``asking``, of all that was acknowledged before.

        Raises:
            Unavailable: The warehouse cannot be used.
        """
        await self.logs.drained()
        return await self.logs.warehouse.read(question)

    def names(self) -> Mapping[str, str]:
        """Container → its name, of those that have one."""
        told = {name: str(each.value("containerName", "")) for name, each in self._newest.items()}
        return {name: each for name, each in told.items() if each}


def _hash(report: Report) -> int:
    return hashed(PAYLOAD, report.kind, report.container_id, report.record_id) if report.record_id else 0
