"""Rooms that are none of the caller's business: of another role, outside the scope, under made-up names."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.patience import PATIENCE_S
from tests.security.audit import joined
from tests.security.staging import Stage
from tests.security.wire import raw

BACKSTAGE = "backstage/main"
SPELLINGS = (
    "backstage/main",
    "backstage/%6dain",
    "%62ackstage/main",
    "BACKSTAGE/main",
    "backstage/main/",
    "backstage//main",
    "backstage/./main",
    "relay/../backstage/main",
    "relay/..%2fbackstage%2fmain",
    "relay/%2e%2e%2fbackstage%2fmain",
    "relay/..%252fbackstage%252fmain",
    "relay%2f..%2fbackstage/main",
    "backstage%00/main",
    "backstage/main%00",
    "relay/x%00backstage/main",
    "relay/x;backstage/main",
    "backstage%2fmain/main",
    "relay/backstage/main",
    "relay/x?party=backstage&room=main",
    "relay/elsewhere?room=main&party=backstage",
    "backstage/main#",
    "backstage/main%20",
    "backstage/%EF%BD%8Dain",
)
NAMES = {
    "a null": "a\0b",
    "a slash": "a/b",
    "two slashes": "//",
    "climbing": "../../backstage/main",
    "a backslash": "a\\b",
    "a dot": ".",
    "two dots": "..",
    "a newline": "a\nb",
    "a carriage return": "a\r\nSet-Cookie: x=1",
    "an escape": "\x1b[2J",
    "a space": " ",
    "right to left": "\u202egnorw",
    "a surrogate": "\udcff",
    "not composed": "e\u0301",
    "very long": "a" * 5_000,
    "a star": "*",
    "a colon": "a:b",
    "SQL": "x' OR '1'='1",
    "HTML": "<script>alert(1)</script>",
    "a template": "{{ 7 * 7 }}",
    "a percent sign": "%",
}


def url(stage: Stage, room: str) -> str:
    """The address of a room's socket."""
    return f"ws{stage.server.url.removeprefix('http')}vibeworkbench/parties/{room}"


def end_of(stage: Stage, room: str, caller: str) -> int:
    """The status or close code with which a caller is sent away; 101 when the room answers its ping."""
    _, status = asyncio.run(joined(stage.server, f"/vibeworkbench/parties/{room}", stage.headers(caller)))
    return status


@contextmanager
def backstage(stage: Stage) -> Iterator[ClientConnection]:
    """An operator in the room that is for operators."""
    with connect(
        url(stage, BACKSTAGE), additional_headers=stage.headers("operator"), proxy=None, open_timeout=PATIENCE_S
    ) as socket:
        assert json.loads(socket.recv(timeout=PATIENCE_S))["type"] == "connected"
        yield socket


@pytest.mark.parametrize("caller", ["anonymous", "viewer", "viewer of it", "viewer elsewhere", "ingest", "revoked"])
def test_no_spelling_of_a_room_of_another_role_lets_somebody_in(stage: Stage, caller: str) -> None:
    """The socket is refused or closed before it says anything."""
    refusals = {400, 401, 403, 404, 4400, 4401, 4403, 4404}
    for room in SPELLINGS:
        if caller in ("viewer", "viewer elsewhere") and room.startswith("relay/elsewhere"):
            continue  # their own room, with a query that means nothing
        if caller == "viewer" and room == "relay/x?party=backstage&room=main":
            continue  # the same
        assert end_of(stage, room, caller) in refusals, room


@pytest.mark.parametrize("caller", ["viewer", "analyst"])
def test_whoever_may_only_listen_elsewhere_learns_nothing_of_a_room(stage: Stage, caller: str) -> None:
    """Not its messages, not its members, not that somebody is there."""
    with backstage(stage), stage.http(caller) as client:
        for path in (BACKSTAGE, f"{BACKSTAGE}/messages"):
            answer = client.get(f"vibeworkbench/api/rooms/{path}")
            assert answer.status_code in (403, 404), path
            assert "memberId" not in answer.text
        assert client.post(f"vibeworkbench/api/rooms/{BACKSTAGE}/messages", json={"text": "x"}).status_code in (
            403,
            404,
        )
        assert "backstage" not in client.get("vibeworkbench/api/rooms").text
    with backstage(stage), stage.http("operator") as client:
        assert "backstage" in client.get("vibeworkbench/api/rooms").text


def test_a_query_cannot_change_the_room(stage: Stage) -> None:
    """What the path names is what is joined."""
    room = url(stage, "relay/elsewhere?room=main&party=backstage")
    viewer = stage.headers("viewer")
    with (
        backstage(stage),
        connect(room, additional_headers=viewer, proxy=None, open_timeout=PATIENCE_S),
        stage.http("operator") as client,
    ):
        assert client.get(f"vibeworkbench/api/rooms/{BACKSTAGE}").json()["members"] == 1


