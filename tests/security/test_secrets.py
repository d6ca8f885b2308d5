"""Secrets where they do not belong: pages, answers, logs, files, kernels."""

from __future__ import annotations

import json
import re
import sqlite3
import stat
import uuid
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import httpx
import pytest
import websockets
from websockets.sync.client import connect

from tests.patience import PATIENCE_S
from tests.security.browsing import PASSWORD, browser, login, person, session_cookies, submit
from tests.security.staging import PROXY_SECRET, Stage
from tests.security.wire import raw
from tests.servers import Server

PAGES = (
    "nothing",
    "lab",
    "lab/nothing",
    "doc",
    "login",
    "voila",
    "voila/render/nothing.ipynb",
    "api/me",
    "api/status",
    "api/config/notebook",
    "api/kernelspecs",
    "lab/api/settings",
    "vibeworkbench/api/status",
    "vibeworkbench/api/openapi.json",
    "vibeworkbench/api/nothing",
    "vibeworkbench/dashboards",
    "vibeworkbench/dashboards/audited",
    "vibeworkbench/dashboards/nothing",
    "vibeworkbench/api/tokens",
    "vibeworkbench/api/audit",
    "vibeworkbench/metrics",
    "metrics",
)


def secrets_of(stage: Stage) -> dict[str, str]:
    """Name → every secret that the server was ever told."""
    return {
        "server": stage.server.token,
        "proxy": PROXY_SECRET,
        **{name: token.text for name, token in stage.tokens.items()},
    }


def found_in(text: str, secrets: dict[str, str]) -> set[str]:
    """The names of those that stand in a text, whole or without their ends."""
    return {name for name, secret in secrets.items() if secret[4:-4] in text}


@pytest.mark.parametrize("caller", ["anonymous", "viewer", "analyst", "operator", "admin"])
def test_no_answer_holds_a_token(stage: Stage, caller: str) -> None:
    """Not the configuration in Lab's page, not an error page, not its bearer's own; by header, address or session."""
    secrets = secrets_of(stage)
    own = stage.tokens.get(caller)
    with stage.http(caller) as client:
        by_address = {"token": own.text} if own else {}
        for path in PAGES:
            assert found_in(client.get(path).text, secrets) == set(), path
            answer = httpx.get(f"{stage.server.url}{path}", params=by_address, timeout=PATIENCE_S)
            assert found_in(f"{answer.headers}{answer.text}", secrets) == set(), path
    if own:
        with browser(stage.server) as client:
            submit(client, "", own.text)
            for path in PAGES:
                answer = client.get(path)
                assert found_in(f"{answer.headers}{answer.text}", secrets) == set(), path


def test_a_redirect_to_the_login_does_not_repeat_a_token(stage: Stage) -> None:
    """The address that was asked for comes back as ``next``, into logs and histories."""
    bad = stage.tokens["revoked"].text
    for path in ("lab", "vibeworkbench/dashboards/audited", "nothing"):
        answer = httpx.get(f"{stage.server.url}{path}", params={"token": bad, "x": "1"}, timeout=PATIENCE_S)
        assert answer.status_code == 302
        assert bad not in answer.headers["Location"]
        page = httpx.get(httpx.URL(stage.server.url).join(answer.headers["Location"]), timeout=PATIENCE_S)
        assert bad not in page.text


@pytest.mark.parametrize("path", ["nothing", "vibeworkbench/api/nothing", "vibeworkbench/dashboards/nothing", "api/x"])
@pytest.mark.parametrize("caller", ["anonymous", "viewer", "admin"])
def test_no_error_tells_of_the_server_s_inside(stage: Stage, caller: str, path: str) -> None:
    """No trace, and no path of the machine."""
    answer = raw(stage.server, f"/{path}", *stage.headers(caller).items())
    for told in ("Traceback", "site-packages", str(stage.root), str(stage.server.data)):
        assert told not in answer.text, told


def used_everywhere(stage: Stage) -> None:
    """All secrets have been sent in all the ways there are, with and without success."""
    root = stage.server.url
    for token in (stage.server.token, *(each.text for each in stage.tokens.values())):
        with httpx.Client(base_url=root, timeout=PATIENCE_S, headers={"Referer": f"{root}lab?token={token}"}) as client:
            for path in (
                "lab",
                "nothing",
                "api/contents/nothing",
                "vibeworkbench/api/status",
                "stranger/plain",
                "login",
            ):
                client.get(path, params={"token": token})
                client.get(path, headers={"Authorization": f"Bearer {token}"})
                if token.startswith("vwb_"):
                    client.get(f"{path}/{token}")  # somebody's mistake
            client.post("vibeworkbench/api/tokens", params={"token": token}, json={"role": token, "name": token})
        for path in (f"api/kernels/{stage.things['kernel']}/channels", "vibeworkbench/parties/relay/x", "nothing"):
            url = f"ws{root.removeprefix('http')}{path}?token={token}"
            with suppress(websockets.WebSocketException), connect(url, proxy=None, open_timeout=PATIENCE_S):
                pass
        with browser(stage.server, "127.0.0.80") as client:
            submit(client, "", token)
    person(stage.server, "logged", "viewer")
    with login(stage.server, "logged", source="127.0.0.81") as client:
        client.get("vibeworkbench/api/status")
    with browser(stage.server, "127.0.0.82") as client:
        submit(client, "logged", f"{PASSWORD}, mistyped")
        submit(client, f"{PASSWORD}, in the wrong field", "x")


