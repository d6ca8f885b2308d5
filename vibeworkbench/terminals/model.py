"""What a terminal is, who may do what with it, and how it stands with its upstream. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum

from vibeworkbench.web.roles import Caller, Role

PARTY = "terminal-server"
ROWS = range(5, 501)
COLUMNS = range(20, 1001)


class Right(IntEnum):
    """What a caller may do with one terminal; each right holds the lower ones."""

    none = 0
    watch = 1
    drive = 2
    """Type, resize, hold."""
    own = 3
    """Take the keyboard at once, say who else may come, end it."""


@dataclass(frozen=True, slots=True)
class Size:
    """Rows and columns of a screen."""

    rows: int = 24
    cols: int = 80

    def clamped(self) -> Size:
        """The nearest size that programs can draw on."""
        return Size(_within(self.rows, ROWS), _within(self.cols, COLUMNS))


def _within(number: int, limits: range) -> int:
    return max(limits[0], min(limits[-1], number))


class HopState(StrEnum):
    """How the workbench stands with an upstream."""

    connecting = "connecting"
    connected = "connected"
    reconnecting = "reconnecting"
    closed = "closed"


@dataclass(frozen=True, slots=True)
class Hop:
    """The way between the workbench and an upstream, as it is told to all.

    Attributes:
        state: How it stands.
        attempt: Which attempt to reach it again this is; 0 where none was needed.
        retry_in_s: Seconds until the next attempt; ``None`` where none is planned.
        reason: Why it is not connected, in words for people; empty where it is.
    """

    state: HopState
    attempt: int = 0
    retry_in_s: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Hold:
    """The program waits, and nobody types.

    Attributes:
        by: Who said so: a name, or ``task ID``.
        why: Why, in words for people; may be empty.
        until: When it goes on at the latest.
    """

    by: str
    why: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Exit:
    """How a shell ended.

    Attributes:
        code: Its exit code, 128 + n where signal n ended it; ``None`` where its upstream does not tell.
        reason: What more is known, in words for people.
    """

    code: int | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a terminal has already of its upstream's stream.

    Attributes:
        shell: The shell that the stream is of.
        head: Absolute offset of the first byte that is not there yet.
        tail: The last bytes before it, at most 65,536.
    """

    shell: str
    head: int
    tail: bytes = b""


def right_of(caller: Caller, terminal_id: str, *, owner: str, granted: Right = Right.none) -> Right:
    """What the caller may do with a terminal.

    Args:
        caller: Who asks.
        terminal_id: The terminal, which is a room of its party: a narrowed token must hold it.
        owner: Name of its owner.
        granted: What the caller was granted by name or identity.

    Returns:
        The right of the role and of the grant, whichever is more; a viewer never does more than watch.
    """
    if not caller.may_join(PARTY, terminal_id) or not caller.may(Role.viewer):
        return Right.none
    if caller.may(Role.admin):
        return Right.own
    owns = caller.name == owner
    if caller.may(Role.operator):
        return Right.own if owns else Right.drive
    if caller.may(Role.analyst):
        return Right.drive if owns else min(granted, Right.drive)
    return min(max(granted, Right.watch if owns else Right.none), Right.watch)
