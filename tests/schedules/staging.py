"""One server's services with a clock that is set by hand, for tests in this process and for workers to be killed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client import CollectorRegistry

from vibeworkbench.data_directory import open_database
from vibeworkbench.ops.checks import Checks
from vibeworkbench.ops.collectors import Collectors, LookOrder
from vibeworkbench.ops.model import Look, LookState
from vibeworkbench.ops.scans.line import Site
from vibeworkbench.ops.service import Ops
from vibeworkbench.ops.wire.scans import ScanBody, ScanQuery
from vibeworkbench.rooms.service import Rooms
from vibeworkbench.schedules.model import schedules_from
from vibeworkbench.schedules.service import Schedules, Standing
from vibeworkbench.settings import OpsSettings, RoomSettings, ScheduleSettings, StorageSettings
from vibeworkbench.storage import schema

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
DEFAULT_STORAGE = StorageSettings()
HOURLY = ScheduleSettings(name="hourly", cron="0 * * * *", scope="full", grace_s=1800)


class Clock:
    """A clock that is set by hand."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """The present instant."""
        return self.now


class Gate:
    """A collector whose look lasts until the gate is opened."""

    name = "gate"
    kinds: frozenset[str] = frozenset()
    type = "availability"

    def __init__(self) -> None:
        self.looking = asyncio.Event()
        self.opened = asyncio.Event()

    async def look(self, order: LookOrder) -> Look:
        """Nothing, once the gate is open."""
        self.looking.set()
        await self.opened.wait()
        return Look(self.name, LookState.ok)


class Server:
    """One server's services on a database that others may share."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        *schedules: ScheduleSettings,
        gates: tuple[Gate, ...] = (),
        storage: StorageSettings = DEFAULT_STORAGE,
    ) -> None:
        self.database = open_database(storage, folder)
        schema.upgrade(self.database.engine)
        registry = CollectorRegistry()
        self.rooms = Rooms(database=self.database, settings=RoomSettings(), registry=registry)
        self.ops = Ops(
            database=self.database,
            rooms=self.rooms,
            collectors=Collectors(gates),
            checks=Checks(()),
            settings=OpsSettings(),
            site=Site({}, registry, clock),
        )
        self.schedules = Schedules(
            database=self.database, ops=self.ops, schedules=schedules_from(schedules or (HOURLY,)), clock=clock
        )

    async def start(self) -> None:
        """Everything runs but the clock's own loop: tests say when to look."""
        await self.rooms.start()
        await self.ops.start()
        await self.schedules.start()
        await self.schedules.stop()

    async def stop(self) -> None:
        """Nothing runs."""
        await self.schedules.stop()
        await self.ops.stop()
        await self.schedules.settled()
        await self.rooms.stop()
        self.database.close()

    async def looked(self) -> None:
        """What was due has been started and has ended."""
        await self.schedules.fire_due()
        await self.schedules.settled()

    async def triggers(self) -> list[str]:
        """What the scans that there are were started by, oldest first."""
        return [each.trigger for each in await self.scans()]

    async def scans(self) -> list[ScanBody]:
        """The scans that there are, oldest first."""
        return list(reversed((await self.ops.scans(ScanQuery())).items))

    async def standing(self) -> Standing:
        """The first schedule's."""
        return (await self.schedules.standings())[0]
