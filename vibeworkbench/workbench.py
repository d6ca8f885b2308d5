"""The composition root: every service is built here, once, started in order, and stopped in the opposite one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

import vibeworkbench
from vibeworkbench.access import routes as access_routes
from vibeworkbench.access.model import refuse_meaningless
from vibeworkbench.access.service import Access
from vibeworkbench.containers import records as container_records
from vibeworkbench.containers import routes as container_routes
from vibeworkbench.containers.facts import ContainerFacts
from vibeworkbench.containers.live import PARTY as CONTAINERS
from vibeworkbench.containers.service import Containers
from vibeworkbench.dashboards import routes as dashboard_routes
from vibeworkbench.dashboards.service import Dashboards
from vibeworkbench.dashboards.site import Rights
from vibeworkbench.dashboards.site import Site as DashboardSite
from vibeworkbench.data_directory import open_database
from vibeworkbench.errors import Unavailable
from vibeworkbench.logs import records as log_records
from vibeworkbench.logs import room as log_room
from vibeworkbench.logs import routes as log_routes
from vibeworkbench.logs.events import TABLES as EVENT_TABLES
from vibeworkbench.logs.events import Events
from vibeworkbench.logs.facts import LogFacts
from vibeworkbench.logs.follower import Follower
from vibeworkbench.logs.intake import TABLES as SPOOL_TABLES
from vibeworkbench.logs.journal import Journal
from vibeworkbench.logs.service import Logs
from vibeworkbench.logs.tail.lines import Patience
from vibeworkbench.ops import room as ops_room
from vibeworkbench.ops import routes as ops_routes
from vibeworkbench.ops.checks import load_checks
from vibeworkbench.ops.collectors import load_collectors
from vibeworkbench.ops.scans.line import Site
from vibeworkbench.ops.service import Ops
from vibeworkbench.ops.targets import active
from vibeworkbench.plugins import PluginFailure, loaded
from vibeworkbench.rooms import routes as room_routes
from vibeworkbench.rooms.model import RELAY, Party
from vibeworkbench.rooms.service import Rooms
from vibeworkbench.schedules import routes as schedule_routes
from vibeworkbench.schedules.model import schedules_from
from vibeworkbench.schedules.service import Schedules
from vibeworkbench.settings import FilesTarget, Settings
from vibeworkbench.storage import schema
from vibeworkbench.storage.records import Database
from vibeworkbench.storage.warehouse import FILE as WAREHOUSE_FILE
from vibeworkbench.storage.warehouse import Warehouse
from vibeworkbench.terminals import routes as terminal_routes
from vibeworkbench.terminals.home import FOLDER as TERMINALS
from vibeworkbench.terminals.home import Home
from vibeworkbench.terminals.kinds import Kinds
from vibeworkbench.terminals.service import Terminals
from vibeworkbench.terminals.site import Site as TerminalSite
from vibeworkbench.terminals.upstreams import GROUP as UPSTREAMS
from vibeworkbench.web import openapi, standing
from vibeworkbench.web.roles import Role
from vibeworkbench.web.routes import Route
from vibeworkbench.web.standing import Part

_STORAGE_ANSWERS_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Host:
    """The Jupyter server that a workbench is in.

    Attributes:
        facts: What collectors are told of it.
        root: The directory of its notebooks.
        url: Its root URL as programs on this machine reach it, once it listens.
        rights: The rights under which dashboards are rendered, where they are not the access service's to give.
    """

    facts: Mapping[str, Any] = field(default_factory=dict)
    root: Path = field(default_factory=Path.cwd)
    url: Callable[[], str] = lambda: ""
    rights: Rights | None = None


class Workbench:
    """All services of one server. Built by ``open``, then ``start``, then ``stop``."""

    def __init__(  # noqa: PLR0913 - the services
        self,
        *,
        database: Database,
        access: Access,
        rooms: Rooms,
        warehouse: Warehouse,
        logs: Logs,
        events: Events,
        containers: Containers,
        follower: Follower,
        ops: Ops,
        schedules: Schedules,
        dashboards: Dashboards,
        terminals: Terminals,
        registry: CollectorRegistry,
        failures: tuple[PluginFailure, ...] = (),
    ) -> None:
        self.database = database
        self.access = access
        self.rooms = rooms
        self.warehouse = warehouse
        self.logs = logs
        self.events = events
        self.containers = containers
        self.follower = follower
        self.journal = Journal(logs=logs)
        self.ops = ops
        self.schedules = schedules
        self.dashboards = dashboards
        self.terminals = terminals
        self.registry = registry
        self.failures = failures
        self.started = False
        self._stops = AsyncExitStack()
        self._stopping: asyncio.Task[None] | None = None

    @classmethod
    def open(cls, settings: Settings, data_dir: Path, host: Host | None = None) -> Workbench:
        """A workbench whose state is migrated and whose services are built; nothing runs yet.

        Args:
            settings: All settings.
            data_dir: Where the state lives, unless the settings name a database.
            host: The Jupyter server that it is in; ``None`` outside of one.

        Raises:
            InvalidInput: A setting means nothing; ``field`` names it.
            Unavailable: The storage cannot be used now.
        """
        host = host or Host()
        schedules = schedules_from(settings.schedules)
        refuse_meaningless(settings.access)
        database = open_database(settings.storage, data_dir)
        schema.upgrade(database.engine)
        registry, clock = _registry(), partial(datetime.now, UTC)
        access = Access(database=database, settings=settings.access, clock=clock)
        rooms = Rooms(database=database, settings=settings.rooms, registry=registry)
        warehouse = Warehouse(
            path=data_dir.absolute() / WAREHOUSE_FILE,
            settings=settings.warehouse,
            tables=(SPOOL_TABLES, log_records.TABLES, EVENT_TABLES, container_records.TABLES),
        )
        logs = Logs(
            directory=data_dir.absolute(), warehouse=warehouse, rooms=rooms, settings=settings.logs, registry=registry
        )
        containers = Containers(
            logs=logs,
            rooms=rooms,
            settings=settings.containers,
            thresholds=settings.ops.containers,
            clock=clock,
        )
        collectors = load_collectors(settings.ops.disabled_collectors)
        checks = load_checks(settings.ops.disabled_checks)
        facts = dict(host.facts) | {"containers": ContainerFacts(containers)}
        ops = Ops(
            database=database,
            rooms=rooms,
            collectors=collectors,
            checks=checks,
            settings=settings.ops,
            site=Site(facts, registry, clock),
        )
        dashboards = Dashboards(
            database=database,
            rooms=rooms,
            ops=ops,
            settings=settings.dashboards,
            site=DashboardSite(host.root, host.url, host.rights or access, access.note, clock),
        )
        terminals = Terminals(
            database=database,
            settings=settings,
            site=TerminalSite(
                Home(data_dir.absolute() / TERMINALS), host.root, partial(_name_of, access), access.note, clock
            ),
            kinds=Kinds(loaded(UPSTREAMS)),
            registry=registry,
        )
        follower = Follower(logs=logs, targets=partial(_files_targets, ops), patience=Patience())
        facts["logs"] = LogFacts(logs, follower)
        facts["dashboards"] = dashboards.facts
        access.imply(dashboards.rooms_of)
        dashboards.shelf.listen(access.implied_otherwise)
        calendar = Schedules(database=database, ops=ops, schedules=schedules, clock=clock)
        for party in _parties(ops, calendar, containers):
            rooms.register(party)
        failures = (*collectors.failures, *checks.failures)
        return cls(
            database=database,
            access=access,
            rooms=rooms,
            warehouse=warehouse,
            logs=logs,
            events=Events(database=database, logs=logs),
            containers=containers,
            follower=follower,
            ops=ops,
            schedules=calendar,
            dashboards=dashboards,
            terminals=terminals,
            registry=registry,
            failures=failures,
        )

    async def start(self) -> None:
        """Everything runs: access first, for who may come in, then rooms, for what the others have to say."""
        self._stops.push_async_callback(self.access.stop)
        await self.access.start()
        self._stops.push_async_callback(self.rooms.stop)
        await self.rooms.start()
        self._stops.push_async_callback(self.warehouse.stop)
        self._stops.push_async_callback(self.logs.stop)
        await self.logs.start()
        await self.warehouse.start()
        self._stops.push_async_callback(self.events.stop)
        await self.events.start()
        self._stops.push_async_callback(self.containers.stop)
        await self.containers.start()
        self._stops.push_async_callback(self.follower.stop)
        await self.follower.start()
        self._stops.push_async_callback(self.journal.stop)
        await self.journal.start()
        self._stops.push_async_callback(self.schedules.settled)
        self._stops.push_async_callback(self.ops.stop)
        await self.ops.start()
        self._stops.push_async_callback(self.schedules.stop)
        await self.schedules.start()
        self._stops.push_async_callback(self.dashboards.stop)
        await self.dashboards.start()
        # Last, so that it stops first: people see what becomes of their shells however long the others take.
        self._stops.push_async_callback(self.terminals.stop)
        await self.terminals.start()
        self.started = True

    async def stop(self) -> None:
        """Nothing runs, scans under way are recorded as failed, rooms are closed, and all that was said is on disk.

        Whoever asks while it stops waits for the same end.
        """
        self.started = False
        if self._stopping is None:
            self._stopping = asyncio.create_task(self._stop(), name="workbench stops")
        await asyncio.shield(self._stopping)

    async def _stop(self) -> None:
        try:
            await self._stops.aclose()
        finally:
            await asyncio.to_thread(self.database.close)

    def routes(self) -> list[Route]:
        """Every address of the workbench."""
        mounted: list[Route] = []
        server = standing.Server(
            version=vibeworkbench.__version__,
            parts={
                "storage": self._storage,
                "access": self._access,
                "rooms": self._rooms,
                "warehouse": self._warehouse,
                "logs": self._logs,
                "containers": self._containers,
                "ops": self._ops,
                "schedules": self._schedules,
                "dashboards": self._dashboards,
                "terminals": self._terminals,
            },
            registry=self.registry,
            document=lambda base_url: openapi.document(mounted, version=vibeworkbench.__version__, base_url=base_url),
        )
        mounted += access_routes.routes(self.access)
        mounted += ops_routes.routes(self.ops)
        mounted += log_routes.routes(self.logs, self.events, self.follower)
        mounted += container_routes.routes(self.containers)
        mounted += terminal_routes.routes(self.terminals)  # before the rooms: a terminal is one of another kind
        mounted += room_routes.routes(self.rooms)
        mounted += schedule_routes.routes(self.schedules)
        mounted += dashboard_routes.routes(self.dashboards)
        mounted += standing.routes(server)
        return mounted

    async def _storage(self) -> Part:
        try:
            async with asyncio.timeout(_STORAGE_ANSWERS_WITHIN_S):
                present = await self.database.read(schema.present_revision)
        except TimeoutError:
            return Part("failed", f"the database has not answered for {_STORAGE_ANSWERS_WITHIN_S:g} s")
        except Unavailable as error:
            return Part("failed", error.message)
        if present != schema.newest_revision():
            return Part("failed", "the database is not migrated to this version", {"revision": present})
        return Part(facts={"revision": present})

    async def _access(self) -> Part:
        if not self.started:
            return _NOT_RUNNING
        if self.access.stale_since is not None:
            return Part("degraded", "the storage does not answer: rights are those that were known before")
        return Part()

    async def _rooms(self) -> Part:
        return Part(facts={"epoch": self.rooms.epoch}) if self.started else _NOT_RUNNING

    async def _warehouse(self) -> Part:
        problem = self.warehouse.problem
        return Part("degraded", problem) if problem else Part()

    async def _logs(self) -> Part:
        if not self.started:
            return _NOT_RUNNING
        if not self.follower.alive:
            return Part("failed", "files are not followed")
        return self.logs.standing()

    async def _containers(self) -> Part:
        engine = self.containers.watcher.engine()
        if not self.started or engine["state"] != "failing":
            return Part(facts={"engine": engine}) if self.started else _NOT_RUNNING
        return Part("degraded", f"the container engine does not answer: {engine['reason']}", {"engine": engine})

    async def _ops(self) -> Part:
        if not self.started:
            return _NOT_RUNNING
        plugins = [{"group": each.group, "name": each.name, "reason": each.error_type} for each in self.failures]
        if plugins:
            return Part("degraded", "some plugins could not be loaded", {"plugins": plugins})
        return Part()

    async def _schedules(self) -> Part:
        if not self.schedules.alive:
            return Part("failed", "the clock does not run")
        return Part(facts={"nextFireAt": self.schedules.next_fire_at})

    async def _dashboards(self) -> Part:
        if not self.dashboards.alive:
            return Part("failed", "dashboards are not looked at")
        return Part(facts={"published": len(self.dashboards.shelf.standings)})

    async def _terminals(self) -> Part:
        if not self.started:
            return _NOT_RUNNING
        return self.terminals.standing()


_NOT_RUNNING = Part("failed", "the server is starting or stopping, or could not start")


def _name_of(access: Access, identity: str) -> str:
    grant = access.by_identity(identity)
    return identity.partition(":")[2] or identity if grant is None else grant.name


async def _files_targets(ops: Ops) -> list[FilesTarget]:
    return [each for each in active(await ops.targets()) if isinstance(each, FilesTarget)]


def _parties(ops: Ops, calendar: Schedules, containers: Containers) -> tuple[Party, ...]:
    """The parties that every workbench has; the settings' own ones are the rooms' business."""
    main = frozenset({ops_room.ROOM})

    def monitor(connection: Any, room: str) -> Mapping[str, Any]:
        return {**ops.snapshot(connection, room), "schedules": calendar.said()}

    def health(connection: Any, room: str) -> Mapping[str, Any]:
        told: Mapping[str, Any] = ops.snapshot(connection, room)["health"]
        return told

    return (
        Party(ops_room.PARTY, recording=True, read=Role.viewer, write=None, snapshot=monitor, rooms=main),
        Party(ops_room.HEALTH_PARTY, recording=True, read=Role.viewer, write=None, snapshot=health, rooms=main),
        Party("reviews", recording=True, read=Role.viewer, write=None, rooms=main),
        Party("tasks", recording=True, read=Role.viewer, write=None),
        Party(log_room.PARTY, recording=False, read=Role.analyst, write=None, rooms=frozenset({log_room.ROOM})),
        Party(CONTAINERS, recording=False, read=Role.viewer, write=None, snapshot=containers.snapshot),
        Party(RELAY, recording=False, read=Role.viewer, write=Role.operator),
    )


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    return registry
