"""How much each viewer is sent, who may hold the program back, and how viewers that fall behind or come back go on."""

from __future__ import annotations

import asyncio

import pytest

from tests.terminals.stage import CollectingLink, ScriptedConnection, Stage, staged
from vibeworkbench.errors import InvalidInput
from vibeworkbench.terminals.model import Right
from vibeworkbench.terminals.viewer import QUEUED_BYTES, SILENCE_S, Viewer
from vibeworkbench.terminals.window import FAST_WINDOW_BYTES

BLOCK = b"".join(b"%07d\n" % n for n in range(8_000))
"""64,000 bytes."""


async def flooded(stage: Stage, connection: ScriptedConnection, blocks: int) -> None:
    """The program says so much, and all of it has been read."""
    stop = len(stage.recording.data) + blocks * len(BLOCK)
    for _ in range(blocks):
        connection.say(BLOCK)
    await stage.recording.until(lambda: len(stage.recording.data) == stop)


async def driven(stage: Stage, blocks: int, *, unread: int = 0) -> tuple[ScriptedConnection, Viewer, CollectingLink]:
    """Somebody drives whose kernel has so much not taken, while the program has that to say."""
    connection = await stage.connected()
    viewer, link = await stage.watching("ada")
    stage.room.drive(viewer, "take")
    link.unread_bytes = unread
    for _ in range(blocks):
        connection.say(BLOCK)
    return connection, viewer, link


def acks(stage: Stage, viewer: Viewer, link: CollectingLink) -> None:
    """It has parsed all it was sent."""
    stage.room.acked(viewer, link.position)


async def test_a_viewer_that_acknowledges_is_sent_one_window() -> None:
    """No more than a window is under way to a viewer that parses slowly, and the rest comes as it acknowledges."""
    async with staged() as stage:
        connection = await stage.connected()
        ada, link = await stage.watching("ada")
        acks(stage, ada, link)
        for _ in range(30):
            connection.say(BLOCK)
        await link.until(lambda: len(link.data) >= FAST_WINDOW_BYTES)
        assert len(link.data) < FAST_WINDOW_BYTES + 2 * len(BLOCK)
        while len(link.data) < 30 * len(BLOCK):
            before = len(link.data)
            acks(stage, ada, link)
            await link.until(lambda before=before: len(link.data) > before or len(link.data) == 30 * len(BLOCK))
        assert link.data == 30 * BLOCK


async def test_a_driver_who_has_not_acknowledged_yet_is_sent_one_window() -> None:
    """However much its kernel would take: others would fall behind whoever has only just begun to read."""
    async with staged() as stage:
        connection, ada, link = await driven(stage, 30, unread=1)
        await link.until(lambda: len(link.data) >= FAST_WINDOW_BYTES)
        assert connection.taken < FAST_WINDOW_BYTES + 4 * len(BLOCK)
        await stage.recording.until(lambda: len(stage.recording.data) == 30 * len(BLOCK))  # it was not waited for
        assert len(link.data) < FAST_WINDOW_BYTES + 2 * len(BLOCK)
        while len(link.data) < 30 * len(BLOCK):
            acks(stage, ada, link)
        assert link.data == 30 * BLOCK


async def test_a_driver_who_never_acknowledges_on_a_slow_line_is_waited_for() -> None:
    """What its kernel takes shows that it reads, though nothing more is sent to it meanwhile."""
    async with staged() as stage:
        connection, ada, link = await driven(stage, 200, unread=FAST_WINDOW_BYTES)
        for _ in range(10):
            await asyncio.sleep(0.1)
            link.unread_bytes -= 100_000
            assert ada.is_healthy
            assert connection.taken < FAST_WINDOW_BYTES + 4 * len(BLOCK)
        await link.until(lambda: len(link.data) == 200 * len(BLOCK))
        assert link.data == 200 * BLOCK


