"""The WebSocket of a terminal, and the connection as its room sees it: tornado's side of it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import struct
import termios
from collections.abc import Mapping
from typing import Any, ClassVar

from tornado.iostream import IOStream, SSLIOStream

from vibeworkbench.errors import LimitExceeded, NotAllowed, WorkbenchError
from vibeworkbench.terminals.framing import ControlFrames
from vibeworkbench.terminals.legacy import TerminadoLink
from vibeworkbench.terminals.membership import Membership
from vibeworkbench.terminals.model import Right
from vibeworkbench.terminals.ring import Chunk
from vibeworkbench.terminals.running import Visit
from vibeworkbench.terminals.service import Terminals
from vibeworkbench.web.failures import close_code_of
from vibeworkbench.web.roles import Caller, Role
from vibeworkbench.web.sockets import SocketHandler

PROTOCOL = "room-terminal.v1"
CONTROL_BYTES = 65_536
"""Largest control message."""
SLACK_FACTOR = 2
"""Tornado cuts a connection on messages larger than a room takes by this factor; below, we can still say why."""
CLOSE_WAIT_S = 2.0
"""How long the other side has to take a close frame before the connection is cut."""
TOO_BIG = 1009
_PING = b"\x89\x08"  # RFC 6455 5.5.2: final, ping, eight bytes
_INSTANT = struct.Struct("!d")


class Wire:
    """What both protocols have of a connection: bytes that go straight to the kernel, pings, and its end.

    Args:
        handler: The connection's handler, after the handshake.
        stream: Its stream.
    """

    def __init__(self, handler: TerminalSocket, stream: IOStream) -> None:
        stream.set_nodelay(True)
        self._handler = handler
        self._stream = stream
        self._queued_bytes = 0
        self._send = None if isinstance(stream, SSLIOStream) else stream.socket.send

    def write(self, frame: bytes) -> asyncio.Future[None] | None:
        """The frame goes out after those before it; the future is done when the kernel has it, ``None``: it has.

        Raises:
            OSError: The connection is gone; its end is told otherwise.
        """
        rest: bytes | memoryview = frame
        if self._send is not None and not self._stream.writing():
            try:
                sent = self._send(frame)
            except BlockingIOError:
                sent = 0
            if sent == len(frame):
                return None
            rest = memoryview(frame)[sent:]
        return self._queue(rest)

    def _queue(self, rest: bytes | memoryview) -> asyncio.Future[None]:
        size = len(rest)
        written: asyncio.Future[None] = asyncio.ensure_future(self._stream.write(rest))
        self._queued_bytes += size

        def taken(done: asyncio.Future[None]) -> None:
            self._queued_bytes -= size
            if not done.cancelled():
                done.exception()  # the connection's end is told otherwise

        written.add_done_callback(taken)
        return written

    def tell(self, frame: bytes) -> None:
        """As ``write``, for frames whose fate nobody follows."""
        with contextlib.suppress(OSError):
            self.write(frame)

    def queued_bytes(self) -> int:
        """Bytes that the kernel has not taken yet."""
        return self._queued_bytes

    def ping(self) -> None:
        """A ping goes out, which says when."""
        self.tell(_PING + _INSTANT.pack(asyncio.get_running_loop().time()))

    def close(self, code: int, reason: str) -> None:
        """A close frame goes out; the connection is cut when the other side does not take it in time."""
        self._handler.close(code, reason.encode()[:120].decode(errors="ignore"))
        if not self._stream.closed():
            asyncio.get_running_loop().call_later(CLOSE_WAIT_S, self._stream.close)

    def unacknowledged_bytes(self) -> int:
        """Bytes that the kernel has and the other side has not acknowledged; 0 where the kernel does not tell.

        Source: tcp(7), SIOCOUTQ (the same number as TIOCOUTQ).
        """
        if self._stream.closed():
            return 0
        with contextlib.suppress(OSError):
            answer = fcntl.ioctl(self._stream.socket, termios.TIOCOUTQ, b"\0\0\0\0")
            return int(struct.unpack("i", answer)[0])
        return 0


class RoomLink:
    """A member that speaks ``room-terminal.v1``: bytes in binary frames, one JSON object in each text frame.

    Args:
        wire: The connection.
        frames: Those of the terminal.
    """

    def __init__(self, wire: Wire, frames: ControlFrames) -> None:
        self._wire = wire
        self._frames = frames
        self.close = wire.close
        self.queued_bytes = wire.queued_bytes
        self.unacknowledged_bytes = wire.unacknowledged_bytes

    def output(self, chunk: Chunk) -> asyncio.Future[None] | None:
        """The chunk's frame, which all members share, is on its way; done when the kernel has it all."""
        return self._wire.write(chunk.frame)

    def control(self, message: Mapping[str, Any]) -> None:
        """The message is on its way, after the output before it."""
        self._wire.tell(self._frames.of(message))


