"""The REST of access, against a real server: admins change rights, and nobody else does."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.servers import Server

SETTINGS = """
[access]
session_hours = 1
token_days = 10
roles = { settler = "operator" }
groups = { staff = "viewer" }
"""
PASSWORD = "correct horse battery staple"
ROUTES = [
    ("GET", "api/tokens"),
    ("POST", "api/tokens"),
    ("DELETE", "api/tokens/000000000000"),
    ("GET", "api/roles"),
    ("PUT", "api/roles/intruder"),
    ("DELETE", "api/roles/intruder"),
    ("GET", "api/audit"),
]


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Server]) -> Server:
    return start_server(SETTINGS, "--no-lab")


@pytest.fixture
def admin(server: Server) -> Any:
    with server.http() as client:
        yield client


def made(admin: httpx.Client, **order: Any) -> dict[str, Any]:
    """A new token as REST answers it."""
    answer = admin.post("api/tokens", json={"role": "viewer", **order})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def status_of(server: Server, token: str) -> int:
    """What the server's status page answers to a token."""
    with server.http(token) as client:
        return client.get("api/status").status_code


def test_a_token_is_told_once_and_opens_the_server(server: Server, admin: httpx.Client) -> None:
    """The list knows everything of it but its text."""
    answer = made(admin, name="hall", scope=["metrics", "dashboard:ops"])
    assert set(answer) == {"token", "id", "role", "expiresAt", "name", "scope"}
    assert status_of(server, answer["token"]) == 200
    listed = admin.get("api/tokens")
    assert answer["token"] not in listed.text
    (found,) = [each for each in listed.json()["items"] if each["id"] == answer["id"]]
    assert found["state"] == "live"
    assert found["scope"] == ["dashboard:ops", "metrics"]
    assert found["lastUsedAt"] is not None


def test_a_token_lives_as_long_as_somebody_says(admin: httpx.Client) -> None:
    """Else as long as the settings say; null is for ever."""
    assert made(admin, expiresAt="2999-01-01T00:00:00Z")["expiresAt"] == "2999-01-01T00:00:00Z"
    assert made(admin, expiresAt=None)["expiresAt"] is None
    assert made(admin)["expiresAt"] is not None


@pytest.mark.parametrize(
    ("order", "field"),
    [
        ({}, "role"),
        ({"role": "root"}, "role"),
        ({"role": "viewer", "expiresAt": "2001-01-01T00:00:00Z"}, "expiresAt"),
        ({"role": "viewer", "expiresAt": "2999-01-01T00:00:00"}, "expiresAt"),
        ({"role": "viewer", "expiresAt": "soon"}, "expiresAt"),
        ({"role": "viewer", "scope": ["all"]}, "scope"),
        ({"role": "viewer", "scope": ["dashboard:x"] * 101}, "scope"),
        ({"role": "ingest", "scope": ["metrics"]}, "scope"),
        ({"role": "viewer", "name": "a\nb"}, "name"),
        ({"role": "viewer", "token": "mine"}, "token"),
    ],
)
def test_a_token_that_means_nothing_is_refused(admin: httpx.Client, order: dict[str, Any], field: str) -> None:
    """With the field to blame."""
    answer = admin.post("api/tokens", json=order)
    assert answer.status_code == 400
    assert answer.json()["error"]["details"]["field"].startswith(field)


def test_a_revoked_token_opens_nothing_any_more(server: Server, admin: httpx.Client) -> None:
    """Revoking it again is no mistake and tells the same instant."""
    token = made(admin)
    first = admin.delete(f"api/tokens/{token['id']}")
    assert first.status_code == 200
    assert first.json()["state"] == "revoked"
    assert status_of(server, token["token"]) == 401
    assert admin.delete(f"api/tokens/{token['id']}").json() == first.json()
    assert admin.delete("api/tokens/nothing").status_code == 404
    assert admin.delete("api/tokens/server").status_code == 409


def test_an_admin_s_token_may_revoke_itself(server: Server, admin: httpx.Client) -> None:
    """The answer still comes, and it is the last one."""
    token = made(admin, role="admin")
    with server.http(token["token"]) as client:
        assert client.delete(f"api/tokens/{token['id']}").status_code == 200
        assert client.get("api/status").status_code == 401


def test_tokens_come_page_by_page(admin: httpx.Client) -> None:
    """Each once, newest first, whatever the page's size."""
    for _ in range(3):
        made(admin)
    every = [each["id"] for each in admin.get("api/tokens", params={"limit": 500}).json()["items"]]
    paged: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = admin.get("api/tokens", params={"limit": 2, "cursor": cursor}).json()
        paged += [each["id"] for each in page["items"]]
        cursor = page["nextCursor"]
    assert paged == every
    assert admin.get("api/tokens", params={"cursor": "x"}).status_code == 400


