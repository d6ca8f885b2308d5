"""Sessions of the login page: stolen, replayed, forged, and used by foreign pages."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from http.cookies import SimpleCookie

import httpx
import pytest
from tornado.web import create_signed_value
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.patience import PATIENCE_S
from tests.security.addresses import addresses
from tests.security.browsing import (
    PASSWORD,
    browser,
    login,
    person,
    replayed,
    session_cookies,
    submit,
    xsrf,
)
from tests.security.staging import Stage, revoked
from tests.security.wire import host_of, raw
from tests.servers import Server

STATUS = "vibeworkbench/api/status"
ROOM = "vibeworkbench/parties/ops-monitor-broadcast/main"
FOREIGN = "https://elsewhere.example"


@pytest.fixture(scope="module")
def admin(stage: Stage) -> Iterator[httpx.Client]:
    """A browser in which an admin is logged in."""
    person(stage.server, "ada", "admin")
    with login(stage.server, "ada") as client:
        yield client


@pytest.fixture
def victim(stage: Stage, request: pytest.FixtureRequest) -> Iterator[tuple[str, httpx.Client]]:
    """A person of this test alone, logged in as an operator."""
    name = f"victim-{abs(hash(request.node.name)) % 10**8}"
    person(stage.server, name, "operator")
    with login(stage.server, name) as client:
        assert client.get(STATUS).json()["caller"].items() >= {"name": name, "role": "operator"}.items()
        yield name, client


# --- replay ----------------------------------------------------------------------------------------------------------


def test_a_session_s_cookie_is_dead_after_logout(stage: Stage, victim: tuple[str, httpx.Client]) -> None:
    """Also in the hands of whoever copied it before."""
    _, client = victim
    cookies = session_cookies(client)
    assert replayed(stage.server, cookies).status_code == 200
    leave(client)
    assert client.get(STATUS).status_code == 401
    assert replayed(stage.server, cookies).status_code == 401
    assert replayed(stage.server, cookies, "lab").headers["Location"].startswith("/login")


def leave(client: httpx.Client) -> None:
    """The browser has logged out, by whichever way the page offers."""
    page = client.get("logout")
    if page.status_code == 200 and "<form" in page.text:
        assert client.post("logout", data={"_xsrf": client.cookies["_xsrf"]}).status_code in (200, 302, 303)


def test_a_session_ends_with_the_password_that_opened_it(stage: Stage, victim: tuple[str, httpx.Client]) -> None:
    """Whoever stole the password keeps no door open when it is changed."""
    name, client = victim
    person(stage.server, name, "operator", "another correct horse battery staple")
    assert replayed(stage.server, session_cookies(client)).status_code == 401
    with browser(stage.server, "127.0.0.9") as again:
        assert submit(again, name, PASSWORD).status_code in (401, 403)


def test_a_session_ends_when_its_person_has_no_role_any_more(stage: Stage, victim: tuple[str, httpx.Client]) -> None:
    """And a role that is given again later does not revive it."""
    name, client = victim
    with stage.http() as server:
        assert server.delete(f"vibeworkbench/api/roles/{name}").status_code == 204
    assert replayed(stage.server, session_cookies(client)).status_code == 401
    person(stage.server, name, "operator")
    assert replayed(stage.server, session_cookies(client)).status_code == 401


def test_a_session_has_the_role_that_its_person_has_now(stage: Stage, victim: tuple[str, httpx.Client]) -> None:
    """Not the one of the login."""
    name, client = victim
    person(stage.server, name, "viewer", password=None)
    assert client.get(STATUS).json()["caller"]["role"] == "viewer"
    assert client.get("api/kernels").status_code == 403


def end_rights(stage: Stage, name: str, client: httpx.Client, how: str) -> None:
    """The rights with which ``client`` is logged in are other ones, or none."""
    if how == "logout":
        leave(client)
    elif how == "removal":
        with stage.http() as server:
            server.delete(f"vibeworkbench/api/roles/{name}")
    else:
        person(stage.server, name, "viewer" if how == "role" else "operator", None if how == "role" else PASSWORD)


async def heard_until_the_end(socket: ClientConnection) -> None:
    """Everything has been heard.

    Raises:
        ConnectionClosed: Always: with the code with which the server closed the socket.
    """
    while True:
        await socket.recv()


@pytest.mark.parametrize("how", ["logout", "role", "password", "removal"])
@pytest.mark.parametrize("path", [ROOM, "api/events/subscribe", "lsp/ws/made-up"])
async def test_open_sockets_end_with_the_session(
    stage: Stage, victim: tuple[str, httpx.Client], how: str, path: str
) -> None:
    """With 4401, ours and Jupyter's: a page that stays open must not go on with rights that are gone."""
    name, client = victim
    cookie = "; ".join(f"{name}={value}" for name, value in session_cookies(client).items())
    url = f"ws{stage.server.url.removeprefix('http')}{path}"
    async with (
        asyncio.timeout(PATIENCE_S),
        connect(url, additional_headers={"Cookie": cookie}, proxy=None, open_timeout=PATIENCE_S) as opened,
    ):
        await (await opened.ping())
        await asyncio.to_thread(end_rights, stage, name, client, how)
        with pytest.raises(ConnectionClosed) as end:
            await heard_until_the_end(opened)
    assert end.value.rcvd.code == 4401


