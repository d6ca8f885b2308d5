"""Tokens that should open nothing: revoked, expired, narrowed, cut, enormous, twice, in the wrong place."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
from collections.abc import Callable
from contextlib import closing, suppress

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.patience import PATIENCE_S
from tests.security.staging import AUDITED, GUARDED, Stage, revoked
from tests.security.wire import NO_ANSWER, host_of, raw

STATUS = "/vibeworkbench/api/status"
KERNELS = "/api/kernels"
ROOM = "vibeworkbench/parties/ops-monitor-broadcast/main"
REFUSALS = {NO_ANSWER, 400, 401, 403, 431}


def role_seen(answer: httpx.Response) -> str:
    """The role under which the server answered."""
    assert answer.status_code == 200, answer.text
    return answer.json()["caller"]["role"]


def bent(token: str) -> dict[str, str]:
    """Texts that look like a token and are none."""
    return {
        "empty": "",
        "without its last letter": token[:-1],
        "without its first letter": token[1:],
        "with a letter more": token + "A",
        "in other case": token.swapcase(),
        "with its last letter changed": token[:-1] + ("A" if token[-1] != "A" else "B"),
        "twice": token + token,
        "with a null": token + "\0",
        "with a space within": token[:10] + " " + token[10:],
        "a star": "*",
        "a wildcard": "vwb_%",
        "null": "null",
        "None": "None",
        "JSON": '{"$ne": ""}',
        "SQL": "' OR '1'='1",
        "beyond ASCII": token + "\xe9",
        "very long": "vwb_" + "A" * 20_000,
    }


@pytest.mark.parametrize("how", bent("0123456789abcdef"))
def test_what_only_looks_like_a_token_is_none(stage: Stage, how: str) -> None:
    """In the header, and in the address."""
    text = bent(stage.tokens["admin"].text)[how]
    if "\0" not in text:
        for scheme in ("token", "Bearer"):
            assert raw(stage.server, STATUS, ("Authorization", f"{scheme} {text}")).status in REFUSALS
    if len(text) < 10_000:
        with httpx.Client(base_url=stage.server.url, timeout=PATIENCE_S) as client:
            assert client.get(STATUS.lstrip("/"), params={"token": text}).status_code == 401


def test_a_token_without_its_scheme_is_none(stage: Stage) -> None:
    """Nor as the password of a basic login, nor in a cookie, a body or a header of another name."""
    text = stage.tokens["admin"].text
    basic = base64.b64encode(f"admin:{text}".encode()).decode()
    for header in (
        ("Authorization", text),
        ("Authorization", f"Basic {basic}"),
        ("Authorization", f"Digest {text}"),
        ("Cookie", f"token={text}"),
        ("Cookie", f"username-127-0-0-1={text}"),
        ("X-Token", text),
        ("Proxy-Authorization", f"token {text}"),
    ):
        assert raw(stage.server, STATUS, header).status == 401, header
    form = f"token={text}".encode()
    kind = ("Content-Type", "application/x-www-form-urlencoded")
    assert raw(stage.server, "/vibeworkbench/api/ops/scan", kind, method="POST", body=form).status in (401, 403)


@pytest.mark.parametrize("scheme", ["token", "Token", "TOKEN", "bearer", "Bearer"])
def test_the_scheme_s_case_does_not_matter(stage: Stage, scheme: str) -> None:
    """RFC 9110, 11.1; nor does that of the header's name."""
    text = stage.tokens["viewer"].text
    assert raw(stage.server, STATUS, ("authorization", f"{scheme} {text}")).status == 200


def test_a_bad_token_beside_a_good_one_gives_no_more_than_the_lesser(stage: Stage) -> None:
    """Whoever sends two is nobody twice, or the weaker of them: never more than the one that is judged first."""
    viewer, admin, bad = stage.tokens["viewer"], stage.tokens["admin"], stage.tokens["revoked"]
    for first, second in ((bad, admin), (admin, bad)):
        both = [("Authorization", f"token {each.text}") for each in (first, second)]
        assert raw(stage.server, KERNELS, *both).status in REFUSALS
    for first, second in ((viewer, admin), (admin, viewer)):
        both = [("Authorization", f"token {each.text}") for each in (first, second)]
        assert raw(stage.server, KERNELS, *both).status in REFUSALS


