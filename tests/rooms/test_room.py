"""Members of rooms on a real server, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import time
from itertools import pairwise
from typing import Any

import pytest
import sqlalchemy as sa
import trustme
import websockets.exceptions
from websockets.frames import Frame, Opcode

from tests.patience import PATIENCE_S
from tests.rooms.conftest import TOKEN, Site, frame, frame_of, frames_until, settled
from vibeworkbench.errors import NotFound, Unavailable
from vibeworkbench.rooms.model import Party
from vibeworkbench.storage.records import Message
from vibeworkbench.web.roles import Caller, Role

ADMIN = Caller("ada", Role.admin)


async def closing(connection: Any) -> tuple[int, str]:
    """Code and reason with which the server closed."""
    with contextlib.suppress(websockets.exceptions.ConnectionClosedError):
        async for _ in connection:
            pass
    assert connection.protocol.close_rcvd is not None, "the connection was cut without a close frame"
    return connection.close_code, connection.close_reason


async def test_first_frames(site: Site) -> None:
    """``connected`` comes first with the room's facts, then a snapshot, both with the last ``seq``."""
    said = await site.rooms.say("ledger", "a", "note", {"n": 1})
    member = await site.join("ledger", "a")
    first, second = await frame(member), await frame(member)
    assert first["type"] == "connected"
    assert first["seq"] == second["seq"] == said.seq == 1
    data = first["data"]
    assert (data["role"], data["members"], data["epoch"], data["oldestSeq"], data["heartbeatS"]) == (
        "admin",
        1,
        site.rooms.epoch,
        1,
        10.0,
    )
    assert len(data["memberId"]) == 32
    assert second["type"] == "snapshot"
    assert abs(first["timestamp"] / 1000 - time.time()) < 60


async def test_say_reaches_everybody_in_order(site: Site) -> None:
    """What is said goes to every member once, in order, the same bytes for all."""
    members = [await site.join("ledger", "a") for _ in range(5)]
    for member in members:
        await frame_of(member, "snapshot")
    events = await asyncio.gather(*(site.rooms.say("ledger", "a", "note", {"n": n}) for n in range(100)))
    assert [event.seq for event in events] == list(range(1, 101))
    received = [await frames_until(member, 100) for member in members]
    assert all(each == received[0] for each in received)
    assert [(each["seq"], each["data"]["n"]) for each in received[0]] == [(n + 1, n) for n in range(100)]


async def test_messages_of_one_tick_share_a_commit(site: Site) -> None:
    """What is said in one tick of the loop is one transaction, over all rooms."""
    commits = 0
    await site.database.write(lambda _: None)  # what the start had to write is behind us

    @sa.event.listens_for(site.database.engine, "commit")
    def count(_connection: Any) -> None:
        nonlocal commits
        commits += 1

    await asyncio.gather(*(site.rooms.say("ledger", f"room{n % 3}", "note", {}) for n in range(60)))
    assert commits == 1


async def test_say_needs_a_recording_party(site: Site) -> None:
    """A message can be recorded only where messages are recorded."""
    for party in ("relay", "nowhere"):
        with pytest.raises(NotFound):
            await site.rooms.say(party, "a", "note", {})


async def test_since_replays_what_was_missed(site: Site) -> None:
    """Who comes back with ``since`` gets exactly what it missed, then what is new."""
    for n in range(10):
        await site.rooms.say("ledger", "a", "note", {"n": n})
    member = await site.join("ledger", "a", f"?since=4&epoch={site.rooms.epoch}&_pk=me")
    assert (await frame(member))["type"] == "connected"
    await site.rooms.say("ledger", "a", "note", {"n": 10})
    assert [each["seq"] for each in await frames_until(member, 11)] == [5, 6, 7, 8, 9, 10, 11]