def files_of(server: Server) -> Iterator[Path]:
    """Every file that the server has written, but the one that its own user's clients find it by."""
    for path in server.data.rglob("*"):
        if path.is_file() and path.name != f"vibeworkbench-{server.process.pid}.json":
            yield path


def test_no_log_and_no_file_holds_a_secret(stage: Stage) -> None:
    """At debug level; the database holds hashes, and cookies are logged nowhere."""
    used_everywhere(stage)
    with browser(stage.server) as client:
        submit(client, "", stage.tokens["operator"].text)
        client.get("nothing")
        secrets = {**secrets_of(stage), "password": PASSWORD, "cookie": next(iter(session_cookies(client).values()))}
    searched = list(files_of(stage.server))
    assert {"server.log", "state.db"} <= {path.name for path in searched}
    assert re.search(r"^\[D ", stage.server.log(), re.MULTILINE), "the server does not log at debug level"
    for path in searched:
        text = path.read_bytes().decode("latin-1")
        assert found_in(text, {name: secret for name, secret in secrets.items() if name != "password"}) == set(), path
        assert PASSWORD not in text, path


def test_stored_passwords_are_slow_to_guess(stage: Stage) -> None:
    """Argon2id with a salt of its own each."""
    person(stage.server, "salted-a", "viewer")
    person(stage.server, "salted-b", "viewer")
    with closing(sqlite3.connect(stage.server.data / "state.db")) as database:
        text = "\n".join(database.iterdump())
    hashes = re.findall(r"\$argon2id\$v=19\$m=(\d+),t=(\d+),p=\d+\$([^$]+)\$", text)
    assert len(hashes) >= 2
    assert len({salt for *_, salt in hashes}) == len(hashes)
    assert all(int(memory_kib) * int(rounds) >= 19 * 1024 * 2 for memory_kib, rounds, _ in hashes)


def test_files_with_secrets_are_their_owner_s_alone(stage: Stage) -> None:
    """The runtime file, the cookie secret, and the database with its hashes."""
    runtime = stage.server.data / "runtime"
    sensitive = [*runtime.glob("*.json"), runtime / "jupyter_cookie_secret", *stage.server.data.glob("state.db*")]
    assert len(sensitive) >= 4
    for path in sensitive:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def run_in_kernel(stage: Stage, code: str, caller: str) -> str:
    """What ``code`` prints in the stage's kernel."""
    url = f"ws{stage.server.url.removeprefix('http')}api/kernels/{stage.things['kernel']}/channels"
    header = {"msg_id": uuid.uuid4().hex, "msg_type": "execute_request", "session": uuid.uuid4().hex, "version": "5.3"}
    asked = {
        "channel": "shell",
        "header": {**header, "username": "", "date": "2026-01-01T00:00:00Z"},
        "parent_header": {},
        "metadata": {},
        "content": {
            "code": code,
            "silent": False,
            "store_history": False,
            "user_expressions": {},
            "allow_stdin": False,
        },
    }
    said = []
    with connect(
        url, additional_headers=stage.headers(caller), proxy=None, max_size=None, open_timeout=PATIENCE_S
    ) as socket:
        socket.send(json.dumps(asked))
        while True:
            message = json.loads(socket.recv(timeout=PATIENCE_S))
            if message["parent_header"].get("msg_id") != header["msg_id"]:
                continue
            if message["msg_type"] == "stream":
                said.append(message["content"]["text"])
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return "".join(said)


def test_a_kernel_is_lent_its_starter_s_rights_and_told_no_other_secret(stage: Stage) -> None:
    """Its environment holds a token of its own, which is none of those that were given to people."""
    environment = json.loads(run_in_kernel(stage, "import json, os; print(json.dumps(dict(os.environ)))", "admin"))
    assert found_in(json.dumps(environment), secrets_of(stage)) == set()
    assert PROXY_SECRET not in environment.values()
    lent = environment["VIBEWORKBENCH_TOKEN"]
    answer = httpx.get(
        f"{stage.server.url}vibeworkbench/api/status", headers={"Authorization": f"token {lent}"}, timeout=PATIENCE_S
    )
    assert answer.json()["caller"]["role"] == "admin"  # the stage's kernel was started by an admin


@pytest.mark.parametrize(
    "given", ["X-Request-Id: a\r\n Set-Cookie: x=1", "X-Request-Id: a\rSet-Cookie: x=1", "X-Request-Id: a\0b"]
)
@pytest.mark.parametrize("path", ["/vibeworkbench/dashboards", "/login", "/nothing", "/lab"])
def test_a_request_id_forges_no_header_of_any_page(stage: Stage, path: str, given: str) -> None:
    """Folded, broken, or with a null: refused or replaced."""
    name, _, value = given.partition(": ")
    answer = raw(stage.server, path, (name, value), *stage.headers("viewer").items())
    assert "x=1" not in answer.text
    assert "x=1" not in str(answer.headers.get_all("Set-Cookie"))


def test_huge_headers_cost_their_sender_the_connection_and_nobody_else(stage: Stage) -> None:
    """Also many of them, and a cookie that is nothing but length."""
    for headers in (
        [("X-Huge", "a" * 200_000)],
        [(f"X-{n}", "a" * 1000) for n in range(200)],
        [("Cookie", "a=" + "b" * 60_000)],
    ):
        assert raw(stage.server, "/vibeworkbench/api/status", *headers).status in (0, 400, 401, 431)
    viewer = stage.headers("viewer").items()
    assert raw(stage.server, "/vibeworkbench/api/status", *viewer).status == 200
