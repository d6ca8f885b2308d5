"""One membership of one terminal over as many connections as it takes.

    connect → hello → (resume epoch + offset) → sync → bytes, acknowledged as they are parsed
       ↑ full jitter, unless the close code says that coming back would change nothing

Everything here runs on one event loop; ``session.py`` gives it a thread of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import random
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any
from urllib.parse import urlencode

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from vibeworkbench.client.errors import RoomClosed
from vibeworkbench.client.rooms.membership import Place
from vibeworkbench.client.rooms.model import TOO_FAST, Connection, Lost, Timing, retry_delay_s
from vibeworkbench.client.terminal.model import Acks, Stream, TerminalState, told
from vibeworkbench.client.terminal.socket import LostConnection, control, opened, received


@dataclass(slots=True)
class TerminalMembership:
    """Stays in the terminal until cancelled or refused.

    Attributes:
        place: The terminal's room.
        output: Gets bytes of the terminal, in order, each once.
        hear: Gets every control message, once the state is what it says.
        show: Gets the state at every change of the connection.
        timing: All intervals.
        stream: How far the stream was received.
        state: How the terminal stands.
    """

    place: Place
    output: Callable[[bytes], None]
    hear: Callable[[Mapping[str, Any]], None]
    show: Callable[[TerminalState], None]
    timing: Timing = field(default_factory=Timing)
    stream: Stream = field(default_factory=Stream)
    state: TerminalState = field(default_factory=TerminalState)
    member_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    socket: ClientConnection | None = None
    _acks: Acks = field(default_factory=Acks)
    _parsed_more: asyncio.Event = field(default_factory=asyncio.Event)
    _attempt: int = 0
    _joined_at: float | None = None
    _lost_at: float = field(default_factory=monotonic)

    async def stay(self) -> None:
        """Never returns: reconnects for as long as coming back may help.

        Raises:
            RoomClosed: It cannot help.
        """
        while True:
            lost = await self._one_connection()
            if lost.is_final:
                raise RoomClosed(lost.code, lost.reason, str(self.place))
            await self._wait_to_retry(lost)

    @property
    def connected_at(self) -> float | None:
        """When the present connection was made (of a monotonic clock); ``None`` while there is none."""
        return self._joined_at if self.socket is not None else None

    def closed(self, reason: str) -> None:
        """The membership has ended."""
        self.state = replace(self.state, connection=Connection("closed", reason=reason))

    def parsed(self, offset: int) -> None:
        """Everything up to ``offset`` is parsed."""
        if offset > self.stream.parsed:
            self.stream.parsed = offset
            self._parsed_more.set()

    async def _one_connection(self) -> Lost:
        """How a connection ended."""
        self._joined_at = None
        url = self.place.address.ws(f"parties/{self.place.path}?{urlencode({'_pk': self.member_id, 'resumes': 1})}")
        try:
            socket = await opened(url, self.place.address, self.timing)
        except LostConnection as none:
            return none.lost
        acks = asyncio.create_task(self._acknowledge(socket))
        try:
            return await self._listen(socket)
        finally:
            self.socket = None
            acks.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await acks
            await socket.close()
            self._left()

    def _left(self) -> None:
        if self._joined_at is not None:
            self._lost_at = monotonic()
            if self._lost_at - self._joined_at >= self.timing.stable_s:
                self._attempt = 0

    async def _listen(self, socket: ClientConnection) -> Lost:
        try:
            await socket.send(control(self.stream.resume()))
            while True:
                frame = await received(socket)
                if isinstance(frame, bytes):
                    self._bytes(frame)
                else:
                    self._control(frame, socket)
        except LostConnection as ended:
            return ended.lost
        except ConnectionClosed:
            return Lost(1006, "the connection was lost")

    def _bytes(self, data: bytes) -> None:
        fresh = self.stream.take(data)
        if fresh:
            self.output(fresh)

    def _control(self, message: Mapping[str, Any], socket: ClientConnection) -> None:
        stream = self.stream
        match message.get("type"):
            case "hello":
                stream.began(str(message.get("epoch") or ""))
                self.member_id = str(message.get("memberId") or self.member_id)
                self._joined(socket)
            case "sync":
                stream.synced(
                    int(message.get("offset") or 0),
                    continues=message.get("kind") == "resume",
                    whole_at=int(message.get("until") or 0),
                )
                self._acks = Acks(stream.parsed)
            case "skip":
                stream.skipped(int(message.get("from") or 0), int(message.get("to") or 0))
        self.state = told(self.state, message)
        self.hear(message)

    def _joined(self, socket: ClientConnection) -> None:
        if self._joined_at is None:
            self.socket, self._joined_at = socket, monotonic()
            self._show(quality="good", transport="socket", retry_in_s=None, reason="")

    async def _acknowledge(self, socket: ClientConnection) -> None:
        """Says what was parsed, in large steps, or after a tenth of a second."""
        with contextlib.suppress(ConnectionClosed):
            while True:
                wait_s = self._acks.due_at - monotonic()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(None if math.isinf(wait_s) else max(0.0, wait_s)):
                        await self._parsed_more.wait()
                self._parsed_more.clear()
                if self.socket is socket and self._acks.due(self.stream.parsed, monotonic()):
                    await socket.send(control({"type": "ack", "offset": self._acks.said}))

    async def _wait_to_retry(self, lost: Lost) -> None:
        at_least_s = self.timing.backoff_cap_s / 2 if lost.code == TOO_FAST else 0.0
        delay_s = at_least_s + retry_delay_s(self._attempt, self.timing, random.random())  # noqa: S311 - jitter
        self._attempt += 1
        is_long = monotonic() - self._lost_at >= self.timing.offline_s
        quality = "offline" if is_long else "reconnecting"
        self._show(quality=quality, transport=None, retry_in_s=delay_s, reason=lost.reason)
        await asyncio.sleep(delay_s)

    def _show(self, **change: Any) -> None:
        connection: Connection = replace(self.state.connection, **change)
        if connection != self.state.connection:
            self.state = replace(self.state, connection=connection)
            self.show(self.state)
