"""What the tests of collectors share: real servers on port 0, and orders to look."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
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
