"""One client program for every server: many WebSocket members on one epoll loop, counting and checking what arrives.

Each message carries ``#N`` and ten digits. A member checks that the numbers arrive gapless and in order; the load
knows for each number how many members have it, so that it can keep a stated number of messages in flight.
"""

from __future__ import annotations

import base64
import os
import re
import select
import socket
import time
from dataclasses import dataclass, field

import numpy as np

MARK = re.compile(rb"#N(\d{10})")
LONGEST_RUN_S = 60.0


def payload(number: int, size_bytes: int = 256) -> bytes:
    """A message of ``size_bytes`` that carries ``number``."""
    return (b"#N%010d" % number).ljust(size_bytes, b".")


def masked(data: bytes) -> bytes:
    """One final text frame from a client. The mask is zero, so the payload stands as it is.

    Source: RFC 6455 5.2 and 5.3.
    """
    length = len(data)
    if length < 126:
        return bytes((0x81, 0x80 | length)) + b"\0\0\0\0" + data
    return bytes((0x81, 0x80 | 126)) + length.to_bytes(2, "big") + b"\0\0\0\0" + data


def connected(port: int, path: str, token: str = "", *, protocol: str = "") -> tuple[socket.socket, bytes]:
    """A socket after the WebSocket handshake, and what the server had sent behind its answer."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        f"GET {path} HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key}",
        "Sec-WebSocket-Version: 13",
    ]
    if token:
        lines.append(f"Authorization: token {token}")
    if protocol:
        lines.append(f"Sec-WebSocket-Protocol: {protocol}")
    connection.sendall("\r\n".join((*lines, "", "")).encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        part = connection.recv(65536)
        if not part:
            raise ConnectionError(f"the server closed during the handshake: {answer[:200]!r}")
        answer += part
    head, _, rest = answer.partition(b"\r\n\r\n")
    if b" 101 " not in head.split(b"\r\n")[0]:
        raise ConnectionError(f"no upgrade: {head.splitlines()[0]!r}")
    return connection, rest


@dataclass(slots=True, eq=False)
class Member:
    """One reading connection: what it still has to look at, and the last number that it saw."""

    connection: socket.socket
    rest: bytes = b""
    last: int = -1
    frame_bytes: int = 0

    def numbers(self, data: bytes) -> range:
        """The numbers that arrived with ``data``, checked to be the next ones.

        Raises:
            AssertionError: A number is missing, doubled or out of order.
        """
        data = self.rest + data if self.rest else data
        first = self.last + 1
        if self.frame_bytes:
            seen = self._constant(data)
        else:
            marks = list(MARK.finditer(data))
            seen = [int(mark[1]) for mark in marks]
            self.rest = data[marks[-1].end() :] if marks else data[-512:]
        if seen:
            expected = range(first, first + len(seen))
            complete = (seen[0], seen[-1], len(seen)) == (first, expected[-1], len(expected))
            assert complete, f"lost, doubled or reordered: expected {first}, got {seen[:3]} … {seen[-1]}"
            self.last = expected[-1]
        return range(first, self.last + 1)

    def _constant(self, data: bytes) -> list[int]:
        count, left = divmod(len(data), self.frame_bytes)
        self.rest = data[len(data) - left :] if left else b""
        if not count:
            return []
        digits = np.frombuffer(data, np.uint8, count * self.frame_bytes).reshape(count, self.frame_bytes)[:, 6:16]
        values = (digits.astype(np.int64) - 48) @ (10 ** np.arange(9, -1, -1, dtype=np.int64))
        assert (np.diff(values) == 1).all(), "lost, doubled or reordered"
        return [int(values[0]), *([0] * (count - 2)), int(values[-1])] if count > 1 else [int(values[0])]


@dataclass(slots=True)
class Result:
    """What one run measured.

    Latencies are milliseconds from the send until a member (``deliveries``) or the last one (``rounds``) had it.
    """

    messages: int
    deliveries: int
    wall_s: float
    rounds_ms: list[float] = field(default_factory=list)
    deliveries_ms: list[float] = field(default_factory=list)


class Load:
    """``readers`` members and one writer in one room of one server."""

    def __init__(
        self, port: int, path: str, readers: int, *, token: str = "", constant: bool, stalled: int = 0
    ) -> None:
        self.members: dict[int, Member] = {}
        self.epoll = select.epoll()
        self.stalled: list[socket.socket] = []
        for _ in range(stalled):
            silent, _ = connected(port, path, token)
            self.stalled.append(silent)
        for _ in range(readers):
            connection, rest = connected(port, path, token)
            member = Member(connection, rest=b"" if constant else rest, frame_bytes=260 if constant else 0)
            connection.setblocking(False)
            self.members[connection.fileno()] = member
            self.epoll.register(connection.fileno(), select.EPOLLIN)
        self.writer, _ = connected(port, path, token)
        self.writer.setblocking(False)
        self.next = 0
        self.encode = payload
        self._out = b""

    def close(self) -> None:
        """Every socket is closed."""
        for connection in (*self.stalled, self.writer, *(m.connection for m in self.members.values())):
            connection.close()
        self.epoll.close()

    def _send(self, data: bytes = b"") -> None:
        self._out += data
        while self._out:
            try:
                sent = self.writer.send(self._out)
            except BlockingIOError:
                break
            self._out = self._out[sent:]
        self._drain_writer()

    def _drain_writer(self) -> None:
        """What the room says back to the writer is read away, so that it is never the slow one."""
        try:
            while self.writer.recv(1 << 20):
                pass
        except BlockingIOError:
            pass

    def _received(self, timeout_s: float) -> list[range]:
        ranges = []
        for descriptor, _ in self.epoll.poll(timeout_s):
            member = self.members[descriptor]
            try:
                data = member.connection.recv(1 << 20)
            except BlockingIOError:
                continue
            if not data:
                raise ConnectionError("the server closed a member")
            ranges.append(member.numbers(data))
        return ranges

    def saturated(self, in_flight: int, seconds: float) -> Result:
        """As many messages as go through with ``in_flight`` of them under way."""
        first, done, started = self.next, self.next, time.perf_counter()
        capacity = 4_000_000
        got = np.zeros(capacity, np.int32)
        sent_at: dict[int, float] = {}
        rounds_ms = []
        size = len(self.members)
        while True:
            now = time.perf_counter()
            running = now - started < seconds
            if not running and done == self.next:
                break
            if now - started > LONGEST_RUN_S:
                raise TimeoutError(f"{self.next - done} messages did not arrive")
            room = in_flight - (self.next - done)
            if running and room > 0:
                batch = b"".join(masked(self.encode(number)) for number in range(self.next, self.next + room))
                sent_at.update((number, now) for number in range(self.next, self.next + room))
                self.next += room
                self._send(batch)
            for numbers in self._received(0.05):
                if len(numbers):
                    got[numbers.start - first : numbers.stop - first] += 1
            self._send()
            while done < self.next and got[done - first] == size:
                rounds_ms.append((time.perf_counter() - sent_at.pop(done)) * 1e3)
                done += 1
        count = done - first
        return Result(count, count * size, time.perf_counter() - started, rounds_ms)

    def paced(self, per_second: float, seconds: float) -> Result:
        """``per_second`` messages a second, evenly; the latency of every delivery."""
        first, started = self.next, time.perf_counter()
        total = int(per_second * seconds)
        sent_at = np.zeros(total)
        latencies, received = [], 0
        size = len(self.members)
        while received < total * size:
            now = time.perf_counter()
            if now - started > LONGEST_RUN_S:
                raise TimeoutError(f"{total * size - received} deliveries did not arrive")
            due = min(total, int((now - started) * per_second) + 1) - (self.next - first)
            if due > 0:
                for number in range(self.next, self.next + due):
                    sent_at[number - first] = now
                self._send(b"".join(masked(self.encode(number)) for number in range(self.next, self.next + due)))
                self.next += due
            until_next = started + (self.next - first) / per_second - time.perf_counter()
            for numbers in self._received(max(0.0, min(until_next, 0.05))):
                at = time.perf_counter()
                latencies.extend((at - sent_at[number - first]) * 1e3 for number in numbers)
                received += len(numbers)
            self._send()
        return Result(total, received, time.perf_counter() - started, deliveries_ms=latencies)


def quantile(values: list[float], share: float) -> float:
    """The ``share`` quantile of ``values``, NaN when there are none."""
    return float(np.quantile(values, share)) if values else float("nan")
