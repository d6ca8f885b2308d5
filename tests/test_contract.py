"""The REST contract, over a real server: what it answers, and how it refuses."""

from __future__ import annotations

import http.client
import json
import re
import socket
from collections.abc import Callable
from urllib.parse import quote, urlsplit

import httpx
import openapi_spec_validator
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.patience import PATIENCE_S
from vibeworkbench.web.lists import cursor_of

LIMIT_BYTES = 65536
SETTINGS = f"[web]\nbody_bytes = {LIMIT_BYTES}\n"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def server(start_server: Callable[..., object]) -> object:
    """One server for the whole file."""
    return start_server(SETTINGS, "--no-lab", "--base-url", "/team/a/")


@pytest.fixture(scope="module")
def client(server):
    """The admin's client."""
    with server.http() as opened:
        yield opened


@pytest.fixture(scope="module")
def stranger(server):
    """A client that the server does not know."""
    with server.http(token="") as opened:
        yield opened


def error_of(answer: httpx.Response, status: int) -> dict:
    """The error in a refusal, which has the contract's body and headers."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/json"
    body = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) <= {"code", "message", "details", "requestId"}
    assert body["error"]["requestId"] == answer.headers["X-Request-Id"]
    assert "Traceback" not in answer.text
    assert ".py" not in answer.text
    return body["error"]


def test_status_tells_version_caller_and_subsystems(client) -> None:
    """The first thing a client asks."""
    body = client.get("api/status").json()
    assert re.fullmatch(r"\d+\.\d+\.\d+", body["version"])
    assert body["caller"]["role"] == "admin"
    assert body["roles"] == ["viewer", "analyst", "operator", "admin"]
    assert {name: part["state"] for name, part in body["subsystems"].items()} == {
        "storage": "ok",
        "access": "ok",
        "rooms": "ok",
        "warehouse": "ok",
        "logs": "ok",
        "containers": "ok",
        "ops": "ok",
        "dashboards": "ok",
        "schedules": "ok",
        "terminals": "ok",
    }


def test_answers_are_not_stored_and_not_guessed(client) -> None:
    """Every answer bears the headers that keep caches and browsers from being clever."""
    headers = client.get("api/status").headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_a_request_id_is_kept_when_it_is_harmless(client) -> None:
    """A proxy's id goes through the server's log to the client; what could forge a log line does not."""
    assert client.get("api/status", headers={"X-Request-Id": "trace-1.a_B"}).headers["X-Request-Id"] == "trace-1.a_B"
    assert "<" not in client.get("api/status", headers={"X-Request-Id": "<b>"}).headers["X-Request-Id"]


@pytest.mark.parametrize("path", ["api/health/live", "api/health/ready"])
def test_health_needs_no_login(stranger, path: str) -> None:
    """Load balancers have no token."""
    assert stranger.get(path).status_code == 200


def test_metrics_are_prometheus_text_of_the_process_and_the_workbench(client) -> None:
    """One scrape has both."""
    answer = client.get("metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert "process_resident_memory_bytes" in answer.text
    assert "vibeworkbench_rooms_members" in answer.text


# --- the document ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def document(client) -> dict:
    """The OpenAPI document, as served."""
    return client.get("api/openapi.json").json()


def test_the_document_is_openapi_3_1(document: dict) -> None:
    """It validates against the specification's own schema."""
    assert document["openapi"].startswith("3.1.")
    openapi_spec_validator.validate(document)


def test_the_document_names_the_server_and_its_sockets(document: dict) -> None:
    """A client built from it finds the server below its base_url, and learns of the rooms."""
    assert document["servers"] == [{"url": "/team/a/vibeworkbench"}]
    assert [each["path"] for each in document["x-sockets"]] == [
        "/parties/terminal-server/{terminalId}",
        "/terminals/websocket/{terminalId}",
        "/parties/{party}/{room}",
    ]


def test_operation_ids_are_unique(document: dict) -> None:
    """Client generators make functions of them."""
    ids = [said["operationId"] for methods in document["paths"].values() for said in methods.values()]
    assert len(ids) == len(set(ids))