async def test_replay_after_restart(open_site: Any, tmp_path: Any) -> None:
    """A new server continues ``seq`` and epoch, and replays from the event log."""
    async with open_site() as before:
        for n in range(600):
            before.rooms._recorder.put(_message(n))
        await before.rooms._recorder.settled()
        epoch = before.rooms.epoch
    async with open_site() as after:
        assert after.rooms.epoch == epoch
        member = await after.join("ledger", "a", f"?since=3&epoch={epoch}")
        assert [each["seq"] for each in await frames_until(member, 600)] == list(range(4, 601))
        await after.rooms.say("ledger", "a", "note", {})
        assert (await frames_until(member, 601))[-1]["seq"] == 601


NOW_MS = time.time_ns() // 1_000_000


def _message(n: int) -> Message:
    return Message("ledger", "a", "note", NOW_MS + n, b'{"n":%d}' % n)


@pytest.mark.parametrize("query", ["?since=2&epoch=another", "?since=99"])
async def test_gap_then_snapshot(site: Site, query: str) -> None:
    """A ``since`` of another epoch or from the future is a gap, and a snapshot follows."""
    for n in range(3):
        await site.rooms.say("ledger", "a", "note", {"n": n})
    member = await site.join("ledger", "a", query)
    kinds = [await frame(member) for _ in range(3)]
    assert [each["type"] for each in kinds] == ["connected", "gap", "snapshot"]
    assert kinds[1]["data"]["oldestSeq"] == 1
    assert {each["seq"] for each in kinds} == {3}
    await site.rooms.say("ledger", "a", "note", {"n": 3})
    assert [each["seq"] for each in await frames_until(member, 4)] == [4]


async def test_forgotten_messages_are_a_gap(open_site: Any) -> None:
    """Messages beyond the kept number are forgotten; a ``since`` before them is a gap, also when it polls."""
    async with open_site(keep_messages=5, ring_bytes=1, backlog_bytes=1) as site:
        for n in range(20):
            await site.rooms.say("ledger", "a", "note", {"n": n})
        await site.rooms._upkeep.forget()
        body = await site.rooms.room(ADMIN, ("ledger", "a"))
        assert (body.oldest_seq, body.last_seq) == (16, 20)
        member = await site.join("ledger", "a", "?since=3")
        assert (await frame_of(member, "gap"))["data"] == {"requested": 3, "oldestSeq": 16}
        assert (await frame(member))["type"] == "snapshot"
        kept = await site.join("ledger", "a", "?since=15")
        assert [each["seq"] for each in await frames_until(kept, 20)] == [16, 17, 18, 19, 20]
        async with site.http() as http:
            page = (await http.get("rooms/ledger/a/messages", params={"since": 3})).json()
        assert page["gap"] is True
        assert [each["type"] for each in page["messages"]] == ["gap", "snapshot"]


async def test_snapshot_is_exact_at_its_seq(open_site: Any) -> None:
    """The snapshot holds what was committed up to its ``seq``; all after it comes as messages, nothing twice."""

    def total(connection: sa.Connection, room: str) -> dict[str, Any]:
        return {"total": connection.execute(sa.text("SELECT count(*) FROM event")).scalar_one(), "room": room}

    async with open_site(Party("counted", True, Role.viewer, None, total)) as site:

        async def speak() -> None:
            for n in range(200):
                await site.rooms.say("counted", "a", "note", {"n": n})

        speaking = asyncio.create_task(speak())
        for _ in range(10):
            member = await site.join("counted", "a")
            snapshot = await frame_of(member, "snapshot")
            assert snapshot["data"] == {"total": snapshot["seq"], "room": "a"}
            if snapshot["seq"] < 200:
                seqs = [each["seq"] for each in await frames_until(member, 200)]
                assert seqs == list(range(snapshot["seq"] + 1, 201))
        await speaking


async def test_many_share_one_snapshot(open_site: Any) -> None:
    """Members that come at once share one snapshot."""
    taken = 0

    def count(connection: sa.Connection, room: str) -> dict[str, Any]:
        nonlocal taken
        taken += 1
        return {}

    async with open_site(Party("counted", True, Role.viewer, None, count)) as site:
        first = await site.join("counted", "a")
        await frame_of(first, "snapshot")
        members = await asyncio.gather(*(site.join("counted", "a") for _ in range(30)))
        for member in members:
            await frame_of(member, "snapshot")
        assert taken <= 3


