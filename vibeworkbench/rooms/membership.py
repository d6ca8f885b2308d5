"""What a connection may do in its room: speak, ask for a pong, be told why not, leave."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any

from vibeworkbench.errors import LimitExceeded, NotAllowed, WorkbenchError
from vibeworkbench.rooms.frames import binary_frame, control_frame, text_frame
from vibeworkbench.rooms.member import Member, State
from vibeworkbench.rooms.model import ClientMessage, client_message_of
from vibeworkbench.rooms.recorder import Recorder
from vibeworkbench.rooms.room import Room
from vibeworkbench.storage.records import Event, Message

UNRECORDED_MESSAGES = 256
"""Messages of one member that may wait for their commit; then it is read no further."""
UNSENT_BYTES = 262_144
"""Bytes that may wait, of one member for their commit or of a room for the round under way; then no more is read."""


class Membership:
    """One connection's place in one room.

    Args:
        room: The room.
        member: The connection's state there.
        recorder: Commits what is said to a recording room.
        message_bytes: Largest message.

    Attributes:
        no_writing: Why it may not say anything although its role might; ``None`` when nothing speaks against it.
    """

    def __init__(self, room: Room, member: Member, *, recorder: Recorder, message_bytes: int) -> None:
        self.room = room
        self.member = member
        self._recorder = recorder
        self._message_bytes = message_bytes
        self.no_writing: NotAllowed | None = None

    def received(self, message: str | bytes) -> Awaitable[None] | None:
        """What the client sent is said, answered or refused; nothing more is read from it until the result is done.

        Raises:
            WorkbenchError: It may not say this; ``refuse`` tells it so.
        """
        now = asyncio.get_running_loop().time()
        self.member.pulse.heard(now)
        if self.member.state is State.gone:
            return None
        payload = message.encode() if isinstance(message, str) else message
        if len(payload) > self._message_bytes:
            raise LimitExceeded(f"A message has at most {self._message_bytes} bytes.", limit_bytes=self._message_bytes)
        if self.room.party.is_relay:
            self._admit(now)
            frame = text_frame(payload) if isinstance(message, str) else binary_frame(payload)
            self.room.relay(frame, self.member)
            return self._held(self.room.moved()) if self.room.pending_bytes > UNSENT_BYTES else None
        return self._envelope(message, now)

    def _envelope(self, message: str | bytes, now: float) -> Awaitable[None] | None:
        said = client_message_of(message)
        if said.is_ping:
            return self._answer(control_frame("pong", self.room.last_seq, _now_ms(), {}, id=said.id))
        self._admit(now)
        if not self.room.party.recording:
            self.room.announce(said.type, _now_ms(), bytes(said.data))
            return self._held(self.room.moved()) if self.room.pending_bytes > UNSENT_BYTES else None
        return self._record(said)

    def _admit(self, now: float) -> None:
        self.room.party.lets_write(self.member.caller.role)
        if self.no_writing is not None:
            raise self.no_writing
        if self.member.bucket is not None:
            self.member.bucket.take(now)

    def _record(self, said: ClientMessage) -> Awaitable[None] | None:
        data, member = bytes(said.data), self.member
        recorded = self._recorder.put(Message(*self.room.key, said.type, _now_ms(), data))
        member.unrecorded_messages += 1
        member.unrecorded_bytes += len(data)

        def done(future: asyncio.Future[Event]) -> None:
            member.unrecorded_messages -= 1
            member.unrecorded_bytes -= len(data)
            error = future.exception()
            if error is not None:
                self._tell(error)

        recorded.add_done_callback(done)
        if member.unrecorded_messages < UNRECORDED_MESSAGES and member.unrecorded_bytes < UNSENT_BYTES:
            return None
        return self._held(asyncio.wait([recorded]))

    async def _held(self, wait: Awaitable[Any]) -> None:
        self.member.held += 1
        try:
            await wait
        finally:
            self.member.held -= 1

    def _answer(self, frame: bytes) -> Awaitable[None] | None:
        try:
            written = asyncio.ensure_future(self.member.link.write(frame))
        except OSError:
            return None  # the connection is gone, and its end is told otherwise
        # Whoever asks without reading the answers is not read further: nothing piles up.
        return None if written.done() else self._held(asyncio.wait([written]))

    def _tell(self, error: BaseException) -> None:
        known = isinstance(error, WorkbenchError)
        said = {
            "code": error.code if isinstance(error, WorkbenchError) else "internal",
            "message": error.message if isinstance(error, WorkbenchError) else "The server failed.",
        }
        if not known:
            asyncio.get_running_loop().call_exception_handler({"message": "recording failed", "exception": error})
        if self.member.state is not State.gone and not self.room.party.is_relay:
            with suppress(OSError):  # the connection is gone, and its end is told otherwise
                self.member.link.write(control_frame("error", self.room.last_seq, _now_ms(), said))

    def refuse(self, error: WorkbenchError, code: int) -> None:
        """The client is told what was wrong and sent away with ``code``."""
        self._tell(error)
        self.room.close(self.member, code, error.message)

    def leave(self) -> None:
        """The connection has ended."""
        self.room.leave(self.member)
        self.room.holders -= 1


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