class TerminalSocket(SocketHandler):
    """``…/parties/terminal-server/{terminalId}``, and ``…/terminals/websocket/{terminalId}``."""

    subsystem: ClassVar[str] = "terminals"
    summary: ClassVar[str] = "Join a terminal"

    def initialize(self, service: Terminals) -> None:
        """The handler works for ``service``."""
        self._terminals = service
        self._membership: Membership | None = None
        self._most = Right.own

    @property
    def ping_interval(self) -> float:
        """0: terminals take their members' pulse themselves."""
        return 0.0

    @property
    def max_message_size(self) -> int:
        """Bytes beyond which a message is not even read."""
        return self._terminals.settings.input_bytes * SLACK_FACTOR

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """Ours where it is offered; without it, terminado's JSON."""
        return PROTOCOL if PROTOCOL in subprotocols else None

    async def admitted(self, **path: str) -> Caller:
        """The caller, who has a right on this terminal."""
        caller = await self.caller_for(Role.viewer, "read")
        if self._terminals.terminal(path["terminal_id"], caller).right_of(caller) > Right.watch:
            try:
                await self.caller_for(Role.viewer, "execute")
            except NotAllowed:  # the server's authorizer lets it look on
                self._most = Right.watch
        return caller

    async def joined(self, **path: str) -> None:
        """The connection is in the terminal's room, or closed with the reason."""
        connection = self.ws_connection
        if connection is None or connection.stream is None:
            return  # it has ended meanwhile
        wire = Wire(self, connection.stream)
        terminal = self._terminals.terminal(path["terminal_id"], self.caller)
        is_legacy = self.selected_subprotocol != PROTOCOL
        link = TerminadoLink(wire, terminal.texts) if is_legacy else RoomLink(wire, terminal.frames)
        visit = Visit(
            link,
            wire,
            self.caller,
            self._most,
            member_id=self.get_query_argument("_pk", ""),
            is_legacy=is_legacy,
            is_announced=self.get_query_argument("resumes", "") == "1",
        )
        self._membership = terminal.join(visit)
        if self.ws_connection is None:
            self.on_close()  # it ended while it joined

    def on_message(self, message: str | bytes) -> None:
        """What came is typed, done or refused."""
        membership = self._membership
        if membership is None:
            return
        try:
            if isinstance(message, str) and len(message) > CONTROL_BYTES and not membership.is_legacy:
                raise LimitExceeded(f"A control message has at most {CONTROL_BYTES} bytes.", limit_bytes=CONTROL_BYTES)
            membership.received(message, asyncio.get_running_loop().time())
        except WorkbenchError as error:
            is_size = isinstance(error, LimitExceeded) and "limit_bytes" in error.attributes
            membership.close(TOO_BIG if is_size else close_code_of(error), error.message)

    def on_pong(self, data: bytes) -> None:
        """The member lives, and its round-trip time is known."""
        if self._membership is not None and len(data) == _INSTANT.size:
            now = asyncio.get_running_loop().time()
            self._membership.ponged(now, max(0.0, now - _INSTANT.unpack(data)[0]))

    def dismiss(self, error: WorkbenchError) -> None:
        """The member sees nothing more, whatever still waits to be sent; then the connection is closed."""
        membership, self._membership = self._membership, None
        if membership is not None:
            membership.leave()
        super().dismiss(error)

    def on_close(self) -> None:
        """The connection is in no terminal any more."""
        membership, self._membership = self._membership, None
        if membership is not None:
            membership.leave()
