"""An upstream that may be reached before its room begins: the room goes on with that connection."""

from __future__ import annotations

from typing import ClassVar

from vibeworkbench.errors import Unavailable, WorkbenchError
from vibeworkbench.terminals.model import Seen, Size
from vibeworkbench.terminals.upstreams import Connection, Upstream

ANY_SHELL = Seen("", 0)
"""Nothing of the stream is here, and yet its shell is not to be a new one."""


class Reached:
    """An upstream whose first connection may be there already.

    Whoever opens a terminal learns at once why that cannot be, and a shell that outlived the server is told from a new
    one: both take a connection before the room does.

    Args:
        upstream: The upstream itself.
        is_old: Whether its shell was begun by an earlier server, and must be that one.
    """

    kind: ClassVar[str] = ""

    def __init__(self, upstream: Upstream, *, is_old: bool) -> None:
        self.kind = upstream.kind  # type: ignore[misc]  # it stands for that upstream
        self.holds_back = upstream.holds_back
        self.lasting = upstream.lasting
        self._upstream = upstream
        self._is_old = is_old
        self._ready: Connection | None = None

    async def reach(self, size: Size) -> None:
        """The first connection is there; ``connect`` gives it once.

        Raises:
            WorkbenchError: As ``connect``.
        """
        self._ready = await self.connect(size, None)

    async def connect(self, size: Size, seen: Seen | None) -> Connection:
        """The connection that is there already, or one of the upstream itself.

        Raises:
            Unavailable: It cannot be reached now.
            WorkbenchError: Any other means that asking again would be in vain; a new shell may still be had.
        """
        ready, self._ready = self._ready, None
        if ready is not None:
            return ready
        wanted = ANY_SHELL if seen is None and self._is_old else seen
        try:
            connection = await self._upstream.connect(size, wanted)
        except Unavailable:
            raise
        except WorkbenchError:
            self._is_old = False
            raise
        self._is_old = False
        return connection

    async def let_go(self) -> None:
        """A connection that nobody took is closed, and its shell ended."""
        ready, self._ready = self._ready, None
        if ready is not None:
            await ready.close(end=True)
