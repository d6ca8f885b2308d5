"""What all tests share: a real server in a process of its own, a real browser, and a server for the notebooks.

``async def`` tests and fixtures simply run (anyio's plugin in auto mode, on asyncio). See ``docs/howto/testing.md``.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).parents[1]
START_LIMIT_S = 60.0
STOP_LIMIT_S = 30.0
CHROMIUM_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio, the loop that tornado runs on."""
    return "asyncio"


@dataclass(frozen=True, slots=True)
class Server:
    """``vibeworkbench serve``, running.

    Attributes:
        url: Its root with base_url, ending in a slash; the workbench stands below ``{url}vibeworkbench/``.
        token: The admin's token.
        data: Its data directory.
        process: The process itself, for those who want to kill it.
    """

    url: str
    token: str
    data: Path
    process: subprocess.Popen[bytes]

    def http(self, token: str | None = None) -> httpx.Client:
        """A client below ``{url}vibeworkbench/``, with the admin's token or another one (``""``: none)."""
        token = self.token if token is None else token
        headers = {"Authorization": f"token {token}"} if token else {}
        return httpx.Client(base_url=f"{self.url}vibeworkbench/", headers=headers, timeout=60)

    def log(self) -> str:
        """What it has written so far."""
        return (self.data / "server.log").read_text("utf-8", "replace")

    def stop(self) -> int:
        """It has ended after SIGTERM, or was killed when it did not; its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


def serve(data: Path, settings: str = "", *arguments: str, environment: Mapping[str, str] | None = None) -> Server:
    """A server on a free port that answers, its state and its runtime file in ``data``.

    Raises:
        RuntimeError: It ended before it was ready, or was not ready in time; the text holds its log.
    """
    data.mkdir(parents=True, exist_ok=True)
    if settings:
        (data / "vibeworkbench.toml").write_text(settings)
    runtime = data / "runtime"
    token = secrets.token_hex(16)
    own = {
        "VIBEWORKBENCH_TOKEN": token,
        "JUPYTER_RUNTIME_DIR": str(runtime),
        "JUPYTER_CONFIG_DIR": str(data / "config"),  # what its user has configured for Jupyter does not count here
    }
    command = [sys.executable, "-m", "vibeworkbench", "serve", "--port", "0", "--data", str(data), *arguments]
    with (data / "server.log").open("ab") as log:
        process = subprocess.Popen(
            command, env={**os.environ, **own, **(environment or {})}, cwd=data, stdout=log, stderr=log
        )
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline and process.poll() is None:
        left = runtime / f"vibeworkbench-{process.pid}.json"
        if left.exists():
            return Server(json.loads(left.read_bytes())["url"], token, data, process)
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
    process.kill()
    process.wait()
    raise RuntimeError("the server was not ready:\n" + (data / "server.log").read_text("utf-8", "replace")[-5000:])


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
    """A headless Playwright browser (async API) on that Chromium."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_FLAGS)
        yield launched
        await launched.close()


# Fixtures do not reach the cells that nbval runs, and their kernels inherit this process's environment.
notebooks_server = pytest.StashKey[Server]()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before the first notebook's kernel starts, a server runs that its ``connect()`` finds."""
    if type(item).__name__ == "IPyNbCell" and notebooks_server not in item.config.stash:
        server = serve(Path(tempfile.mkdtemp(prefix="vibeworkbench-notebooks-")))
        item.config.stash[notebooks_server] = server
        os.environ.update(VIBEWORKBENCH_URL=server.url, VIBEWORKBENCH_TOKEN=server.token)


def pytest_unconfigure(config: pytest.Config) -> None:
    """The notebooks' server has ended and left nothing."""
    server = config.stash.get(notebooks_server, None)
    if server is not None:
        server.stop()
        shutil.rmtree(server.data)