async def test_failing_snapshot_says_nothing_of_itself(open_site: Any) -> None:
    """A snapshot that raises closes the newcomer with 1011, without a trace of the reason; others stay."""

    def broken(connection: sa.Connection, room: str) -> dict[str, Any]:
        raise ZeroDivisionError("/secret/path")

    async with open_site(Party("broken", True, Role.viewer, None, broken)) as site:
        code, reason = await closing(await site.join("broken", "a"))
        assert code == 1011
        assert "secret" not in reason
        stayed = await site.join("broken", "a", "?since=0")
        await site.rooms.say("broken", "a", "note", {})
        assert (await frames_until(stayed, 1))[0]["seq"] == 1


async def test_relay_is_verbatim(site: Site) -> None:
    """Text and binary go as they are to everybody but their writer: no envelope, no first frame, no pong."""
    writer, reader = await site.join("relay", "r"), await site.join("relay", "r")
    said = ['{"type":"ping","id":1}', "  raw text ☂ ", b"\x00\xffbytes", "", "x" * 70_000, b"y" * 70_000]
    for each in said:
        await writer.send(each)
    assert [await reader.recv() for _ in said] == said
    await reader.send("back")
    assert await writer.recv() == "back"


async def test_relay_writers_get_each_others_messages(site: Site) -> None:
    """Two who write at once each get what the other wrote, and a third gets both, in each writer's order."""
    one, two, third = [await site.join("relay", "r") for _ in range(3)]

    async def write(member: Any, name: str) -> None:
        for n in range(300):
            await member.send(f"{name}{n}")

    async def read(member: Any, count: int) -> list[str]:
        return [await member.recv() for _ in range(count)]

    results = await asyncio.gather(write(one, "a"), write(two, "b"), read(one, 300), read(two, 300), read(third, 600))
    a, b = [f"a{n}" for n in range(300)], [f"b{n}" for n in range(300)]
    assert results[2] == b
    assert results[3] == a
    assert [each for each in results[4] if each[0] == "a"] == a
    assert [each for each in results[4] if each[0] == "b"] == b


async def test_members_write_to_recording_rooms(site: Site) -> None:
    """A member with the right to write gets its own message back with its ``seq``, as everybody does."""
    writer, reader = await site.join("ledger", "a"), await site.join("ledger", "a")
    for member in (writer, reader):
        await frame_of(member, "snapshot")
    for n in range(50):
        await writer.send(json.dumps({"type": "note", "data": {"n": n}}))
    own, others = await frames_until(writer, 50), await frames_until(reader, 50)
    assert own == others
    assert [each["data"]["n"] for each in own] == list(range(50))


async def test_ping_is_answered(site: Site) -> None:
    """A JSON ping gets a pong with its id."""
    member = await site.join("mute", "main")
    await member.send('{"type":"ping","id":7}')
    pong = await frame_of(member, "pong")
    assert (pong["id"], pong["seq"]) == (7, 0)


@pytest.mark.parametrize(
    "said",
    ["", "{", "[]", "1", '{"type":1}', '{"typ":"note"}', '{"type":"note","extra":1}', b"binary", "[" * 200_000,
     '{"type":"snapshot"}', '{"type":"note","data":{]}'],
    ids=lambda said: repr(said[:20]),
)  # fmt: skip
async def test_bad_messages_close_with_4400(site: Site, said: str | bytes) -> None:
    """What cannot be meant is answered with an error frame and close code 4400."""
    member = await site.join("ledger", "a")
    await member.send(said)
    assert (await frame_of(member, "error"))["data"]["code"] == "invalid"
    assert (await closing(member))[0] == 4400


async def test_only_the_server_speaks(site: Site) -> None:
    """Writing where nobody may write closes with 4403; the others stay."""
    stays, writes = await site.join("mute", "main"), await site.join("mute", "main")
    await frame_of(stays, "snapshot")
    await writes.send('{"type":"note"}')
    assert (await closing(writes))[0] == 4403
    await site.rooms.say("mute", "main", "note", {})
    assert (await frames_until(stays, 1))[0]["type"] == "note"


