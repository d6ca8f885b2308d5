"""The gate before a real server's handlers: extensions that ask nobody, other providers, connections that end."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from contextlib import closing
from urllib.parse import urlsplit

import httpx
import pytest
import websockets
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as connect_async
from websockets.sync.client import connect

from tests.patience import PATIENCE_S
from tests.security.browsing import PASSWORD, browser, submit
from tests.servers import Server

ROOM = "vibeworkbench/parties/ops-monitor-broadcast/main"

LATE = """
from jupyter_server.base.handlers import JupyterHandler
from tornado.routing import PathMatches, Rule, Router
from tornado.web import RequestHandler
from tornado.websocket import WebSocketHandler

class Plain(RequestHandler):
    def get(self):
        self.write("reached")

class Echo(WebSocketHandler):
    async def on_message(self, message):
        await self.write_message(message)

def _jupyter_server_extension_points():
    return [{"module": "late"}]

def _load_jupyter_server_extension(app):
    app.web_app.add_handlers(".*", [(app.base_url + "late/loaded", Plain), (app.base_url + "late/echo", Echo)])

async def _start_jupyter_server_extension(app):
    app.web_app.add_handlers("127.*", [(app.base_url + "late/started", Plain)])
    inserted = app.web_app.wildcard_router.process_rule(Rule(PathMatches("/late/inserted"), Plain))
    app.web_app.default_router.rules.insert(0, inserted)
    app.web_app.wildcard_router.rules.insert(0, inserted)
"""

PROVIDER = """
import sys
from dataclasses import dataclass
from jupyter_server.auth import IdentityProvider, User

@dataclass
class Member(User):
    groups: tuple = ()

class Club(IdentityProvider):
    async def get_user(self, handler):
        name = handler.request.headers.get("X-Member")
        return None if name is None else Member(name, groups=tuple(handler.request.headers.get("X-Groups", "").split()))

c.ServerApp.identity_provider_class = Club
c.ServerApp.jpserver_extensions = {"late": True}
"""


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Server], tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server with an extension that mounts handlers in every way and at every time."""
    return started(start_server, tmp_path_factory, "c.ServerApp.jpserver_extensions = {'late': True}\n")


