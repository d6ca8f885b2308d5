"""A viewer of a terminal on a raw socket, in each protocol: what came is counted and summed without a look inside.

A viewer sums what the program wrote between two marks. With ``room-terminal.v1`` that are the bytes themselves. Of
terminado's JSON it takes the text as it stands in its frame, escapes included, which is the same for every viewer;
one that is to know the bytes decodes it. ttyd has one byte before the program's, and a shell for each connection.
"""

from __future__ import annotations

import json
import os
import socket
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field

from benchmarks.load import connected

BEGIN, END, READY = b"BEG#IN", b"E#ND", b"RE#ADY"
"""Marks, which a shell prints so that what was typed does not contain them."""
ACK_BYTES = 384 << 10
RECEIVE_BYTES = 1 << 18
BINARY, TEXT, CLOSE, PING, PONG = 2, 1, 8, 9, 10
OURS, TERMINADO, TTYD = "room-terminal.v1", "terminado", "tty"
_HEAD, _FOOT = b'["stdout", "', b'"]'


def typed_mark(mark: bytes) -> str:
    """Shell words that print the mark and do not contain it."""
    text = mark.decode()
    return f"'{text[:2]}''{text[2:]}'"


def frame(opcode: int, payload: bytes) -> bytes:
    """One final frame from a client; its mask is zero, so that the payload stands as it is.

    Source: RFC 6455 5.2 and 5.3.
    """
    size = len(payload)
    if size < 126:
        head = bytes((0x80 | opcode, 0x80 | size))
    elif size < 65_536:
        head = bytes((0x80 | opcode, 0x80 | 126)) + struct.pack("!H", size)
    else:
        head = bytes((0x80 | opcode, 0x80 | 127)) + struct.pack("!Q", size)
    return head + b"\0\0\0\0" + payload


@dataclass(frozen=True, slots=True)
class Door:
    """Where a terminal is: the server's port and token, its path, and what is spoken there."""

    port: int
    token: str
    path: str
    protocol: str

    @property
    def is_ours(self) -> bool:
        """Whether our protocol is spoken."""
        return self.protocol == OURS


@dataclass(slots=True)
class Sum:
    """What came between the marks: bytes and their checksum. ``tail`` may be the beginning of the end mark."""

    begin: bytes
    end: bytes
    count: int = 0
    crc: int = 0
    has_begun: bool = False
    has_ended: bool = False
    tail: bytes = b""

    def add(self, data: bytes) -> None:
        """More came."""
        if self.has_ended:
            return
        data = self.tail + data
        if not self.has_begun:
            at = data.find(self.begin)
            if at < 0:
                self.tail = data[-len(self.begin) :]
                return
            self.has_begun, data = True, data[at + len(self.begin) :]
        at = data.find(self.end)
        self.has_ended = at >= 0
        sure = at if at >= 0 else max(0, len(data) - len(self.end))
        self.count += sure
        self.crc = zlib.crc32(memoryview(data)[:sure], self.crc)
        self.tail = data[sure:]


