"""A keep-alive connection as a browser holds it, and a room's socket as a page holds it, on bare asyncio."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from benchmarks.load import MARK, masked

SEQ = re.compile(rb'"seq":(\d+)')
EPOCH = re.compile(rb'"epoch":"([^"]+)"')
TEXT, CLOSE, PING = 0x1, 0x8, 0x9
ENDED = "the server closed a viewer's socket"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and how long it took from the first byte sent to the last one read."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    took_ms: float


class Channel:
    """One HTTP/1.1 connection to loopback, kept alive until it is closed.

    Args:
        port: Where the server listens.
        headers: What is sent with each request.
    """

    def __init__(self, port: int, headers: Mapping[str, str]) -> None:
        self._port = port
        self._headers = headers
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def get(self, path: str, **more: str) -> Answer:
        """What the server answers; connecting counts where it had to be done."""
        started = time.perf_counter()
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        own = {"Host": f"127.0.0.1:{self._port}", **self._headers}
        headers = own | {name.replace("_", "-"): value for name, value in more.items()}
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        writer.write("\r\n".join(lines).encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        found = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await _body(reader, found)
        answer = Answer(int(head[0].split()[1]), found, body, (time.perf_counter() - started) * 1e3)
        if found.get("connection", "").lower() == "close":
            self.close()
        return answer

    @property
    def is_open(self) -> bool:
        """Whether the server keeps the connection, as far as this side knows."""
        return self._streams is not None and not self._streams[0].at_eof()

    def close(self) -> None:
        """The connection is closed."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


async def _body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if headers.get("transfer-encoding") != "chunked":
        return await reader.readexactly(int(headers.get("content-length", 0)))
    parts = []
    while size := int(await reader.readuntil(b"\r\n"), 16):
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readexactly(2)
    return b"".join(parts)


class Hearing:
    """The numbered messages of one server, and what all sockets hear of them.

    Args:
        say: Makes the server say the next one.

    Attributes:
        sent_at: When each was said, by the clock that ``time.perf_counter`` reads.
        latencies_ms: From there until a socket had it.
    """

    def __init__(self, say: Callable[[], None]) -> None:
        self.sent_at: list[float] = []
        self.latencies_ms: list[float] = []
        self._say = say

    def say(self) -> None:
        """The next message is said."""
        self.sent_at.append(time.perf_counter())
        self._say()


class RoomSocket(asyncio.Protocol):
    """A member of a room: answers pings, knows ``since``, and checks that numbered messages come gapless, in order.

    Args:
        hearing: Where latencies are noted.
        next_number: The first number that must come.
    """

    def __init__(self, hearing: Hearing, next_number: int) -> None:
        self.next_number = next_number
        self.first_number = next_number
        self.last_seq = b""
        self.epoch = b""
        self.welcomed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.is_leaving = False
        self.failure: str | None = None
        self._hearing = hearing
        self._buffer = b""
        self._is_open = False
        self._transport: asyncio.Transport | None = None

    @property
    def since(self) -> str:
        """What a reconnect says, to be put behind the address's query."""
        return f"&since={self.last_seq.decode()}&epoch={self.epoch.decode()}" if self.last_seq else ""

    def ask(self, port: int, path: str, headers: Mapping[str, str]) -> None:
        """The opening handshake is under way."""
        assert self._transport is not None
        key = base64.b64encode(os.urandom(16)).decode()
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: 127.0.0.1:{port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        self._transport.write("\r\n".join((*lines, "", "")).encode())

    def ping(self) -> None:
        """What the page's own socket says every ten seconds."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(masked(b'{"type":"ping","id":1}'))

    def cut(self) -> None:
        """The connection ends without a goodbye, as when a network goes."""
        self.is_leaving = True
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio's: there is a connection."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Asyncio's: it has ended."""
        if not self.is_leaving:
            self._fail(self.failure or (ENDED if self._is_open else f"{ENDED} before it was one"))

    def data_received(self, data: bytes) -> None:
        """Asyncio's: bytes came."""
        self._buffer += data
        if not self._is_open and not self._opened():
            return
        while (frame := self._frame()) is not None:
            self._received(*frame)

    def _opened(self) -> bool:
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return False
        if b" 101 " not in head.split(b"\r\n")[0]:
            self._fail(f"no upgrade: {head.splitlines()[0].decode()}")
            self.cut()
            return False
        self._buffer, self._is_open = rest, True
        return True

    def _frame(self) -> tuple[int, bytes] | None:
        """The next frame: the server sends whole ones, unmasked. Source: RFC 6455 5.2."""
        data = self._buffer
        if len(data) < 2:
            return None
        length, start = data[1] & 0x7F, 2
        if length >= 126:
            start = 4 if length == 126 else 10
            length = int.from_bytes(data[2:start], "big")
        if len(data) < start + length:
            return None
        self._buffer = data[start + length :]
        return data[0] & 0x0F, data[start : start + length]

    def _received(self, opcode: int, body: bytes) -> None:
        assert self._transport is not None
        if opcode == PING:
            self._transport.write(bytes((0x8A, 0x80 | len(body))) + b"\0\0\0\0" + body)
        elif opcode == CLOSE:
            self.failure = f"{ENDED}: {int.from_bytes(body[:2], 'big')} {body[2:].decode()}"
        elif opcode == TEXT:
            self._heard(body)

    def _heard(self, body: bytes) -> None:
        seq = SEQ.search(body)
        if seq is not None:
            self.last_seq = seq[1]
        if b'"type":"connected"' in body:
            epoch = EPOCH.search(body)
            self.epoch = epoch[1] if epoch else b""
            if not self.welcomed.done():
                self.welcomed.set_result(None)
        for mark in MARK.finditer(body):
            self._counted(int(mark[1]))

    def _counted(self, number: int) -> None:
        if number != self.next_number:
            self._fail(f"lost, doubled or reordered: expected {self.next_number}, got {number}")
            return
        self.next_number += 1
        self._hearing.latencies_ms.append((time.perf_counter() - self._hearing.sent_at[number]) * 1e3)

    def _fail(self, reason: str) -> None:
        self.failure = self.failure or reason
        if not self.welcomed.done():
            self.welcomed.set_exception(ConnectionError(reason))