@pytest.fixture(scope="module")
def club(start_server: Callable[..., Server], tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server whose people are known by somebody else's provider, which looks them up while the request waits."""
    roles = '[access.roles]\nvera = "viewer"\nana = "analyst"\n[access.groups]\nboard = "admin"\n'
    return started(start_server, tmp_path_factory, PROVIDER, roles)


def started(
    start_server: Callable[..., Server], paths: pytest.TempPathFactory, configured: str, settings: str = ""
) -> Server:
    """A server with the extension, so configured."""
    data = paths.mktemp("gate")
    (data / "config").mkdir()
    (data / "late.py").write_text(LATE)
    (data / "config" / "jupyter_server_config.py").write_text(configured)
    return start_server(settings, "--no-lab", data=data, environment={"PYTHONPATH": str(data)})


def socket_url(server: Server, path: str = ROOM, **query: str) -> str:
    """The address of a socket."""
    return str(httpx.URL(f"ws{server.url.removeprefix('http')}{path}", params=query))


@pytest.mark.parametrize("path", ["late/loaded", "late/started", "late/inserted"])
def test_no_handler_is_mounted_before_the_gate(server: Server, path: str) -> None:
    """Whenever and wherever an extension puts it: strangers go to the login, analysts get 403, admins what it says."""
    address = server.url + path
    assert httpx.get(address, headers={"Authorization": f"token {server.token}"}, timeout=PATIENCE_S).text == "reached"
    analyst = httpx.get(address, headers={"Authorization": f"token {server.grant('analyst')}"}, timeout=PATIENCE_S)
    assert (analyst.status_code, "reached" in analyst.text) == (403, False)
    stranger = httpx.get(address, params={"token": "vwb_nothing", "a": "b"}, timeout=PATIENCE_S)
    assert (stranger.status_code, stranger.headers["Location"]) == (
        302,
        f"/login?next=%2F{path.replace('/', '%2F')}%3Fa%3Db&ended",
    )


@pytest.mark.parametrize(
    ("caller", "path", "wanted"),
    [("viewer", "tree", "analyst"), ("viewer", "terminals/1", "operator"), ("analyst", "late/loaded", "admin")],
)
def test_who_lacks_the_role_reads_which_one_it_takes(server: Server, caller: str, path: str, wanted: str) -> None:
    """And which one theirs is; a narrowed token whose role would do reads neither."""
    headers = {"Authorization": f"token {server.grant(caller)}"}
    page = httpx.get(server.url + path, headers=headers, timeout=PATIENCE_S)
    assert page.status_code == 403
    assert f"This takes the role {wanted}, and yours is {caller}" in page.text
    narrowed = {"Authorization": f"token {server.grant('admin', 'dashboard:shop')}"}
    page = httpx.get(server.url + path, headers=narrowed, timeout=PATIENCE_S)
    assert (page.status_code, "takes the role" in page.text) == (403, False)


def test_a_preflight_needs_no_login_and_runs_no_method(server: Server) -> None:
    """A browser sends it without credentials."""
    asked = {"Access-Control-Request-Method": "GET", "Origin": "https://elsewhere.example"}
    assert httpx.options(f"{server.url}vibeworkbench/api/status", headers=asked, timeout=PATIENCE_S).status_code == 204
    assert "reached" not in httpx.options(f"{server.url}late/loaded", headers=asked, timeout=PATIENCE_S).text


def test_a_huge_body_of_a_stranger_is_refused_before_it_is_sent(server: Server) -> None:
    """Outside of our API, which swallows a little to be able to say no."""
    head = "POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000000\r\n\r\n"
    with closing(socket.create_connection(("127.0.0.1", urlsplit(server.url).port), timeout=PATIENCE_S)) as opened:
        opened.sendall(head.encode())
        assert opened.makefile("rb").readline().split()[1] == b"400"


@pytest.mark.parametrize("role", ["viewer", "ingest"])
def test_a_huge_body_is_read_of_those_alone_who_work_in_lab(server: Server, role: str) -> None:
    """Everywhere else it would fill the memory for nothing; nobody below analyst saves notebooks."""
    head = f"POST /logout HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: token {server.grant(role)}\r\n"
    with closing(socket.create_connection(("127.0.0.1", urlsplit(server.url).port), timeout=PATIENCE_S)) as opened:
        opened.sendall(f"{head}Content-Length: 30000000\r\n\r\n".encode())
        assert opened.makefile("rb").readline().split()[1] == b"400"


def test_error_pages_lead_on_and_tell_nothing(server: Server) -> None:
    """Jupyter's own 404, too; programs get the contract's body."""
    headers = {"Authorization": f"token {server.token}"}
    page = httpx.get(f"{server.url}nowhere/secret-name", headers=headers, timeout=PATIENCE_S)
    assert page.status_code == 404
    assert "secret-name" not in page.text
    assert 'href="/vibeworkbench/dashboards"' in page.text
    assert server.token not in page.text
    api = httpx.get(
        f"{server.url}api/contents", headers={"Authorization": f"token {server.grant('viewer')}"}, timeout=PATIENCE_S
    )
    assert (api.status_code, api.json()["error"]["code"]) == (403, "not-allowed")


def test_a_viewer_s_start_page_is_the_list_of_dashboards(server: Server) -> None:
    """Lab is not for viewers."""
    answer = httpx.get(server.url, headers={"Authorization": f"token {server.grant('viewer')}"}, timeout=PATIENCE_S)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/vibeworkbench/dashboards")


def test_refusals_are_in_the_audit_record(server: Server) -> None:
    """With identity, address and path, without the query."""
    token = server.grant("viewer")
    httpx.get(f"{server.url}lab", params={"token": token, "q": "private"}, timeout=PATIENCE_S)
    with server.http() as admin:
        noted = admin.get("api/audit", params={"kind": "refused"}).json()["items"]
    (event,) = [each for each in noted if each["subject"] == "/lab"]
    assert (event["name"], event["address"]) == ("test viewer", "127.0.0.1")
    assert event["identity"].startswith("token:")
    assert "private" not in json.dumps(noted)


# --- another provider's people ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "path", "status"),
    [
        ({}, "vibeworkbench/api/status", 401),
        ({}, "vibeworkbench/dashboards", 302),
        ({"X-Member": "vera"}, "vibeworkbench/api/status", 200),
        ({"X-Member": "vera"}, "vibeworkbench/dashboards", 200),
        ({"X-Member": "vera"}, "vibeworkbench/api/ops/issues", 403),
        ({"X-Member": "vera"}, "api/contents", 403),
        ({"X-Member": "ana"}, "vibeworkbench/api/ops/issues", 200),
        ({"X-Member": "ana"}, "api/contents", 200),
        ({"X-Member": "ana"}, "api/terminals", 403),
        ({"X-Member": "bob", "X-Groups": "guests board"}, "vibeworkbench/api/tokens", 200),
        ({"X-Member": "bob", "X-Groups": "board"}, f"vibeworkbench/api/rooms/{ROOM[22:]}/messages?wait=0.1", 200),
        ({"X-Member": "bob"}, "vibeworkbench/api/status", 403),
        ({"X-Member": "bob"}, "api/me", 403),
    ],
)
def test_people_of_another_provider_have_the_role_of_their_name_or_group(
    club: Server, headers: dict[str, str], path: str, status: int
) -> None:
    """And whoever has none gets nothing."""
    assert httpx.get(club.url + path, headers=headers, timeout=PATIENCE_S).status_code == status


