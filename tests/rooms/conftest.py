"""Rooms on a real Jupyter server's web application, in this process, on a port of its own."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from jupyter_server.serverapp import ServerApp
from prometheus_client import CollectorRegistry
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from websockets.asyncio import client

from tests.patience import PATIENCE_S
from vibeworkbench.rooms.model import Party
from vibeworkbench.rooms.routes import routes
from vibeworkbench.rooms.service import Rooms
from vibeworkbench.settings import RoomSettings
from vibeworkbench.storage import dialects, schema
from vibeworkbench.storage.records import Database
from vibeworkbench.web.roles import Role
from vibeworkbench.web.routes import url_table

TOKEN = "made-up"
RELAY = Party("relay", False, Role.viewer, Role.operator)
LEDGER = Party("ledger", True, Role.viewer, Role.operator)
MUTE = Party("mute", True, Role.viewer, None, rooms=frozenset({"main"}))


@dataclass
class Site:
    """A server with rooms."""

    rooms: Rooms
    database: Database
    registry: CollectorRegistry
    port: int
    ssl: Any = None
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    def url(self, party: str, room: str, query: str = "") -> str:
        scheme = "wss" if self.ssl else "ws"
        return f"{scheme}://127.0.0.1:{self.port}/vibeworkbench/parties/{party}/{room}{query}"

    async def join(self, party: str, room: str, query: str = "", **options: Any) -> client.ClientConnection:
        """A connected ``websockets`` client; it ends with the site."""
        headers = options.pop("headers", {"Authorization": f"token {TOKEN}"})
        options = {"ping_interval": None, "max_size": None, "proxy": None, "compression": None, **options}
        opening = client.connect(
            self.url(party, room, query), additional_headers=headers, **options, open_timeout=PATIENCE_S
        )
        return await self._stack.enter_async_context(opening)

    def http(self) -> httpx.AsyncClient:
        base = f"http://127.0.0.1:{self.port}/vibeworkbench/api/"
        return httpx.AsyncClient(base_url=base, headers={"Authorization": f"token {TOKEN}"}, timeout=PATIENCE_S)

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(f"vibeworkbench_rooms_{name}", labels) or 0.0


async def frame(socket: client.ClientConnection) -> dict[str, Any]:
    """The next JSON object."""
    return json.loads(await socket.recv())


async def frame_of(socket: client.ClientConnection, kind: str) -> dict[str, Any]:
    """The next JSON object of a type; what comes before it is passed over."""
    while (found := await frame(socket))["type"] != kind:
        pass
    return found


async def frames_until(socket: client.ClientConnection, seq: int) -> list[dict[str, Any]]:
    """The recorded messages up to ``seq``."""
    control = {"connected", "snapshot", "gap", "presence", "pong", "error"}
    found: list[dict[str, Any]] = []
    while not found or found[-1]["seq"] < seq:
        got = await frame(socket)
        if got["type"] not in control:
            found.append(got)
    return found


def open_database(path: Path, busy_timeout_s: float = 5.0) -> Database:
    engine = dialects.open_engine(f"sqlite:///{path}", busy_timeout_s)
    schema.upgrade(engine)
    return Database(engine)


@pytest.fixture
def web_application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """Makes a Jupyter server's tornado application, with its real identity provider, authorizer and Origin check."""
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))

    def made() -> Any:
        before = {which: signal.getsignal(which) for which in (signal.SIGINT, signal.SIGTERM)}
        app = ServerApp(open_browser=False, allow_root=True, port_retries=0, log_level=50)
        app.initialize(argv=[f"--IdentityProvider.token={TOKEN}"], find_extensions=False, new_httpserver=False)
        for which, handler in before.items():
            signal.signal(which, handler)
        return app.web_app

    return made


@pytest.fixture
def open_site(web_application: Any, tmp_path: Path) -> Callable[..., Any]:
    """Opens a site with more parties and other room settings, on a database of its own or a given one."""

    @asynccontextmanager
    async def opened(
        *parties: Party, path: Path | None = None, ssl: Any = None, busy_timeout_s: float = 5.0, **settings: Any
    ) -> AsyncIterator[Site]:
        database = open_database(path or tmp_path / "state.db", busy_timeout_s)
        registry = CollectorRegistry()
        rooms = Rooms(database=database, settings=RoomSettings(**settings), registry=registry)
        for party in (RELAY, LEDGER, MUTE, *parties):
            rooms.register(party)
        await rooms.start()
        application = web_application()
        application.add_handlers(".*", url_table(routes(rooms)))
        server = HTTPServer(application, ssl_options=ssl)
        sockets = bind_sockets(0, "127.0.0.1")
        server.add_sockets(sockets)
        site = Site(rooms, database, registry, sockets[0].getsockname()[1], ssl)
        try:
            async with site._stack:
                yield site
        finally:
            await rooms.stop()
            server.stop()
            await server.close_all_connections()
            database.close()

    return opened


@pytest.fixture
async def site(open_site: Callable[..., Any]) -> AsyncIterator[Site]:
    """A site with the parties relay, ledger (records, anybody may write) and mute (records, only the server speaks)."""
    async with open_site() as opened:
        yield opened


async def settled(condition: Callable[[], bool]) -> None:
    """``condition`` holds; the loop goes on meanwhile."""
    async with asyncio.timeout(PATIENCE_S):
        # Counts and pulses have no event of their own to wait for.
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