@pytest.mark.parametrize("size", [5_000, 15_000, 100_000])
async def test_oversized_messages_are_refused(open_site: Any, size: int) -> None:
    """A message over the limit closes with 1009; one far over it is not even read to its end."""
    async with open_site(message_bytes=4096) as site:
        member, other = await site.join("relay", "r"), await site.join("relay", "r")
        await member.send("x" * size)
        with pytest.raises(websockets.exceptions.ConnectionClosed):
            await member.recv()
        assert member.close_code == 1009 or (size > 4 * 4096 and member.close_code == 1006)
        await site.rooms.post(_admin(), ("relay", "r"), text="still here", json=None)
        assert await other.recv() == "still here"


def _admin() -> Any:
    from vibeworkbench.web.roles import Caller

    return Caller("ada", Role.admin)


async def test_too_fast_closes_with_4429(open_site: Any) -> None:
    """Beyond the limit of messages a second a writer is closed with 4429, but not on relay for operators."""
    async with open_site(writes_per_s=5) as site:
        member = await site.join("ledger", "a")
        for _ in range(20):
            await member.send('{"type":"note"}')
        assert (await closing(member))[0] == 4429
        relay, reader = await site.join("relay", "r"), await site.join("relay", "r")
        for n in range(100):
            await relay.send(str(n))
        assert [await reader.recv() for _ in range(100)] == [str(n) for n in range(100)]


@pytest.mark.parametrize(
    ("party", "room", "query", "code"),
    [
        ("nowhere", "main", "", 4404),
        ("mute", "other", "", 4404),
        ("ledger", "a%2Fb", "", 4404),
        ("ledger", "%00", "", 4404),
        ("ledger", "a%0Ab", "", 4404),
        ("ledger", "x" * 201, "", 4404),
        ("ledger", "a", "?since=-1", 4400),
        ("ledger", "a", "?since=1.5", 4400),
        ("ledger", "a", "?since=1&epoch=a%20b", 4400),
        ("ledger", "a", "?_pk=" + "x" * 300, 4400),
    ],
)
async def test_handshakes_that_mean_nothing(site: Site, party: str, room: str, query: str, code: int) -> None:
    """The upgrade is made and closed with the code that says why: browsers show no page an HTTP status."""
    assert (await closing(await site.join(party, room, query)))[0] == code


async def test_room_names_are_percent_decoded(site: Site) -> None:
    """A room's name is what the address means, not how it is written."""
    member = await site.join("ledger", "gr%C3%BC%20n")
    await frame_of(member, "snapshot")
    await site.rooms.say("ledger", "grü n", "note", {})
    assert (await frames_until(member, 1))[0]["seq"] == 1


async def test_foreign_origin_is_refused(site: Site) -> None:
    """A page of another origin gets no WebSocket."""
    with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
        await site.join("ledger", "a", origin="https://evil.example")
    assert refused.value.response.status_code == 403


async def test_anonymous_is_not_logged_in(site: Site) -> None:
    """Without a token the handshake is followed by 4401."""
    assert (await closing(await site.join("ledger", "a", headers={})))[0] == 4401


async def test_full_room(open_site: Any) -> None:
    """A room takes no more than its members; when one leaves there is room again."""
    async with open_site(members=2) as site:
        first, second = await site.join("ledger", "a"), await site.join("ledger", "a")
        for member in (first, second):
            assert (await frame(member))["type"] == "connected"
        assert (await closing(await site.join("ledger", "a")))[0] == 4429
        await first.close()
        await settled(lambda: site.metric("members", party="ledger") == 1)
        assert (await frame(await site.join("ledger", "a")))["type"] == "connected"


