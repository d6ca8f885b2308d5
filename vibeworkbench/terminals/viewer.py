"""One connection that watches a terminal: how far it is, and what it may be sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from vibeworkbench.terminals.model import Right
from vibeworkbench.terminals.ring import Chunk
from vibeworkbench.web.roles import Caller


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


class Viewer:
    """A connection's place in a terminal's room.

    Args:
        link: Its socket.
        member_id: Tells it from all others.
        caller: Who is there.
        right: What the caller may do at present; asked again whenever it matters.

    Attributes:
        rtt_s: Seconds to it and back; set by its socket when it knows.
        is_legacy: Speaks terminado's protocol: knows no offsets, and is not told about sizes that it may not set.
    """

    def __init__(
        self, link: Link, *, member_id: str, caller: Caller, right: Callable[[], Right], is_legacy: bool = False
    ) -> None:
        self.link = link
        self.member_id = member_id
        self.caller = caller
        self.right = right
        self.is_legacy = is_legacy
        self.rtt_s: float | None = None

    @property
    def lag_bytes(self) -> int:
        """How far what it has shown is behind the terminal."""
        raise NotImplementedError
