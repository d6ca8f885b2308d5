"""What a member of a terminal knows of it, and how far it has got in the stream. Pure values."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from vibeworkbench.client.rooms.model import Connection

ACK_BYTES = 384 * 1024
"""What may be parsed before it is said: less than what a slow viewer may be sent unasked."""
ACK_S = 0.1
"""How long it may stay unsaid."""


@dataclass(frozen=True, slots=True)
class Size:
    """Rows and columns of a screen."""

    rows: int = 24
    cols: int = 80


@dataclass(frozen=True, slots=True)
class Hop:
    """How the workbench stands with what runs the terminal.

    Attributes:
        state: ``connecting``, ``connected``, ``reconnecting`` or ``closed``.
        attempt: Which attempt to reach it again this is.
        retry_in_s: Seconds until the next one, where one is planned.
        reason: Why it is not connected, in words for people.
    """

    state: str = "connecting"
    attempt: int = 0
    retry_in_s: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Hold:
    """Who holds the program, why, and until when (Unix milliseconds or RFC 3339, as the server says it)."""

    by: str = ""
    why: str = ""
    until: Any = None


@dataclass(frozen=True, slots=True)
class Present:
    """One member of the terminal.

    Attributes:
        member_id: The connection.
        name: Who it is.
        right: ``watch``, ``drive`` or ``own``.
        lag_bytes: How much of the stream it has not parsed yet.
    """

    member_id: str
    name: str = ""
    right: str = ""
    lag_bytes: int = 0


@dataclass(frozen=True, slots=True)
class TerminalState:
    """How a terminal stands, as one of its members knows it.

    Attributes:
        connection: How we stand with the workbench.
        upstream: How the workbench stands with what runs the terminal.
        role: What we may do: ``owner``, ``driver`` or ``watcher``.
        size: Of the screen.
        hold: Who holds the program; ``None`` while it runs.
        driver: Member id of whoever types; empty while nobody does.
        members: Who is there.
        task: The last ``hil-state``: what an agent's task has to say about this terminal.
        viewer_ms: To us and back, as the server measured it.
        upstream_ms: To the upstream and back.
        lag_bytes: How much of the stream we had not parsed when it was last said.
        has_ended: Whether the shell has ended.
        exit_code: Its exit code, where it is known.
    """

    connection: Connection = field(default_factory=Connection)
    upstream: Hop = field(default_factory=Hop)
    role: str = ""
    size: Size = field(default_factory=Size)
    hold: Hold | None = None
    driver: str = ""
    members: tuple[Present, ...] = ()
    task: Mapping[str, Any] | None = None
    viewer_ms: float | None = None
    upstream_ms: float | None = None
    lag_bytes: int = 0
    has_ended: bool = False
    exit_code: int | None = None

    def name_of(self, member_id: str) -> str:
        """The name of a member who is there; else the id itself."""
        return next((each.name or member_id for each in self.members if each.member_id == member_id), member_id)


def told(state: TerminalState, message: Mapping[str, Any]) -> TerminalState:
    """The state once a control message of the server is known; one that says nothing about it changes nothing."""
    tell = _TOLD.get(str(message.get("type")))
    return tell(state, message) if tell else state


def _hello(state: TerminalState, message: Mapping[str, Any]) -> TerminalState:
    return replace(
        state,
        role=str(message.get("role") or ""),
        size=size_of(message.get("size")),
        hold=hold_of(message.get("hold")),
        upstream=hop_of(message.get("upstream")),
        has_ended=False,
        exit_code=None,
        task=None,
    )


def _members(state: TerminalState, message: Mapping[str, Any]) -> TerminalState:
    driver = message.get("driver")
    named = driver.get("memberId") if isinstance(driver, Mapping) else driver
    members = tuple(
        Present(
            member_id=str(each.get("memberId") or ""),
            name=str(each.get("name") or ""),
            right=str(each.get("right") or each.get("role") or ""),
            lag_bytes=int(each.get("lagBytes") or 0),
        )
        for each in message.get("members") or ()
    )
    return replace(state, driver=str(named or ""), members=members)


def _rtt(state: TerminalState, message: Mapping[str, Any]) -> TerminalState:
    return replace(
        state,
        viewer_ms=message.get("viewerMs"),
        upstream_ms=message.get("upstreamMs"),
        lag_bytes=int(message.get("lagBytes") or 0),
    )


def _exit(state: TerminalState, message: Mapping[str, Any]) -> TerminalState:
    code = message.get("code")
    return replace(state, has_ended=True, exit_code=code if isinstance(code, int) else None)


_TOLD: Mapping[str, Callable[[TerminalState, Mapping[str, Any]], TerminalState]] = {
    "hello": _hello,
    "size": lambda state, message: replace(state, size=size_of(message)),
    "upstream": lambda state, message: replace(state, upstream=hop_of(message)),
    "hold": lambda state, message: replace(state, hold=hold_of(message)),
    "members": _members,
    "rtt": _rtt,
    "hil-state": lambda state, message: replace(state, task=dict(message)),
    "exit": _exit,
}


def size_of(body: Any) -> Size:
    """A size as the server says it."""
    said = body if isinstance(body, Mapping) else {}
    return Size(int(said.get("rows") or 24), int(said.get("cols") or 80))


def hop_of(body: Any) -> Hop:
    """The upstream's state as the server says it."""
    if not isinstance(body, Mapping):
        return Hop(str(body)) if body else Hop()
    retry = body.get("retryInS")
    return Hop(
        state=str(body.get("state") or "connecting"),
        attempt=int(body.get("attempt") or 0),
        retry_in_s=float(retry) if isinstance(retry, int | float) else None,
        reason=str(body.get("reason") or ""),
    )


