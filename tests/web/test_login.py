"""Login and logout as a browser does them: the form, the cookie, where it leads, and what is recorded."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import trustme

from tests.patience import PATIENCE_MS, PATIENCE_S
from tests.security.browsing import PASSWORD, browser, submit
from tests.servers import Server

SETTINGS = """
[access.login]
attempts = 3
wait_s = 30
"""
BASE = "/a%40b/"


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Server]) -> Server:
    """A server that does not stand at the root of its host, with two people."""
    started = start_server(SETTINGS, "--no-lab", "--base-url", BASE)
    with started.http() as admin:
        for name, role in (("vera", "viewer"), ("ana", "analyst")):
            admin.put(f"api/roles/{name}", json={"role": role, "password": PASSWORD}).raise_for_status()
    return started


def recorded(server: Server, kind: str) -> list[dict]:
    """What the audit record has of one kind."""
    with server.http() as admin:
        return [each for each in admin.get("api/audit").raise_for_status().json()["items"] if each["kind"] == kind]


def session_cookie(answer: httpx.Response) -> str:
    """The line that sets the session's cookie."""
    (line,) = [each for each in answer.headers.get_list("Set-Cookie") if each.startswith("vibeworkbench-")]
    return line


def opens_session(answer: httpx.Response) -> bool:
    """Whether a session's cookie is set."""
    return any(each.startswith("vibeworkbench-") for each in answer.headers.get_list("Set-Cookie"))


@pytest.mark.parametrize(
    ("name", "wanted", "arrived"),
    [
        ("vera", None, "vibeworkbench/dashboards"),
        ("ana", None, ""),
        ("vera", "vibeworkbench/dashboards/ops?theme=dark", "vibeworkbench/dashboards/ops?theme=dark"),
        ("vera", "lab", "vibeworkbench/dashboards"),
        ("ana", "lab/tree/a.ipynb", "lab/tree/a.ipynb"),
        ("ana", "logout", ""),
    ],
)
def test_a_login_leads_to_what_was_asked_for_if_the_right_reaches_it(
    server: Server, name: str, wanted: str | None, arrived: str
) -> None:
    """Else to the dashboards, or to the start page of whoever works with notebooks."""
    with browser(server, "127.0.0.2") as client:
        answer = submit(client, name, PASSWORD, None if wanted is None else BASE + wanted)
        assert (answer.status_code, answer.headers["Location"]) == (303, BASE + arrived)
    assert name in {each["name"] for each in recorded(server, "login")}


def test_the_session_s_cookie_is_for_this_server_only(server: Server) -> None:
    """Scripts and foreign pages do not get it, and it says when it ends."""
    with browser(server, "127.0.0.2") as client:
        flags = session_cookie(submit(client, "vera", PASSWORD)).lower()
    assert {"httponly", "samesite=lax", f"path={BASE}".lower()} <= {each.strip() for each in flags.split(";")}
    assert "expires=" in flags
    assert "secure" not in flags


def test_a_failed_login_says_one_sentence_and_is_recorded(server: Server) -> None:
    """The name stays in the form, the password does not; the record has where it came from."""
    with browser(server, "127.0.0.3") as client:
        answer = submit(client, "vera", "guess-1234")
    assert answer.status_code == 401
    assert "Name and password do not belong together." in answer.text
    assert 'value="vera"' in answer.text
    assert "guess-1234" not in answer.text
    (event,) = recorded(server, "login-failed")
    assert (event["name"], event["address"]) == ("vera", "127.0.0.3")


def test_whoever_fails_often_reads_when_to_come_back(server: Server) -> None:
    """And a correct token is let in meanwhile, because nobody guesses those."""
    with browser(server, "127.0.0.4") as client:
        for _ in range(3):
            assert submit(client, "eve", "wrong").status_code == 401
        limited = submit(client, "vera", PASSWORD)
        assert limited.status_code == 429
        assert 1 <= int(limited.headers["Retry-After"]) <= 60
        assert "Too many" in limited.text
        assert submit(client, "", server.grant("viewer")).status_code == 303
    assert recorded(server, "login-limited")


def test_a_token_that_only_delivers_opens_no_page(server: Server) -> None:
    """It is told so, and gets no session."""
    with browser(server, "127.0.0.5") as client:
        answer = submit(client, "", server.grant("ingest"))
    assert answer.status_code == 403
    assert not opens_session(answer)
    assert "opens no page" in answer.text


def test_a_login_without_the_form_s_secret_is_refused(server: Server) -> None:
    """A foreign page cannot log its reader in as somebody else."""
    with browser(server, "127.0.0.6") as client:
        answer = client.post("login", data={"name": "vera", "password": PASSWORD})
    assert answer.status_code == 403
    assert not opens_session(answer)