def test_a_session_opened_with_a_token_ends_with_the_token(stage: Stage) -> None:
    """Whoever logs in with a token at the page."""
    token = stage.make_token("operator")
    with browser(stage.server) as client:
        answer = submit(client, "", token.text)
        assert answer.status_code in (302, 303), answer.text
        assert client.get(STATUS).json()["caller"]["role"] == "operator"
        revoked(stage.server, token)
        assert replayed(stage.server, session_cookies(client)).status_code == 401


def test_no_cookie_holds_a_secret(stage: Stage) -> None:
    """Neither the token nor the password that opened the session."""
    token = stage.make_token("viewer")
    with browser(stage.server) as client:
        submit(client, "", token.text)
        assert not any(token.text in value for value in session_cookies(client).values())


def test_session_cookies_are_out_of_reach_of_scripts_and_foreign_sites(stage: Stage) -> None:
    """HttpOnly, SameSite, and only for this server's paths."""
    with browser(stage.server) as client:
        answer = submit(client, "", stage.tokens["viewer"].text)
        set_cookies = [SimpleCookie(line) for line in answer.headers.get_list("Set-Cookie")]
        named = {
            name: each for cookie in set_cookies for name, each in cookie.items() if name in session_cookies(client)
        }
    assert named
    for morsel in named.values():
        assert morsel["httponly"]
        assert morsel["samesite"].lower() in ("lax", "strict")
        assert morsel["path"] == "/"


# --- forged ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", ["", "secret", "0" * 64])
def test_a_cookie_signed_with_another_secret_is_none(stage: Stage, admin: httpx.Client, secret: str) -> None:
    """Nor is one that is not signed, cut, or whose content was changed."""
    (name, real), *_ = session_cookies(admin).items()
    content = json.dumps({"identity": "server", "generation": "", "session": "x", "expires": 9e9})
    forged = [
        create_signed_value(secret or "-", name, content).decode(),
        content.replace('"', "%22"),
        real[:-1],
        real[:-1] + ("0" if real[-1] != "0" else "1"),
        real.replace("|", "%7C"),
        "2|1:0|" + real.partition("|1:0|")[2].replace("4:", "5:", 1),
        "",
        '""',
        "null",
    ]
    for value in forged:
        assert replayed(stage.server, {name: value}).status_code == 401, value


def test_a_cookie_of_another_name_of_this_server_is_no_session(stage: Stage, admin: httpx.Client) -> None:
    """The name is part of what is signed."""
    (name, real), *_ = session_cookies(admin).items()
    for other in ("_xsrf", "username-localhost", f"{name}x", "session"):
        assert replayed(stage.server, {other: real}).status_code == 401


def test_a_session_of_one_server_opens_no_other(start_server: Callable[..., Server], stage: Stage, tmp_path) -> None:
    """Although Jupyter keeps one secret for all servers of an account, and the Host header says which name is meant."""
    (tmp_path / "runtime").symlink_to(stage.server.data / "runtime")
    other = start_server("", "--no-lab", data=tmp_path)
    host = ("Host", "{}:{}".format(*host_of(stage.server)))
    for server in (stage.server, other):
        person(server, "twin", "admin")
    for name, secret in (("twin", PASSWORD), ("", stage.server.token)):
        with browser(stage.server) as client:
            submit(client, name, secret)
            cookie = ("Cookie", "; ".join(f"{name}={value}" for name, value in session_cookies(client).items()))
        assert raw(stage.server, f"/{STATUS}", host, cookie).status == 200
        assert raw(other, f"/{STATUS}", host, cookie).status == 401