async def test_presence_counts_connections(site: Site) -> None:
    """A fast reconnect with the same ``_pk`` counts both connections, and the old one's end takes only itself away."""
    watcher = await site.join("ledger", "a")
    old = await site.join("ledger", "a", "?_pk=same")
    new = await site.join("ledger", "a", "?_pk=same")
    await frame_of(new, "snapshot")
    old.transport.abort()
    await settled(lambda: site.metric("members", party="ledger") == 2)
    members = joined = left = 0
    while left == 0:
        said = (await frame_of(watcher, "presence"))["data"]
        members, joined, left = said["members"], joined + said["joined"], left + said["left"]
    assert (members, joined, left) == (2, 3, 1)
    await site.rooms.say("ledger", "a", "note", {})
    assert (await frames_until(new, 1))[0]["seq"] == 1
    body = await site.rooms.room(ADMIN, ("ledger", "a"))
    assert len({each.member_id for each in body.members_list or ()}) == 2


async def test_presence_is_conflated(site: Site) -> None:
    """Many who come within a second are one frame."""
    watcher = await site.join("ledger", "a")
    assert (await frame_of(watcher, "presence"))["data"]["members"] == 1
    for _ in range(20):
        await (await site.join("ledger", "a")).close()
    await site.join("ledger", "a")
    frames = 0
    said: dict[str, int] = {}
    while said.get("members") != 2 or site.rooms._open_room(("ledger", "a")).presence.is_news:
        said = (await frame_of(watcher, "presence"))["data"]
        frames += 1
    assert frames <= 4


async def test_announce_is_not_recorded(site: Site) -> None:
    """An announcement goes to those present, carries the last ``seq``, and is no part of the replay."""
    member = await site.join("ledger", "a")
    await frame_of(member, "snapshot")
    await site.rooms.say("ledger", "a", "note", {"n": 1})
    site.rooms.announce("ledger", "a", "weather", {"rain": True})
    await site.rooms.say("ledger", "a", "note", {"n": 2})
    got = await frames_until(member, 2)
    assert [(each["type"], each["seq"]) for each in got] == [("note", 1), ("weather", 1), ("note", 2)]
    late = await site.join("ledger", "a", "?since=0")
    assert [each["type"] for each in await frames_until(late, 2)] == ["note", "note"]


async def test_hil_state_stands_at_top_level_too(site: Site) -> None:
    """Older clients find the keys of ``hil-state`` beside ``data``."""
    member = await site.join("ledger", "a")
    await frame_of(member, "snapshot")
    data = {"taskId": "t", "state": "paused", "reason": "cost", "timestamp": 5}
    await site.rooms.say("ledger", "a", "hil-state", data)
    got = await frame_of(member, "hil-state")
    assert got["data"] == data
    assert (got["taskId"], got["state"], got["reason"]) == ("t", "paused", "cost")
    assert got["timestamp"] != 5


async def test_server_stop_says_come_back(open_site: Any) -> None:
    """Members are closed with 1001 when the server stops, after all that was said before."""
    async with open_site() as site:
        member = await site.join("ledger", "a")
        await frame_of(member, "snapshot")
        saying = [asyncio.create_task(site.rooms.say("ledger", "a", "note", {"n": n})) for n in range(50)]
        await asyncio.sleep(0)
        stopping = asyncio.create_task(site.rooms.stop())
        assert len(await frames_until(member, 50)) == 50
        assert (await closing(member))[0] == 1001
        await stopping
        await asyncio.gather(*saying)


async def test_never_reading_member_is_closed_and_costs_nobody(open_site: Any) -> None:
    """A member that never reads is sent away with 4408 and cut although its socket is stuffed; the others get all."""
    async with open_site(backlog_bytes=100_000) as site:
        reader, writer = await site.join("relay", "r"), await site.join("relay", "r")
        silent = _raw_member(site, "relay", "r")
        await settled(lambda: site.metric("members", party="relay") == 3)
        received = sent = 0
        while site.metric("closed_total", party="relay", code="4408") == 0:
            await writer.send("x" * 50_000)
            sent += 1
            await reader.recv()
            received += 1
        await writer.send("last")
        assert await reader.recv() == "last"
        assert received == sent
        body = await site.rooms.room(ADMIN, ("relay", "r"))
        assert (body.members, body.dropped) == (2, 1)
        silent.settimeout(0.01)
        data = await asyncio.to_thread(_read_to_end, silent)
        assert len(data) < sent * 50_004


