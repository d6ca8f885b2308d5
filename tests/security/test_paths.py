"""Addresses in disguise: whoever may not call an address may not call it by another spelling either."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

import pytest

from tests.security.staging import Stage
from tests.security.wire import NO_ANSWER, Answer, host_of, raw

PROTECTED = (
    "/api/contents/secret.txt",
    "/api/kernels",
    "/files/secret.txt",
    "/view/secret.txt",
    "/lab",
    "/lab/api/settings",
    "/voila/render/unpublished.ipynb",
    "/voila/tree",
    "/vibeworkbench/api/tokens",
    "/vibeworkbench/api/ops/issues",
    "/vibeworkbench/dashboards/guarded",
    "/stranger/plain",
    "/stranger/files/stranger.py",
    "/vibeworkbenchstranger",
)
"""What no viewer may reach."""
SOME = ("/api/contents/secret.txt", "/voila/render/unpublished.ipynb", "/vibeworkbench/api/tokens", "/stranger/plain")
"""One of each package, for callers with even fewer rights."""
PUBLIC = (
    "/static/favicon.ico",
    "/login",
    "/vibeworkbench/api/health/live",
    "/vibeworkbench/dashboards/audited",
    "/vibeworkbench/dashboards/audited/assets",
    "/voila/render/interactive.ipynb",
    "/voila/static/voila.js",
)
"""What a viewer may reach, and from where a path may try to climb elsewhere."""


def climbing(step: str, slash: str = "/") -> Callable[[str], list[str]]:
    """Ways from everything public up to the root and down again."""

    def spelled(path: str) -> list[str]:
        down = path.lstrip("/").replace("/", slash) if slash != "/" else path.lstrip("/")
        return [f"{start}{slash}{(step + slash) * start.count('/')}{down}" for start in PUBLIC]

    return spelled


def one(spelled: Callable[[str], str]) -> Callable[[str], list[str]]:
    """One other spelling."""
    return lambda path: [spelled(path)]


def encoded(path: str) -> str:
    """Every letter percent-encoded."""
    return "".join(letter if letter == "/" else f"%{ord(letter):02x}" for letter in path)


def first_encoded(path: str) -> str:
    """The first letter after the root percent-encoded."""
    return f"/%{ord(path[1]):02X}{path[2:]}"


SPELLINGS: dict[str, Callable[[str], list[str]]] = {
    "itself": one(str),
    "every letter encoded": one(encoded),
    "first letter encoded": one(first_encoded),
    "encoded twice": one(lambda path: quote(encoded(path))),
    "encoded slashes": one(lambda path: "/" + quote(path[1:], safe="")),
    "all slashes encoded": one(lambda path: quote(path, safe="")),
    "slashes encoded twice": one(lambda path: "/" + path[1:].replace("/", "%252F")),
    "overlong slashes": one(lambda path: "/" + path[1:].replace("/", "%c0%af")),
    "backslashes": one(lambda path: path.replace("/", "\\")),
    "encoded backslashes": one(lambda path: "/" + path[1:].replace("/", "%5c")),
    "two slashes first": one(lambda path: "/" + path),
    "three slashes first": one(lambda path: "//" + path),
    "two slashes everywhere": one(lambda path: path.replace("/", "//")),
    "no slash first": one(lambda path: path[1:]),
    "trailing slash": one(lambda path: path + "/"),
    "trailing slashes": one(lambda path: path + "//"),
    "trailing dot": one(lambda path: path + "."),
    "trailing dot segment": one(lambda path: path + "/."),
    "trailing encoded dot segment": one(lambda path: path + "/%2e"),
    "trailing space": one(lambda path: path + "%20"),
    "trailing null": one(lambda path: path + "%00"),
    "null and a public suffix": one(lambda path: path + "%00.css"),
    "a public suffix": one(lambda path: path + ".css"),
    "leading dot segment": one(lambda path: "/." + path),
    "encoded dot segment": one(lambda path: "/%2e" + path),
    "down and up": one(lambda path: "/nothing/.." + path),
    "parameters": one(lambda path: path + ";jsessionid=1"),
    "parameters within": one(lambda path: path.replace("/", "/;x=1/")),
    "a query": one(lambda path: path + "?x=/static/favicon.ico"),
    "an encoded query": one(lambda path: path + "%3fx=/static/favicon.ico"),
    "a fragment": one(lambda path: path + "#/static/favicon.ico"),
    "an encoded fragment": one(lambda path: path + "%23"),
    "upper case": one(str.upper),
    "title case": one(str.title),
    "fullwidth letters": one(lambda path: path.replace("a", "%EF%BD%81")),
    "climbing by dots": climbing(".."),
    "climbing by encoded dots": climbing("%2e%2e"),
    "climbing by half-encoded dots": climbing(".%2e"),
    "climbing by dots encoded twice": climbing("%252e%252e"),
    "climbing by overlong dots": climbing("%c0%ae%c0%ae"),
    "climbing by encoded slashes": climbing("..", "%2f"),
    "climbing by encoded everything": climbing("%2e%2e", "%2F"),
    "climbing by backslashes": climbing("..", "%5c"),
    "climbing by dots with parameters": climbing("..;"),
    "prefixed by something public": one(lambda path: "/static" + path),
    "prefixed by our prefix": one(lambda path: "/vibeworkbench" + path),
    "prefixed by a dashboard": one(lambda path: "/vibeworkbench/dashboards/audited" + path),
    "prefixed by its assets": one(lambda path: "/vibeworkbench/dashboards/audited/assets" + path),
    "a newline": one(lambda path: "/static/favicon.ico%0a" + path),
    "a newline after": one(lambda path: path + "%0a"),
}
REFUSALS = {NO_ANSWER, 400, 401, 403, 404, 405}
SECRETS = ("a file beside the notebooks", "the stranger's secret", "guarded ran", "unpublished ran", "last_activity")


def is_refused(answer: Answer, caller: str) -> bool:
    """Whether nothing was had; strangers may be led to the login, and a spelling of a public page to its usual one."""
    if answer.status in (301, 302, 303, 307, 308):
        return caller == "anonymous" and "/login?next=" in answer.headers["Location"]
    return answer.status in REFUSALS and not any(secret in answer.text for secret in SECRETS)


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("caller", ["anonymous", "viewer", "viewer of it", "ingest"])
def test_no_spelling_of_an_address_opens_it(stage: Stage, caller: str, spelling: str) -> None:
    """It is refused, or is another address at which there is nothing."""
    headers = stage.headers(caller).items()
    for path in PROTECTED if caller == "viewer" else SOME:
        for spelled in SPELLINGS[spelling](path):
            answer = raw(stage.server, spelled, *headers)
            assert is_refused(answer, caller), (spelled, answer.status, answer.headers["Location"])


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_spelling_of_what_is_for_operators_does_not_open_it_to_analysts(stage: Stage, spelling: str) -> None:
    """Terminals and tokens."""
    headers = stage.headers("analyst").items()
    for path in ("/api/terminals", "/vibeworkbench/api/tokens", "/vibeworkbench/api/roles", "/api/shutdown"):
        for spelled in SPELLINGS[spelling](path):
            method = "POST" if path in ("/api/terminals", "/api/shutdown") else "GET"
            answer = raw(stage.server, spelled, *headers, method=method, body=b"{}")
            assert answer.status not in range(200, 300), (spelled, answer.status)


def test_no_spelling_runs_a_notebook(stage: Stage) -> None:
    """None of the above started a kernel or left a trace; asked once more, with Voila's own parameters."""
    with stage.http() as admin:
        before = {each["id"] for each in admin.get("api/kernels").json()}
        for spelling in SPELLINGS.values():
            for spelled in spelling("/voila/render/unpublished.ipynb"):
                for query in ("", "?template=lab", "?path=interactive.ipynb"):
                    raw(stage.server, spelled.partition("?")[0] + query, *stage.headers("viewer").items())
        assert {each["id"] for each in admin.get("api/kernels").json()} == before
    assert not list(stage.root.rglob("unpublished.ran"))