def test_whoever_plants_a_cookie_before_the_login_does_not_know_the_session(stage: Stage) -> None:
    """Session fixation: the login always makes a new one."""
    person(stage.server, "fixed", "viewer")
    with login(stage.server, "fixed") as first:
        planted = session_cookies(first)
        with browser(stage.server) as second:
            for name, value in planted.items():
                second.cookies.set(name, value)
            leave(first)
            second.cookies.delete("_xsrf") if "_xsrf" in second.cookies else None
            answer = submit(second, "fixed", PASSWORD)
            assert answer.status_code in (302, 303)
        assert replayed(stage.server, planted).status_code == 401


# --- foreign pages ---------------------------------------------------------------------------------------------------


def writes(stage: Stage) -> list[tuple[str, str]]:
    """Every write of our own routes, and of Jupyter's that matter most."""
    more = ("/api/kernels", "/api/sessions", "/api/contents/made-up", "/api/terminals", "/api/shutdown", "/login")
    return [
        (method, each.path.format(**stage.things))
        for each in addresses(stage.routes)
        for method in each.methods
        if method != "GET" and (each.handler.startswith("vibeworkbench.") or each.path in more)
    ]


def test_no_write_is_taken_from_a_session_without_its_xsrf_token(stage: Stage, admin: httpx.Client) -> None:
    """A form on a foreign page sends the cookie, but cannot read the token; every write of the enumeration is tried."""
    cookies = session_cookies(admin)
    tried = writes(stage)
    assert len(tried) >= 20
    with httpx.Client(base_url=stage.server.url, cookies=cookies, timeout=PATIENCE_S) as foreign:
        for method, path in tried:
            for headers in ({}, {"X-XSRFToken": "made-up"}, {"Content-Type": "text/plain"}):
                answer = foreign.request(method, path.lstrip("/"), headers=headers, content=b"{}")
                assert answer.status_code in (403, 404), (method, path, answer.status_code, answer.text)
                if answer.status_code == 404:
                    assert "vibeworkbench" not in path, (method, path)
    assert admin.get(STATUS).status_code == 200


def test_an_xsrf_token_of_somebody_else_is_none(stage: Stage, admin: httpx.Client) -> None:
    """The one in the header must be the one in the cookie."""
    with browser(stage.server) as other:
        other.get("login")
        strange = other.cookies["_xsrf"]
    headers = {"X-XSRFToken": strange}
    assert admin.post("vibeworkbench/api/ops/scan", json={}, headers=headers).status_code == 403
    assert admin.post("vibeworkbench/api/ops/scan", json={}, headers=xsrf(admin)).status_code == 400


@pytest.mark.parametrize("origin", [FOREIGN, "null", "http://127.0.0.1.elsewhere.example", "file://"])
def test_a_foreign_page_reads_nothing_and_writes_nothing_with_a_session(
    stage: Stage, admin: httpx.Client, origin: str
) -> None:
    """Its browser sends the cookie along; even with the XSRF token the origin decides."""
    headers = {**xsrf(admin), "Origin": origin}
    for path in ("vibeworkbench/api/ops/issues", "vibeworkbench/api/rooms/ops-monitor-broadcast/main/messages"):
        answer = admin.get(path, headers=headers)
        assert answer.status_code == 403, (path, answer.status_code)
        assert answer.headers.get("Access-Control-Allow-Origin") is None
    for path in ("vibeworkbench/api/ops/scan", "vibeworkbench/api/tokens", "api/kernels", "api/contents"):
        assert admin.post(path, json={}, headers=headers).status_code in (403, 404), path


