"""A server as an attacker finds it: dashboards, notebooks, a kernel, a stranger's extension, tokens of every kind."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import nbformat

from tests.patience import PATIENCE_S
from tests.servers import Server

EXTENSIONS = Path(__file__).parent / "extensions"
CONFIGURATION = """
c.ServerApp.root_dir = {root!r}
c.ServerApp.jpserver_extensions = {{'route_dump': True, 'stranger': True}}
c.ServerApp.log_level = 10
c.LabApp.extension_manager = 'readonly'
"""
SETTINGS = """
[[rooms.parties]]
name = "backstage"
recording = false
read = "operator"
write = "operator"
[terminals]
survive_s = 0
[voila]
kernels = 4
[access.roles]
ada = "admin"
vera = "viewer"
[access.groups]
operators = "operator"
[access.header]
name = "X-Remote-User"
groups = "X-Remote-Groups"
trusted_proxies = ["127.0.0.5/32"]
secret_env = "STAGE_PROXY_SECRET"
"""
PROXY_SECRET = "the proxy's secret"
AUDITED = "audited"
"""Name of the dashboard that viewers may see, and of a terminal of the admin's."""
INTERACTIVE = "interactive"
"""Name of the dashboard that Voila may run for viewers."""
GUARDED = "guarded"
"""Name of the dashboard that only analysts may see."""
WITH_ASSET = "import anywidget; anywidget.AnyWidget(_esm='export default { render() {} } // for analysts')"
"""A cell whose page loads a file of its own."""
GROUPS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "revoked": ("admin", ()),
    "viewer": ("viewer", ()),
    "viewer of it": ("viewer", (f"dashboard:{AUDITED}",)),
    "viewer elsewhere": ("viewer", ("room:relay/elsewhere",)),
    "ingest": ("ingest", ()),
    "analyst": ("analyst", ()),
    "operator": ("operator", ()),
    "admin": ("admin", ()),
}
"""Kind of caller → role and scope of its token, those with the fewest rights first; ``revoked`` was an admin's."""
CALLERS = ("anonymous", *GROUPS)


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it was made."""

    id: str
    text: str

    @property
    def headers(self) -> dict[str, str]:
        """How a program sends it."""
        return {"Authorization": f"token {self.text}"}


@dataclass(frozen=True, slots=True)
class Stage:
    """A server, and what there is to attack.

    Attributes:
        server: The server; its own token is the first admin's.
        root: The notebooks' directory.
        tokens: Kind of caller (see ``GROUPS``) → its token.
        things: Name → an id of something that is there: ``kernel``, ``session``, ``token``.
        routes: Every rule of the server's routers, in its order (see ``extensions/route_dump``).
    """

    server: Server
    root: Path
    tokens: Mapping[str, Token]
    things: Mapping[str, str]
    routes: tuple[Mapping[str, Any], ...] = field(repr=False)

    def http(self, caller: str = "admin", **options: Any) -> httpx.Client:
        """A client below the server's root that is this kind of caller; it follows no redirect."""
        return httpx.Client(base_url=self.server.url, headers=self.headers(caller), timeout=PATIENCE_S, **options)

    def headers(self, caller: str) -> dict[str, str]:
        """What this kind of caller sends with each request."""
        return {} if caller == "anonymous" else self.tokens[caller].headers

    def make_token(self, role: str, *scope: str, life_s: float | None = None) -> Token:
        """A new token, as an admin makes it."""
        return made(self.server, role, scope, life_s)


def made(server: Server, role: str, scope: tuple[str, ...] = (), life_s: float | None = None) -> Token:
    """A new token of ``role``, which ends after ``life_s`` seconds."""
    asked: dict[str, Any] = {"role": role, "scope": list(scope)}
    if life_s is not None:
        asked["expiresAt"] = (datetime.now(UTC) + timedelta(seconds=life_s)).isoformat()
    with server.http() as admin:
        answer = admin.post("api/tokens", json=asked)
    assert answer.status_code == 201, answer.text
    return Token(answer.json()["id"], answer.json()["token"])


def revoked(server: Server, token: Token) -> None:
    """The token opens nothing any more."""
    with server.http() as admin:
        answer = admin.delete(f"api/tokens/{token.id}")
    assert answer.status_code in (200, 204), answer.text


def build(start: Callable[..., Server], folder: Path, **environment: str) -> Stage:
    """A stage on a server of its own.

    Args:
        start: Starts a server: ``start(settings, data=, environment=)``.
        folder: Where the server's state and the notebooks go.
        **environment: More of the server's environment.
    """
    root = folder / "notebooks"
    for name in (AUDITED, INTERACTIVE, "unpublished"):
        write_notebook(root / f"{name}.ipynb", f"open({name + '.ran'!r}, 'w').close()", f"print('{name} ran')")
    write_notebook(root / f"{GUARDED}.ipynb", "print('guarded ran')", WITH_ASSET)
    (root / "secret.txt").write_text("a file beside the notebooks")
    data = folder / "data"
    (data / "config").mkdir(parents=True)
    (data / "config" / "jupyter_server_config.py").write_text(CONFIGURATION.format(root=str(root)))
    dump = folder / "routes.json"
    path = os.pathsep.join((str(EXTENSIONS), *filter(None, [os.environ.get("PYTHONPATH")])))
    own = {"PYTHONPATH": path, "ROUTE_DUMP": str(dump), "STAGE_PROXY_SECRET": PROXY_SECRET, **environment}
    server = start(SETTINGS, data=data, environment=own)
    tokens = {caller: made(server, role, scope) for caller, (role, scope) in GROUPS.items()}
    things = prepared(server) | {"token": made(server, "viewer").id}
    revoked(server, tokens["revoked"])
    return Stage(server, root, tokens, things, tuple(json.loads(dump.read_bytes())))


def prepared(server: Server) -> dict[str, str]:
    """What an attacker would like to reach is there: dashboards, a kernel with its session."""
    with httpx.Client(
        base_url=server.url, headers={"Authorization": f"token {server.token}"}, timeout=PATIENCE_S
    ) as admin:
        publish(admin, (AUDITED, {}), (INTERACTIVE, {"interactive": True}), (GUARDED, {"role": "analyst"}))
        session = admin.post(
            "api/sessions",
            json={"path": "audited.ipynb", "type": "notebook", "name": "", "kernel": {"name": "python3"}},
        )
        assert session.status_code == 201, session.text
        terminal = admin.post("api/terminals", json={"name": AUDITED})
        assert terminal.status_code == 200, terminal.text
    return {"session": session.json()["id"], "kernel": session.json()["kernel"]["id"]}


def publish(admin: httpx.Client, *wanted: tuple[str, Mapping[str, Any]]) -> None:
    """Each notebook of these names is a dashboard, for viewers unless it is said otherwise, and has a page."""

    def one(name: str, asked: Mapping[str, Any]) -> None:
        body = {"notebook": f"{name}.ipynb", "name": name, "role": "viewer", **asked}
        answer = admin.post("vibeworkbench/api/dashboards", json=body)
        assert answer.status_code in (200, 201), answer.text

    with ThreadPoolExecutor(len(wanted)) as threads:
        for done in [threads.submit(one, *each) for each in wanted]:
            done.result()


def write_notebook(path: Path, *sources: str, metadata: Mapping[str, Any] | None = None) -> None:
    """A notebook with these code cells stands at ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in sources],
        metadata={
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            **(metadata or {}),
        },
    )
    nbformat.write(notebook, path)