def hold_of(body: Any) -> Hold | None:
    """A hold as the server says it; ``None`` when there is none."""
    if not isinstance(body, Mapping) or not body.get("on", True):
        return None
    return Hold(by=str(body.get("by") or ""), why=str(body.get("why") or ""), until=body.get("until"))


@dataclass(slots=True)
class Stream:
    """How far the stream was received and parsed. Offsets are absolute bytes since the epoch began.

    Attributes:
        epoch: The shell whose stream this is.
        received: Offset of the next byte that comes; ``None`` before the first ``sync``.
        parsed: Offset up to which everything was parsed; what a resume names.
        skipped_bytes: What the server left out because we fell behind.
        whole_at: Where the snapshot ends that we are getting: before that there is nothing to resume from.
    """

    epoch: str = ""
    received: int | None = None
    parsed: int = 0
    skipped_bytes: int = 0
    whole_at: int = 0
    _known: int = 0

    def resume(self) -> dict[str, Any]:
        """What is said first: how far we are; of no epoch, where there is nothing to go on from."""
        if self.received is None or self.received < self.whole_at:
            return {"type": "resume", "epoch": "", "offset": 0}
        return {"type": "resume", "epoch": self.epoch, "offset": self.received}

    def began(self, epoch: str) -> bool:
        """Whether another shell's stream than before began."""
        if epoch == self.epoch:
            return False
        is_other = bool(self.epoch)
        self.epoch, self.received, self.parsed = epoch, None, 0
        return is_other

    def synced(self, offset: int, *, continues: bool = False, whole_at: int = 0) -> None:
        """The next bytes start at ``offset``.

        Args:
            offset: Of the first byte.
            continues: Whether they continue what we have, so that those that we have already are known.
            whole_at: Where a snapshot ends, which stands for all before.
        """
        self.whole_at = whole_at
        if continues and self.received is not None and offset <= self.received:
            self._known = self.received - offset
        else:
            self._known, self.received, self.parsed = 0, offset, offset

    def take(self, data: bytes) -> bytes:
        """What of the bytes that came we did not have."""
        known = min(self._known, len(data))
        self._known -= known
        fresh = data[known:] if known else data
        self.received = (self.received or 0) + len(fresh)
        return fresh

    def skipped(self, start: int, end: int) -> None:
        """The server has left these bytes out."""
        self.skipped_bytes += max(0, end - start)


@dataclass(slots=True)
class Acks:
    """When what was parsed is said. Times are seconds of a monotonic clock that the caller gives."""

    said: int = 0
    due_at: float = math.inf

    def due(self, parsed: int, now: float) -> bool:
        """Whether it is to be said now that everything up to ``parsed`` is parsed; else ``due_at`` says when."""
        if parsed <= self.said:
            return False
        if parsed - self.said >= ACK_BYTES or now >= self.due_at:
            self.said, self.due_at = parsed, math.inf
            return True
        self.due_at = min(self.due_at, now + ACK_S)
        return False
