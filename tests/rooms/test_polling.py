"""Rooms without WebSocket: the same objects, over REST."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from tests.patience import PATIENCE_S
from tests.rooms.conftest import Site, frame, frame_of, frames_until, settled
from vibeworkbench.rooms.model import Party
from vibeworkbench.web.roles import Role

MESSAGES = "rooms/ledger/a/messages"


async def polled(site: Site, **query: Any) -> dict[str, Any]:
    async with site.http() as http:
        answer = await http.get(MESSAGES, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_poll_answers_what_the_socket_says(site: Site) -> None:
    """Polling and the socket give the same objects, from wherever one continues."""
    member = await site.join("ledger", "a", "?since=0")
    for n in range(300):
        await site.rooms.say("ledger", "a", "note", {"n": n})
    over_socket = await frames_until(member, 300)
    page = await polled(site, since=0, epoch=site.rooms.epoch)
    assert page == {"epoch": site.rooms.epoch, "lastSeq": 300, "gap": False, "messages": over_socket}
    assert (await polled(site, since=120))["messages"] == over_socket[120:]


async def test_poll_pages_through_the_event_log(open_site: Any) -> None:
    """After a restart the pages come from the event log; one after the other they are all there is."""
    async with open_site() as site:
        await asyncio.gather(*(site.rooms.say("ledger", "a", "note", {"n": n}) for n in range(1500)))
    async with open_site() as site:
        seqs, since = [], 0
        while page := (await polled(site, since=since))["messages"]:
            seqs += [each["seq"] for each in page]
            since = seqs[-1]
        assert seqs == list(range(1, 1501))


async def test_first_poll_is_a_snapshot(site: Site) -> None:
    """Without ``since`` a poll answers the snapshot and from where to go on."""
    await site.rooms.say("ledger", "a", "note", {})
    page = await polled(site)
    assert [each["type"] for each in page["messages"]] == ["snapshot"]
    assert (page["lastSeq"], page["gap"]) == (1, False)
    member = await site.join("ledger", "a")
    over_socket = await frame_of(member, "snapshot")
    assert over_socket.keys() == page["messages"][0].keys()


async def test_poll_waits_for_the_next_message(site: Site) -> None:
    """A waiting poll is answered by the next message; presence of others does not end it."""
    waiting = asyncio.create_task(polled(site, since=0, wait=3600))  # held no longer than the settings allow
    await settled(lambda: site.rooms._open_room(("ledger", "a")) is not None)
    member = await site.join("ledger", "a")
    await frame_of(member, "presence")
    assert not waiting.done()
    await site.rooms.say("ledger", "a", "note", {"n": 1})
    assert [each["data"] for each in (await waiting)["messages"]] == [{"n": 1}]


async def test_poll_that_waits_in_vain(site: Site) -> None:
    """When nothing comes, the answer is empty and goes on from the same place."""
    assert await polled(site, since=0, wait=0.05) == {
        "epoch": site.rooms.epoch,
        "lastSeq": 0,
        "gap": False,
        "messages": [],
    }


async def test_stopping_server_answers_polls(open_site: Any) -> None:
    """A server that stops answers those who wait, long before their time is over."""
    async with open_site() as site:
        waiting = asyncio.create_task(polled(site, since=0, wait=25))
        await settled(lambda: site.rooms._open_room(("ledger", "a")) is not None)
        await site.rooms.stop()
        async with asyncio.timeout(PATIENCE_S):
            assert (await waiting)["messages"] == []


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        (MESSAGES, {"since": "x"}, 400),
        (MESSAGES, {"since": "-1"}, 400),
        (MESSAGES, {"wait": "nan"}, 400),
        (MESSAGES, {"wait": "-1"}, 400),
        (MESSAGES, {"unknown": "1"}, 400),
        ("rooms/relay/a/messages", {}, 404),
        ("rooms/nowhere/a/messages", {}, 404),
        ("rooms/mute/other/messages", {}, 404),
        ("rooms/nowhere/a", {}, 404),
        ("rooms", {"limit": "0"}, 400),
        ("rooms", {"cursor": "%%%"}, 400),
    ],
)
async def test_refusals(site: Site, path: str, query: dict[str, str], status: int) -> None:
    async with site.http() as http:
        answer = await http.get(path, params=query)
    assert answer.status_code == status
    assert set(answer.json()["error"]) >= {"code", "message", "requestId"}


async def test_post_to_relay(site: Site) -> None:
    """Text goes as it is, JSON as its text, to all members."""
    member = await site.join("relay", "r")
    async with site.http() as http:
        text = await http.post("rooms/relay/r/messages", json={"text": "hello ☂"})
        value = await http.post("rooms/relay/r/messages", json={"json": [1, {"a": None}]})
        nobody = await http.post("rooms/relay/empty/messages", json={"text": "hello"})
    assert text.json() == value.json() == {"seq": None, "members": 1}
    assert nobody.json() == {"seq": None, "members": 0}
    assert await member.recv() == "hello ☂"
    assert json.loads(await member.recv()) == [1, {"a": None}]


async def test_post_to_a_recording_room(site: Site) -> None:
    """JSON with type and data is recorded; the answer has its ``seq``."""
    member = await site.join("ledger", "a")
    await frame_of(member, "snapshot")
    async with site.http() as http:
        answer = await http.post(MESSAGES, json={"json": {"type": "note", "data": {"n": 1}}})
    assert answer.json() == {"seq": 1, "members": 1}
    got = (await frames_until(member, 1))[0]
    assert (got["type"], got["data"]) == ("note", {"n": 1})


async def test_post_to_a_live_room(open_site: Any) -> None:
    """In a room that records nothing, JSON with type and data goes to those who are there."""
    async with open_site(Party("live", False, Role.viewer, Role.operator)) as site:
        member = await site.join("live", "a")
        assert (await frame(member))["type"] == "connected"
        async with site.http() as http:
            body = {"json": {"type": "note", "data": 5}}
            assert (await http.post("rooms/live/a/messages", json=body)).json() == {"seq": None, "members": 1}
            assert (await http.post("rooms/live/b/messages", json=body)).json() == {"seq": None, "members": 0}
        assert (await frame_of(member, "note"))["data"] == 5
        await member.send('{"type":"note","data":6}')
        assert (await frame_of(member, "note"))["data"] == 6


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (MESSAGES, {"text": "x"}, 400),
        (MESSAGES, {"json": {"typ": 1}}, 400),
        (MESSAGES, {}, 400),
        (MESSAGES, {"text": "x", "json": 1}, 400),
        (MESSAGES, {"json": {"type": "note", "data": "x" * 5000}}, 413),
        ("rooms/mute/main/messages", {"json": {"type": "note"}}, 403),
    ],
)
async def test_refused_posts(open_site: Any, path: str, body: Any, status: int) -> None:
    async with open_site(message_bytes=4096) as site, site.http() as http:
        assert (await http.post(path, json=body)).status_code == status


async def test_posting_too_fast(open_site: Any) -> None:
    """Beyond the limit of messages a second a post is refused with 429 and Retry-After; not on relay for operators."""
    async with open_site(writes_per_s=2) as site, site.http() as http:
        statuses = [await http.post(MESSAGES, json={"json": {"type": "note"}}) for _ in range(8)]
        assert {each.status_code for each in statuses} == {200, 429}
        assert all("Retry-After" in each.headers for each in statuses if each.status_code == 429)
        relayed = [await http.post("rooms/relay/r/messages", json={"text": "x"}) for _ in range(8)]
        assert {each.status_code for each in relayed} == {200}


async def test_list_of_rooms(site: Site) -> None:
    """The list has rooms with history, rooms with members, and rooms that always exist, page by page."""
    await site.rooms.say("ledger", "b", "note", {})
    await site.rooms.say("ledger", "c", "note", {})
    await site.join("relay", "r")
    member = await site.join("ledger", "b")
    await frame_of(member, "snapshot")
    names, cursor = [], ""
    async with site.http() as http:
        while cursor is not None:
            page = (await http.get("rooms", params={"limit": 2, "cursor": cursor})).json()
            assert len(page["items"]) <= 2
            names += [(each["party"], each["room"], each["members"], each["lastSeq"]) for each in page["items"]]
            cursor = page["nextCursor"]
    assert names == [("ledger", "b", 1, 1), ("ledger", "c", 0, 1), ("mute", "main", 0, 0), ("relay", "r", 1, 0)]


async def test_one_room(site: Site) -> None:
    """A room shows its members and rates."""
    member = await site.join("ledger", "a")
    await frame_of(member, "snapshot")
    await site.rooms.say("ledger", "a", "note", {})
    await frames_until(member, 1)
    async with site.http() as http:
        body = (await http.get("rooms/ledger/a")).json()
        empty = (await http.get("rooms/ledger/none")).json()
    (listed,) = body.pop("list")
    assert listed.keys() == {"memberId", "name", "role", "joinedAt", "lagBytes", "rttMs", "quality"}
    assert (listed["role"], listed["lagBytes"], listed["quality"]) == ("admin", 0, "unknown")
    assert body.pop("messagesPerS") > 0
    assert body.pop("bytesPerS") > 0
    assert body == {
        "party": "ledger",
        "room": "a",
        "recording": True,
        "members": 1,
        "epoch": site.rooms.epoch,
        "lastSeq": 1,
        "oldestSeq": 1,
        "backlogBytes": 0,
        "dropped": 0,
    }
    assert (empty["members"], empty["list"], empty["lastSeq"]) == (0, [], 0)
