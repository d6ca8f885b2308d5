"""What the tests of collectors share: real servers on port 0, and orders to look."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from vibeworkbench.ops.collectors import LookOrder
from vibeworkbench.ops.model import Scope
from vibeworkbench.settings import OpsSettings

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def order_for():
    """An order to look at these targets; keywords are those of LookOrder."""

    def made(*targets, probes_at_once=50, **facts):
        given = {
            "scope": Scope.full,
            "cursors": {},
            "settings": OpsSettings(probes_at_once=probes_at_once),
            "started_at": datetime.now(UTC),
            "deadline_s": 60.0,
        }
        return LookOrder(targets=tuple(targets), **{**given, **facts})

    return made


@pytest.fixture
async def serve() -> AsyncIterator[Callable[..., Awaitable[int]]]:
    """Starts a real TCP server that talks as told, and answers its port; its conversations end with the test."""
    servers: list[asyncio.Server] = []
    talks: set[asyncio.Task[None]] = set()

    async def started(talk: Talk, **options) -> int:
        async def told(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            talks.add(task)
            try:
                with suppress(ConnectionError, asyncio.CancelledError):
                    await talk(reader, writer)
            finally:
                writer.transport.abort()
                talks.discard(task)

        server = await asyncio.start_server(told, "127.0.0.1", 0, **options)
        servers.append(server)
        return server.sockets[0].getsockname()[1]

    yield started
    for server in servers:
        server.close()
    for task in list(talks):
        task.cancel()
    await asyncio.gather(*talks, return_exceptions=True)


@pytest.fixture
def program() -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """Starts a real Python program and returns it as soon as it has printed a line; it is killed with the test."""
    started: list[subprocess.Popen[bytes]] = []

    def run(code: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline()
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def brood(program) -> Callable[[int], subprocess.Popen[bytes]]:
    """Starts a process with that many ended children for which it has not waited: real zombies."""
    code = """
import os, sys
for _ in range({count}):
    child = os.fork() or os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
print("ready", flush=True)
sys.stdin.read()
"""
    return lambda count: program(code.format(count=count))