@pytest.mark.parametrize("origin", [FOREIGN, "null", "http://127.0.0.1:1"])
async def test_a_foreign_page_opens_no_socket_with_a_session(stage: Stage, admin: httpx.Client, origin: str) -> None:
    """Neither ours nor Jupyter's nor a stranger's that asks nobody."""
    cookie = "; ".join(f"{name}={value}" for name, value in session_cookies(admin).items())
    root = "ws" + stage.server.url.removeprefix("http")
    for path in (ROOM, f"api/kernels/{stage.things['kernel']}/channels", "api/events/subscribe", "stranger/echo"):
        headers = {"Cookie": cookie, "Origin": origin}
        with pytest.raises((InvalidStatus, ConnectionClosed)) as refused:
            async with connect(root + path, additional_headers=headers, proxy=None, open_timeout=PATIENCE_S) as opened:
                await opened.recv()
        assert isinstance(refused.value, InvalidStatus), path
        assert refused.value.response.status_code == 403, path


@pytest.mark.parametrize(
    "path", ["login", "lab", "vibeworkbench/dashboards", "vibeworkbench/dashboards/audited", "nothing"]
)
def test_no_foreign_page_frames_ours(admin: httpx.Client, path: str) -> None:
    """Clickjacking: what is seen is where the click goes."""
    policy = admin.get(path).headers["Content-Security-Policy"]
    ancestors = next(part for part in policy.split(";") if part.strip().startswith("frame-ancestors"))
    assert set(ancestors.split()[1:]) <= {"'self'", "'none'"}, policy


@pytest.mark.parametrize(
    "target",
    [
        "https://elsewhere.example/",
        "//elsewhere.example/",
        "///elsewhere.example/",
        "/\\elsewhere.example/",
        "\\\\elsewhere.example/",
        "/%09/elsewhere.example/",
        "/\t/elsewhere.example/",
        "https:elsewhere.example",
        "http:///elsewhere.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "/\r\nSet-Cookie: x=1",
        "%0d%0aSet-Cookie: x=1",
        "https://127.0.0.1@elsewhere.example/",
        "/../..//elsewhere.example/",
        "@elsewhere.example/",
        ".elsewhere.example/",
    ],
)
def test_the_login_leads_nowhere_else(stage: Stage, target: str) -> None:
    """Whatever ``next`` says: a link to our login must not end on somebody's copy of it."""
    with browser(stage.server) as client:
        answer = submit(client, "", stage.tokens["viewer"].text, leads_to=target)
        assert answer.status_code in (302, 303, 400), answer.text
        assert "x=1" not in str(answer.headers.get_list("Set-Cookie"))
        if "Location" in answer.headers:
            arrived = httpx.URL(stage.server.url).join(answer.headers["Location"])
            assert (arrived.host, arrived.port) == host_of(stage.server)
            assert "elsewhere" not in browser_s_view(answer.headers["Location"])


def browser_s_view(location: str) -> str:
    """The host that a browser reads in a Location: it takes backslashes for slashes and drops tabs and line ends."""
    plain = location.replace("\\", "/").translate({9: None, 10: None, 13: None}).strip()
    return plain[2:].partition("/")[0] if plain.startswith("//") else ""


@pytest.mark.parametrize("path", ["//elsewhere.example/", "///elsewhere.example/%2e%2e/", "/\\elsewhere.example/"])
@pytest.mark.parametrize("caller", ["anonymous", "viewer", "admin"])
def test_no_address_of_ours_leads_elsewhere(stage: Stage, caller: str, path: str) -> None:
    """Jupyter redirects addresses with a slash at their end; no host comes out of that."""
    answer = raw(stage.server, path, *stage.headers(caller).items())
    assert browser_s_view(answer.headers.get("Location", "")) == ""


# --- guessing --------------------------------------------------------------------------------------------------------


def test_guessing_passwords_is_slowed_and_nobody_else_suffers(stage: Stage) -> None:
    """After a few, 429 with Retry-After, also for the right password; another address and tokens are let in."""
    person(stage.server, "guessed", "admin")
    statuses = []
    with browser(stage.server, "127.0.0.66") as guesser:
        for number in range(8):
            answer = submit(guesser, "guessed", f"guess {number}")
            statuses.append(answer.status_code)
        assert statuses[0] in (401, 403)
        assert statuses[-1] == 429
        assert int(answer.headers["Retry-After"]) >= 1
        assert submit(guesser, "guessed", PASSWORD).status_code == 429
        token = stage.tokens["viewer"]
        assert guesser.get(STATUS, headers=token.headers).status_code == 200
    with login(stage.server, "guessed", source="127.0.0.67") as elsewhere:
        assert elsewhere.get(STATUS).status_code == 200