async def test_a_driver_whose_first_acknowledgement_is_of_little_is_waited_for() -> None:
    """Its kernel had taken more than it has parsed: that is no step back."""
    async with staged() as stage:
        connection, ada, link = await driven(stage, 200, unread=1)
        await link.until(lambda: len(link.data) >= FAST_WINDOW_BYTES)
        await asyncio.sleep(0.2)
        for parsed in range(300_000, 800_000, 50_000):
            stage.room.acked(ada, parsed)
            await asyncio.sleep(0.1)
            assert ada.is_healthy
        assert connection.taken < 2 * FAST_WINDOW_BYTES
        while link.position < 200 * len(BLOCK):
            acks(stage, ada, link)
            await asyncio.sleep(0)
        assert link.data == 200 * BLOCK


async def test_a_shell_that_begins_anew_says_nothing_about_its_driver() -> None:
    """Who was not given the time to acknowledge is not taken for somebody who never does."""
    async with staged() as stage:
        connection = await stage.connected()
        _, link = await stage.watching("ada")
        for _ in range(17):
            connection.say(BLOCK)
        await link.until(lambda: len(link.data) >= FAST_WINDOW_BYTES)
        link.unread_bytes = 1
        connection.say(BLOCK)
        await stage.recording.until(lambda: len(stage.recording.data) == 18 * len(BLOCK))
        link.unread_bytes = 0
        stage.room.restart()
        again = await stage.connected("two")
        await asyncio.sleep(2 * SILENCE_S)
        link.unread_bytes = 1
        for _ in range(30):
            again.say(BLOCK)
        await stage.recording.until(lambda: len(stage.recording.data) == 48 * len(BLOCK))
        assert len(link.data) < FAST_WINDOW_BYTES + 2 * len(BLOCK)


async def test_a_driver_who_never_acknowledges_sees_every_byte() -> None:
    """Once nothing is under way to it and it said nothing, it is taken for a client that never will."""
    async with staged() as stage:
        _, _, link = await driven(stage, 200)
        await link.until(lambda: len(link.data) == 200 * len(BLOCK))
        assert link.data == 200 * BLOCK
        assert not link.of("skip")


async def test_a_driver_holds_the_program_back_only_while_it_reads() -> None:
    """The program waits for its driver, and no more once the driver has taken nothing for a moment."""
    async with staged() as stage:
        connection = await stage.connected()
        ada, link = await stage.watching("ada")
        stage.room.drive(ada, "take")
        link.is_stalled = True
        for _ in range(200):
            connection.say(BLOCK)
        await link.until(lambda: link.queued_bytes() >= QUEUED_BYTES)
        assert connection.taken < 12 * len(BLOCK)
        await stage.recording.until(lambda: len(stage.recording.data) == 200 * len(BLOCK))
        assert link.queued_bytes() < QUEUED_BYTES + 2 * len(BLOCK)
        link.drain()
        await link.until(lambda: link.position == stage.room.head)
        assert [block.kind for block in link.blocks] == ["snapshot", "snapshot"]
        assert link.of("skip")[0]["from"] < link.of("skip")[0]["to"] == link.blocks[-1].offset
        assert link.position == stage.room.head


async def test_a_stalled_viewer_costs_the_others_nothing() -> None:
    """The others see every byte while one takes none."""
    async with staged() as stage:
        connection = await stage.connected()
        _, stalled = await stage.watching("stalled")
        stalled.is_stalled = True
        _, link = await stage.watching("ada", Right.watch)
        await flooded(stage, connection, 150)
        await link.until(lambda: len(link.data) == 150 * len(BLOCK))
        assert link.data == 150 * BLOCK
        assert stalled.queued_bytes() < QUEUED_BYTES + 2 * len(BLOCK)


