"""A real server with Voila, its notebooks, and the kernels of its pages as they come and go."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import nbformat
from nbformat.v4 import new_code_cell, new_notebook
from websockets.sync.client import ClientConnection, connect

from tests.patience import PATIENCE_S
from tests.servers import Server

KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


def write_notebook(path: Path, *sources: str, **metadata: Any) -> None:
    """A notebook with these code cells stands at ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cells = [new_code_cell(source, id=f"cell-{index}") for index, source in enumerate(sources)]
    nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": KERNEL, **metadata}), path)


def publish(server: Server, notebook: str, **order: Any) -> None:
    """The notebook is published to run for viewers, or as it is ordered; its page is not waited for."""
    asked = {"notebook": notebook, "role": "viewer", "interactive": True, **order}
    with server.http() as admin:
        answer = admin.post("api/dashboards", json=asked, headers={"Prefer": "respond-async"})
    assert answer.is_success, answer.text


def kernel_in(page: str) -> str:
    """The kernel that a page of Voila's talks to."""
    found = re.search(r'"kernelId":\s*"([0-9a-f-]{36})"', page)
    assert found, page[-2000:]
    return found[1]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a token.

    Attributes:
        server: Where.
        token: What vouches for them.
    """

    server: Server
    token: str

    @property
    def headers(self) -> dict[str, str]:
        """What they send with each request."""
        return {"Authorization": f"token {self.token}"}

    def http(self) -> httpx.Client:
        """A client below the server's root; it follows no redirect."""
        return httpx.Client(base_url=self.server.url, headers=self.headers, timeout=PATIENCE_S)

    def get(self, path: str, **params: str) -> httpx.Response:
        """What is answered."""
        with self.http() as client:
            return client.get(path, params=params)

    def page(self, notebook: str) -> str:
        """The page that Voila draws for them; it has a kernel."""
        answer = self.get(f"voila/render/{notebook}")
        assert answer.status_code == 200, answer.text
        return answer.text

    def channels(self, kernel: str, **options: Any) -> ClientConnection:
        """A socket to a kernel."""
        url = f"ws{self.server.url.removeprefix('http')}api/kernels/{kernel}/channels?session_id={uuid.uuid4().hex}"
        return connect(
            url, additional_headers=self.headers, proxy=None, max_size=None, **options, open_timeout=PATIENCE_S
        )


def person(server: Server, role: str = "admin", *scopes: str) -> Person:
    """Somebody with this role."""
    return Person(server, server.token if role == "admin" and not scopes else server.grant(role, *scopes))


def kernels(server: Server) -> set[str]:
    """The kernels that run."""
    return {each["id"] for each in person(server).get("api/kernels").json()}


class Ends:
    """Hears which kernels have ended."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self.heard: list[str] = []
        """In the order in which they ended."""

    def wait_for(self, kernel: str) -> None:
        """That kernel has ended."""
        while kernel not in self.heard:
            self.next()

    def next(self) -> None:
        """One more thing has happened to a kernel, perhaps its end."""
        said = json.loads(self._socket.recv(timeout=PATIENCE_S))
        if said.get("action") == "shutdown" and said.get("status") == "success":
            self.heard.append(said["kernel_id"])


@contextmanager
def ends(server: Server) -> Iterator[Ends]:
    """Every kernel's end from now on is heard, by Jupyter's own events."""
    admin = person(server)
    url = f"ws{server.url.removeprefix('http')}api/events/subscribe"
    with connect(url, additional_headers=admin.headers, proxy=None, open_timeout=PATIENCE_S) as socket:
        yield Ends(socket)


def message(kind: str, content: Mapping[str, Any] | None = None, channel: str = "shell") -> dict[str, Any]:
    """A kernel message as the default wire format has it."""
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": kind,
        "session": uuid.uuid4().hex,
        "username": "",
        "date": "2026-01-01T00:00:00Z",
        "version": "5.3",
    }
    return {"channel": channel, "header": header, "parent_header": {}, "metadata": {}, "content": dict(content or {})}


def execute(code: str) -> dict[str, Any]:
    """A request to run code."""
    content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": True}
    return message("execute_request", content)


def replies(socket: ClientConnection, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All that the kernel said to the request, in the default wire format, until it was idle again."""
    socket.send(json.dumps(asked))
    return heard_of(socket, asked)


def heard_of(socket: ClientConnection, asked: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All that is said to a request until it is answered and the kernel is idle."""
    heard: list[dict[str, Any]] = []
    left = {"reply", "idle"}
    while left:
        said = json.loads(socket.recv(timeout=PATIENCE_S))
        if said["parent_header"].get("msg_id") != asked["header"]["msg_id"]:
            continue
        heard.append(said)
        if said["msg_type"].endswith("_reply"):
            left.discard("reply")
        if said["msg_type"] == "status" and said["content"]["execution_state"] == "idle":
            left.discard("idle")
    return heard


def printed(heard: list[dict[str, Any]]) -> str:
    """What was printed."""
    return "".join(said["content"]["text"] for said in heard if said["msg_type"] == "stream")
