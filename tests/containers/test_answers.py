"""What the client finds out of an engine: one suite for the stand-in, and for a real engine where one is named.

How to run it on a real one: ``docs/howto/testing.md``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from tests.containers.engine_server import EngineServer
from tests.containers.real_engine import ENGINE, IMAGE, RealEngine, printing
from tests.patience import PATIENCE_S
from vibeworkbench.engine.address import address_of
from vibeworkbench.engine.client import Engine
from vibeworkbench.engine.stats import cpu_percent
from vibeworkbench.errors import NotFound, UpstreamFailed

SAID = [("stdout", "started"), ("stderr", "warn"), ("stdout", "x" * 40_000), ("stdout", "over")]


class Stand:
    """The stand-in, made to do what real containers do."""

    def __init__(self, server: EngineServer) -> None:
        self.server, self.address = server, str(server.path)

    async def said(self, lines: list[tuple[str, str]], *, terminal: bool = False, ended: bool = False) -> str:
        """The id of a container that has said these lines."""
        container = self.server.add("api", image=IMAGE, terminal=terminal, environment=("PATH=/bin", "DB_PASSWORD=x"))
        at_ns = time.time_ns()
        await self.server.happen(container, "start", at_ns)
        stamped = [(at_ns + number, stream, text + "\r" * terminal) for number, (stream, text) in enumerate(lines)]
        await self.server.log(container, *stamped)
        if ended:
            container.status, container.exit_code, container.finished_ns = "exited", 3, time.time_ns()
            await self.server.happen(container, "die", time.time_ns(), exitCode="3")
        return container.container_id

    async def end(self, container_id: str) -> None:
        """The container runs no more."""
        self.server.containers[container_id].status = "exited"
        await self.server.notify()


class Real:
    """A real engine."""

    def __init__(self, engine: RealEngine) -> None:
        self.engine, self.address = engine, engine.address

    async def said(self, lines: list[tuple[str, str]], *, terminal: bool = False, ended: bool = False) -> str:
        """The id of a container that says these lines."""
        command = printing(lines, "exit 3" if ended else "exec sleep 1000")
        return await self.engine.container(
            "api", command, terminal=terminal, environment=("PATH=/bin", "DB_PASSWORD=x")
        )

    async def end(self, container_id: str) -> None:
        """The container runs no more."""
        await self.engine.stop(container_id)


@pytest.fixture
async def stage(engine_server: EngineServer) -> AsyncIterator[Any]:
    """The engine that is tested."""
    if not ENGINE:
        yield Stand(engine_server)
        return
    engine = RealEngine()
    yield Real(engine)
    await engine.close()


@pytest.fixture
async def client(stage: Any) -> AsyncIterator[Engine]:
    """Our client of it."""
    async with Engine(address_of(stage.address, {}), timeout_s=PATIENCE_S) as client:
        yield client


async def followed(client: Engine, container_id: str, count: int) -> list[tuple[str, str]]:
    """The first lines of a container, with their streams."""
    facts, found = await client.inspect(container_id), []
    async with asyncio.timeout(PATIENCE_S), aclosing(client.logs(facts)) as lines:
        async for line in lines:
            found.append((line.stream, line.text))
            if len(found) == count:
                break
    return found


async def test_lines_come_with_their_streams(stage, client):
    """One of 40 000 bytes, which comes in three frames, is one line; each stream is in its order."""
    found = await followed(client, await stage.said(SAID), len(SAID))
    assert sorted(found) == sorted(SAID)
    assert [text for stream, text in found if stream == "stdout"] == [
        text for stream, text in SAID if stream == "stdout"
    ]


async def test_a_terminals_log_has_one_stream(stage, client):
    """And neither frames nor CR."""
    found = await followed(client, await stage.said(SAID, terminal=True), len(SAID))
    assert found == [("stdout", text) for _, text in SAID]


async def test_a_followed_log_ends_with_its_container(stage, client):
    """As does the stream of readings."""
    container_id = await stage.said([("stdout", "one")])
    facts, texts = await client.inspect(container_id), []
    async with asyncio.timeout(PATIENCE_S), aclosing(client.logs(facts)) as lines:
        async for line in lines:
            texts.append(line.text)
            await stage.end(container_id)
    assert texts == ["one"]


async def test_how_a_container_ended_is_known(stage, client):
    """By what inspect says and by what happened, which is told from an instant on."""
    since_ns = time.time_ns()
    container_id = await stage.said([("stderr", "boom")], ended=True)
    seen = []
    async with asyncio.timeout(PATIENCE_S), aclosing(client.events(since_ns)) as events:
        async for event in events:
            if event.container_id == container_id:
                assert event.at_ns >= since_ns
                seen.append((event.action, event.attributes.get("exitCode")))
            if event.action == "die":
                break
    assert [each for each in seen if each[0] in {"start", "die"}] == [("start", None), ("die", "3")]
    facts = await client.inspect(container_id)
    assert (facts.state, facts.exit_code, facts.image) == ("exited", 3, IMAGE)
    assert facts.finished_at is not None
    assert await followed(client, container_id, 2) == [("stderr", "boom")]
    with pytest.raises(UpstreamFailed, match="409"):
        await client.top(container_id)


async def test_what_a_container_is_and_uses(stage, client):
    """Environments are masked; readings have processor time, memory and processes."""
    container_id = await stage.said([])
    assert container_id in await client.containers()
    facts = await client.inspect(container_id)
    assert (facts.state, facts.is_running, facts.terminal) == ("running", True, False)
    assert facts.environment == {"PATH": "/bin", "DB_PASSWORD": "•••"}
    first, second = await client.stats(container_id), await client.stats(container_id)
    assert first.at_ns > 0
    assert first.memory_limit_bytes > first.memory_bytes > 0
    assert first.processes >= 1
    assert first.cpu.online >= 1
    assert cpu_percent(first.cpu, second.cpu) >= 0.0
    processes = await client.top(container_id)
    assert all(each.pid.isdecimal() and each.command and each.memory_bytes for each in processes)
    assert processes


async def test_a_container_that_nobody_knows(client):
    """Is not found."""
    with pytest.raises(NotFound, match="No such container"):
        await client.inspect("ffff")