def test_a_bad_header_is_not_mended_by_a_good_address_nor_by_a_session(stage: Stage) -> None:
    """What was said is judged; nothing else is looked for instead."""
    bad, good = stage.tokens["revoked"].text, stage.tokens["admin"].text
    answer = raw(stage.server, f"{STATUS}?token={good}", ("Authorization", f"token {bad}"))
    assert answer.status in (200, 401)
    if answer.status == 200:  # the address was read first, and vouches alone
        assert json.loads(answer.body)["caller"]["role"] == "admin"
    assert raw(stage.server, f"{STATUS}?token={bad}").status == 401


def test_a_narrowed_token_sees_its_dashboard_and_no_other(stage: Stage) -> None:
    """Not as a page, not in lists, not by its assets, not in REST."""
    with stage.http("viewer of it") as client:
        assert client.get(f"vibeworkbench/dashboards/{AUDITED}").status_code == 200
        assert client.get(f"vibeworkbench/dashboards/{GUARDED}").status_code == 403
        assert client.get("vibeworkbench/dashboards/interactive").status_code == 403
        assert GUARDED not in client.get("vibeworkbench/dashboards").text
        assert "interactive" not in client.get("vibeworkbench/dashboards").text
    with stage.http("viewer elsewhere") as client:
        assert client.get(f"vibeworkbench/dashboards/{AUDITED}").status_code == 403


def test_a_narrowed_token_of_an_admin_is_no_admin(stage: Stage) -> None:
    """The scope is all that is left, whatever the role."""
    token = stage.make_token("admin", "room:relay/elsewhere")
    with httpx.Client(base_url=stage.server.url, headers=token.headers, timeout=PATIENCE_S) as client:
        for path in ("lab", "api/kernels", "api/contents", "vibeworkbench/api/tokens", "vibeworkbench/api/ops/issues"):
            assert client.get(path).status_code == 403, path
        asked = {"role": "admin"}
        assert client.post("vibeworkbench/api/tokens", json=asked).status_code == 403


def test_a_token_for_the_metrics_reads_them_and_nothing_else(stage: Stage) -> None:
    """A scraper's token is worth nothing to whoever steals it."""
    token = stage.make_token("viewer", "metrics")
    with httpx.Client(base_url=stage.server.url, headers=token.headers, timeout=PATIENCE_S) as client:
        assert client.get("vibeworkbench/metrics").status_code == 200
        for path in ("metrics", "vibeworkbench/api/ops/issues", "vibeworkbench/api/rooms", "vibeworkbench/dashboards"):
            assert client.get(path).status_code == 403, path


@pytest.mark.parametrize("role", ["viewer", "analyst", "operator", "ingest"])
def test_nobody_but_an_admin_makes_tokens(stage: Stage, role: str) -> None:
    """Not even weaker ones than their own."""
    with stage.http(role) as client:
        assert client.post("vibeworkbench/api/tokens", json={"role": "viewer"}).status_code == 403
        assert client.get("vibeworkbench/api/tokens").status_code == 403


@pytest.mark.parametrize(
    "asked",
    [
        {"role": "root"},
        {"role": 4},
        {"role": "admin", "id": "made-up"},
        {"role": "viewer", "scope": ["everything"]},
        {"role": "viewer", "scope": ["room:a"]},
        {"role": "viewer", "scope": ["dashboard:../x"]},
        {"role": "viewer", "scope": ["room:*/*"]},
        {"role": "viewer", "scope": "dashboard:audited"},
        {"role": "viewer", "expiresAt": "2020-01-01T00:00:00Z"},
        {"role": "viewer", "expiresAt": "2020-01-01T00:00:00"},
        {"role": "viewer", "expiresAt": "never"},
        {"role": "viewer", "expiresAt": 9e99},
        {"role": "viewer", "name": "a\0b"},
        {"role": "viewer", "name": "a\nSet-Cookie: x=1"},
        {"role": "viewer", "name": "a" * 10_000},
    ],
)
def test_a_token_that_means_nothing_is_not_made(stage: Stage, asked: dict[str, object]) -> None:
    """A scope that is misspelt must not become no scope."""
    with stage.http() as admin:
        assert admin.post("vibeworkbench/api/tokens", json=asked).status_code == 400


def test_lists_hold_no_token(stage: Stage) -> None:
    """It is shown once, when it is made; not even its hash is told afterwards."""
    with stage.http() as admin:
        listed = admin.get("vibeworkbench/api/tokens", params={"limit": 200}).text
    assert not any(token.text in listed for token in stage.tokens.values())
    assert "hash" not in listed.lower()


