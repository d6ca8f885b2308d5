"""Single sign-on by a proxy's header: believed from the proxy alone."""

from __future__ import annotations

import http.client
import json

import pytest

from tests.patience import PATIENCE_S
from tests.security.staging import PROXY_SECRET, Stage
from tests.security.wire import host_of
from tests.servers import Server

PROXY = "127.0.0.5"
SECRET = ("X-Proxy-Secret", PROXY_SECRET)
ADA = ("X-Remote-User", "ada")


@pytest.fixture
def server(stage: Stage) -> Server:
    """The stage's server, which stands behind a proxy that logs people in."""
    return stage.server


def asked(
    server: Server, *headers: tuple[str, str], source: str = PROXY, path: str = "/vibeworkbench/api/status"
) -> tuple[int, str]:
    """Status, and the name and role under which the server answered."""
    connection = http.client.HTTPConnection(*host_of(server), timeout=PATIENCE_S, source_address=(source, 0))
    connection.putrequest("GET", path)
    for name, value in headers:
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    caller = json.loads(body)["caller"] if answer.status == 200 else {"name": "", "role": ""}
    return answer.status, f"{caller['name']} {caller['role']}".strip()


def test_the_proxy_is_believed(server: Server) -> None:
    """By name, and by group for names without a role of their own."""
    assert asked(server, SECRET, ADA) == (200, "ada admin")
    groups = ("X-Remote-Groups", "everybody, operators")
    assert asked(server, SECRET, ("X-Remote-User", "otto"), groups) == (200, "otto operator")


@pytest.mark.parametrize("source", ["127.0.0.1", "127.0.0.6"])
def test_nobody_else_is_believed(server: Server, source: str) -> None:
    """Not even with the secret, and whatever headers say of where the request comes from."""
    for header in ("X-Forwarded-For", "X-Real-IP", "X-Client-IP", "True-Client-IP", "X-Forwarded-Host"):
        assert asked(server, SECRET, ADA, (header, PROXY), source=source)[0] == 401
    assert asked(server, SECRET, ADA, ("Forwarded", f"for={PROXY}"), source=source)[0] == 401


@pytest.mark.parametrize(
    "secret",
    [
        (),
        (("X-Proxy-Secret", ""),),
        (("X-Proxy-Secret", "guess"),),
        (SECRET, SECRET),
        (SECRET, ("X-Proxy-Secret", "guess")),
    ],
)
def test_the_proxy_without_its_secret_is_not_believed(server: Server, secret: tuple[tuple[str, str], ...]) -> None:
    """Another account's program on the proxy's machine has its address, too."""
    assert asked(server, *secret, ADA)[0] == 401


@pytest.mark.parametrize(
    "names",
    [
        ("vera", "ada"),
        ("ada", "vera"),
        ("ada", "ada"),
        ("ada,vera",),
        ("ada\tvera",),
        ("",),
        ("ADA",),
        ("ada/",),
        ("\xe1da",),
    ],
)
def test_a_name_that_is_not_plainly_one_is_nobody_s(server: Server, names: tuple[str, ...]) -> None:
    """A header that a client smuggled past the proxy stands beside the proxy's own: neither counts."""
    answer = asked(server, SECRET, *(("X-Remote-User", name) for name in names))
    assert answer[0] in (401, 403), answer


@pytest.mark.parametrize(
    "name", ["X_Remote_User", "x-remote-user ", "X-Remote-User:", "Remote-User", "X-Remote-User\t"]
)
def test_a_header_of_nearly_the_same_name_says_nothing(server: Server, name: str) -> None:
    """Underscores and spaces are no hyphens."""
    try:
        status, _ = asked(server, SECRET, (name, "ada"))
    except (http.client.HTTPException, ValueError, ConnectionError):
        return  # refused before it was read
    assert status in (400, 401)


def test_a_person_whom_the_proxy_knows_and_nobody_gave_a_role_gets_nothing(server: Server) -> None:
    """An identity without a role is none here."""
    assert asked(server, SECRET, ("X-Remote-User", "nobody"))[0] in (401, 403)


def test_a_bad_token_is_not_mended_by_the_proxy_s_word(server: Server) -> None:
    """Whoever shows a token is judged by it."""
    assert asked(server, SECRET, ADA, ("Authorization", "token made-up"))[0] == 401