@pytest.mark.parametrize(
    "room",
    [
        "ops-monitor-broadcast/main",
        "health-check-broadcast/main",
        "reviews/main",
        "relay/x",
        "relay/elsewhere2",
        "relay/Elsewhere",
        "relay/elsewhere%00",
        "dashboards/audited",
    ],
)
def test_a_narrowed_token_enters_no_room_outside_its_scope(stage: Stage, room: str) -> None:
    """Not by socket, not by polling, not in lists, not among members; nor by a name that only begins alike."""
    assert end_of(stage, room, "viewer elsewhere") in (400, 401, 403, 404, 4400, 4403, 4404)
    with stage.http("viewer elsewhere") as client:
        for path in (room, f"{room}/messages"):
            assert client.get(f"vibeworkbench/api/rooms/{path}").status_code in (400, 403, 404), path
        listed = client.get("vibeworkbench/api/rooms").json()["items"]
        assert {(each["party"], each["room"]) for each in listed} <= {("relay", "elsewhere")}


def test_a_dashboard_s_token_enters_only_the_rooms_that_its_page_needs(stage: Stage) -> None:
    """Its own room says when there is a newer page; no other dashboard's does."""
    assert end_of(stage, "dashboards/audited", "viewer of it") == 101
    for room in ("dashboards/guarded", "dashboards/interactive", "dashboards/*", "relay/x", "backstage/main"):
        assert end_of(stage, room, "viewer of it") in (400, 403, 404, 4400, 4403, 4404), room


def test_the_room_of_a_dashboard_for_analysts_is_closed_to_viewers(stage: Stage) -> None:
    """When it was rendered, and that it exists, is no business of theirs."""
    assert end_of(stage, "dashboards/guarded", "analyst") == 101
    assert end_of(stage, "dashboards/guarded", "viewer") in (403, 4403, 4404)
    with stage.http("viewer") as client:
        assert client.get("vibeworkbench/api/rooms/dashboards/guarded").status_code in (403, 404)
        assert client.get("vibeworkbench/api/rooms/dashboards/guarded/messages").status_code in (403, 404)


@pytest.mark.parametrize("how", NAMES)
def test_a_room_s_name_of_any_shape_is_answered_in_order(stage: Stage, how: str) -> None:
    """By socket and REST, for whoever may enter any room: let in, refused, never a failure, nothing in the log."""
    name = quote(NAMES[how].encode("utf-8", "surrogateescape"), safe="")
    for party in ("relay", "tasks", name):
        room = f"{party}/{name}"
        assert raw(stage.server, f"/vibeworkbench/api/rooms/{room}", *stage.headers("admin").items()).status < 500
        poll = f"/vibeworkbench/api/rooms/{room}/messages"
        assert raw(stage.server, poll, *stage.headers("admin").items()).status < 500
        written = raw(stage.server, poll, *stage.headers("admin").items(), method="POST", body=b'{"text": "x"}')
        assert written.status < 500
        assert "x=1" not in str(written.headers)
        assert end_of(stage, room, "admin") != 1011
    assert "\x1b[2J" not in stage.server.log()


@pytest.mark.parametrize("caller", ["viewer", "analyst"])
def test_whoever_may_not_write_says_nothing_in_relay(stage: Stage, caller: str) -> None:
    """Text or binary: the socket answers with a close code, the others hear nothing of it."""
    room = f"relay/silent-{caller}"
    with connect(
        url(stage, room), additional_headers=stage.headers("operator"), proxy=None, open_timeout=PATIENCE_S
    ) as listener:
        for message in ("hello", b"hello", "", b"", json.dumps({"type": "presence"}), "x" * 300_000):
            with connect(
                url(stage, room), additional_headers=stage.headers(caller), proxy=None, open_timeout=PATIENCE_S
            ) as socket:
                socket.send(message)
                with pytest.raises(ConnectionClosed) as end:
                    socket.recv(timeout=PATIENCE_S)
            assert end.value.rcvd.code in (4403, 1009)
        with stage.http(caller) as client:
            path = f"vibeworkbench/api/rooms/{room}/messages"
            assert client.post(path, json={"text": "hello"}).status_code == 403
        with stage.http("operator") as client:
            assert client.post(path, json={"text": "from an operator"}).status_code == 200
        assert listener.recv(timeout=PATIENCE_S) == "from an operator"


def test_a_page_that_embeds_a_room_learns_nobody_s_name(stage: Stage) -> None:
    """Narrowed callers are told how many watch, and not who."""
    room = "vibeworkbench/api/rooms/ops-monitor-broadcast/main"
    narrowed = stage.make_token("viewer", "room:ops-monitor-broadcast/main")
    address = url(stage, "ops-monitor-broadcast/main")
    with connect(address, additional_headers=stage.headers("admin"), proxy=None, open_timeout=PATIENCE_S) as socket:
        socket.recv(timeout=PATIENCE_S)
        with stage.http("viewer") as viewer:
            assert viewer.get(room).json()["list"]
            told = viewer.get(room, headers=narrowed.headers).json()
    assert told["members"] >= 1
    assert "list" not in told