def test_a_role_is_set_changed_and_removed(admin: httpx.Client) -> None:
    """Whoever has a password keeps it when only the role is set; null takes it away."""
    first = admin.put("api/roles/ana", json={"role": "operator", "password": PASSWORD}).json()
    assert (first["role"], first["hasPassword"], first["origin"]) == ("operator", True, "database")
    assert admin.put("api/roles/ana", json={"role": "viewer"}).json()["hasPassword"] is True
    assert admin.put("api/roles/ana", json={"role": "viewer", "password": None}).json()["hasPassword"] is False
    assert admin.delete("api/roles/ana").status_code == 204
    assert admin.delete("api/roles/ana").status_code == 404


def test_names_outside_of_ascii_are_names_in_addresses(admin: httpx.Client) -> None:
    """Percent-encoded, as clients do."""
    assert (
        admin.put("api/roles/m%C3%BCller@example.org", json={"role": "viewer"}).json()["name"] == "müller@example.org"
    )
    assert admin.delete("api/roles/m%C3%BCller@example.org").status_code == 204


@pytest.mark.parametrize("name", ["a%20b", "a%00", "a%2Fb", "%E2%80%AEana", "%EF%BD%81na", "a%3Ab", "x" * 200, "%FF"])
def test_no_role_for_what_is_no_name(admin: httpx.Client, name: str) -> None:
    """A name that nobody can read, or that looks like another one."""
    assert admin.put(f"api/roles/{name}", json={"role": "viewer"}).status_code in {400, 404}


@pytest.mark.parametrize(
    "order",
    [{}, {"role": "ingest"}, {"role": "viewer", "password": "short"}, {"role": "viewer", "password": 7}],
)
def test_a_role_that_means_nothing_is_refused(admin: httpx.Client, order: dict[str, Any]) -> None:
    """And nobody gets it; the refusal does not repeat the password."""
    answer = admin.put("api/roles/nobody", json=order)
    assert answer.status_code == 400
    assert "short" not in answer.text.replace("characters", "")
    assert "nobody" not in {each["name"] for each in admin.get("api/roles").json()["items"]}


def test_roles_of_the_settings_are_listed_and_yield_to_the_database_s(admin: httpx.Client) -> None:
    """They are changed in the file only."""
    admin.put("api/roles/settler", json={"role": "viewer"})
    rows = [each for each in admin.get("api/roles").json()["items"] if each["name"] in {"settler", "staff"}]
    assert [(each["name"], each["kind"], each["origin"], each["role"], each["inForce"]) for each in rows] == [
        ("settler", "person", "database", "viewer", True),
        ("settler", "person", "settings", "operator", False),
        ("staff", "group", "settings", "viewer", True),
    ]
    assert admin.delete("api/roles/settler").status_code == 204
    assert admin.delete("api/roles/settler").status_code == 409


def test_the_record_tells_who_changed_what(admin: httpx.Client) -> None:
    """By filter and page; a filter that means nothing is refused."""
    name = f"n{secrets.token_hex(4)}"
    admin.put(f"api/roles/{name}", json={"role": "viewer"})
    token = made(admin, role="operator")
    page = admin.get("api/audit", params={"limit": 2}).json()
    assert [(each["kind"], each["identity"], each["address"]) for each in page["items"]] == [
        ("token-created", "server", "127.0.0.1"),
        ("role-set", "server", "127.0.0.1"),
    ]
    assert page["items"][0]["subject"].startswith(f"{token['id']} operator")
    assert page["items"][1]["subject"] == f"{name} viewer"
    older = admin.get("api/audit", params={"limit": 1, "cursor": page["nextCursor"]}).json()["items"]
    assert older[0]["id"] < page["items"][-1]["id"]
    assert (
        admin.get("api/audit", params={"kind": "role-removed", "since": "2200-01-01T00:00:00Z"}).json()["items"] == []
    )
    assert admin.get("api/audit", params={"since": "2200-01-01T00:00:00"}).status_code == 400
    assert admin.get("api/audit", params={"cursor": "x"}).status_code == 400


@pytest.mark.parametrize("role", ["", "ingest", "viewer", "analyst", "operator", "metrics", "narrowed admin"])
def test_only_admins_may(server: Server, role: str) -> None:
    """Neither lower roles nor strangers nor a narrowed admin's token, and nothing has changed by it."""
    scope = {"metrics": ["metrics"], "narrowed admin": ["room:relay/*"]}.get(role, [])
    kind = {"metrics": "viewer", "narrowed admin": "admin"}.get(role, role)
    text = server.grant(kind, *scope) if role else ""
    with server.http() as admin:
        token = made(admin)
    with server.http(text) as client:
        for method, path in (*ROUTES, ("DELETE", f"api/tokens/{token['id']}")):
            body = {"role": "admin"} if method in {"POST", "PUT"} else None
            assert client.request(method, path, json=body).status_code == (403 if role else 401), (method, path)
    assert status_of(server, token["token"]) == 200


def test_settings_that_mean_nothing_stop_the_start(start_server: Callable[..., Server]) -> None:
    """With the field, before anything runs."""
    with pytest.raises(RuntimeError, match=r"access\.header\.trusted_proxies"):
        start_server('[access.header]\nname = "X-Remote-User"\n', "--no-lab")
