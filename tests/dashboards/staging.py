"""One server's dashboards with real renders, on a database that others may share, and a clock that is set by hand."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from prometheus_client import CollectorRegistry

from tests.databases import url_of
from tests.patience import PATIENCE_S
from vibeworkbench.access.service import Access
from vibeworkbench.dashboards.model import PARTY, Order, Standing
from vibeworkbench.dashboards.service import Dashboards
from vibeworkbench.dashboards.site import Site
from vibeworkbench.ops.checks import Checks
from vibeworkbench.ops.checks import dashboards as dashboard_checks
from vibeworkbench.ops.collectors import Collectors
from vibeworkbench.ops.collectors.dashboards import DashboardsCollector
from vibeworkbench.ops.room import PARTY as OPS_PARTY
from vibeworkbench.ops.room import ROOM as OPS_ROOM
from vibeworkbench.ops.scans.line import Site as OpsSite
from vibeworkbench.ops.service import Ops
from vibeworkbench.ops.wire.issues import IssueQuery
from vibeworkbench.rooms.framelog import Bytes
from vibeworkbench.rooms.model import Handshake, Party
from vibeworkbench.rooms.service import Rooms
from vibeworkbench.settings import AccessSettings, DashboardSettings, OpsSettings, RoomSettings
from vibeworkbench.storage import dialects, schema
from vibeworkbench.storage.records import Database
from vibeworkbench.web.roles import Caller, Role

OWNER = Caller("ada", Role.admin, "server")


def notebook(*cells: str, title: str = "A dashboard") -> str:
    """The text of a notebook with a title and these code cells."""
    made = new_notebook(cells=[new_markdown_cell(f"# {title}", id="title")])
    made.cells += [new_code_cell(each, id=f"cell-{index}") for index, each in enumerate(cells)]
    return str(nbformat.writes(made))


class Clock:
    """The present instant, moved ahead by hand."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        """The present instant."""
        return datetime.now(UTC) + self.ahead


class Ear:
    """A room's member that only knows that something was said."""

    send = None

    def __init__(self) -> None:
        self.said = asyncio.Event()

    def writing(self) -> bool:
        """No: everything is taken at once."""
        return False

    def write(self, frames: Bytes) -> asyncio.Future[None]:
        """Something was said."""
        self.said.set()
        taken = asyncio.get_running_loop().create_future()
        taken.set_result(None)
        return taken

    def ping(self) -> None:
        """None comes within an hour."""

    def close(self, code: int, reason: str) -> None:
        """The room is closed."""

    def abort(self) -> None:
        """The room is closed."""

    async def closed(self) -> None:
        """At once."""

    def queued_bytes(self) -> int:
        """None."""
        return 0


class Stage:
    """One server's dashboards.

    Args:
        root: The directory of its notebooks.
        database: Its database.
        settings: Of its dashboards.
    """

    def __init__(self, root: Path, database: Database, settings: DashboardSettings) -> None:
        registry, self.clock = CollectorRegistry(), Clock()
        self.root = root
        self.database = database
        self.access = Access(database=database, settings=AccessSettings(), clock=self.clock)
        self.access.bootstrap("a token")
        self.rooms = Rooms(database=database, settings=RoomSettings(heartbeat_s=3600.0), registry=registry)
        facts: dict[str, object] = {}
        self.ops = Ops(
            database=database,
            rooms=self.rooms,
            collectors=Collectors((DashboardsCollector(),)),
            checks=Checks(dashboard_checks.CHECKS),
            settings=OpsSettings(),
            site=OpsSite(facts, registry, self.clock),
        )
        self.rooms.register(Party(OPS_PARTY, True, Role.viewer, None, self.ops.snapshot, frozenset({OPS_ROOM})))
        self.dashboards = Dashboards(
            database=database,
            rooms=self.rooms,
            ops=self.ops,
            settings=settings,
            site=Site(root, lambda: "http://127.0.0.1:9/", self.access, self.access.note, self.clock),
        )
        facts["dashboards"] = self.dashboards.facts
        self.ear = Ear()

    def write(self, name: str, *cells: str, title: str = "A dashboard") -> Path:
        """The notebook ``name`` has these cells."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(notebook(*cells, title=title))
        return path

    async def publish(self, notebook: str = "shop.ipynb", caller: Caller = OWNER, **order: object) -> Standing:
        """The dashboard, after its render."""
        standing = await self.dashboards.publish(Order(notebook, **order), caller)  # type: ignore[arg-type]
        return await self.dashboards.rendered(standing.publication.name)

    async def text(self, name: str = "shop") -> str:
        """The page that is served."""
        stored = await self.dashboards.shelf.page(name)
        assert stored is not None, "there is a page"
        return gzip.decompress(stored.body).decode()

    async def listen(self, *rooms: tuple[str, str]) -> None:
        """What is said in these rooms is heard."""
        for key in rooms:
            await self.rooms.join(self.ear, OWNER, key, Handshake())  # type: ignore[arg-type]

    async def heard(self, is_so: Callable[[], bool]) -> None:
        """It is so, looked at each time when something is said."""
        async with asyncio.timeout(PATIENCE_S):
            while not is_so():
                await self.ear.said.wait()
                self.ear.said.clear()

    async def issues(self) -> list[tuple[str, str, str]]:
        """Check, subject and state of every issue."""
        found = (await self.ops.issues(IssueQuery())).items
        return sorted((each.check, each.subject, each.state) for each in found)

    async def issue_becomes(self, *expected: tuple[str, str, str]) -> None:
        """The issues are these, as soon as ops has said so."""
        async with asyncio.timeout(PATIENCE_S):
            while await self.issues() != list(expected):
                await self.ear.said.wait()
                self.ear.said.clear()


@asynccontextmanager
async def staged(folder: Path, *, name: str = "state.db", **settings: object) -> AsyncIterator[Stage]:
    """A started server's dashboards, which look for changes often; at the end all of it is stopped."""
    meant = DashboardSettings(**{"watch_interval_s": 0.05, **settings})  # type: ignore[arg-type]
    root = folder / "notebooks"
    root.mkdir(exist_ok=True)
    async with AsyncExitStack() as ending:
        database = Database(dialects.open_engine(url_of(folder / name), 15.0))
        ending.push_async_callback(asyncio.to_thread, database.close)
        await asyncio.to_thread(schema.upgrade, database.engine)
        stage = Stage(root, database, meant)
        for service in _in_order(stage):
            ending.push_async_callback(service.stop)
            await service.start()
        await stage.listen((OPS_PARTY, OPS_ROOM))
        yield stage


def _in_order(stage: Stage) -> Sequence[Access | Rooms | Ops | Dashboards]:
    return (stage.access, stage.rooms, stage.ops, stage.dashboards)


def room_of(name: str) -> tuple[str, str]:
    """The dashboard's room."""
    return (PARTY, name)