@pytest.mark.parametrize("size", [1, 3, 100, 70_000, 10**9])
async def test_what_a_member_says_arrives_in_whatever_pieces_it_comes(site: Site, size: int) -> None:
    """Frames cut anywhere, and many at once: pings between, fragments, empty ones, and one larger than a read."""
    listener = await site.join("relay", "r")
    raw = _raw_member(site, "relay", "r")
    await settled(lambda: site.metric("members", party="relay") == 2)
    said = ["a", "", "é" * 60, "x" * 300, "y" * 70_000, *map(str, range(40)), "parted in three"]
    frames = [Frame(Opcode.TEXT, text.encode()) for text in said[:-1]]
    frames[3:3] = [Frame(Opcode.PING, b"there?"), Frame(Opcode.PONG, b"")]
    frames += [
        Frame(Opcode.TEXT, b"parted ", fin=False),
        Frame(Opcode.PING, b""),
        Frame(Opcode.CONT, b"in ", fin=False),
        Frame(Opcode.CONT, b"three"),
    ]
    data = b"".join(frame.serialize(mask=True) for frame in frames)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    cuts = [*range(0, min(len(data), 40 * size), size), min(len(data), 40 * size), len(data)]

    def send() -> None:
        for begin, end in pairwise(cuts):
            raw.sendall(data[begin:end])

    await asyncio.to_thread(send)
    assert [await listener.recv() for _ in said] == said
    raw.close()


def _raw_member(site: Site, party: str, room: str) -> socket.socket:
    """A connection that speaks the handshake and then never reads."""
    connection = socket.create_connection(("127.0.0.1", site.port))
    lines = (
        f"GET /vibeworkbench/parties/{party}/{room} HTTP/1.1",
        "Host: 127.0.0.1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        f"Authorization: token {TOKEN}",
        "\r\n",
    )
    connection.sendall("\r\n".join(lines).encode())
    return connection


def _read_to_end(connection: socket.socket) -> bytes:
    connection.settimeout(PATIENCE_S)
    data = b""
    try:
        while part := connection.recv(1 << 20):
            data += part
    except ConnectionResetError:
        pass
    connection.close()
    return data


async def test_slow_member_gets_everything_at_its_pace(open_site: Any) -> None:
    """A member within the limit that reads late gets every frame once, in order, from the shared log."""
    async with open_site(backlog_bytes=64 * 2**20) as site:
        slow = await site.join("ledger", "a", max_queue=1)
        await frame_of(slow, "snapshot")
        pad = "x" * 20_000
        for n in range(1_000):
            await site.rooms.say("ledger", "a", "note", {"n": n, "pad": pad})
        body = await site.rooms.room(ADMIN, ("ledger", "a"))
        assert body.backlog_bytes > 0
        assert [each["data"]["n"] for each in await frames_until(slow, 1_000)] == list(range(1_000))
        await site.rooms.say("ledger", "a", "note", {"n": 1_000})
        assert (await frames_until(slow, 1_001))[-1]["seq"] == 1_001


async def test_slow_replay_is_no_lag(open_site: Any) -> None:
    """History that is read slowly closes nobody, however much more is said meanwhile."""
    async with open_site(backlog_bytes=65_536, ring_bytes=65_536) as site:
        pad = "x" * 20_000
        for n in range(500):
            await site.rooms.say("ledger", "a", "note", {"n": n, "pad": pad})
        slow = await site.join("ledger", "a", "?since=0", max_queue=1)
        assert (await frame(slow))["type"] == "connected"
        for n in range(500, 1_000):
            await site.rooms.say("ledger", "a", "note", {"n": n, "pad": pad})
        assert [each["data"]["n"] for each in await frames_until(slow, 1_000)] == list(range(1_000))


async def test_half_open_member_is_found(open_site: Any) -> None:
    """A member that answers no ping is cut after the heartbeat and the time to answer; who answers stays."""
    async with open_site(heartbeat_s=0.2, dead_after_s=0.2) as site:
        alive = await site.join("ledger", "a")
        silent = _raw_member(site, "ledger", "a")
        await settled(lambda: site.metric("members", party="ledger") == 2)
        await settled(lambda: site.metric("members", party="ledger") == 1)
        await asyncio.to_thread(_read_to_end, silent)
        await settled(lambda: _rtt_of_first(site) is not None)
        body = await site.rooms.room(ADMIN, ("ledger", "a"))
        assert body.members_list is not None
        assert body.members_list[0].quality == "good"
        await alive.send('{"type":"ping"}')
        await frame_of(alive, "pong")


