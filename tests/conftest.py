"""What all tests share: a real server in a process of its own, and a real browser.

``async def`` tests and fixtures simply run (anyio's plugin in auto mode, on asyncio). See ``docs/howto/testing.md``.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.patience import PATIENCE_MS
from tests.servers import Server, serve

ROOT = Path(__file__).parents[1]
UNMEASURED = ("browser", "security")
COLLEAGUES_NAME = "workbench.test"
"""By this name the browsers of the tests reach this machine, as others' do."""
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    f"--host-resolver-rules=MAP {COLLEAGUES_NAME} 127.0.0.1",
)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio, the loop that tornado runs on."""
    return "asyncio"


@pytest.fixture(scope="module", autouse=True)
def _measured_or_quick(request: pytest.FixtureRequest) -> Iterator[None]:
    """Processes that these tests start are not measured: a third of their time, for lines that others reach as well."""
    with pytest.MonkeyPatch.context() as patch:
        if request.path.parent.name in UNMEASURED:
            patch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
        yield


@pytest.fixture(scope="module")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Starts servers: ``start_server(settings, *arguments, data=None, environment=None)``; they end with the module."""
    started: list[Server] = []

    def start(settings: str = "", *arguments: str, data: Path | None = None, **collaborators: Any) -> Server:
        server = serve(data or tmp_path_factory.mktemp("server"), settings, *arguments, **collaborators)
        started.append(server)
        return server

    yield start
    for server in started:
        if server.process.poll() is None:
            server.stop()


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of a Chromium; without one the test fails with the line that says what to install."""
    found = subprocess.run(
        [sys.executable, ROOT / "tools" / "chromium.py"], check=False, capture_output=True, text=True
    )
    if found.returncode:
        pytest.fail(found.stderr.strip(), pytrace=False)
    return found.stdout.strip()


@pytest.fixture(scope="module")
async def browser(chromium: str) -> AsyncIterator[Any]:
    """A headless Playwright browser (async API) on that Chromium; what is expected of its pages is waited for long."""
    from playwright.async_api import async_playwright, expect

    expect.set_options(timeout=PATIENCE_MS)
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        yield launched
        await launched.close()


@pytest.fixture
async def second_browser(browser: Any, chromium: str) -> AsyncIterator[Any]:
    """Another one beside it: processes, connections and caches of its own."""
    launched = await browser.browser_type.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
    yield launched
    await launched.close()