def test_a_header_does_not_give_a_guesser_another_address(stage: Stage) -> None:
    """X-Forwarded-For and its kin are believed from nobody who was not told to be trusted."""
    person(stage.server, "guessed-too", "admin")
    with browser(stage.server, "127.0.0.68") as guesser:
        for number in range(8):
            for header in ("X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP"):
                guesser.headers[header] = f"10.0.0.{number}"
            answer = submit(guesser, "guessed-too", f"guess {number}")
        assert answer.status_code == 429


def test_unknown_names_and_wrong_passwords_are_answered_alike(stage: Stage) -> None:
    """Nobody learns who exists."""
    person(stage.server, "known", "viewer")
    answers = []
    for source, name in (("127.0.0.70", "known"), ("127.0.0.71", "unknown")):
        with browser(stage.server, source) as client:
            answer = submit(client, name, "wrong")
            answers.append((answer.status_code, answer.text.replace(name, "NAME")))
    first, second = ((status, without_ids(text)) for status, text in answers)
    assert first == second


def without_ids(page: str) -> str:
    """A page without what differs from request to request: the XSRF token and the request's id."""
    lines = [line for line in page.splitlines() if "_xsrf" not in line and "equest" not in line]
    return "\n".join(lines)


def test_names_and_passwords_of_any_shape_are_refused_in_order(stage: Stage) -> None:
    """Nulls, megabytes, broken UTF-8, the same field twice, none at all: never a failure of the server's."""
    with browser(stage.server, "127.0.0.72") as client:
        form = "application/x-www-form-urlencoded"
        client.get("login")
        token = client.cookies["_xsrf"]
        for body in (
            b"",
            b"name=a%00b&password=a%00b",
            b"name=" + b"a" * 60_000 + b"&password=b",
            b"name=a&password=" + b"b" * 60_000,
            b"name=%ff&password=%ff",
            b"name=a&name=b&password=c&password=d",
            b"name[]=a&password[]=b",
            b"&" * 10_000,
        ):
            answer = client.post(
                "login", content=b"_xsrf=" + token.encode() + b"&" + body, headers={"Content-Type": form}
            )
            assert answer.status_code in (400, 401, 403, 413, 429), (body[:30], answer.status_code)
        with suppress(httpx.TransportError):  # more than anybody needs to log in: the connection is cut
            assert client.post("login", content=b"a" * 2_000_000, headers={"Content-Type": form}).status_code in (
                400,
                413,
            )
        broken = client.post("login", content=b"--x\r\n", headers={"Content-Type": "multipart/form-data; boundary=x"})
        assert broken.status_code in (400, 401, 403, 429)


def test_logins_that_never_end_do_not_hold_up_others(stage: Stage) -> None:
    """Fifty callers send half of a request each and wait; the fifty-first is let in."""
    person(stage.server, "patient", "viewer")
    half = b"POST /login HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\nusername=x"
    with ExitStack() as stack:
        for number in range(50):
            opened = stack.enter_context(socket.create_connection(host_of(stage.server)))
            opened.sendall(half if number % 2 else half[:30])
        with login(stage.server, "patient", source="127.0.0.73") as client:
            assert client.get(STATUS).status_code == 200


async def test_passwords_under_examination_do_not_hold_up_others(stage: Stage) -> None:
    """Argon2 is slow on purpose: while many are looked at, everything else goes on, and no one of them fails."""
    bodies = [("burst", f"guess {number}") for number in range(12)]

    def attempt(number: int) -> int:
        with browser(stage.server, f"127.0.1.{number + 1}") as client:
            return submit(client, *bodies[number]).status_code

    attempts = [asyncio.create_task(asyncio.to_thread(attempt, number)) for number in range(len(bodies))]
    async with httpx.AsyncClient(
        base_url=stage.server.url, headers=stage.headers("viewer"), timeout=PATIENCE_S
    ) as client:
        while not all(each.done() for each in attempts):
            assert (await client.get(STATUS)).status_code == 200
    assert {await each for each in attempts} <= {401, 403, 429, 503}
