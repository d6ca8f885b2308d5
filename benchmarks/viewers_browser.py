"""One visit of a real Chromium: when it painted, when the panel was live, what it asked for and what that weighed."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, CDPSession, async_playwright

ROOT = Path(__file__).parents[1]
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Voila's template asks another host for style sheets, which hold its page back: here it is told at once that there
    # is no such host, the best case for it.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
LIVE = ".vw-issues"
"""What the panel shows once its room has told it the state, and not before."""
VISIT_LIMIT_S = 60.0

DRAWN = ".vw-panel > *"
"""What the panel shows first: its frame, or all of it."""

_WATCH = """
(() => {
  const isSeen = (selector) => (document.querySelector(selector)?.getClientRects().length ?? 0) > 0;
  const look = () => {
    if (window.benchDrawnAtMs === undefined && isSeen(%r)) window.benchDrawnAtMs = performance.now();
    if (window.benchLiveAtMs === undefined && isSeen(%r)) window.benchLiveAtMs = performance.now();
  };
  const lookOn = () => {
    look();
    if (window.benchLiveAtMs === undefined) requestAnimationFrame(lookOn);
    else observer.disconnect();
  };
  const observer = new MutationObserver(look);
  observer.observe(document, { childList: true, subtree: true });
  requestAnimationFrame(lookOn);
})();
"""
"""When what was added is there, and at each frame, because style sheets hide and show, too."""
_LIVE_AT = """
() => new Promise((tell) => {
  const ask = () => (window.benchLiveAtMs === undefined ? requestAnimationFrame(ask) : tell(window.benchLiveAtMs));
  ask();
})
"""
_FIRST_PAINT = """
() => new Promise((seen) => {
  const paint = (list) => list.getEntriesByName("first-contentful-paint")[0];
  if (paint(performance)) seen(paint(performance).startTime);
  else new PerformanceObserver((list) => paint(list) && seen(paint(list).startTime))
    .observe({ type: "paint", buffered: true });
})
"""


@dataclass(slots=True)
class Visit:
    """What one visit showed.

    Attributes:
        first_paint_ms: First contentful paint, from the start of the navigation.
        drawn_ms: When the panel stood on the screen, with or without what its room says, from the same.
        live_ms: When the panel showed what its room had said, from the same.
        page_ms: When the page itself had come to its end, from the same.
        transferred_bytes: All that came over HTTP, headers included, as encoded.
        requests: Path and connection of each HTTP request that the server answered, in order.
        sockets: Paths of the WebSockets that were opened, without query.
        headers: What the page's own request carried, cookies included.
        socket_headers: What the request for the last of the WebSockets carried.
    """

    first_paint_ms: float = 0.0
    drawn_ms: float = 0.0
    live_ms: float = 0.0
    page_ms: float = 0.0
    transferred_bytes: int = 0
    requests: list[tuple[str, int]] = field(default_factory=list)
    sockets: list[str] = field(default_factory=list)
    headers: Mapping[str, str] = field(default_factory=dict)
    socket_headers: Mapping[str, str] = field(default_factory=dict)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """A headless browser.

    Raises:
        RuntimeError: There is none; the text says what to install.
    """
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=_path(), args=FLAGS)
        try:
            yield launched
        finally:
            await launched.close()


def _path() -> str:
    found = subprocess.run(
        [sys.executable, ROOT / "tools" / "chromium.py"], check=False, capture_output=True, text=True
    )
    if found.returncode:
        raise RuntimeError(found.stderr.strip())
    return found.stdout.strip()


@asynccontextmanager
async def newcomer(browser: Browser, cookies: Sequence[Any] = ()) -> AsyncIterator[BrowserContext]:
    """A person with an empty cache, logged in by ``cookies``."""
    context = await browser.new_context(viewport={"width": 1440, "height": 1000})
    try:
        await context.add_init_script(_WATCH % (DRAWN, LIVE))
        if cookies:
            await context.add_cookies(list(cookies))
        yield context
    finally:
        await context.close()


async def visit(context: BrowserContext, url: str, *, is_recorded: bool = True) -> Visit:
    """The page at ``url`` was opened, was seen live, and was left.

    Args:
        context: Of the person.
        url: The page.
        is_recorded: Whether its requests are noted, which holds up a page by a tenth of a second.

    Raises:
        TimeoutError: It was not live in time.
    """
    page = await context.new_page()
    seen = Visit()
    if is_recorded:
        session = await context.new_cdp_session(page)
        _record(session, seen, urlsplit(url).netloc)
        await session.send("Network.enable")
    try:
        await page.goto(url, timeout=VISIT_LIMIT_S * 1e3, wait_until="load")
        async with asyncio.timeout(VISIT_LIMIT_S):
            seen.live_ms = await page.evaluate(_LIVE_AT)
        seen.drawn_ms = await page.evaluate("window.benchDrawnAtMs")
        seen.page_ms = await page.evaluate("performance.getEntriesByType('navigation')[0].responseEnd")
        seen.first_paint_ms = await page.evaluate(_FIRST_PAINT)
        return seen
    finally:
        await page.close()


def _record(session: CDPSession, seen: Visit, host: str) -> None:
    """Source: Chrome DevTools Protocol, domain Network."""
    paths: dict[str, str] = {}

    def requested(event: dict[str, Any]) -> None:
        address = urlsplit(event["request"]["url"])
        if address.netloc == host:
            paths[event["requestId"]] = address.path + (f"?{address.query}" if address.query else "")

    def answered(event: dict[str, Any]) -> None:
        answer = event["response"]
        if event["requestId"] in paths and not answer.get("fromDiskCache"):
            seen.requests.append((paths[event["requestId"]], int(answer["connectionId"])))

    def finished(event: dict[str, Any]) -> None:
        if event["requestId"] in paths:
            seen.transferred_bytes += int(event["encodedDataLength"])

    def sent(event: dict[str, Any]) -> None:
        seen.headers = seen.headers or _repeatable(event["headers"])

    def connected(event: dict[str, Any]) -> None:
        seen.sockets.append(urlsplit(event["url"]).path)

    def upgrading(event: dict[str, Any]) -> None:
        seen.socket_headers = _repeatable(event["request"]["headers"])

    session.on("Network.requestWillBeSent", requested)
    session.on("Network.responseReceived", answered)
    session.on("Network.loadingFinished", finished)
    session.on("Network.requestWillBeSentExtraInfo", sent)
    session.on("Network.webSocketCreated", connected)
    session.on("Network.webSocketWillSendHandshakeRequest", upgrading)


def _repeatable(headers: Mapping[str, str]) -> dict[str, str]:
    """Those that belong to no single connection or handshake; of encodings, our client reads gzip only."""
    own = {"host", "connection", "upgrade", "sec-websocket-key", "sec-websocket-version", "sec-websocket-extensions"}
    kept = {name: value for name, value in headers.items() if name.lower() not in own}
    return kept | {"Accept-Encoding": "gzip"}


@asynccontextmanager
async def plain_page() -> AsyncIterator[str]:
    """The address of a page that shows one line and nothing else: what Chromium itself needs to paint."""
    html = b'<!doctype html><title>Plain</title><div class="vw-panel"><p class="vw-issues">This line.</div>'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(html)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(head + html)
            await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


async def visits(
    browser: Browser, url: str, count: int, cookies: Sequence[Any] = ()
) -> tuple[list[Visit], list[Visit]]:
    """``count`` first visits with an empty cache, and behind each of them a second one of the same person.

    Their requests are those of one more such pair, which is recorded and not timed.
    """
    async with newcomer(browser, cookies) as context:
        recorded = [await visit(context, url), await visit(context, url)]
    timed: tuple[list[Visit], list[Visit]] = [], []
    for _ in range(count):
        async with newcomer(browser, cookies) as context:
            for several, noted in zip(timed, recorded, strict=True):
                seen = await visit(context, url, is_recorded=False)
                seen.requests, seen.sockets = noted.requests, noted.sockets
                seen.transferred_bytes = noted.transferred_bytes
                several.append(seen)
    return timed