def operations(document: dict) -> list[tuple[str, str, dict]]:
    return [(path, method, said) for path, methods in document["paths"].items() for method, said in methods.items()]


def filled(path: str) -> str:
    """The path with a value for each parameter that no server has."""
    return re.sub(r"\{\w+\}", "0" * 32, path).removeprefix("/")


def test_every_operation_answers_as_it_is_described(client, document: dict) -> None:
    """A call without a body gets one of the statuses that the document lists, and never an internal error."""
    for path, method, said in operations(document):
        answer = client.request(method, filled(path))
        assert str(answer.status_code) in said["responses"], (method, path, answer.status_code, answer.text)
        assert answer.status_code != 500, (method, path, answer.text)


def test_every_operation_but_public_ones_wants_a_login(stranger, document: dict) -> None:
    """An anonymous caller of an API gets 401 with a body, never a redirect."""
    for path, method, said in operations(document):
        answer = stranger.request(method, filled(path))
        if said["security"]:
            assert error_of(answer, 401)["code"] == "not-logged-in"
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        else:
            assert answer.status_code < 400, (method, path)


def test_every_operation_refuses_unknown_parameters(client, document: dict) -> None:
    """A misspelt filter never passes silently."""
    for path, method, _ in operations(document):
        details = error_of(client.request(method, filled(path), params={"colour": "red"}), 400)["details"]
        assert details["field"] == "colour"


def test_every_operation_with_a_body_refuses_unknown_fields(client, document: dict) -> None:
    """A misspelt field never passes silently, and the refusal lists those that there are."""
    for path, method, said in operations(document):
        if "requestBody" in said:
            details = error_of(client.request(method, filled(path), json={"colour": "red"}), 400)["details"]
            assert details["field"]


def test_every_address_refuses_other_methods(client, document: dict) -> None:
    """405 with the methods that there are, for every address in the document."""
    for path, methods in document["paths"].items():
        for method in {"get", "post", "put", "patch", "delete"} - set(methods):
            answer = client.request(method, filled(path))
            assert error_of(answer, 405)["code"] == "method-not-allowed"
            allowed = set(answer.headers["Allow"].lower().split(", "))
            assert allowed == {*methods, "options", *({"head"} if "get" in methods else ())}


def test_head_answers_the_headers_of_get(client, stranger) -> None:
    """Some load balancers ask so."""
    assert stranger.head("api/health/ready").status_code == 200
    answer = client.head("api/status")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["Content-Length"]) > 0
    assert client.head("api/ops/scan").status_code == 405


# --- bad input -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["api/nothing", "api/ops/scan/x", "api/ops/scans/a/b", "x", ""])
def test_other_addresses_are_404_in_our_words(client, path: str) -> None:
    """Also below our prefix, and for every method, the error body is ours."""
    assert error_of(client.get(path), 404)["code"] == "not-found"
    assert error_of(client.post(path, json={}), 404)["code"] == "not-found"


def test_an_unknown_scope_is_refused_with_the_known_ones(client) -> None:
    """The 400 of the contract, word for word what a caller needs."""
    details = error_of(client.post("api/ops/scan", json={"scope": "everything"}), 400)["details"]
    assert details["field"] == "scope"
    assert details["allowed"] == ["full", "incremental"]
    assert error_of(client.post("api/ops/scan", json={}), 400)["details"]["allowed"] == ["full", "incremental"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"scope": "full", "filters": {"severity": ["awful"]}}, "filters.severity"),
        ({"scope": "full", "filters": {"colour": "red"}}, "filters.colour"),
        ({"scope": "full", "filters": {"timeRange": {"start": "yesterday", "end": "now"}}}, "filters.timeRange"),
        ({"scope": "full", "speed": 9}, "speed"),
        ({"scope": 1}, "scope"),
        (["full"], "body"),
    ],
)
def test_bad_scans_are_refused_by_field(client, body: object, field: str) -> None:
    """Nothing is scanned, and the caller reads where it went wrong."""
    assert error_of(client.post("api/ops/scan", json=body), 400)["details"]["field"].startswith(field)


