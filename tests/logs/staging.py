"""The logs service with its real spool, warehouse and rooms, for tests in this process and for workers to be killed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from tests.patience import PATIENCE_S
from vibeworkbench.data_directory import open_database
from vibeworkbench.logs.events import TABLES as EVENT_TABLES
from vibeworkbench.logs.events import Events
from vibeworkbench.logs.intake import TABLES as SPOOL_TABLES
from vibeworkbench.logs.model import Kind, Level, Record
from vibeworkbench.logs.records import TABLES
from vibeworkbench.logs.room import PARTY, ROOM
from vibeworkbench.logs.service import Logs
from vibeworkbench.rooms.model import Party
from vibeworkbench.rooms.service import Rooms
from vibeworkbench.settings import LogSettings, RoomSettings, StorageSettings, WarehouseSettings
from vibeworkbench.storage import schema
from vibeworkbench.storage.records import Database
from vibeworkbench.storage.warehouse import FILE, Warehouse
from vibeworkbench.web.roles import Role

AT = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)


@dataclass
class Site:
    """What runs."""

    logs: Logs
    events: Events
    database: Database
    warehouse: Warehouse
    rooms: Rooms
    registry: CollectorRegistry

    async def asked(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return await self.warehouse.read(lambda connection: connection.execute(sql, list(parameters)).fetchall())

    async def messages(self) -> list[str]:
        """Every message that is kept, in the order of its arrival."""
        await self.logs.drained()
        return [row[0] for row in await self.asked("SELECT message FROM log_line ORDER BY seq")]


@asynccontextmanager
async def opened(
    directory: Path, settings: LogSettings | None = None, warehouse_settings: WarehouseSettings | None = None
) -> AsyncIterator[Site]:
    """The service in a data directory, as the workbench starts and stops it."""
    database = open_database(StorageSettings(), directory)
    schema.upgrade(database.engine)
    registry = CollectorRegistry()
    rooms = Rooms(database=database, settings=RoomSettings(), registry=registry)
    rooms.register(Party(PARTY, recording=False, read=Role.analyst, write=None, rooms=frozenset({ROOM})))
    warehouse = Warehouse(
        path=directory / FILE,
        settings=warehouse_settings or WarehouseSettings(),
        tables=(SPOOL_TABLES, TABLES, EVENT_TABLES),
    )
    logs = Logs(
        directory=directory,
        warehouse=warehouse,
        rooms=rooms,
        settings=settings or LogSettings(),
        registry=registry,
    )
    events = Events(database=database, logs=logs)
    await rooms.start()
    await logs.start()
    await warehouse.start()
    try:
        yield Site(logs, events, database, warehouse, rooms, registry)
    finally:
        await logs.stop()
        await warehouse.stop()
        await rooms.stop()
        database.close()


async def until(condition: Callable[[], Any]) -> None:
    """The condition holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - what happens in another process sets no event here
            await asyncio.sleep(0.01)


def record(message: str, **more: Any) -> Record:
    """One record of the worker ``fetcher``."""
    return Record(
        **{"kind": Kind.worker, "source": "fetcher", "message": message, "timestamp": AT, "level": Level.info} | more
    )
