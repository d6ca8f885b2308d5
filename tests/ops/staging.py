"""A real ops service on a real database with real rooms; its plugins are the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from prometheus_client import CollectorRegistry

from tests.databases import url_of
from vibeworkbench.ops.checks import Checks, check
from vibeworkbench.ops.checks import scan as scan_checks
from vibeworkbench.ops.collectors import Collectors, LookOrder
from vibeworkbench.ops.model import Filters, Look, LookState, Observation, ScanRequest, Scope, Severity
from vibeworkbench.ops.room import HEALTH_PARTY, PARTY
from vibeworkbench.ops.scans.line import Site
from vibeworkbench.ops.service import Ops
from vibeworkbench.rooms.model import Party
from vibeworkbench.rooms.service import Rooms
from vibeworkbench.settings import OpsSettings, RoomSettings
from vibeworkbench.storage import dialects, schema
from vibeworkbench.storage.records import Database, event, room_log
from vibeworkbench.web.roles import Role

FULL = ScanRequest(Scope.full, "test")
INCREMENTAL = ScanRequest(Scope.incremental, "test")


def request(scope=Scope.full, **filters):
    """A scan request with filters."""
    return ScanRequest(scope, "test", Filters(**filters))


@dataclass
class Mounts:
    """A collector that sees what the test says: subject → how full."""

    seen: dict[str, float] = field(default_factory=dict)
    name: str = "mounts"
    kinds: frozenset[str] = frozenset()
    type: str = "capacity"
    before: Callable[[LookOrder], Any] | None = None
    covered: frozenset[str] | None = None
    orders: list[LookOrder] = field(default_factory=list)

    async def look(self, order: LookOrder) -> Look:
        """What is seen now, after what the test wants to happen before."""
        self.orders.append(order)
        if self.before is not None:
            await self.before(order)
        seen = [Observation(f"{self.name}.full", *one, "ratio", order.started_at) for one in self.seen.items()]
        return Look(self.name, LookState.ok, tuple(seen), self.covered, records=len(seen))


@dataclass
class Lines:
    """A collector that reads a list of lines from its cursor on, as a log's tail does."""

    lines: list[str] = field(default_factory=list)
    name: str = "lines"
    kinds: frozenset[str] = frozenset()
    type: str = "error"
    before: Callable[[LookOrder], Any] | None = None

    async def look(self, order: LookOrder) -> Look:
        """New lines are occurrences; a full look reads the old ones too."""
        start = order.cursors.get("lines:app", {}).get("line", 0)
        end = len(self.lines)
        if self.before is not None:
            await self.before(order)
        read = self.lines if order.scope is Scope.full else self.lines[start:end]
        seen = Observation("lines.new", "lines:app", end - start, "count", order.started_at)
        cursors = {"lines:app": {"line": end}}
        return Look(self.name, LookState.ok, (seen,), records=len(read), cursors=cursors)


@check(id="mounts.full", collector="mounts", type="capacity", severity=Severity.high, hint="Free space.")
def full(snapshot, context):
    """A mount is more than 90 % full; once it is an issue, more than 80 %."""
    for seen in snapshot.observations("mounts.full"):
        if seen.value >= (0.8 if context.holds(full, seen.subject) else 0.9):
            yield full.finding(seen.subject, f"{seen.subject} is {seen.value:.0%} full", evidence={"ratio": seen.value})


@check(id="lines.error", collector="lines", type="error", severity=Severity.medium, hint="Read them.")
def errors(snapshot, context):
    """There are new lines."""
    for seen in snapshot.observations("lines.new"):
        if seen.value:
            said = f"{seen.value} new lines"
            yield errors.finding(seen.subject, said, occurrences=seen.value, resolves_by_absence=False)


@dataclass
class Clock:
    """A clock that the test sets."""

    now: datetime = datetime(2026, 11, 22, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        """The present instant."""
        return self.now


@dataclass
class Stage:
    """One server's ops, with the database that others may share."""

    ops: Ops
    rooms: Rooms
    database: Database
    clock: Clock
    registry: CollectorRegistry

    def said(self, party: str = PARTY) -> list[tuple[str, dict[str, Any]]]:
        """Type and data of every message of a party, in order."""
        said = sa.select(event.c.type, event.c.data).join(room_log).where(room_log.c.party == party)
        rows = self.database.read_now(lambda connection: connection.execute(said.order_by(event.c.seq)).all())
        return [(row.type, msgspec.json.decode(row.data)) for row in rows]

    def types(self) -> list[str]:
        """Types of the ops room's messages, without progress."""
        return [type_ for type_, _ in self.said() if type_ != "scan-progress"]

    def rows(self, table: sa.Table) -> list[Any]:
        """The rows of a table."""
        return list(self.database.read_now(lambda connection: connection.execute(sa.select(table)).mappings().all()))


@asynccontextmanager
async def staged(
    path: Path,
    *collectors: Any,
    checks: tuple[Any, ...] = (full, errors),
    settings: OpsSettings | None = None,
    busy_timeout_s: float = 15.0,
    server: Mapping[str, Any] | None = None,
) -> AsyncIterator[Stage]:
    """A started service; at the end it is stopped and closed."""
    async with AsyncExitStack() as ending:
        database = Database(dialects.open_engine(url_of(path), busy_timeout_s))
        ending.push_async_callback(asyncio.to_thread, database.close)
        await asyncio.to_thread(schema.upgrade, database.engine)
        registry, clock = CollectorRegistry(), Clock()
        rooms = Rooms(database=database, settings=RoomSettings(keep_days=36_500.0), registry=registry)
        ops = Ops(
            database=database,
            rooms=rooms,
            collectors=Collectors(tuple(collectors)),
            checks=Checks((*checks, *scan_checks.CHECKS)),
            settings=settings or OpsSettings(),
            site=Site(server or {}, registry, clock),
        )
        rooms.register(Party(PARTY, True, Role.viewer, None, ops.snapshot, frozenset({"main"})))
        rooms.register(Party(HEALTH_PARTY, True, Role.viewer, None, None, frozenset({"main"})))
        await rooms.start()
        ending.push_async_callback(rooms.stop)
        await ops.start()
        ending.push_async_callback(ops.stop)
        yield Stage(ops, rooms, database, clock, registry)
