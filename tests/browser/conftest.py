"""A reader with a real browser before a real server, a target whose health the test decides, a network it can cut."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.patience import PATIENCE_MS, PATIENCE_S

ROOT = Path(__file__).parents[2]
DASHBOARD = ROOT / "notebooks" / "dashboards" / "operations.ipynb"
OWN = "vibeworkbench"
ALWAYS_ALLOWED = ("data", "blob")


@dataclass
class Reader:
    """One person's browser.

    Attributes:
        server: Where everything happens.
        page: Its page.
        url: The server's root as this person reaches it.
        token: What vouches for this person.
        complaints: Errors of ours on its console.
        strangers: Requests that left the server.
        network_is_cut: Whether failed requests are no complaint.
    """

    server: Any
    page: Any
    url: str
    token: str
    complaints: list[str] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)
    network_is_cut: bool = False

    def listen(self) -> None:
        """Every complaint and every stranger is noted from now on."""
        self.page.on("request", self._requested)
        self.page.on("pageerror", lambda error: self.complaints.append(f"{error}\n{error.stack}"))
        self.page.on("console", self._logged)

    def _requested(self, request: Any) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ALWAYS_ALLOWED and address.netloc != urlsplit(self.url).netloc:
            self.strangers.append(request.url)

    def _logged(self, message: Any) -> None:
        ours = OWN in message.text or OWN in message.location.get("url", "")
        lost = "Failed to load resource" in message.text or "WebSocket connection" in message.text
        if message.type == "error" and ours and not (lost and self.network_is_cut):
            self.complaints.append(message.text)

    async def open_lab(self, *, theme: str = "JupyterLab Light") -> None:
        """The dashboard notebook is open in JupyterLab, run, and its panel is there."""
        await self._choose_theme(theme)
        kernel = self._kernel_answered()
        await self.page.goto(f"{self.url}lab/tree/operations.ipynb?token={self.token}")
        await asyncio.wait_for(kernel, PATIENCE_S)
        await self.page.locator(".jp-Notebook .jp-CodeCell").first.click()
        await self.page.keyboard.press("Shift+Enter")
        await self.ready()

    async def _choose_theme(self, theme: str) -> None:
        async with httpx.AsyncClient(headers={"Authorization": f"token {self.token}"}, timeout=PATIENCE_S) as client:
            themes = f"{self.url}lab/api/settings/@jupyterlab/apputils-extension:themes"
            (await client.put(themes, json={"raw": json.dumps({"theme": theme})})).raise_for_status()

    def _kernel_answered(self) -> asyncio.Future[None]:
        # Lab shows the kernel as idle before its socket is open, and does not run what is run until then.
        answered = asyncio.get_running_loop().create_future()

        def received(frame: str | bytes) -> None:
            text = frame if isinstance(frame, bytes) else frame.encode()
            if b"kernel_info_reply" in text and not answered.done():
                answered.set_result(None)

        self.page.on("websocket", lambda socket: socket.on("framereceived", received))
        return answered

    async def open_voila(self, *, theme: str = "") -> None:
        """The dashboard is open in Voila, and its panel is there; without a theme it has that of the system."""
        await asyncio.to_thread(publish, self.server, wait=False)
        asked = f"&theme={theme}" if theme else ""
        await self.page.goto(f"{self.url}voila/render/operations.ipynb?token={self.token}{asked}")
        await self.ready()

    async def open_page(self, name: str = "operations", *, asked: str = "") -> None:
        """The published page is open and its panel is there."""
        await self.page.goto(f"{self.url}vibeworkbench/dashboards/{name}?token={self.token}{asked}")
        await self.ready()

    async def ready(self) -> None:
        """The panel shows what the server knows."""
        await self.page.locator(".vw-issues").wait_for()

    def row(self, subject: str) -> Any:
        """The issue about ``subject`` in the panel's list."""
        return self.page.locator(".vw-row", has=self.page.get_by_text(subject, exact=True))

    async def scan(self, label: str = "Full scan") -> None:
        """A scan that this person started by its button has ended, and was seen under way."""
        last = self.page.locator(".vw-last")
        before = await last.get_attribute("data-scan") if await last.count() else ""
        await self.page.get_by_role("button", name=label, exact=True).click()
        await self.page.locator(".vw-progress [role=progressbar]").wait_for()
        await self.page.locator(".vw-progress").wait_for(state="detached")
        assert await last.get_attribute("data-scan") != before

    async def show(self, state: str) -> None:
        """The list shows the issues of one state."""
        await self.page.locator(".vw-tabs").get_by_role("button", name=state).click()

    def quality(self) -> Any:
        """What the panel says about its connection."""
        return self.page.locator(".vw-quality")


@pytest.fixture
async def reader(browser: Any, tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Reader]]]:
    """Opens browsers, by server, address, token and context; at the end nobody complained or went elsewhere.

    Each has a context of its own, in the one browser of the tests, or in another that was asked for before: ``within``.
    """
    readers: list[Reader] = []

    async def one(
        server: Any, url: str | None = None, token: str = "", within: Any = browser, **context: Any
    ) -> Reader:
        opened = await within.new_context(**{"viewport": {"width": 1440, "height": 1000}, **context})
        opened.set_default_timeout(PATIENCE_MS)
        person = Reader(server, await opened.new_page(), url or server.url, token or server.token)
        person.listen()
        readers.append(person)
        return person

    yield one
    for number, person in enumerate(readers):
        await person.page.screenshot(path=tmp_path / f"screen-{number}.png")  # what a failed test is understood by
        await person.page.context.close()
        assert person.complaints == []
        assert person.strangers == []


