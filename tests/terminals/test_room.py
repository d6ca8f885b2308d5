"""What many viewers see of one terminal, and what reaches its program."""

from __future__ import annotations

import asyncio

from tests.terminals.stage import staged
from vibeworkbench.terminals.model import Right


async def test_output_reaches_every_viewer_once_and_in_order() -> None:
    """Viewers that keep up get the very same frames, and the recording gets the bytes."""
    async with staged() as stage:
        connection = await stage.connected()
        _, ada = await stage.watching("ada")
        _, bob = await stage.watching("bob", Right.watch)
        said = b"".join(b"line %d\n" % n for n in range(50_000))
        for start in range(0, len(said), 10_000):
            connection.say(said[start : start + 10_000])
        await ada.shows(said[-100:])
        await bob.shows(said[-100:])
        assert ada.data == bob.data == said == stage.recording.data
        assert [id(chunk) for chunk in ada.chunks[1:]] == [id(chunk) for chunk in bob.chunks[1:]]


async def test_typing() -> None:
    """Who types first on a free terminal drives it; others are told that they do not."""
    async with staged() as stage:
        connection = await stage.connected()
        ada, _ = await stage.watching("ada")
        bob, told = await stage.watching("bob")
        stage.room.typed(ada, b"echo hi\r")
        stage.room.typed(bob, b"rm -rf /\r")
        await connection.until(lambda: connection.written)
        assert connection.written == b"echo hi\r"
        assert stage.room.driver is ada
        await told.told("error", code="not-driver")
        assert (await told.told("members", driver="ada"))["count"] == 2


async def test_close_while_connecting() -> None:
    """A room whose upstream does not answer is closed all the same."""
    async with staged() as stage:
        _, link = stage.viewer("ada")
        await stage.upstream.until(lambda: stage.upstream.asked)
        async with asyncio.timeout(1.5):
            await stage.room.close(end=True)
        assert link.close_code == 1001
