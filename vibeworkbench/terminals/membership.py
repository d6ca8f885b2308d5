"""What a connection may say in a terminal, whichever protocol it speaks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from vibeworkbench.rooms.model import Beat, Pulse
from vibeworkbench.terminals.legacy import legacy_of
from vibeworkbench.terminals.model import Right, Size
from vibeworkbench.terminals.room import TerminalRoom
from vibeworkbench.terminals.viewer import Viewer
from vibeworkbench.terminals.wire import Ack, Drive, Hold, Ping, Resize, Resume, Retry, control_of

PING_S = 5.0
"""How often a member is asked for its pulse."""
DEAD_AFTER_S = 20.0
"""A member that answers nothing and takes nothing for this long is gone."""
NO_ANSWER = 4408


class Wire(Protocol):
    """The connection, as far as it is asked whether somebody is there."""

    def ping(self) -> None:
        """A ping goes out."""
        ...

    def unacknowledged_bytes(self) -> int:
        """Bytes that the kernel has and the other side has not acknowledged."""
        ...


class Membership:
    """One connection's place in one terminal.

    Args:
        room: The terminal's room.
        viewer: The connection there.
        wire: The connection itself.
        now: The present instant, in seconds of the loop's clock.
        typed: Called with the number of bytes that it would have typed, and whether it may not type here.
        left: Called once, when it is no member any more.
    """

    def __init__(
        self,
        room: TerminalRoom,
        viewer: Viewer,
        *,
        wire: Wire,
        now: float,
        typed: Callable[[Membership, int, bool], None],
        left: Callable[[Membership], None],
    ) -> None:
        self.room = room
        self.viewer = viewer
        self._wire = wire
        self._pulse = Pulse(PING_S, DEAD_AFTER_S, now)
        self._typed = typed
        self._left = left
        self._is_gone = False

    @property
    def is_legacy(self) -> bool:
        """Whether it speaks terminado's protocol."""
        return self.viewer.is_legacy

    def received(self, message: str | bytes, now: float) -> None:
        """What came is typed, done, answered or refused.

        Raises:
            InvalidInput: It cannot be meant.
        """
        self._pulse.heard(now)
        if self._is_gone:
            return
        if self.is_legacy:
            self._legacy(message)
        elif isinstance(message, bytes):
            self._type(message)
        else:
            self._control(message)

    def _legacy(self, message: str | bytes) -> None:
        said = legacy_of(message)
        if isinstance(said, bytes):
            self._type(said)
        elif isinstance(said, Size):
            self.room.sized(self.viewer, said)

    def _type(self, data: bytes) -> None:
        self._typed(self, len(data), self.viewer.right() < Right.drive)
        self.room.typed(self.viewer, data)

    def _control(self, text: str) -> None:
        match control_of(text):
            case Ack(offset=offset):
                self.room.acked(self.viewer, offset)
            case Resume(epoch=epoch, offset=offset):
                self.room.resumed(self.viewer, epoch, offset)
            case Resize(rows=rows, cols=cols):
                self.room.sized(self.viewer, Size(rows, cols))
            case Drive() as said:
                self.room.drive(self.viewer, said.wish)
            case Hold(on=on, why=why, for_s=for_s):
                self.room.asked_hold(self.viewer, on=on, why=why, for_s=for_s)
            case Retry():
                self.room.asked_retry(self.viewer)
            case Ping(id=given):
                self.viewer.link.control({"type": "pong", "id": given})

    def beat(self, now: float) -> None:
        """The member is asked for its pulse; one that is dead is a member no more."""
        if self._pulse.beat(now, self._wire.unacknowledged_bytes()) is Beat.dead:
            self.close(NO_ANSWER, "you did not answer: come back")
        else:
            self._wire.ping()  # also while it is heard, because the answer is a measurement

    def ponged(self, now: float, rtt_s: float) -> None:
        """The member answered a ping."""
        self._pulse.heard(now)
        self.viewer.rtt_s = rtt_s

    def close(self, code: int, reason: str) -> None:
        """It is sent away."""
        self.leave()
        self.viewer.link.close(code, reason)

    def leave(self) -> None:
        """It is no member any more; once is enough."""
        if not self._is_gone:
            self._is_gone = True
            self.room.leave(self.viewer)
            self._left(self)