async def test_the_program_goes_on_when_who_held_it_leaves() -> None:
    """A viewer that leaves holds nothing any more."""
    async with staged() as stage:
        connection = await stage.connected()
        ada, link = await stage.watching("ada")
        stage.room.drive(ada, "take")
        link.is_stalled = True
        for _ in range(50):
            connection.say(BLOCK)
        await link.until(lambda: link.queued_bytes() >= QUEUED_BYTES)
        stage.room.leave(ada)
        await connection.until(lambda: connection.taken == 50 * len(BLOCK))


async def test_an_upstream_that_cannot_wait_is_always_read() -> None:
    """What is not read would pile up elsewhere: the driver falls behind instead, and an interrupt brings it on."""
    async with staged(holds_back=False) as stage:
        connection = await stage.connected()
        ada, link = await stage.watching("ada")
        stage.room.drive(ada, "take")
        acks(stage, ada, link)
        await flooded(stage, connection, 40)
        assert link.position < stage.room.head - 200_000
        stage.room.typed(ada, b"\x03")
        acks(stage, ada, link)
        assert link.position == stage.room.head
        assert link.blocks[-1].kind == "snapshot"
        assert len(link.data) <= 100_000


async def test_coming_back_loses_and_repeats_nothing() -> None:
    """Who says how far it is gets what follows, from wherever in the ring that is."""
    async with staged() as stage:
        connection = await stage.connected()
        await flooded(stage, connection, 20)
        for offset in (0, 12_345, len(BLOCK), stage.room.head):
            viewer, link = stage.viewer(f"at {offset}")
            stage.room.resumed(viewer, "one", offset)
            assert (link.blocks[0].kind, link.blocks[0].offset) == ("resume", offset)
            while link.position < stage.room.head:
                acks(stage, viewer, link)
            assert link.data == (20 * BLOCK)[offset:]


@pytest.mark.parametrize(("epoch", "offset", "skips"), [("one", 0, 1), ("one", 10**9, 0), ("other", 6_400_000, 0)])
async def test_coming_back_from_nowhere(epoch: str, offset: int, skips: int) -> None:
    """An offset that is gone, is yet to come or is another shell's is answered with the screen as it is."""
    async with staged() as stage:
        connection = await stage.connected()
        await flooded(stage, connection, 100)
        viewer, link = stage.viewer("ada")
        stage.room.resumed(viewer, epoch, offset)
        assert [block.kind for block in link.blocks] == ["snapshot"]
        assert link.position == stage.room.head
        assert len(link.of("skip")) == skips


async def test_acknowledging_more_than_was_sent() -> None:
    """A client that cannot count is told so."""
    async with staged() as stage:
        connection = await stage.connected()
        ada, link = await stage.watching("ada")
        connection.say(b"12345")
        await link.shows(b"12345")
        stage.room.acked(ada, 5)
        with pytest.raises(InvalidInput):
            stage.room.acked(ada, 6)


async def test_a_new_shell_while_a_viewer_is_behind() -> None:
    """It goes on with the new shell; what it still acknowledges of the former one is no mistake."""
    async with staged() as stage:
        connection = await stage.connected()
        ada, link = await stage.watching("ada")
        acks(stage, ada, link)
        for _ in range(30):
            connection.say(BLOCK)
        await link.until(lambda: len(link.data) >= FAST_WINDOW_BYTES)
        former = link.position
        stage.room.restart()
        again = await stage.connected("two")
        again.say(b"new")
        await link.shows(b"new")
        stage.room.acked(ada, former)
        assert (link.position, link.blocks[-1].kind) == (3, "tail")
        stage.room.acked(ada, 3)


async def test_a_socket_that_is_gone() -> None:
    """A viewer whose socket fails is sent nothing more, and harms nobody."""

    class Gone(CollectingLink):
        def output(self, chunk: object) -> None:
            raise OSError

    async with staged() as stage:
        connection = await stage.connected()
        ada, _ = await stage.watching("ada")
        ada.link = Gone()
        _, link = await stage.watching("bob")
        connection.say(b"on")
        await link.shows(b"on")
        connection.say(b" and on")
        await link.shows(b" and on")
        assert not ada.is_started
