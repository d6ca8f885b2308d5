"""Terminals of real servers over real sockets: what tests of the door share."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.patience import PATIENCE_S
from tests.servers import Server

PROTOCOL = "room-terminal.v1"
SETTINGS = "[terminals]\nsurvive_s = 0\n"
"""No shell outlives the server of a test."""
COUNTING = "stty raw -echo; printf ready; exec tee typed"
"""Keeps each byte that reaches it in the file ``typed``, and prints it."""


@dataclass
class Joined:
    """A member of a terminal.

    Attributes:
        socket: Its connection.
        output: All bytes that came.
        offset: Absolute offset of the next byte.
        hello: What it was told first.
        heard: Every control message.
    """

    socket: ClientConnection
    is_legacy: bool = False
    output: bytes = b""
    offset: int = 0
    hello: dict[str, Any] = field(default_factory=dict)
    heard: list[dict[str, Any]] = field(default_factory=list)

    async def next(self) -> Any:
        """The next message, read as its protocol says."""
        async with asyncio.timeout(PATIENCE_S):
            message = await self.socket.recv()
        if isinstance(message, bytes):
            self.output += message
            self.offset += len(message)
            return message
        said = json.loads(message)
        if self.is_legacy:
            self.output += said[1].encode() if said[0] == "stdout" else b""
            return said
        self.heard.append(said)
        if said["type"] == "sync":
            self.offset = said["offset"]
        return said

    async def until(self, marker: bytes) -> bytes:
        """All output, once ``marker`` is in it."""
        while marker not in self.output:
            await self.next()
        return self.output

    async def told(self, kind: str, **facts: Any) -> dict[str, Any]:
        """The next control message of that type and with these facts."""
        while True:
            said = await self.next()
            if isinstance(said, dict) and said["type"] == kind and facts.items() <= said.items():
                return said

    async def say(self, kind: str, **more: Any) -> None:
        """A control message is sent."""
        await self.socket.send(json.dumps({"type": kind, **more}))

    async def answered(self) -> None:
        """All that was sent before has been dealt with."""
        await self.say("ping", id="answered")
        await self.told("pong", id="answered")

    async def closed(self) -> int:
        """The code with which the server closed."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self.next()
        return self.socket.close_code or 0


def address(server: Server, terminal_id: str, path: str = "vibeworkbench/parties/terminal-server") -> str:
    """The socket of a terminal."""
    return f"ws{server.url.removeprefix('http')}{path}/{terminal_id}"


@asynccontextmanager
async def joined(
    server: Server, terminal_id: str, token: str | None = None, *, legacy: bool = False, **options: Any
) -> AsyncIterator[Joined]:
    """A member that has been greeted; the admin unless another token is given."""
    token = server.token if token is None else token
    url = options.pop("url", None) or address(server, terminal_id)
    headers = {"Authorization": f"token {token}"} if token else {}
    protocols = {} if legacy else {"subprotocols": [PROTOCOL]}
    opening = connect(
        url,
        additional_headers={**headers, **options.pop("headers", {})},
        proxy=None,
        max_size=None,
        ping_interval=None,
        open_timeout=PATIENCE_S,
        **protocols,
        **options,
    )
    async with opening as socket:
        member = Joined(socket, legacy)
        with contextlib.suppress(ConnectionClosed):
            member.hello = await member.next()
        yield member


def opened(http: httpx.Client, *command: str, **more: Any) -> str:
    """Id of a new terminal with a local shell."""
    upstream = {"kind": "local", "command": list(command) or ["/bin/sh"], **more.pop("upstream", {})}
    answer = http.post("api/terminals", json={"upstream": upstream, **more})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["terminalId"])


def counting(http: httpx.Client, folder: Path, **more: Any) -> str:
    """Id of a new terminal that keeps each byte that reaches its shell in ``folder/typed``."""
    folder.mkdir(exist_ok=True)
    return opened(http, "/bin/sh", "-c", COUNTING, upstream={"cwd": str(folder)}, **more)


def token_of(server: Server, role: str, *scope: str) -> tuple[str, str]:
    """Id and text of a new token."""
    with server.http() as admin:
        made = admin.post("api/tokens", json={"role": role, "name": f"{role} of a test", "scope": list(scope)})
    return made.raise_for_status().json()["id"], made.json()["token"]


def grant(server: Server, terminal_id: str, token_id: str, right: str) -> None:
    """The token has this right on the terminal."""
    with server.http() as admin:
        wanted = {"identity": f"token:{token_id}", "right": right}
        assert admin.put(f"api/terminals/{terminal_id}/members", json=wanted).status_code == 200
