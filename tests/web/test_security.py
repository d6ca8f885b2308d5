"""What an attacker tries first: malformed requests, forged headers and cursors, secrets in answers and logs."""

from __future__ import annotations

import base64
import json
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from urllib.parse import urlsplit

import httpx
import pytest
import websockets
from websockets.sync.client import connect

from tests.patience import PATIENCE_S
from tests.servers import Server

DEBUG = "c.ServerApp.log_level = 10\n"
ROOM = "vibeworkbench/parties/ops-monitor-broadcast/main"
HANDSHAKE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}

FAILING = """
from vibeworkbench.web.sockets import SocketHandler

class Failing(SocketHandler):
    async def joined(self, how):
        raise ValueError("/secret/path of the server")

def _jupyter_server_extension_points():
    return [{"module": "failing_socket"}]

def _load_jupyter_server_extension(app):
    app.web_app.add_handlers(".*", [(app.base_url + "failing/(?P<how>.*)", Failing)])
"""


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Server], tmp_path_factory: pytest.TempPathFactory) -> Server:
    """A server that logs all that it can, with a socket that fails."""
    data = tmp_path_factory.mktemp("security")
    (data / "config").mkdir()
    (data / "failing_socket.py").write_text(FAILING)
    extensions = "c.ServerApp.jpserver_extensions = {'failing_socket': True}\n"
    (data / "config" / "jupyter_server_config.py").write_text(DEBUG + extensions)
    return start_server("", data=data, environment={"PYTHONPATH": str(data)})


@pytest.fixture(scope="module")
def client(server: Server) -> Iterator[httpx.Client]:
    """The admin's client."""
    with server.http() as opened:
        yield opened


def raw(server: Server, path: str, *lines: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    """Status and the rest of what the server answers to a request that no well-behaved client would send."""
    port = urlsplit(server.url).port
    own = {"Host": f"127.0.0.1:{port}", "Authorization": f"token {server.token}", "Connection": "close", **headers}
    head = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in own.items()), *lines, "", ""]
    with (
        closing(socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)) as opened,
        opened.makefile("rb") as answer,
    ):
        opened.sendall("\r\n".join(head).encode("latin-1"))
        said = b"".join(iter(answer.readline, b"\r\n")).decode("latin-1")
        size = re.search(r"^Content-Length: (\d+)\r$", said, re.MULTILINE)
        body = answer.read(int(size[1])) if size else b""
        if own["Connection"] == "close":
            body += answer.read()
    return int(said.split()[1]), f"{said}\r\n{body.decode('latin-1')}"


def error_in(answer: str) -> dict[str, object]:
    """The contract's error in a raw answer."""
    error = json.loads(answer.partition("\r\n\r\n")[2])["error"]
    assert set(error) <= {"code", "message", "details", "requestId"}
    return error