def _rtt_of_first(site: Site) -> float | None:
    room = site.rooms._open_room(("ledger", "a"))
    assert room is not None
    return next(iter(room.members)).pulse.rtt_ms


async def test_storage_down(open_site: Any, tmp_path: Any) -> None:
    """While another process holds the database, announcements still go out and saying is refused as passing trouble."""
    async with open_site(busy_timeout_s=0.05) as site:
        member = await site.join("ledger", "a")
        await frame_of(member, "snapshot")
        with sa.create_engine(f"sqlite:///{tmp_path / 'state.db'}").connect() as other:
            other.exec_driver_sql("BEGIN EXCLUSIVE")
            with pytest.raises(Unavailable):
                await site.rooms.say("ledger", "a", "note", {})
            site.rooms.announce("ledger", "a", "weather", {})
            assert (await frame_of(member, "weather"))["seq"] == 0
            await member.send('{"type":"note"}')
            assert (await frame_of(member, "error"))["data"]["code"] == "unavailable"
            other.rollback()
        other.engine.dispose()
        await member.send('{"type":"note"}')
        assert (await frames_until(member, 1))[0]["seq"] == 1


async def test_clock_stepping_back_keeps_order(site: Site) -> None:
    """``seq`` orders messages, whatever their timestamps say."""
    member = await site.join("ledger", "a")
    await frame_of(member, "snapshot")
    for n in (5, 3, 9, 1):
        site.rooms._recorder.put(_message(n))
    got = await frames_until(member, 4)
    assert [each["seq"] for each in got] == [1, 2, 3, 4]
    assert [each["timestamp"] - NOW_MS for each in got] == [5, 3, 9, 1]


async def test_another_servers_messages_are_not_skipped(open_site: Any) -> None:
    """What another server on the same database commits comes before what is said here next."""
    async with open_site() as here:
        member = await here.join("ledger", "a")
        await frame_of(member, "snapshot")
        await here.rooms.say("ledger", "a", "note", {"n": 0})
        from pathlib import Path

        from tests.rooms.conftest import open_database

        other = open_database(Path(str(here.database.engine.url.database)))
        await other.record([_message(1), _message(2)])
        other.close()
        await here.rooms.say("ledger", "a", "note", {"n": 3})
        assert [each["data"]["n"] for each in await frames_until(member, 4)] == [0, 1, 2, 3]


async def test_tls(open_site: Any) -> None:
    """Over TLS the same frames arrive: many at once, large ones, and those of a member that reads late."""
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with open_site(ssl=context, backlog_bytes=64 * 2**20) as site:
        fast = await site.join("ledger", "a", ssl=trusting)
        late = await site.join("ledger", "a", ssl=trusting, max_queue=1)
        for member in (fast, late):
            await frame_of(member, "snapshot")
        pad = "x" * 20_000
        for n in range(400):
            await site.rooms.say("ledger", "a", "note", {"n": n, "pad": pad})
        for member in (fast, late):
            assert [each["data"]["n"] for each in await frames_until(member, 400)] == list(range(400))


async def test_idle_rooms_leave_memory(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A room in which nobody is does not stay in memory; its history is still there."""
    from vibeworkbench.rooms import upkeep

    member = await site.join("ledger", "a")
    await site.rooms.say("ledger", "a", "note", {})
    await member.close()
    await settled(lambda: site.metric("members", party="ledger") == 0)
    monkeypatch.setattr(upkeep, "IDLE_S", 0.0)
    await site.rooms._upkeep._beat()
    assert site.rooms._open_room(("ledger", "a")) is None
    again = await site.join("ledger", "a", "?since=0")
    assert (await frames_until(again, 1))[0]["seq"] == 1