async def closed_after(stage: Stage, url: str, end: Callable[[], None], headers: dict[str, str]) -> int:
    """The code with which an open socket is closed by what ``end`` does, without having heard a word afterwards."""
    async with (
        asyncio.timeout(PATIENCE_S),
        connect(url, additional_headers=headers, proxy=None, open_timeout=PATIENCE_S) as socket,
    ):
        await (await socket.ping())
        await asyncio.to_thread(end)
        try:
            while True:
                await socket.recv()
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else 1006


def sockets(stage: Stage) -> dict[str, str]:
    """A room's socket of ours, and sockets of Jupyter's."""
    root = "ws" + stage.server.url.removeprefix("http")
    return {
        "room": f"{root}{ROOM}",
        "kernel": f"{root}api/kernels/{stage.things['kernel']}/channels",
        "events": f"{root}api/events/subscribe",
        "stranger": f"{root}stranger/echo",
    }


@pytest.mark.parametrize("which", ["room", "kernel", "events", "stranger"])
async def test_open_sockets_of_a_revoked_token_are_closed(stage: Stage, which: str) -> None:
    """At once, with 4401; Jupyter's own and a stranger's too."""
    token = stage.make_token("admin")
    code = await closed_after(stage, sockets(stage)[which], lambda: revoked(stage.server, token), token.headers)
    assert code == 4401


async def test_an_open_socket_of_a_token_that_expires_is_closed(stage: Stage) -> None:
    """Nobody needs to revoke it."""
    for life_s in (3, 12, 48):  # longer than a handshake takes here
        token = stage.make_token("viewer", life_s=life_s)
        with suppress(ConnectionClosed):
            assert await closed_after(stage, sockets(stage)["room"], lambda: None, token.headers) == 4401
            break
    else:
        pytest.fail("no socket was open before its token had ended")
    assert raw(stage.server, STATUS, *token.headers.items()).status == 401


async def test_a_long_poll_of_a_revoked_token_brings_no_message(stage: Stage) -> None:
    """It ends with 401 when a message comes that its caller may not read any more."""
    token = stage.make_token("viewer", "room:ops-monitor-broadcast/main")
    path = "vibeworkbench/api/rooms/ops-monitor-broadcast/main/messages"
    async with httpx.AsyncClient(base_url=stage.server.url, timeout=PATIENCE_S) as client:
        last = (await client.get(path, headers=token.headers)).json()["lastSeq"]
        waiting = asyncio.create_task(client.get(path, params={"since": last, "wait": 25}, headers=token.headers))
        await client.get(path, headers=token.headers)  # the first one has been read by now
        await asyncio.to_thread(revoked, stage.server, token)
        scan = {"scope": "incremental", "filters": {"source": ["jupyter"]}}
        said = await client.post("vibeworkbench/api/ops/scan", json=scan, headers=stage.headers("admin"))
        assert said.status_code == 200
        answer = await waiting
    assert answer.status_code == 401
    assert "messages" not in answer.json()


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "vibeworkbench/api/ops/targets", {"kind": "tcp", "name": "late-target", "host": "a", "port": 1}),
        ("PUT", "vibeworkbench/api/roles/late-person", {"role": "admin"}),
        ("PUT", "api/contents/late.txt", {"type": "file", "format": "text", "content": "late"}),
    ],
)
def test_a_request_begun_before_its_token_was_revoked_does_nothing_afterwards(
    stage: Stage, method: str, path: str, body: dict[str, object]
) -> None:
    """Whoever keeps the rest of a body back does not keep the right."""
    token = stage.make_token("admin")
    sent = json.dumps(body).encode()
    host, port = host_of(stage.server)
    head = [
        f"{method} /{path} HTTP/1.1",
        f"Host: {host}:{port}",
        f"Authorization: token {token.text}",
        "Content-Type: application/json",
        f"Content-Length: {len(sent)}",
        "Connection: close",
    ]
    with closing(socket.create_connection((host, port), timeout=PATIENCE_S)) as opened, opened.makefile("rb") as answer:
        opened.sendall("\r\n".join([*head, "", ""]).encode() + sent[:-1])
        with stage.http() as admin:
            assert admin.get("vibeworkbench/api/status").status_code == 200  # the head has been read by now
        revoked(stage.server, token)
        opened.sendall(sent[-1:])
        status = int(answer.readline().split()[1])
    assert status in (401, 403)
    with stage.http() as admin:
        assert "late-target" not in admin.get("vibeworkbench/api/ops/targets").text
        assert "late-person" not in admin.get("vibeworkbench/api/roles").text
    assert not (stage.root / "late.txt").exists()
