"""One connection in a room: what it is owed, and how well it takes it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

from vibeworkbench.rooms.framelog import Bytes
from vibeworkbench.rooms.model import Pulse, TokenBucket
from vibeworkbench.web.roles import Caller


class Link(Protocol):
    """The connection as the room sees it; sockets raise ``OSError`` when it is gone."""

    send: Callable[[bytes], int] | None
    """Sends at once what the kernel takes; ``None`` where bytes must go through ``write`` (TLS)."""
    writing: Callable[[], bool]
    """Whether bytes given to ``write`` still wait; ``send`` would overtake them."""

    def write(self, frames: Bytes) -> Awaitable[None]:
        """The bytes will go out in order; awaiting it waits until the kernel has them all."""
        ...

    def ping(self) -> None:
        """A ping goes out."""
        ...

    def close(self, code: int, reason: str) -> None:
        """The connection is closed with ``code``; when the other side does not take that soon, it is cut."""
        ...

    def abort(self) -> None:
        """The connection is cut."""
        ...

    async def closed(self) -> None:
        """The connection has ended."""
        ...

    def queued_bytes(self) -> int:
        """Bytes that the kernel has and the other side has not acknowledged."""
        ...


class State(Enum):
    """How a member gets its frames."""

    joining = "joining"
    """It reads history at its own pace."""
    live = "live"
    """It has everything and gets each tick at once."""
    lagging = "lagging"
    """It reads the room's log from its cursor, at its own pace."""
    gone = "gone"
    """It is no member any more."""


@dataclass(slots=True, eq=False)
class Member:
    """A connection that is in a room.

    Attributes:
        link: The connection.
        caller: Who it is.
        member_id: Drawn by the server for this connection.
        joined_at: When it came, aware UTC.
        pulse: Its heartbeat.
        bucket: Its limit of messages a second; ``None`` where there is none.
        state: How it gets its frames.
        cursor: Offset in the room's log up to which the kernel has taken its bytes, unless it is live.
        live_from: Offset of the log at which it came.
        own: Spans of the log that it wrote itself and does not get back, while it is lagging; ``None`` where none are.
        is_taking: Whether history waits for the kernel to take it, and not for us to read it.
        held: How many waits of ours keep us from reading what it sends.
        unrecorded: Messages of its that are not committed yet, and their bytes.
        task: What reads history or the log for it.
    """

    link: Link
    caller: Caller
    member_id: str
    joined_at: datetime
    pulse: Pulse
    bucket: TokenBucket | None
    state: State = State.joining
    cursor: int = 0
    live_from: int = 0
    own: deque[tuple[int, int]] | None = None
    is_taking: bool = False
    held: int = 0
    unrecorded_messages: int = 0
    unrecorded_bytes: int = 0
    task: asyncio.Task[None] | None = None