def test_malformed_json_is_refused_with_its_position(client) -> None:
    """The byte at which it stops being JSON."""
    answer = client.post("api/ops/scan", content=b'{"scope": oops}', headers=JSON)
    details = error_of(answer, 400)["details"]
    assert (details["field"], details["position"]) == ("body", 10)


def test_a_body_that_is_not_json_is_refused_by_its_type(client) -> None:
    """A form, which any page could send, is not even decoded."""
    details = error_of(client.post("api/ops/scan", data={"scope": "full"}), 400)["details"]
    assert (details["field"], details["allowed"]) == ("Content-Type", ["application/json"])


@pytest.mark.parametrize("size_bytes", [LIMIT_BYTES + 1, 4 * LIMIT_BYTES])
def test_a_large_body_is_413_with_the_limit(client, size_bytes: int) -> None:
    """The sender sees the refusal, not a reset connection."""
    error = error_of(client.post("api/ops/scan", content=b" " * size_bytes, headers=JSON), 413)
    assert error["code"] == "limit-exceeded"
    assert error["details"]["limitBytes"] == LIMIT_BYTES


def test_a_body_of_exactly_the_limit_is_read(client) -> None:
    """The limit itself is allowed."""
    body = json.dumps({"scope": "?"}).encode()
    answer = client.post("api/ops/scan", content=body + b" " * (LIMIT_BYTES - len(body)), headers=JSON)
    assert error_of(answer, 400)["details"]["field"] == "scope"


FAR = ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00")


def lists(document: dict) -> list[tuple[str, dict[str, dict]]]:
    """The path of every ``GET`` that has parameters, with their schemas."""
    found = [(path, said["parameters"]) for path, method, said in operations(document) if method == "get"]
    return [(path, {each["name"]: each["schema"] for each in given if each["in"] == "query"}) for path, given in found]


def test_no_list_counts_from_an_instant_that_is_too_far(client, document: dict) -> None:
    """Years with which nobody can count are refused by the parameter's name, whatever the offset."""
    asked = [
        (path, name) for path, known in lists(document) for name, said in known.items() if "date-time" in str(said)
    ]
    assert len({path for path, _ in asked if "/logs" in path or "/monitoring/" in path}) >= 7
    for path, name in asked:
        for at in FAR:
            assert error_of(client.get(filled(path), params={name: at}), 400)["details"]["field"] == name, (path, at)
        for at in ("1970-01-01T00:00:00Z", "2261-12-31T23:59:59-14:00"):
            answer = client.get(filled(path), params={name: at})
            assert answer.status_code in {200, 400, 404}, (path, name, at, answer.text)


def test_no_list_goes_on_after_a_number_that_is_too_far(client, document: dict) -> None:
    """A cursor that no list has answered is refused, also one that is built like theirs."""
    asked = [path for path, known in lists(document) if "cursor" in known]
    assert {"/api/logs", "/api/logs/sources", "/api/logs/templates"} < {
        path.partition("vibeworkbench")[2] or path for path in asked
    }
    for path in asked:
        for number in (2**62, 2**63, 10**30, -(2**62), -1):
            for rest in ((), (number,), ("0",), (number, "0")):
                answer = client.get(filled(path), params={"cursor": cursor_of(number, *rest)})
                assert error_of(answer, 400)["details"]["field"] == "cursor", (path, number, rest)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_no_input_makes_an_operation_fail(client, document: dict, data: st.DataObject) -> None:
    """Whatever path, query and body an operation gets, it answers a status of its description, and never 500."""
    path, method, said = data.draw(st.sampled_from(operations(document)))
    known = [each["name"] for each in said["parameters"] if each["in"] == "query"]
    names = st.sampled_from([*known, "x"]) if known else st.just("x")
    query = data.draw(st.dictionaries(names, st.text(max_size=20), max_size=2))
    segment = st.text(min_size=1, max_size=20).filter(lambda text: text not in {".", ".."})
    where = re.sub(r"\{\w+\}", lambda _: quote(data.draw(segment), safe=""), path).removeprefix("/")
    body = data.draw(st.dictionaries(st.sampled_from(fields_of(said, document)), anything, max_size=4) | anything)
    query.pop("wait", None)  # a long poll answers in its own time
    answer = client.request(method, where, params=query, json=body)
    assert str(answer.status_code) in said["responses"], (method, where, query, body, answer.text)
    assert answer.status_code != 500, (method, where, query, body, answer.text)


