"""Rooms under load: bursts, many members, writers that do not read, connections that break in mid-broadcast."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.rooms.conftest import Site, frame, frame_of, frames_until, settled
from vibeworkbench.rooms import membership, service

PAD = "x" * 20_000


async def test_writer_that_lags_gets_others_messages_and_not_its_own(open_site: Any) -> None:
    """On relay a member that is behind gets what the others said, once and in order, without what it said itself."""
    async with open_site(backlog_bytes=64 * 2**20) as site:
        slow, other = await site.join("relay", "r", max_queue=1), await site.join("relay", "r")
        room = site.rooms._open_room(("relay", "r"))
        assert room is not None
        own = 0
        for n in range(600):
            await other.send(f"other {n} {PAD}")
            if n % 7 == 0:
                await slow.send(f"slow {own} {PAD}")
                own += 1
                assert (await other.recv()).startswith(f"slow {own - 1} ")
        await settled(lambda: any(map(room.lag_bytes, room.members)))
        for n in range(600):
            assert (await slow.recv()).startswith(f"other {n} ")
        await settled(lambda: not any(map(room.lag_bytes, room.members)))
        await other.send("and live again")
        assert await slow.recv() == "and live again"


async def test_more_members_than_one_turn_serves(site: Site) -> None:
    """A room with more members than one turn of the loop serves leaves nobody out and mixes nothing up."""
    members = [await site.join("relay", "r") for _ in range(300)]
    writer = await site.join("relay", "r")
    for n in range(20):
        await writer.send(str(n))
    for member in members:
        assert [await member.recv() for _ in range(20)] == [str(n) for n in range(20)]


async def test_bursts_hold_their_writer(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A burst beyond what may wait is read no faster than it goes out; nothing of it is lost."""
    monkeypatch.setattr(membership, "UNSENT_BYTES", 1_000)
    monkeypatch.setattr(membership, "UNRECORDED_MESSAGES", 3)
    writer, reader = await site.join("relay", "r"), await site.join("relay", "r")
    recording, watching = await site.join("ledger", "a"), await site.join("ledger", "a")
    await frame_of(watching, "snapshot")

    async def relay() -> None:
        for n in range(200):
            await writer.send(f"{n} {PAD[:900]}")

    async def record() -> None:
        for n in range(200):
            await recording.send(json.dumps({"type": "note", "data": n}))

    relaying, saying = asyncio.create_task(relay()), asyncio.create_task(record())
    assert [(await reader.recv()).split()[0] for _ in range(200)] == [str(n) for n in range(200)]
    assert [each["data"] for each in await frames_until(watching, 200)] == list(range(200))
    await asyncio.gather(relaying, saying)


async def test_pings_without_reading_the_pongs(open_site: Any) -> None:
    """A client that asks without reading the answers is read no further, and still served when it reads."""
    async with open_site() as site:
        member = await site.join("ledger", "a", max_queue=1)

        async def ask() -> None:
            for n in range(60_000):
                await member.send(json.dumps({"type": "ping", "id": f"{n} {PAD[:200]}"}))

        asking = asyncio.create_task(ask())
        room = site.rooms._open_room(("ledger", "a"))
        assert room is not None
        await settled(lambda: any(each.held for each in room.members) or asking.done())
        last = -1
        while last < 59_999:
            pong = await frame_of(member, "pong")
            number = int(pong["id"].split()[0])
            assert number == last + 1
            last = number
        await asking


async def test_connections_that_break_are_out_of_the_room(site: Site) -> None:
    """Members whose connection breaks while messages go out are removed; the others miss nothing."""
    stays = await site.join("ledger", "a")
    await frame_of(stays, "snapshot")
    for n in range(40):
        leaving = await site.join("ledger", "a")
        await frame(leaving)
        leaving.transport.abort()
        await site.rooms.say("ledger", "a", "note", {"n": n})
    assert [each["data"]["n"] for each in await frames_until(stays, 40)] == list(range(40))
    await settled(lambda: site.metric("members", party="ledger") == 1)


async def test_many_come_back_at_once(open_site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Members with different ``since`` that come back together, while more is said, each get exactly the rest."""
    monkeypatch.setattr(service, "REPLAY_BYTES", 60_000)
    async with open_site(ring_bytes=20_000, backlog_bytes=20_000) as site:
        await asyncio.gather(*(site.rooms.say("ledger", "a", "note", {"n": n}) for n in range(2_000)))
        more = asyncio.create_task(speak(site, 200))

        async def come_back(since: int) -> None:
            member = await site.join("ledger", "a", f"?since={since}&_pk=same")
            seqs = [each["seq"] for each in await frames_until(member, 2_200)]
            assert seqs == list(range(since + 1, 2_201))

        await asyncio.gather(*(come_back(since) for since in range(0, 2_000, 50)))
        await more


async def speak(site: Site, count: int) -> None:
    for n in range(count):
        await site.rooms.say("ledger", "a", "late", {"n": n})
