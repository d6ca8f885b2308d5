"""A server on a real socket that does what a test says, byte by byte: what well-behaved libraries would never send.

Source: RFC 6455, 1.3 (handshake) and 5.2 (frames).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Self

import pytest

from tests.patience import PATIENCE_S
from vibeworkbench.errors import WorkbenchError
from vibeworkbench.terminals.model import Size
from vibeworkbench.terminals.upstreams.websocket import WebsocketUpstream

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
FINAL = 0x80
_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
OWN_PATH = "/vibeworkbench/parties/terminal-server/x"


@dataclass(frozen=True, slots=True)
class Protocol:
    """What a well-behaved server says until the shell has printed something.

    Attributes:
        name: As in requests.
        path: Where its socket is.
        subprotocol: That it chooses.
        rest: Its answers elsewhere: JSON by path.
        greeting: Its first messages.
        awaited: How many messages a client sends at the beginning.
    """

    name: str
    path: str
    subprotocol: str
    rest: dict[str, Any]
    greeting: tuple[bytes, ...]
    awaited: int = 1


def frame(opcode: int, payload: bytes, *, said_bytes: int | None = None, final: bool = True) -> bytes:
    """A server's frame; ``said_bytes`` is the length that it claims."""
    size = len(payload) if said_bytes is None else said_bytes
    head = bytes([opcode | (FINAL if final else 0)])
    if size < 126:
        return head + bytes([size]) + payload
    if size < 2**16:
        return head + b"\x7e" + size.to_bytes(2, "big") + payload
    return head + b"\x7f" + size.to_bytes(8, "big") + payload


def text(message: Any) -> bytes:
    """A frame with JSON."""
    return frame(TEXT, json.dumps(message).encode())


OWN = Protocol(
    "room-terminal.v1",
    OWN_PATH,
    "room-terminal.v1",
    {},
    (
        text({"type": "hello", "epoch": "e1", "base": 0, "head": 7, "role": "owner", "memberId": "m"})
        + text({"type": "sync", "offset": 0, "kind": "resume"}),
        frame(BINARY, b"printed"),
    ),
    awaited=3,
)
TERMINADO = Protocol(
    "terminado",
    "/terminals/websocket/1",
    "",
    {"/api/terminals/1": {"name": "1"}, "/api/status": {"started": "2026-01-01T00:00:00Z"}},
    (text(["setup", {}]), text(["stdout", "printed"])),
)
TTYD = Protocol("ttyd", "/ws", "tty", {"/token": {"token": ""}}, (frame(BINARY, b"0printed"),))
PROTOCOLS = (OWN, TERMINADO, TTYD)


class Call:
    """One connection, after its request.

    Attributes:
        path: What is asked for.
        headers: The request's, their names in small letters.
        reader: What the other side sends.
        writer: To the other side.
    """

    def __init__(self, head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = head.decode().split("\r\n")
        self.path = lines[0].split()[1] if len(lines[0].split()) > 1 else ""
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        self.reader = reader
        self.writer = writer

    @property
    def is_socket(self) -> bool:
        """Whether a WebSocket is wanted."""
        return "sec-websocket-key" in self.headers

    async def send(self, data: bytes) -> None:
        """The bytes are on their way."""
        self.writer.write(data)
        with suppress(ConnectionError):
            await self.writer.drain()

    async def answer(self, said: Any) -> None:
        """JSON, or 404 where there is nothing to say."""
        body = json.dumps(said).encode()
        status = "404 Not Found" if said is None else "200 OK"
        head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        await self.send(head.encode() + body)

    async def accept(self, subprotocol: str) -> None:
        """The handshake's answer."""
        key = self.headers["sec-websocket-key"] + _GUID
        accepted = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        chosen = f"Sec-WebSocket-Protocol: {subprotocol}\r\n" if subprotocol else ""
        head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        await self.send(f"{head}Sec-WebSocket-Accept: {accepted}\r\n{chosen}\r\n".encode())

    async def greet(self, protocol: Protocol) -> None:
        """The handshake's answer, and all that a shell's beginning is; the client has said its part, too."""
        await self.accept(protocol.subprotocol)
        for message in protocol.greeting:
            await self.send(message)
        for _ in range(protocol.awaited):
            await self._message()

    async def _message(self) -> None:
        """A client's frame, with its mask, was read."""
        size = (await self.reader.readexactly(2))[1] & 0x7F
        if size >= 126:
            size = int.from_bytes(await self.reader.readexactly(2 if size == 126 else 8), "big")
        await self.reader.readexactly(4 + size)

    async def listen(self) -> None:
        """Whatever comes is read and not answered, until the other side has gone."""
        with suppress(ConnectionError, ssl.SSLError):
            while await self.reader.read(65_536):
                pass


Script = Callable[[Call], Awaitable[None]]


@dataclass
class ScriptedPeer:
    """A server whose sockets do what the scripts say, one after the other, the last one again and again.

    Args:
        protocol: What its REST answers.
        scripts: Called with each WebSocket's request; the connection ends with them.
        tls: For ``wss``.

    Attributes:
        calls: All requests until now.
        heard: The first bytes of each connection, behind TLS.
    """

    protocol: Protocol
    scripts: list[Script]
    tls: ssl.SSLContext | None = None
    calls: list[Call] = field(default_factory=list)
    heard: list[bytes] = field(default_factory=list)
    _tasks: set[asyncio.Task[Any]] = field(default_factory=set)
    _server: asyncio.Server | None = None

    @property
    def netloc(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def url(self) -> str:
        """Of the terminal's socket."""
        return f"{'wss' if self.tls else 'ws'}://{self.netloc}{self.protocol.path}"

    async def __aenter__(self) -> Self:
        """It listens."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.tls)
        return self

    async def __aexit__(self, *_: object) -> None:
        """It is gone, with all its connections."""
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                await self._follow(Call(await self._head(reader), reader, writer))
        finally:
            writer.transport.abort() if writer.is_closing() else writer.close()

    async def _head(self, reader: asyncio.StreamReader) -> bytes:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heard.append(head)
        return head

    async def _follow(self, call: Call) -> None:
        self.calls.append(call)
        if call.is_socket:
            script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
            await script(call)
        else:
            await call.answer(self.protocol.rest.get(call.path))


async def failure_of(upstream: WebsocketUpstream) -> WorkbenchError:
    """Why it does not connect."""
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(WorkbenchError) as failed:
            await upstream.connect(Size(), None)
    return failed.value