@dataclass(slots=True, eq=False)
class Viewer:
    """One connection.

    Attributes:
        door: Where the terminal is.
        decodes: Whether terminado's JSON is decoded.
        received: Bytes of the stream, or offset of the next one in our protocol.
        frames: How many frames brought output.
        wire_bytes: What came over the socket.
        control: The control messages that came.
    """

    door: Door
    decodes: bool = True
    member_id: str = field(default_factory=lambda: os.urandom(8).hex())
    epoch: str = ""
    received: int = 0
    acked: int = 0
    frames: int = 0
    wire_bytes: int = 0
    sum: Sum | None = None
    last: bytes = b""
    control: list[dict[str, object]] = field(default_factory=list)
    connection: socket.socket = field(init=False)
    _rest: bytes = b""
    _known: int = 0

    def __post_init__(self) -> None:
        self.connect()

    def connect(self) -> None:
        """The connection is made; one that comes back says where it was."""
        door = self.door
        path = f"{door.path}?_pk={self.member_id}" if door.is_ours else door.path
        offered = "" if door.protocol == TERMINADO else door.protocol
        self.connection, rest = connected(door.port, path, door.token, protocol=offered)
        self._rest, self._known = b"", 0
        if door.is_ours:
            self.say({"type": "resume", "epoch": self.epoch, "offset": self.received})
        elif door.protocol == TTYD:
            self.write(frame(BINARY, b'{"AuthToken":"","columns":80,"rows":24}'))
        self.connection.setblocking(False)
        self._take(rest)

    def say(self, message: dict[str, object] | list[object]) -> None:
        """A control message, or one of terminado's."""
        self.write(frame(TEXT, json.dumps(message).encode()))

    def type(self, text: str) -> None:
        """Keys are typed."""
        if self.door.is_ours:
            self.write(frame(BINARY, text.encode()))
        elif self.door.protocol == TTYD:
            self.write(frame(BINARY, b"0" + text.encode()))
        else:
            self.say(["stdin", text])

    def write(self, data: bytes) -> None:
        """The bytes are with the kernel."""
        self.connection.settimeout(60)
        self.connection.sendall(data)
        self.connection.setblocking(False)

    def receive(self, limit: int = RECEIVE_BYTES) -> int:
        """How many bytes came; what is in them is taken.

        Raises:
            ConnectionError: The server closed the connection.
        """
        try:
            data = self.connection.recv(limit)
        except BlockingIOError:
            return 0
        if not data:
            raise ConnectionError("the server closed a viewer")
        self._take(data)
        return len(data)

    def _take(self, data: bytes) -> None:
        self.wire_bytes += len(data)
        for opcode, payload in self._frames(self._rest + data if self._rest else data):
            if opcode == BINARY or (opcode == TEXT and not self.door.is_ours):
                self._output(payload)
            elif opcode == TEXT:
                self._control(json.loads(payload))
            elif opcode == PING:
                self.write(frame(PONG, payload))
            elif opcode == CLOSE:
                raise ConnectionError(f"the server closed a viewer: {payload!r}")
        if self.door.is_ours and self.received - self.acked >= ACK_BYTES:
            self.acknowledge()

    def acknowledge(self) -> None:
        """What came is parsed."""
        if self.acked != self.received:
            self.acked = self.received
            self.write(frame(TEXT, b'{"type":"ack","offset":%d}' % self.received))

    def _frames(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        at, size = 0, len(data)
        while size - at >= 2:
            length, head = data[at + 1] & 127, 2
            if length == 126:
                head = 4
            elif length == 127:
                head = 10
            if size - at < head:
                break
            if head > 2:
                length = int.from_bytes(data[at + 2 : at + head], "big")
            if size - at - head < length:
                break
            yield data[at] & 15, data[at + head : at + head + length]
            at += head + length
        self._rest = data[at:]

    def _output(self, payload: bytes) -> None:
        if self.door.is_ours:
            if self._known:
                known = min(self._known, len(payload))
                self._known -= known
                payload = payload[known:]
        elif self.door.protocol == TTYD:
            if payload[:1] != b"0":
                return
            payload = payload[1:]
        elif not payload.startswith(_HEAD):
            return
        elif self.decodes:
            payload = json.loads(payload)[1].encode()
        else:
            payload = payload[len(_HEAD) : -len(_FOOT)]
        self.frames += 1
        self.received += len(payload)
        self.last = payload[-256:] if len(payload) >= 256 else (self.last + payload)[-256:]
        if self.sum is not None:
            self.sum.add(payload)

    def _control(self, message: dict[str, object]) -> None:
        self.control.append(message)
        if message["type"] == "hello":
            self.epoch = str(message["epoch"])
        elif message["type"] == "sync":
            offset = int(str(message["offset"]))
            self._known = 0
            if message["kind"] == "resume" and offset <= self.received:
                self._known = self.received - offset
            else:
                self.received = offset
            self.acked = min(self.acked, self.received)

    def close(self) -> None:
        """The connection is cut, without a word."""
        self.connection.close()