@pytest.mark.parametrize("path", PROTECTED)
@pytest.mark.parametrize("caller", ["anonymous", "viewer"])
def test_an_absolute_request_target_is_judged_by_its_path(stage: Stage, caller: str, path: str) -> None:
    """Whatever host it names, also one that looks like a public path (RFC 9112, 3.2.2)."""
    host, port = host_of(stage.server)
    for target in (
        f"http://{host}:{port}{path}",
        f"http://{host}:{port}/static/../{path}",
        f"http://elsewhere.example{path}",
        f"http://static/{path}",
        f"https://{host}/static?{path}",
        f"{host}:{port}",
        "*",
    ):
        answer = raw(stage.server, target, *stage.headers(caller).items())
        assert is_refused(answer, caller), (target, answer.status)


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get", "G%45T", "MADE-UP"])
@pytest.mark.parametrize("caller", ["anonymous", "viewer"])
def test_no_other_method_tells_anything_of_a_protected_address(stage: Stage, caller: str, method: str) -> None:
    """HEAD is judged like GET; a preflight may be answered, with headers that say nothing of what is there."""
    for path in PROTECTED:
        answer = raw(stage.server, path, *stage.headers(caller).items(), method=method)
        preflight = method == "OPTIONS" and answer.status in (200, 204) and not answer.body
        assert preflight or is_refused(answer, caller), (path, answer.status)
        assert not any(secret in answer.text for secret in SECRETS)


