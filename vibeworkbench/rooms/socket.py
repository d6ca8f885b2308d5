"""The WebSocket of a room, and the connection as the room sees it: tornado's side of it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import struct
import termios
from collections.abc import Awaitable, Callable
from typing import ClassVar

from tornado.iostream import IOStream, SSLIOStream

from vibeworkbench.errors import LimitExceeded, NotAllowed, WorkbenchError
from vibeworkbench.rooms.framelog import Bytes
from vibeworkbench.rooms.membership import Membership
from vibeworkbench.rooms.model import handshake_of
from vibeworkbench.rooms.service import Rooms
from vibeworkbench.web.failures import close_code_of
from vibeworkbench.web.roles import Caller, Role
from vibeworkbench.web.sockets import SocketHandler

CLOSE_WAIT_S = 2.0
"""How long the other side has to take a close frame before the connection is cut."""
TOO_BIG = 1009
SLACK_FACTOR = 4
"""Tornado cuts a connection on messages larger than our limit by this factor; below, we can still say why."""


class TornadoLink:
    """A WebSocket connection whose broadcast frames go straight to the kernel.

    Args:
        handler: The connection's handler, after the handshake.
        stream: Its stream.
    """

    def __init__(self, handler: RoomSocket, stream: IOStream) -> None:
        stream.set_nodelay(True)
        self._handler = handler
        self._stream = stream
        self._has_ended = False
        self._end: asyncio.Future[None] | None = None  # made when somebody waits: thousands of links are open
        self.writing: Callable[[], bool] = stream.writing
        is_plain = not isinstance(stream, SSLIOStream)
        self.send: Callable[[bytes], int] | None = stream.socket.send if is_plain else None

    def write(self, frames: Bytes) -> Awaitable[None]:
        """The bytes will go out in order; the result is done when the kernel has them all."""
        return self._stream.write(frames)

    def ping(self) -> None:
        """A WebSocket ping goes out."""
        self._stream.write(b"\x89\x00")  # RFC 6455 5.5.2

    def close(self, code: int, reason: str) -> None:
        """A close frame goes out; the connection is cut when the other side does not take it in time."""
        self._handler.close(code, reason.encode()[:120].decode(errors="ignore"))
        if not self._stream.closed():
            asyncio.get_running_loop().call_later(CLOSE_WAIT_S, self.abort)

    def abort(self) -> None:
        """The connection is cut."""
        self._stream.close()

    async def closed(self) -> None:
        """The connection has ended."""
        if not self._has_ended:
            self._end = self._end or asyncio.get_running_loop().create_future()
            await asyncio.shield(self._end)

    def ended(self) -> None:
        """The connection has ended; called by its handler."""
        self._has_ended = True
        self._stream.error = None  # a failure's trace refers to the stream: the same
        if self._end is not None and not self._end.done():
            self._end.set_result(None)

    def queued_bytes(self) -> int:
        """Bytes that the kernel has and the other side has not acknowledged; 0 where the kernel does not tell.

        Source: tcp(7), SIOCOUTQ (the same number as TIOCOUTQ).
        """
        if self._stream.closed():
            return 0
        with contextlib.suppress(OSError):
            answer = fcntl.ioctl(self._stream.socket, termios.TIOCOUTQ, b"\0\0\0\0")
            return int(struct.unpack("i", answer)[0])
        return 0


class RoomSocket(SocketHandler):
    """``…/parties/{party}/{room}``."""

    subsystem: ClassVar[str] = "rooms"
    summary: ClassVar[str] = "Join a room"

    def initialize(self, service: Rooms) -> None:
        """The handler works for ``service``."""
        self._rooms = service
        self._membership: Membership | None = None
        self._link: TornadoLink | None = None
        self._no_writing: NotAllowed | None = None

    @property
    def ping_interval(self) -> float:
        """0: rooms take their members' pulse themselves."""
        return 0.0

    @property
    def max_message_size(self) -> int:
        """Bytes beyond which a message is not even read."""
        return self._rooms.settings.message_bytes * SLACK_FACTOR

    async def admitted(self, **path: str) -> Caller:
        """The caller, who may join this room."""
        caller = await self.caller_for(Role.viewer, "read")
        party = self._rooms.party((path["party"], path["room"]), caller)
        if party.write is not None and caller.may(party.write):
            try:
                await self.caller_for(party.write, "write")
            except NotAllowed as refusal:  # it may listen; speaking is refused when it does
                self._no_writing = refusal
        return caller

    async def joined(self, **path: str) -> None:
        """The connection is in the room, or closed with the reason."""
        try:
            handshake = handshake_of({name: self.get_query_argument(name, "") for name in ("since", "epoch", "_pk")})
            connection = self.ws_connection
            if connection is None or connection.stream is None:
                return  # it has ended meanwhile
            self._link = TornadoLink(self, connection.stream)
            key = (path["party"], path["room"])
            self._membership = await self._rooms.join(self._link, self.caller, key, handshake)
            self._membership.no_writing = self._no_writing
        except WorkbenchError as error:
            self.refuse(error)
            return
        if self.ws_connection is None:
            self.on_close()  # it ended while the room was opened

    def on_message(self, message: str | bytes) -> Awaitable[None] | None:
        """What came is said, answered or refused."""
        if self._membership is None:
            return None
        try:
            return self._membership.received(message)
        except WorkbenchError as error:
            self._membership.refuse(error, _close_code(error))
        return None

    def dismiss(self, error: WorkbenchError) -> None:
        """The member hears nothing more, whatever still waits to be sent; then the connection is closed."""
        membership, self._membership = self._membership, None
        if membership is not None:
            membership.leave()
        super().dismiss(error)

    def on_pong(self, data: bytes) -> None:
        """The member lives, and its round-trip time is known."""
        if self._membership is not None:
            self._membership.member.pulse.ponged(asyncio.get_running_loop().time())

    def on_close(self) -> None:
        """The connection is in no room any more."""
        link, self._link = self._link, None  # which knows this handler, too: nothing is left for Python to find
        if link is not None:
            link.ended()
        membership, self._membership = self._membership, None
        if membership is not None:
            membership.leave()


def _close_code(error: WorkbenchError) -> int:
    is_size = isinstance(error, LimitExceeded) and "limit_bytes" in error.attributes
    return TOO_BIG if is_size else close_code_of(error)
