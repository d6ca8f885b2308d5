"""One connection that watches a terminal: how far it is, and what it may be sent.

A viewer pulls: whatever lets it take more (output, an acknowledgement, an emptier socket) makes it look into the stream
at its cursor. Nobody waits for it, and nothing is kept for it but the stream's own ring.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

from vibeworkbench.errors import InvalidInput
from vibeworkbench.terminals import notices
from vibeworkbench.terminals.model import Right, Size
from vibeworkbench.terminals.ring import Chunk
from vibeworkbench.terminals.stream import Stream
from vibeworkbench.terminals.window import Window
from vibeworkbench.web.roles import Caller

QUEUED_BYTES = 262_144
"""Bytes in the process that the kernel has not taken, beyond which nothing more is sent."""
SILENCE_S = 0.4
"""How often a viewer whose window is full and who never acknowledged anything is looked at: one whose kernel has taken
all by then never will. Less than the gate's patience."""
JUMP_BYTES = 131_072
"""Who is behind by more than this is sent to the head when the driver interrupts; a snapshot has less."""


class Link(Protocol):
    """A viewer's socket as its terminal sees it; output and control messages go out in the order they were given."""

    def output(self, chunk: Chunk) -> asyncio.Future[None] | None:
        """The chunk's bytes are on their way; the future is done when the kernel has them, ``None``: it has them now.

        A socket that is gone raises ``OSError``, or fails the future; its end is told by ``TerminalRoom.leave``.
        """
        ...

    def control(self, message: Mapping[str, Any]) -> None:
        """The message is on its way, or left out where the protocol cannot say it; a socket that is gone takes it too.

        What is told to many is the very same object for each of them, so its encoding can be remembered.
        """
        ...

    def close(self, code: int, reason: str) -> None:
        """The socket is closed; ``TerminalRoom.leave`` need not follow, and does no harm."""
        ...

    def queued_bytes(self) -> int:
        """Bytes given to it that the kernel has not taken yet."""
        ...

    def unacknowledged_bytes(self) -> int:
        """Bytes that the kernel has and the other side's has not taken yet; 0 where nobody tells."""
        ...


