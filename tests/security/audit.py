"""The route audit: who gets in where, asked of a server that runs.

``python -m tests.security.audit`` writes ``docs/reference/access.md``.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from itertools import groupby
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.patience import PATIENCE_S
from tests.security.addresses import Address, addresses
from tests.security.staging import CALLERS, Stage, build
from tests.servers import Server, serve

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "access.md"
IN = "in"
"""The request reached its handler; what that answers is not a question of access."""
LAST = (
    ("DELETE", "/vibeworkbench/api/dashboards/audited"),
    ("DELETE", "/vibeworkbench/api/terminals/audited"),
    ("DELETE", "/api/terminals/audited"),
    ("POST", "/voila/api/shutdown/{kernel}"),
    ("DELETE", "/api/kernels/{kernel}"),
    ("DELETE", "/api/sessions/{session}"),
    ("POST", "/api/shutdown"),
)
"""Calls that end what others still ask for; made at the end, by those with the fewest rights first."""
DOOR = ("POST", "/login")
"""Whoever asks to be let in is asked for a password by the handler itself: its refusals are answers."""
ENVIRONMENT = {"PATH": "/nowhere"}
"""Of the audited server: what its routes would start (a build of Lab, language servers) is not found."""
AT_ONCE = 6


@dataclass(frozen=True, slots=True)
class Row:
    """What one call came to.

    Attributes:
        address: What was called.
        method: By which method; ``SOCKET`` is a handshake.
        verdicts: Kind of caller → ``in``, ``login`` (redirected there), or the refusing status or close code.
        statuses: Kind of caller → what was answered: HTTP status, close code, or 101 of a socket that stays open.
    """

    address: Address
    method: str
    verdicts: Mapping[str, str]
    statuses: Mapping[str, int]


async def audited(stage: Stage) -> list[Row]:
    """Every address called by everybody, by every method that its handler has."""
    found = addresses(stage.routes)
    calls = [(each, method) for each in found for method in methods_of(each)]
    calls.sort(key=lambda call: (call[1], call[0].path) in LAST)  # stable
    gate = asyncio.Semaphore(AT_ONCE)
    nobody_s = CookieJar(
        DefaultCookiePolicy(allowed_domains=())
    )  # else a caller's session would vouch for the next one
    async with httpx.AsyncClient(base_url=stage.server.url, cookies=nobody_s, timeout=PATIENCE_S) as http:
        early = [call for call in calls if (call[1], call[0].path) not in LAST]
        rows = list(await asyncio.gather(*(row(stage, http, gate, *call) for call in early)))
        for method, path in LAST:
            rows += [await row(stage, http, gate, *call) for call in calls if (call[1], call[0].path) == (method, path)]
    return sorted(rows, key=lambda each: (found.index(each.address), each.method))


def methods_of(address: Address) -> tuple[str, ...]:
    """How it is called."""
    return ("SOCKET",) if address.socket else address.methods


async def row(stage: Stage, http: httpx.AsyncClient, gate: asyncio.Semaphore, address: Address, method: str) -> Row:
    """One address called by one method, by everybody in turn."""
    path = address.path.format(**stage.things)
    said: dict[str, tuple[str, int]] = {}
    async with gate:
        for caller in CALLERS:
            headers = stage.headers(caller)
            if method == "SOCKET":
                said[caller] = await joined(stage.server, path, headers)
            else:
                said[caller] = await called(http, method, path, headers)
    verdicts = {caller: IN if (method, path) == DOOR else verdict for caller, (verdict, _) in said.items()}
    return Row(address, method, verdicts, {caller: status for caller, (_, status) in said.items()})


async def called(http: httpx.AsyncClient, method: str, path: str, headers: Mapping[str, str]) -> tuple[str, int]:
    """What a request comes to; its body, if it has one, asks for nothing in particular."""
    content = None if method in ("GET", "DELETE") else b"{}"
    more = {"Content-Type": "application/json"} if content else {}
    async with http.stream(method, path.removeprefix("/"), headers={**headers, **more}, content=content) as answer:
        status, location = answer.status_code, answer.headers.get("Location", "")
    if status in (301, 302, 303, 307) and httpx.URL(location).path.rstrip("/").endswith("/login"):
        return "login", status
    return (str(status) if status in (401, 403) else IN), status


async def joined(server: Server, path: str, headers: Mapping[str, str]) -> tuple[str, int]:
    """What a handshake comes to: a socket that answers a ping is open, and whoever holds it is in."""
    url = "ws" + server.url.removeprefix("http") + path.removeprefix("/")
    try:
        async with (
            asyncio.timeout(PATIENCE_S),
            connect(url, additional_headers=headers, proxy=None, open_timeout=PATIENCE_S) as socket,
        ):
            await (await socket.ping())
            return IN, 101
    except InvalidStatus as refused:
        status = refused.response.status_code
        return (str(status) if status in (401, 403) else IN), status
    except ConnectionClosed as closed:
        code = closed.rcvd.code if closed.rcvd else 1006
        return (str(code) if code in (4401, 4403) else IN), code


def page(rows: Iterable[Row]) -> str:
    """The golden file."""
    lines = [INTRODUCTION, ""]
    for package, each in groupby(sorted(rows, key=package_of), key=package_of):  # the sort is stable
        lines += [f"## {TITLES.get(package, package)}", "", *table(each), ""]
    return "\n".join(lines)


def package_of(row: Row) -> str:
    """The package that answers."""
    return row.address.handler.partition(".")[0]


def table(rows: Iterable[Row]) -> Iterator[str]:
    """The rows of one package."""
    yield f"| method | address | {' | '.join(CALLERS)} |"
    yield "|---" * (len(CALLERS) + 2) + "|"
    for each in rows:
        verdicts = " | ".join(each.verdicts[caller] for caller in CALLERS)
        yield f"| {each.method} | `{each.address.path}` | {verdicts} |"


TITLES: Mapping[str, str] = {
    "vibeworkbench": "Ours",
    "jupyterlab": "JupyterLab",
    "jupyterlab_server": "JupyterLab's server",
    "jupyter_lsp": "Language servers",
    "jupyter_server": "Jupyter",
    "stranger": "An extension that asks nobody",
    "tornado": "Files of an extension that asks nobody",
    "voila": "Voila",
}
INTRODUCTION = """# Access

Written by `make reference`: every route and socket of a whole server, JupyterLab's and Voila's included, called by
everybody. A test does the same and compares.

- `in`: the request reached its handler. What that answers (200, 400, 404 …) is not a question of access.
- `login`: redirected to the login page. `401`, `403`: refused. `4401`, `4403`: a socket closed with this code.
- *viewer of it* holds a token that is narrowed to the dashboard `audited`; *viewer elsewhere* one that is narrowed to
  the room `relay/elsewhere`; *revoked* one that was an admin's.
- The terminal `audited` is the admin's, and nobody was granted anything on it.
- The dashboard `audited` is for viewers, `guarded` for analysts; `interactive` may be run by Voila for viewers. Rooms
  of `backstage` are for operators. `made-up` exists nowhere: whoever is `in` gets 404."""


def main() -> None:
    """``docs/reference/access.md`` is as the server does."""
    with tempfile.TemporaryDirectory() as folder:
        started: list[Server] = []

        def start(settings: str, **collaborators: Any) -> Server:
            started.append(serve(settings=settings, **collaborators))
            return started[-1]

        try:
            rows = asyncio.run(audited(build(start, Path(folder), **ENVIRONMENT)))
        finally:
            for server in started:
                server.stop()
    PAGE.write_text(page(rows))


if __name__ == "__main__":
    main()