@pytest.mark.parametrize("caller", ["anonymous", "viewer", "operator"])
def test_a_preflight_is_no_way_past_the_gate(stage: Stage, caller: str) -> None:
    """It comes without credentials by its nature, and is answered by nobody who would tell something."""
    preflight = [("Origin", "https://elsewhere.example"), ("Access-Control-Request-Method", "GET")]
    for path in ("/stranger/plain", "/vibeworkbenchstranger", *PROTECTED[:6]):
        answer = raw(stage.server, path, *preflight, *stage.headers(caller).items(), method="OPTIONS")
        assert not any(secret in answer.text for secret in SECRETS), path
        assert caller != "anonymous" or answer.headers["Access-Control-Allow-Origin"] is None


@pytest.mark.parametrize("header", ["X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"])
def test_a_header_that_names_another_method_or_address_means_nothing(stage: Stage, header: str) -> None:
    """Some frameworks believe them."""
    viewer = stage.headers("viewer").items()
    assert raw(stage.server, "/api/kernels", (header, "OPTIONS"), *viewer).status == 403
    for name in ("X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix", "X-Forwarded-Path"):
        answer = raw(stage.server, "/api/contents/secret.txt", (name, "/vibeworkbench/api/status"), *viewer)
        assert answer.status == 403
        answer = raw(stage.server, "/vibeworkbench/api/status", (name, "/api/contents/secret.txt"), *viewer)
        assert "a file beside the notebooks" not in answer.text


def test_http_1_0_without_a_host_is_judged_like_the_rest(stage: Stage) -> None:
    """And answered, for whoever may."""
    viewer = stage.headers("viewer").items()
    assert raw(stage.server, "/api/kernels", *viewer, version="HTTP/1.0").status in REFUSALS
    assert raw(stage.server, "/api/kernels", version="HTTP/1.0").status in REFUSALS
    assert raw(stage.server, "/vibeworkbench/api/health/live", ("Host", "localhost"), version="HTTP/1.0").status == 200


@pytest.mark.parametrize(
    "hosts",
    [("rebound.example",), ("127.0.0.1@rebound.example",), ("rebound.example:80",), ("127.0.0.1", "rebound.example")],
)
def test_a_foreign_host_header_opens_nothing(stage: Stage, hosts: tuple[str, ...]) -> None:
    """DNS rebinding brings no page of ours, not even to an admin's browser."""
    headers = [*(("Host", host) for host in hosts), *stage.headers("admin").items()]
    for path in ("/api/contents/secret.txt", "/vibeworkbench/api/tokens", "/vibeworkbench/dashboards/audited", "/lab"):
        answer = raw(stage.server, path, *headers)
        assert answer.status in REFUSALS, (path, answer.status)


def test_a_second_request_in_the_first_one_s_body_is_not_taken_for_one(stage: Stage) -> None:
    """What a refused request brings along is dropped with its connection."""
    host, port = host_of(stage.server)
    hidden = f"GET /api/contents/secret.txt HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()
    for path in ("/api/kernels", "/vibeworkbench/api/tokens", "/stranger/plain", "/nothing"):
        answer = raw(stage.server, path, *stage.headers("viewer").items(), method="POST", body=hidden)
        assert answer.status in REFUSALS
        assert answer.text.count("HTTP/1.1") == 0
        assert "a file beside the notebooks" not in answer.text