# --- in whose words --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/vibeworkbench", {}, 404),
        ("GET", "/vibeworkbench/", {}, 404),
        ("GET", "/vibeworkbench/../../etc/passwd", {}, 404),
        ("GET", "/vibeworkbench/api/ops/issues/%00", {}, 404),
        ("GET", "/vibeworkbench/api/ops/issues/%2e%2e%2f%2e%2e%2fetc%2fpasswd", {}, 404),
        ("GET", "/vibeworkbench/api/ops/issues/%ff", {}, 400),
        ("GET", "/vibeworkbench/api/ops/issues/%ed%a0%80", {}, 400),
        ("GET", "/vibeworkbench/api/rooms/%ff/main", {}, 400),
        ("GET", "/vibeworkbench/api/ops/issues?cursor=%ff", {}, 400),
        ("GET", "/vibeworkbench/api/ops/issues?" + "&".join(["limit=1"] * 200), {}, 400),
        ("TRACE", "/vibeworkbench/api/status", {}, 405),
        ("BREW", "/vibeworkbench/api/status", {}, 405),
        ("GET", f"/{ROOM}", {}, 400),
        ("GET", f"/{ROOM}", {"Upgrade": "h2c"}, 400),
        ("POST", f"/{ROOM}", {"Content-Length": "0"}, 405),
        ("GET", "/vibeworkbench/parties/%ff/main", HANDSHAKE, 400),
        ("GET", f"/{ROOM}", {**HANDSHAKE, "Origin": "http://elsewhere.example", "Authorization": ""}, 403),
        ("GET", "/vibeworkbench/api/status", {"Host": "rebound.example"}, 403),
        ("GET", f"/{ROOM}", {**HANDSHAKE, "Host": "rebound.example"}, 403),
    ],
)
def test_every_refusal_below_our_prefix_is_in_our_words(
    server: Server, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    """Never Jupyter's pages, which hold the server's token, and never a trace."""
    answered, text = raw(server, path, method=method, **headers)
    assert answered == status
    assert error_in(text)["requestId"] in text.partition("\r\n\r\n")[0]
    assert server.token not in text
    assert "Traceback" not in text
    assert "root:" not in text


@pytest.mark.parametrize(
    "headers",
    [{"Content-Length": "\xb2"}, {"Content-Length": "-1"}, {"Content-Length": "5", "Transfer-Encoding": "chunked"}],
)
def test_a_body_whose_length_means_nothing_is_refused(server: Server, headers: dict[str, str]) -> None:
    """And not taken for the next request."""
    status, text = raw(server, "/vibeworkbench/api/ops/scan", method="POST", **headers)
    assert status == 400
    assert text.count("HTTP/1.1") == 1


@pytest.mark.parametrize("lines", [("X-Request-Id: a", " Set-Cookie: x=1"), ("X-Request-Id: a\rSet-Cookie: x=1",)])
def test_a_request_id_forges_no_header(server: Server, lines: tuple[str, ...]) -> None:
    """A folded or broken line is refused or replaced, and never repeated."""
    _, text = raw(server, "/vibeworkbench/api/health/live", *lines)
    assert "x=1" not in text


@pytest.mark.parametrize(
    ("method", "path"), [("MADE-UP", "api/status"), ("GET", "api/ops/issues/%ff"), ("POST", "api/ops/scan")]
)
def test_a_refusal_that_ends_the_connection_says_so(client: httpx.Client, method: str, path: str) -> None:
    """Else a client sends its next request into the void."""
    for _ in range(5):
        content = b" " * (2**20 + 1) if method == "POST" else b""
        refused = client.request(method, path, content=content)
        assert refused.status_code in (400, 405, 413)
        assert client.get("api/status").status_code == 200


def test_huge_headers_cost_their_sender_the_connection_and_nobody_else(server: Server, client: httpx.Client) -> None:
    """The server goes on."""
    with pytest.raises(httpx.TransportError):
        client.get("api/status", headers={"X-Huge": "a" * 200_000})
    assert client.get("api/status").status_code == 200


def test_a_socket_that_fails_says_only_that(server: Server) -> None:
    """The close code is 1011; the log has the story."""
    url = f"ws{server.url.removeprefix('http')}failing/now?token={server.token}"
    with connect(url, open_timeout=PATIENCE_S) as opened, pytest.raises(websockets.ConnectionClosed) as end:
        opened.recv(timeout=PATIENCE_S)
    assert (end.value.rcvd.code, end.value.rcvd.reason) == (1011, "The server failed.")
    assert "/secret/path of the server" in server.log()


@pytest.mark.parametrize(
    "query", ["since=%ff", "since=-1", "since=99999999999999999999", "epoch=../..", "_pk=" + "a" * 300]
)
def test_a_socket_s_query_that_means_nothing_is_closed_with_4400(server: Server, query: str) -> None:
    """Also when it is no text at all."""
    url = f"ws{server.url.removeprefix('http')}{ROOM}?token={server.token}&{query}"
    with connect(url, open_timeout=PATIENCE_S) as opened, pytest.raises(websockets.ConnectionClosed) as end:
        opened.recv(timeout=PATIENCE_S)
    assert end.value.rcvd.code == 4400


# --- secrets ---------------------------------------------------------------------------------------------------------


def test_the_token_is_in_no_log(server: Server, client: httpx.Client) -> None:
    """Not at debug level, not in the addresses of requests and sockets that failed."""
    from_page = {"Referer": f"{server.url}lab?token={server.token}"}
    with httpx.Client(base_url=server.url, headers=from_page, timeout=PATIENCE_S) as by_address:
        for path in ("vibeworkbench/api/status", "vibeworkbench/api/nothing", "vibeworkbench/api/rooms/%ff/x", ROOM):
            by_address.get(path, params={"token": server.token})
    for query in ("", "&since=%ff", "&since=x"):
        url = f"ws{server.url.removeprefix('http')}{ROOM}?token={server.token}{query}"
        with connect(url, open_timeout=PATIENCE_S) as opened, suppress(websockets.ConnectionClosed):
            opened.recv(timeout=PATIENCE_S)
    raw(server, f"/{ROOM}?token={server.token}", Host="rebound.example", **HANDSHAKE)
    raw(server, f"/vibeworkbench/parties/%ff/main?token={server.token}", **HANDSHAKE)
    assert client.post("api/ops/scan", json={"scope": "full"}).status_code == 200
    log = server.log()
    assert re.search(r"^\[D ", log, re.MULTILINE), "the server does not log at debug level"
    assert server.token not in log


def test_metrics_grow_with_no_name_that_a_caller_chooses(client: httpx.Client) -> None:
    """Rooms, methods and addresses that a caller makes up are no labels."""
    for number in range(3):
        client.get(f"api/rooms/tasks/made-up-{number}/messages")
        client.get(f"api/rooms/made-up-{number}/x")
        client.request("MADE-UP", "api/status", headers={"X-Request-Id": f"made-up-{number}"})
    assert "made-up" not in client.get("metrics").text.lower()


def test_the_document_holds_no_path_of_the_server(server: Server, client: httpx.Client) -> None:
    """Defaults and examples in it are the contract's, not this machine's."""
    text = client.get("api/openapi.json").text
    assert str(server.data) not in text
    assert "/home/" not in text
    assert "site-packages" not in text


# --- what decoders and databases choke on ----------------------------------------------------------------------------


def operations(client: httpx.Client) -> list[tuple[str, str, dict]]:
    """Address, method and description of every operation."""
    paths = client.get("api/openapi.json").json()["paths"]
    return [
        (re.sub(r"\{\w+\}", "0" * 32, path).removeprefix("/"), method, said)
        for path, methods in paths.items()
        for method, said in methods.items()
    ]


@pytest.mark.parametrize("deep", [b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 50_000 + b"1" + b"}" * 50_000])
def test_deeply_nested_json_is_bad_input_everywhere(client: httpx.Client, deep: bytes) -> None:
    """As the body, and in each of its fields."""
    headers = {"Content-Type": "application/json"}
    for path, method, said in operations(client):
        if "requestBody" not in said:
            continue
        for field in ("", "scope", "filters", "note", "json", "jsonEquals", "kind"):
            body = b'{"%s":%s}' % (field.encode(), deep) if field else deep
            answer = client.request(method, path, content=body, headers=headers)
            assert answer.status_code == 400, (method, path, field, answer.text)


def forged(text: str) -> str:
    """A cursor that was not answered by any list."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


FORGED = [
    "%00",
    "====",
    "é",
    "../../etc/passwd",
    forged('["\\ud800","x"]'),
    forged('[1,"\\ud800"]'),
    forged('[9223372036854775808,"x"]'),
    forged('[1e400,"x"]'),
    forged('[true,"x"]'),
    forged('{"a":1}'),
    forged("[" * 5000),
    "A" * 50_000,
]


def test_a_forged_cursor_is_bad_input_in_every_list(client: httpx.Client) -> None:
    """It reaches no query."""
    lists = [
        (path, said)
        for path, _, said in operations(client)
        if "cursor" in {each["name"] for each in said["parameters"]}
    ]
    assert len(lists) >= 5
    for path, _ in lists:
        for cursor in FORGED:
            answer = client.get(path, params={"cursor": cursor})
            assert answer.status_code == 400, (path, cursor[:40], answer.text)
            assert answer.json()["error"]["details"]["field"] == "cursor"


@pytest.mark.parametrize("limit", ["0", "-1", "1e99", "9223372036854775808", "9" * 5000, "nan", "٣", "1.5", ""])
def test_a_limit_that_is_no_small_number_is_bad_input_in_every_list(client: httpx.Client, limit: str) -> None:
    """No page is empty for ever, and none takes all there is."""
    for path, _, said in operations(client):
        if "limit" in {each["name"] for each in said["parameters"]}:
            answer = client.get(path, params={"limit": limit})
            assert answer.status_code == 400, (path, answer.text)
            assert answer.json()["error"]["details"]["field"] == "limit"


@pytest.mark.parametrize(
    "query", ["since=-1", "since=1e3", "since=" + "9" * 30, "since=٣", "wait=nan", "wait=-1", "wait=1e400"]
)
def test_a_poll_that_means_nothing_is_bad_input(client: httpx.Client, query: str) -> None:
    """The field is named."""
    answer = client.get(f"api/rooms/ops-monitor-broadcast/main/messages?{query}")
    assert answer.status_code == 400
    assert answer.json()["error"]["details"]["field"] == query.partition("=")[0]


def test_a_since_beyond_every_database_s_numbers_is_a_gap(client: httpx.Client) -> None:
    """19 digits fit no 64-bit integer."""
    page = client.get("api/rooms/ops-monitor-broadcast/main/messages", params={"since": "9" * 19}).json()
    assert page["gap"] is True


@pytest.mark.parametrize(
    ("target", "field"),
    [
        ({"kind": "http", "name": "x", "url": "http://127.0.0.1:1/\r\nX: y"}, "url"),
        ({"kind": "http", "name": "x", "url": "http://127.0.0.1:1/" + "a" * 5000}, "url"),
        ({"kind": "http", "name": "x", "url": "http://me:secret@127.0.0.1:1/"}, "url"),
        ({"kind": "http", "name": "x", "url": "file:///etc/passwd"}, "url"),
        ({"kind": "tcp", "name": "x", "host": "a" * 70_000, "port": 1}, "host"),
        ({"kind": "tcp", "name": "x", "host": "a\0b", "port": 1}, "host"),
        ({"kind": "tcp", "name": "x", "host": "", "port": 1}, "host"),
        ({"kind": "tls", "name": "x", "host": "a", "serverName": "a b"}, "serverName"),
        ({"kind": "files", "name": "x", "glob": "\0"}, "glob"),
        ({"kind": "files", "name": "x", "glob": "a" * 5000}, "glob"),
        ({"kind": "workspace", "name": "x", "path": "\0"}, "path"),
        ({"kind": "http", "name": "x\n", "url": "http://127.0.0.1:1/"}, "name"),
    ],
)
def test_a_target_that_would_break_a_look_is_refused_by_field(
    client: httpx.Client, target: dict[str, object], field: str
) -> None:
    """Nothing of it is stored."""
    answer = client.post("api/ops/targets", json=target)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["details"]["field"] == field