def fields_of(said: dict, document: dict) -> list[str]:
    """The names of fields that the operation's body may have, and one that it may not."""
    schemas = document["components"]["schemas"]
    found = {"nothing"}
    if "requestBody" in said:
        schema = said["requestBody"]["content"]["application/json"]["schema"]
        for each in schema.get("anyOf", [schema]):
            if "$ref" in each:  # a body that another protocol describes has no fields of ours
                found |= set(schemas[each["$ref"].rpartition("/")[2]]["properties"])
    return sorted(found)


def connected(server) -> http.client.HTTPConnection:
    parts = urlsplit(server.url)
    return http.client.HTTPConnection(parts.hostname, parts.port, timeout=PATIENCE_S)


def test_a_gigabyte_is_refused_before_it_is_sent(server) -> None:
    """The announced length is enough: not one byte of the body has been sent when the refusal is there."""
    connection = connected(server)
    connection.putrequest("POST", "/team/a/vibeworkbench/api/ops/scan")
    connection.putheader("Authorization", f"token {server.token}")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(2**30))
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 413
    assert json.loads(answer.read())["error"]["details"]["limitBytes"] == LIMIT_BYTES
    connection.close()


def test_an_endless_chunked_body_is_refused(server) -> None:
    """A body without a length is cut off when it has passed the limit far enough."""
    connection = connected(server)
    connection.putrequest("POST", "/team/a/vibeworkbench/api/ops/scan")
    connection.putheader("Authorization", f"token {server.token}")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Transfer-Encoding", "chunked")
    connection.endheaders()
    chunk = b"%x\r\n%s\r\n" % (LIMIT_BYTES, b" " * LIMIT_BYTES)
    for _ in range(9):
        connection.send(chunk)
    answer = connection.getresponse()
    assert answer.status == 413
    connection.close()


def test_an_unknown_method_is_405(server) -> None:
    """Also one that HTTP does not know."""
    connection = connected(server)
    connection.request("FROB", "/team/a/vibeworkbench/api/status", headers={"Authorization": f"token {server.token}"})
    answer = connection.getresponse()
    assert answer.status == 405
    assert json.loads(answer.read())["error"]["code"] == "method-not-allowed"
    connection.close()


def test_garbage_on_the_socket_harms_nobody_else(server, client) -> None:
    """What is no HTTP is dropped."""
    parts = urlsplit(server.url)
    with socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE_S) as raw:
        raw.sendall(b"\x16\x03\x01\x00\xff garbage\r\n\r\n")
        raw.recv(4096)
    assert client.get("api/health/live").status_code == 200


def test_a_cookie_session_needs_the_xsrf_header_to_write(server) -> None:
    """A page of another origin has the cookie sent along, but cannot read what to repeat."""
    with httpx.Client(base_url=server.url, timeout=PATIENCE_S, follow_redirects=False) as session:
        session.get("login")  # a page, which sets the cookie _xsrf
        session.get("login", params={"token": server.token})
        assert session.get("vibeworkbench/api/status").status_code == 200
        refused = session.post("vibeworkbench/api/ops/scan", json={"scope": "?"})
        assert error_of(refused, 403)["code"] == "not-allowed"
        xsrf = session.cookies["_xsrf"]
        allowed = session.post("vibeworkbench/api/ops/scan", json={"scope": "?"}, headers={"X-XSRFToken": xsrf})
        assert error_of(allowed, 400)["details"]["field"] == "scope"
        foreign = {"X-XSRFToken": xsrf, "Origin": "http://elsewhere.example"}
        assert error_of(session.post("vibeworkbench/api/ops/scan", json={"scope": "?"}, headers=foreign), 403)
        assert error_of(session.get("vibeworkbench/api/status", headers=foreign), 403)
