"""Rooms at the worst moment: members that end while they come, that never read, or that may not speak."""

from __future__ import annotations

import asyncio
import gc
import socket
import struct
import threading
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.auth import Authorizer

from tests.rooms.conftest import Site, frame_of, frames_until, open_database, settled
from tests.rooms.test_room import _message, _raw_member, closing
from vibeworkbench.rooms import room as room_module
from vibeworkbench.rooms import upkeep
from vibeworkbench.rooms.model import Party
from vibeworkbench.rooms.socket import TornadoLink
from vibeworkbench.web.roles import Role


async def test_connections_that_end_while_the_room_opens_leave_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is gone before the storage has answered is no member, and the room can leave memory."""
    streams: list[Any] = []
    made = TornadoLink.__init__
    monkeypatch.setattr(TornadoLink, "__init__", lambda *given: (made(*given), streams.append(given[2]))[0])
    release = threading.Event()
    busy = [asyncio.create_task(site.database.read(lambda _: release.wait())) for _ in range(2)]
    await asyncio.sleep(0)
    gone = _raw_member(site, "ledger", "a")
    await settled(lambda: ("ledger", "a") in site.rooms._halls)
    room = site.rooms._halls["ledger", "a"].room
    await settled(lambda: room.holders == 1)
    gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    gone.close()
    try:
        await settled(streams[0].closed)
    finally:
        release.set()
    await asyncio.gather(*busy)
    await settled(lambda: room.is_open and room.holders == 0)
    assert not room.members
    assert room.presence.members == 0


async def test_a_snapshot_that_nobody_takes_keeps_nobody(open_site: Any) -> None:
    """A member that stops reading within its snapshot is found dead like any other."""
    large = Party("large", True, Role.viewer, None, lambda connection, room: {"pad": "x" * 32 * 2**20})
    async with open_site(large, heartbeat_s=0.2, dead_after_s=0.2) as site:
        silent = _raw_member(site, "large", "a")
        await settled(lambda: site.metric("members", party="large") == 1)
        await settled(lambda: site.metric("members", party="large") == 0)
        silent.close()


class ListenOnly(Authorizer):
    """An authorizer that lets everybody read rooms, and nobody write to them."""

    def is_authorized(self, handler: Any, user: Any, action: str, resource: str) -> bool:
        return action == "read" or resource != "vibeworkbench.rooms"


@pytest.mark.parametrize("party", ["ledger", "relay"])
async def test_who_may_only_read_says_nothing(site: Site, web_application: Any, party: str, monkeypatch: Any) -> None:
    """The server's authorizer is asked for writing too: by socket as by REST."""
    listener = await site.join(party, "a")
    authorizer = ListenOnly()
    monkeypatch.setattr("vibeworkbench.web.admission.Admission.authorizer", authorizer, raising=False)
    member = await site.join(party, "a")
    if party == "ledger":
        await frame_of(listener, "snapshot")
        await member.send('{"type":"ping","id":1}')
        assert (await frame_of(member, "pong"))["id"] == 1
    await member.send('{"type":"note"}')
    assert (await closing(member))[0] == 4403
    async with site.http() as http:
        body = {"json": {"type": "note"}}
        assert (await http.post(f"rooms/{party}/a/messages", json=body)).status_code == 403
    room = site.rooms._open_room((party, "a"))
    assert room is not None
    assert room.last_seq == 0


async def test_much_of_another_server_comes_in_pieces(
    open_site: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What another server said is fetched bit by bit, whole and in order, also what it says meanwhile."""
    monkeypatch.setattr(room_module, "FETCHED_AT_ONCE", 7)
    async with open_site() as here:
        member = await here.join("ledger", "a")
        await frame_of(member, "snapshot")
        await here.rooms.say("ledger", "a", "note", {"n": 0})
        other = open_database(Path(str(here.database.engine.url.database)))
        await other.record([_message(n) for n in range(1, 50)])
        late = asyncio.create_task(here.join("ledger", "a"))  # its snapshot tells of them, nothing said here does
        assert [each["data"]["n"] for each in await frames_until(member, 50)] == list(range(50))
        assert (await frame_of(await late, "snapshot"))["seq"] == 50
        await other.record([_message(50)])
        other.close()
        await here.rooms.say("ledger", "a", "note", {"n": 51})
        assert [each["data"]["n"] for each in await frames_until(member, 52)] == [50, 51]
        assert [each["data"]["n"] for each in await frames_until(await late, 52)] == [50, 51]


async def test_refusing_a_stuffed_member_leaves_nothing_undone(open_site: Any) -> None:
    """Who reads nothing and sends nonsense is sent away, and what it cannot be told waits for nobody."""
    async with open_site(backlog_bytes=64 * 2**20) as site:
        member = await site.join("ledger", "a", max_queue=1)
        await frame_of(member, "snapshot")
        room = site.rooms._open_room(("ledger", "a"))
        assert room is not None
        while not any(map(room.lag_bytes, room.members)):
            await site.rooms.say("ledger", "a", "note", {"pad": "x" * 200_000})
        await member.send("nonsense")
        await settled(lambda: site.metric("closed_total", party="ledger", code="4400") == 1)
        gc.collect()  # a coroutine that nobody awaited is told of now
        assert not room.members


async def test_gauges_forget_rooms_that_are_gone(open_site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rooms that left memory are not counted any more."""
    monkeypatch.setattr(upkeep, "IDLE_S", 0.0)
    async with open_site(heartbeat_s=0.2, dead_after_s=0.2) as site:
        member = await site.join("ledger", "a")
        await settled(lambda: site.metric("open", party="ledger") == 1)
        await member.close()
        await settled(lambda: not site.rooms._halls)
        await settled(lambda: site.metric("open", party="ledger") == 0)


async def test_no_compression_is_agreed(site: Site) -> None:
    """Frames are shared as they are: who offers compression gets none."""
    member = await site.join("ledger", "a", compression="deflate")
    assert "Sec-WebSocket-Extensions" not in member.response.headers
    await frame_of(member, "snapshot")