def test_a_logout_ends_the_session_and_says_so(server: Server) -> None:
    """Whoever kept the cookie has nothing."""
    with browser(server, "127.0.0.7") as client:
        submit(client, "vera", PASSWORD)
        kept = dict(client.cookies)
        assert client.get("vibeworkbench/api/status").status_code == 200
        assert "You are logged out" in client.get("logout").text
    replayed = httpx.get(f"{server.url}vibeworkbench/api/status", cookies=kept, timeout=PATIENCE_S)
    assert replayed.status_code == 401
    assert recorded(server, "logout")[0]["name"] == "vera"


@pytest.mark.parametrize(
    ("path", "opens"),
    [("lab", True), ("vibeworkbench/dashboards", True), ("vibeworkbench/api/status", False), ("api/me", False)],
)
def test_a_token_in_a_page_s_address_opens_a_session_and_in_a_program_s_call_none(
    server: Server, path: str, opens: bool
) -> None:
    """Nor does one in the header, wherever."""
    token = server.grant("analyst")
    shown = httpx.get(server.url + path, params={"token": token}, timeout=PATIENCE_S)
    told = httpx.get(server.url + path, headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE_S)
    assert opens_session(shown) == opens
    assert not opens_session(told)


def test_a_narrowed_token_in_a_page_s_address_opens_no_session(server: Server) -> None:
    """It frames a dashboard in somebody's page, whose reader stays who they are."""
    token = server.grant("viewer", "dashboard:ops")
    shown = httpx.get(f"{server.url}vibeworkbench/dashboards", params={"token": token}, timeout=PATIENCE_S)
    assert shown.status_code == 200
    assert not opens_session(shown)


def test_a_token_wins_over_a_session(server: Server) -> None:
    """What a caller shows on purpose decides, and needs no XSRF token; a bad one is not made up for by the session."""
    with browser(server, "127.0.0.8") as client:
        submit(client, "vera", PASSWORD)
        status = f"{server.url}vibeworkbench/api/status"
        shown = {"Authorization": f"token {server.token}"}
        assert client.get(status).json()["caller"]["role"] == "viewer"
        assert client.get(status, headers=shown).json()["caller"]["role"] == "admin"
        assert client.post("vibeworkbench/api/ops/scan", json={"scope": "?"}, headers=shown).status_code == 400
        assert client.get(status, headers={"Authorization": "token vwb_nothing"}).status_code == 401


def test_over_tls_the_cookie_is_for_tls_only(start_server: Callable[..., Server], tmp_path: Path) -> None:
    """A network that reads plain HTTP never sees it."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_and_cert_chain_pem.write_to_path(tmp_path / "both.pem")
    (tmp_path / "config").mkdir()
    both = str(tmp_path / "both.pem")
    configured = f"c.ServerApp.certfile = {both!r}\nc.ServerApp.keyfile = {both!r}\n"
    (tmp_path / "config" / "jupyter_server_config.py").write_text(configured)
    server = start_server("", "--no-lab", data=tmp_path)
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    page = httpx.get(f"{server.url}lab", params={"token": server.token}, verify=trust, timeout=PATIENCE_S)
    assert "Secure" in session_cookie(page)


async def test_the_form_works_without_scripts_and_by_keyboard(server: Server, browser) -> None:
    """Fields have labels, the first has the focus, the wrong sentence is announced, and Enter sends."""
    context = await browser.new_context(java_script_enabled=False)
    context.set_default_timeout(PATIENCE_MS)
    page = await context.new_page()
    await page.goto(f"{server.url}login")
    await page.keyboard.type("ana")
    await page.get_by_label("Password").fill("not it")
    await page.keyboard.press("Enter")
    await page.get_by_role("alert").wait_for()
    assert await page.get_by_label("Name").input_value() == "ana"
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await page.wait_for_url(lambda url: "login" not in url)
    await context.close()


def test_a_link_whose_token_opens_nothing_says_so_and_is_recorded(server: Server) -> None:
    """Whoever comes without a token reads nothing of it."""
    page = f"{server.url}vibeworkbench/dashboards/operations"
    with browser(server, "127.0.0.9") as client:
        followed = client.get(page, params={"token": "vwb_nothing"}, follow_redirects=True)
        assert "The link that you followed opens nothing" in followed.text
        assert "vwb_nothing" not in str(followed.url) + followed.text
        assert "The link that you followed" not in client.get(page, follow_redirects=True).text
    (entry,) = [each for each in recorded(server, "refused") if each["address"] == "127.0.0.9"]
    assert (entry["subject"], entry["count"]) == (f"{BASE}vibeworkbench/dashboards/operations", 1)
