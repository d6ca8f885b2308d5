"""One WebSocket connection to a room: open it, keep it alive, read it until it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from time import monotonic, time
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from vibeworkbench.client.api import headers
from vibeworkbench.client.discovery import Address
from vibeworkbench.client.rooms.model import ABNORMAL, CODE_OF_STATUS, Heartbeat, Lost, Message, Timing
from vibeworkbench.handshakes import UNLOGGED

LARGEST_FRAME_BYTES = 64 * 2**20
"""A snapshot can be large, and the server is trusted not to send nonsense."""


class Envelope(msgspec.Struct, frozen=True):
    """A text frame of the server. ``id`` stands in pongs only."""

    type: str
    seq: int = 0
    timestamp: int = 0
    data: Any = None
    id: Any = None


_envelopes = msgspec.json.Decoder(Envelope)


async def opened(url: str, address: Address, timing: Timing, *, verbatim: bool) -> OpenSocket | Lost:
    """The open connection, or why there is none."""
    heartbeat_s = timing.ping_s if verbatim else None
    try:
        connection = await connect(
            url,
            additional_headers=headers(address),
            proxy=None if address.is_loopback else True,
            open_timeout=timing.handshake_s,
            close_timeout=1,
            ping_interval=heartbeat_s,
            ping_timeout=heartbeat_s and timing.pong_s,
            max_size=LARGEST_FRAME_BYTES,
            compression=None,
            logger=UNLOGGED,
        )
    except InvalidStatus as refused:
        status = refused.response.status_code
        return Lost(CODE_OF_STATUS.get(status, ABNORMAL), f"the handshake was refused with {status}")
    except (OSError, WebSocketException, TimeoutError) as error:
        return Lost(ABNORMAL, "the server does not answer" if isinstance(error, OSError) else "no handshake")
    return OpenSocket(connection, Heartbeat(timing), verbatim)


@dataclass(slots=True)
class OpenSocket:
    """An open connection. ``verbatim`` rooms have no envelope and are kept alive by protocol pings."""

    connection: ClientConnection
    heartbeat: Heartbeat
    verbatim: bool
    _slow: bool = field(default=False)

    async def listen(
        self, take: Callable[[Message], Awaitable[None]], show: Callable[[float | None, str], None]
    ) -> Lost:
        """How the connection ended; until then every message went to ``take`` and every measurement to ``show``."""
        try:
            while True:
                frame = await self._next_frame()
                if frame is None:
                    if monotonic() >= self.heartbeat.dead_at:
                        return Lost(ABNORMAL, "the server stopped answering", joined=True)
                    await self._beat(show)
                    continue
                self.heartbeat.heard()
                message = self._message(frame, show)
                if message is not None:
                    await take(message)
        except ConnectionClosed as closed:
            received = closed.rcvd
            return Lost(received.code if received else ABNORMAL, received.reason if received else "", joined=True)

    async def _next_frame(self) -> str | bytes | None:
        """A frame, or ``None`` when the heartbeat has something due before one comes."""
        if self.verbatim:
            return await self.connection.recv()
        wait_s = max(0.0, self.heartbeat.next_at - monotonic())
        try:
            async with asyncio.timeout(wait_s):
                return await self.connection.recv()
        except TimeoutError:
            return None

    async def _beat(self, show: Callable[[float | None, str], None]) -> None:
        now = monotonic()
        if now >= self.heartbeat.slow_at:
            self.heartbeat.slow_at = float("inf")
            show(self.heartbeat.rtt_ms, "slow")
        if now >= self.heartbeat.ping_at:
            await self.send({"type": "ping", "id": self.heartbeat.pinged(now)})

    def _message(self, frame: str | bytes, show: Callable[[float | None, str], None]) -> Message | None:
        if self.verbatim:
            return Message("relay", 0, int(time() * 1000), frame)
        try:
            envelope = _envelopes.decode(frame)
        except msgspec.MsgspecError:
            return None  # a frame of a newer protocol; what it means we cannot know
        if envelope.type == "pong":
            self.heartbeat.ponged(envelope.id, monotonic())
            show(self.heartbeat.rtt_ms, self.heartbeat.quality())
            return None
        return Message(envelope.type, envelope.seq, envelope.timestamp, envelope.data)

    async def send(self, message: Any) -> None:
        """``message`` is on its way: text and bytes as they are, everything else as JSON."""
        is_raw = isinstance(message, str | bytes)
        await self.connection.send(message if is_raw else msgspec.json.encode(message).decode())

    async def close(self) -> None:
        """The connection is closed."""
        await self.connection.close()
