"""The room of one terminal: who watches, who drives, and what runs behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

from vibeworkbench.settings import TerminalSettings
from vibeworkbench.terminals.model import Exit, Hold, Hop, Size
from vibeworkbench.terminals.recordings import Recording
from vibeworkbench.terminals.upstreams import Upstream
from vibeworkbench.terminals.viewer import Viewer


class TerminalRoom:
    """A terminal that many share.

    What clients may not do is said to them (``error``) and does not raise. A viewer whose right has ended is closed
    with 4403 at its next message, or at ``rights_changed``.

    Args:
        terminal_id: Its id.
        upstream: What runs it.
        recording: Where it is recorded.
        settings: Of terminals.
        size: Of the screen at first.
        changed: Called, in the loop, after hop, exit, epoch, size, driver or hold changed.

    Attributes:
        size: Of the screen.
        hop: How it stands with its upstream.
        exit: How the shell ended; ``None`` while it runs or where that is not known.
        epoch: Identity of the shell; empty before the first one.
        hold: Who holds the program; ``None`` where nobody does.
        viewers: Member id → viewer.
        driver: Who drives; ``None`` where nobody does.
    """

    size: Size
    hop: Hop
    exit: Exit | None
    epoch: str
    hold: Hold | None
    viewers: Mapping[str, Viewer]
    driver: Viewer | None

    def __init__(
        self,
        terminal_id: str,
        *,
        upstream: Upstream,
        recording: Recording,
        settings: TerminalSettings,
        size: Size,
        changed: Callable[[], None],
    ) -> None:
        raise NotImplementedError

    @property
    def base(self) -> int:
        """Absolute offset of the oldest output in memory."""
        raise NotImplementedError

    @property
    def head(self) -> int:
        """Absolute offset of the next byte of output."""
        raise NotImplementedError

    # Its life

    def start(self) -> None:
        """The upstream is connected, now and whenever it is lost, until ``close``."""
        raise NotImplementedError

    def recall(self, output: bytes, hop: Hop, ended: Exit | None) -> None:
        """Of a shell that runs no more: its last screen is shown, instead of ``start``; ``restart`` begins anew."""
        raise NotImplementedError

    def restart(self) -> None:
        """The shell is ended where there is one, and a new one begins; an upstream given up is tried anew."""
        raise NotImplementedError

    def retry(self) -> None:
        """A lost upstream is tried now; nothing happens where it is connected."""
        raise NotImplementedError

    async def close(self, *, end: bool, code: int = 1001, reason: str = "the server is going away") -> None:
        """All viewers are sent away with ``code``, the connection has ended, and with ``end`` the shell too."""
        raise NotImplementedError

    # Viewers

    def join(self, viewer: Viewer) -> None:
        """The viewer got its ``hello``; output follows when its first message came, or none did for a moment."""
        raise NotImplementedError

    def leave(self, viewer: Viewer) -> None:
        """The viewer is in the room no more; once is enough."""
        raise NotImplementedError

    def rights_changed(self) -> None:
        """Whoever may not be here any more is sent away with 4403, and who may not drive any more does not."""
        raise NotImplementedError

    # What viewers say

    def resumed(self, viewer: Viewer, epoch: str, offset: int) -> None:
        """It has all before ``offset`` of that epoch; what follows is sent, or a snapshot where that cannot be."""
        raise NotImplementedError

    def acked(self, viewer: Viewer, offset: int) -> None:
        """It has parsed all before ``offset``.

        Raises:
            InvalidInput: It was never sent that much.
        """
        raise NotImplementedError

    def typed(self, viewer: Viewer, data: bytes) -> None:
        """The program gets the bytes, if this viewer drives or may begin to."""
        raise NotImplementedError

    def sized(self, viewer: Viewer, size: Size) -> None:
        """The screen gets that size soon, if this viewer drives."""
        raise NotImplementedError

    def drive(self, viewer: Viewer, action: Literal["take", "release", "keep"]) -> None:
        """The viewer wants to drive, will not any more, or keeps driving though somebody asked."""
        raise NotImplementedError

    def asked_hold(self, viewer: Viewer, *, on: bool, why: str = "", for_s: float | None = None) -> None:
        """The program is held, or goes on, if this viewer may say so."""
        raise NotImplementedError

    def asked_retry(self, viewer: Viewer) -> None:
        """A lost upstream is tried now, if this viewer may say so."""
        raise NotImplementedError

    # What others say

    def hil(
        self, state: Literal["paused", "review", "resumed"], *, task_id: str, reason: str, review_id: str | None
    ) -> None:
        """A task waits for a person and the program is held meanwhile, or it waits no more."""
        raise NotImplementedError