def test_people_of_another_provider_save_large_notebooks(club: Server) -> None:
    """Who they are is known only when their handler asks, which is after the body has come."""
    saved = {"type": "file", "format": "text", "content": "x" * 200_000}
    xsrf = "ab" * 16
    with httpx.Client(
        base_url=club.url, headers={"X-Member": "ana"}, cookies={"_xsrf": xsrf}, timeout=PATIENCE_S
    ) as client:
        answer = client.put("api/contents/large.txt", json=saved, headers={"X-XSRFToken": xsrf})
    assert answer.status_code == 201


def test_handlers_that_cannot_ask_another_provider_are_closed_to_its_people(club: Server) -> None:
    """Nothing there would look at who they are; an admin's token opens them."""
    refused = httpx.get(f"{club.url}late/loaded", headers={"X-Member": "bob", "X-Groups": "board"}, timeout=PATIENCE_S)
    assert refused.status_code == 302
    assert (
        httpx.get(f"{club.url}late/loaded", headers={"Authorization": f"token {club.token}"}, timeout=PATIENCE_S).text
        == "reached"
    )


def test_a_room_knows_the_people_of_another_provider(club: Server) -> None:
    """And closes with 4401 on strangers, 4403 on those without a role."""
    with connect(socket_url(club), additional_headers={"X-Member": "vera"}, open_timeout=PATIENCE_S) as opened:
        assert json.loads(opened.recv(timeout=PATIENCE_S))["data"]["role"] == "viewer"
    for headers, code in (({}, 4401), ({"X-Member": "bob"}, 4403)):
        with connect(socket_url(club), additional_headers=headers, open_timeout=PATIENCE_S) as refused:
            with pytest.raises(websockets.ConnectionClosed) as end:
                refused.recv(timeout=PATIENCE_S)
            assert end.value.rcvd.code == code


# --- connections end with their rights -------------------------------------------------------------------------------


async def closed(connection: ClientConnection) -> int:
    """The code with which the server closed it."""
    await connection.wait_closed()
    return connection.close_code or 0


async def test_a_changed_role_closes_the_room_s_socket(server: Server) -> None:
    """It comes back with its new rights."""
    with server.http() as admin, browser(server) as client:
        admin.put("api/roles/vera", json={"role": "viewer", "password": PASSWORD}).raise_for_status()
        submit(client, "vera", PASSWORD)
        cookie = {"Cookie": "; ".join(f"{name}={value}" for name, value in client.cookies.items())}
        async with connect_async(socket_url(server), additional_headers=cookie, open_timeout=PATIENCE_S) as opened:
            assert json.loads(await opened.recv())["data"]["role"] == "viewer"
            admin.put("api/roles/vera", json={"role": "analyst"}).raise_for_status()
            assert await closed(opened) == 4401
        async with connect_async(socket_url(server), additional_headers=cookie, open_timeout=PATIENCE_S) as again:
            assert json.loads(await again.recv())["data"]["role"] == "analyst"


async def test_a_logout_closes_the_sockets_of_its_session_and_no_others(server: Server) -> None:
    """The same person's other browser stays connected."""
    with server.http() as admin:
        admin.put("api/roles/otto", json={"role": "viewer", "password": PASSWORD}).raise_for_status()
    with browser(server) as left, browser(server) as stays:
        cookies = []
        for client in (left, stays):
            submit(client, "otto", PASSWORD)
            cookies.append({"Cookie": "; ".join(f"{name}={value}" for name, value in client.cookies.items())})
        async with (
            connect_async(socket_url(server), additional_headers=cookies[0], open_timeout=PATIENCE_S) as first,
            connect_async(socket_url(server), additional_headers=cookies[1], open_timeout=PATIENCE_S) as second,
        ):
            await first.recv()
            await second.recv()
            left.get("logout")
            assert await closed(first) == 4401
            await second.send('{"type": "ping", "id": 1}')
            while json.loads(await second.recv())["type"] != "pong":
                pass


@pytest.mark.parametrize("path", ["late/echo", "api/events/subscribe"])
async def test_a_revoked_token_closes_sockets_that_are_not_ours(server: Server, path: str) -> None:
    """Jupyter's and other extensions' alike."""
    with server.http() as admin:
        made = admin.post("api/tokens", json={"role": "admin"}).json()
        async with connect_async(socket_url(server, path, token=made["token"]), open_timeout=PATIENCE_S) as opened:
            admin.delete(f"api/tokens/{made['id']}").raise_for_status()
            assert await closed(opened) == 4401