class Viewer:
    """A connection's place in a terminal's room.

    Args:
        link: Its socket.
        member_id: Tells it from all others.
        caller: Who is there.
        right: What the caller may do at present; asked again whenever it matters.
        is_legacy: Speaks terminado's protocol: it knows no offsets, and is not told about sizes that it may not set.
        is_announced: Its first message will say where it stands.

    Attributes:
        rtt_s: Seconds to it and back; set by its socket when it knows.
        wanted: The size of its window; ``None`` while it has said none.
        cursor: Absolute offset of the next byte to be sent.
        is_healthy: May hold the source: it is not known to have stopped reading.
        moved: Called when it has taken something.
    """

    def __init__(
        self,
        link: Link,
        *,
        member_id: str,
        caller: Caller,
        right: Callable[[], Right],
        is_legacy: bool = False,
        is_announced: bool = False,
    ) -> None:
        self.link = link
        self.member_id = member_id
        self.caller = caller
        self.right = right
        self.is_legacy = is_legacy
        self.is_announced = is_announced
        self.rtt_s: float | None = None
        self.wanted: Size | None = None
        self.cursor = 0
        self.is_healthy = False
        self.moved: Callable[[], None] = _nothing
        self._stream: Stream | None = None
        self._window = Window(acknowledges=not is_legacy)
        self._silence: asyncio.TimerHandle | None = None
        self._former = 0
        self._queued = 0
        self._jumps = False

    # Beginning

    @property
    def is_started(self) -> bool:
        """Whether output is sent."""
        return self._stream is not None

    def begin(self, stream: Stream) -> None:
        """It gets the screen as it is, and what follows."""
        self._attach(stream)
        self._snapshot(stream)
        self.pull()

    def resume(self, stream: Stream, epoch: str, offset: int) -> None:
        """It gets what follows ``offset``, or a snapshot where that is another epoch's, is gone, or is yet to come."""
        self._attach(stream)
        if epoch == stream.epoch and stream.ring.base <= offset <= stream.stop:
            self.cursor = self._window.acked = offset
            self.link.control(notices.sync(offset, "resume"))
        elif epoch == stream.epoch and offset < stream.ring.base:
            self.cursor = offset
            self._skip(stream)
        else:
            self._snapshot(stream)
        self.pull()

    def renew(self, stream: Stream) -> None:
        """The stream begins anew: what it was not sent is gone."""
        self._attach(stream)
        self.cursor = self._window.acked = stream.ring.base
        self.link.control(notices.sync(self.cursor, "tail"))
        self.pull()

    def miss(self, stream: Stream) -> None:
        """The stream goes on after a gap: what it was not sent is gone."""
        if self._stream is not None:
            self.link.control(notices.skip(self.cursor, stream.ring.base))
            self.renew(stream)

    def end(self) -> None:
        """It is sent nothing more."""
        self._stream = None
        self.is_healthy = False
        self.moved = _nothing
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None

    def _attach(self, stream: Stream) -> None:
        self._stream = stream
        self.is_healthy = True
        self._jumps = False
        self._former = max(self._former, self.cursor)  # acknowledgements of what went before may be under way
        self._window.attach()

    # Sending

    def pull(self) -> None:
        """It was sent whatever it may be sent now."""
        stream = self._stream
        if stream is None:
            return
        stop = stream.stop
        while self._stream is not None and self.cursor < stop and self._has_room():
            if self.cursor < stream.ring.base or (self._jumps and stop - self.cursor > JUMP_BYTES):
                self._skip(stream)
            else:
                chunk = stream.ring.at(self.cursor, stop)
                if chunk is None:
                    break
                self._send(chunk)
        if self.cursor >= stop:
            self._jumps = False
            self.is_healthy = self._stream is not None
        elif self._stream is not None and not self._window.has_acknowledged and self._window.is_full(self.cursor):
            self._listen()

    def jump(self) -> None:
        """If it is behind, it goes on at the head as soon as it takes anything more."""
        self._jumps = True
        self.pull()

    @property
    def is_current(self) -> bool:
        """Whether it was sent all there is."""
        return self._stream is not None and self.cursor >= self._stream.stop

    @property
    def taken(self) -> int:
        """Absolute offset of the first byte that it is not known to have taken."""
        window, sent = self._window, self.cursor - self._queued
        if window.has_acknowledged:
            return window.acked
        # Nothing more is sent to it while its window is full: what its kernel takes meanwhile shows that it lives.
        return max(window.acked, sent - self.link.unacknowledged_bytes()) if window.acknowledges else sent

    @property
    def standing(self) -> tuple[bool, int]:
        """Whether it ever acknowledged anything, and what it has taken: before and after the first time, not alike."""
        return self._window.has_acknowledged, self.taken

    @property
    def lag_bytes(self) -> int:
        """How far what it has taken is behind the terminal."""
        return max(0, self._stream.stop - self.taken) if self._stream is not None else 0

    @property
    def is_full(self) -> bool:
        """Whether its socket has more to send than it should have."""
        return self._queued >= QUEUED_BYTES or self.link.queued_bytes() >= QUEUED_BYTES

    def _has_room(self) -> bool:
        # Who never acknowledges anything (terminado's clients) is judged by what the kernel takes.
        return self._queued < QUEUED_BYTES and not self._window.is_full(self.cursor)

    def _listen(self) -> None:
        if self._silence is None:
            self._silence = asyncio.get_running_loop().call_later(SILENCE_S, self._heard_nothing)

    def _heard_nothing(self) -> None:
        self._silence = None
        if self._stream is None or self._window.has_acknowledged or not self._window.is_full(self.cursor):
            return
        # While its kernel has not taken what is under way, it may just not have come to read it.
        self._window.acknowledges = bool(self._queued or self.link.unacknowledged_bytes())
        self.pull()
        self.moved()

    def _send(self, chunk: Chunk) -> None:
        if self._window.is_idle:
            self._window.wakes(asyncio.get_running_loop().time())
        self.cursor = chunk.end
        try:
            written = self.link.output(chunk)
        except OSError:
            self.end()
            return
        if written is not None:
            self._queued += len(chunk)
            if written.done():
                self._written(len(chunk), written)
            else:
                written.add_done_callback(partial(self._taken_by_kernel, len(chunk)))

    def _written(self, length: int, written: asyncio.Future[None]) -> None:
        self._queued -= length
        if written.cancelled() or written.exception() is not None:
            self.end()

    def _taken_by_kernel(self, length: int, written: asyncio.Future[None]) -> None:
        self._written(length, written)
        self.pull()
        self.moved()

    def _snapshot(self, stream: Stream) -> None:
        chunk = stream.screen.snapshot(stream.stop)
        self._window.acked = chunk.offset
        self.link.control(notices.sync(chunk.offset, "snapshot", chunk.end))
        self.cursor = chunk.end
        if len(chunk):
            self._send(chunk)

    def _skip(self, stream: Stream) -> None:
        """It goes on at the head, with the screen as it is there."""
        self._jumps = False
        self._former = max(self._former, self.cursor)
        shown_from = stream.screen.snapshot(stream.stop).offset  # which may be counted back beyond where it stood
        self.link.control(notices.skip(self.cursor, max(self.cursor, shown_from)))
        self._snapshot(stream)

    # Acknowledgements

    def acked(self, offset: int, now: float) -> None:
        """It has parsed all before ``offset``.

        Args:
            offset: Absolute; acknowledgements are cumulative, so an older one changes nothing.
            now: Seconds of the loop's clock.

        Raises:
            InvalidInput: It was never sent that much.
        """
        if offset > self.cursor:
            if offset <= self._former:
                return
            raise InvalidInput("ack: more than was sent.", field="offset", sent=self.cursor)
        if self._window.takes(offset, self.cursor, now):
            self.pull()
            self.moved()


def _nothing() -> None:
    pass