def publish(server: Any, *, wait: bool = True, **order: Any) -> None:
    """The dashboard is published for viewers, with a kernel for each in Voila and without one as a page.

    Args:
        server: Where its notebook is.
        wait: Whether its page is rendered, too.
        **order: What is published else: ``notebook``, ``content``.
    """
    asked = {"notebook": "operations.ipynb", "interactive": "content" not in order, **order}
    with server.http() as admin:
        if not wait and admin.get("api/dashboards/operations").is_success:
            return
        answer = admin.post("api/dashboards", json=asked, headers={} if wait else {"Prefer": "respond-async"})
        assert answer.is_success, answer.text
        assert not wait or answer.json()["state"] == "ready", answer.text


@dataclass
class Target:
    """An HTTP endpoint on loopback that is well, or accepts and never answers."""

    port: int
    answers: bool = True

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            if self.answers:
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
                await writer.drain()
            else:
                await reader.read()
        writer.close()


@contextlib.asynccontextmanager
async def served(serve: Callable[..., Awaitable[None]]) -> AsyncIterator[int]:
    """The port at which connections are served; none is left behind, which the next test would be blamed for."""
    serving: set[asyncio.Task[Any]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        try:
            await serve(reader, writer)
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()
    for task in serving:
        task.cancel()
    await asyncio.gather(*serving, return_exceptions=True)


@pytest.fixture
async def target() -> AsyncIterator[Target]:
    """A target on a free port."""
    it = Target(0)
    async with served(it.serve) as it.port:
        yield it


async def comes_true(page: Any, expression: str) -> None:
    """Returns once the page says so. Playwright's own waiting evaluates text in the page, which ours do not let it."""
    async with asyncio.timeout(PATIENCE_S):
        while not await page.evaluate(expression):  # noqa: ASYNC110 - nothing in the page tells when it changes
            await asyncio.sleep(0.05)


@dataclass
class Network:
    """A loopback proxy to a server; ``cut`` ends every connection and lets no new one through until ``mend``."""

    upstream: str
    url: str = ""
    is_cut: bool = False
    writers: set[asyncio.StreamWriter] = field(default_factory=set)
    parted: asyncio.Event = field(default_factory=asyncio.Event)

    def cut(self) -> None:
        """Nothing gets through."""
        self.is_cut = True
        for writer in self.writers:
            writer.transport.abort()

    def mend(self) -> None:
        """New connections get through."""
        self.is_cut = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        with self._kept(writer):
            if self.is_cut:
                return
            address = urlsplit(self.upstream)
            there, out = await asyncio.open_connection(address.hostname, address.port)
            with self._kept(out):
                if not self.is_cut:
                    await asyncio.gather(_pass_on(reader, out), _pass_on(there, writer))

    @contextlib.contextmanager
    def _kept(self, writer: asyncio.StreamWriter) -> Iterator[None]:
        """It can be cut within, and is gone behind."""
        self.writers.add(writer)
        try:
            yield
        finally:
            writer.close()  # what it still has to send is sent
            self.writers.remove(writer)
            self.parted.set()

    async def gone(self) -> None:
        """Nothing of it is left."""
        self.cut()
        while self.writers:
            self.parted.clear()
            await self.parted.wait()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while some := await reader.read(65536):
            writer.write(some)
            await writer.drain()
    writer.close()


@pytest.fixture
async def network_to() -> AsyncIterator[Callable[[Any], Awaitable[Network]]]:
    """Builds networks to a server; their ``url`` reaches it through them."""
    servers: list[tuple[Network, asyncio.Server]] = []

    async def build(server: Any) -> Network:
        network = Network(server.url)
        listening = await asyncio.start_server(network.serve, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        network.url = urlsplit(server.url)._replace(netloc=f"127.0.0.1:{port}").geturl()
        servers.append((network, listening))
        return network

    yield build
    for network, listening in servers:
        listening.close()
        await network.gone()


@pytest.fixture
def workbench(start_server: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """Starts servers that hold the dashboard: ``workbench(settings, *arguments, data=None)``."""

    def start(settings: str = "", *arguments: str, data: Path | None = None) -> Any:
        data = data or tmp_path / "data"
        data.mkdir(exist_ok=True)
        shutil.copy(DASHBOARD, data)
        (data / "vibeworkbench.toml").write_text(settings)
        return start_server("", *arguments, data=data)

    return start


def http_target(port: int) -> str:
    """Settings with one HTTP target, named ``shop``."""
    url = json.dumps(f"http://127.0.0.1:{port}/")
    return f'[[ops.targets]]\nkind = "http"\nname = "shop"\nurl = {url}\ntimeout_s = 0.5\n'


LOW_THRESHOLD = "[ops.host]\nspace_ratio = 0.001\nspace_clear_ratio = 0.0005\nspace_critical_ratio = 1.0\n"


@pytest.fixture
def settings_of() -> Callable[..., str]:
    """Settings: ``settings_of(target, disk_is_full=False)``."""

    def build(target: Target | None = None, *, disk_is_full: bool = False) -> str:
        return (LOW_THRESHOLD if disk_is_full else "") + (http_target(target.port) if target else "")

    return build
