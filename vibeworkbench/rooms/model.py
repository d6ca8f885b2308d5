"""What a room decides: who may come in, what a client said, who is there, how well a member is connected. Pure.

Instants are seconds of a monotonic clock that the caller gives; nothing here reads a clock.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec
import sqlalchemy as sa

from vibeworkbench.errors import InvalidInput, LimitExceeded, NotAllowed, NotFound
from vibeworkbench.web.roles import Caller, Role

RoomKey = tuple[str, str]
"""A room's address: its party's name and its own."""

RELAY = "relay"
"""The party whose messages go verbatim to the others: no envelope, no history."""

ROOM_NAME_LENGTH = 200
CLIENT_ID_LENGTH = 256
PRESENCE_INTERVAL_S = 1.0
"""Shortest time between two presence frames."""
SLOW_RTT_MS = 400.0
"""Round-trip time from which a connection counts as slow."""
SLOW_LAG_BYTES = 65_536
"""Lag from which a connection counts as slow."""

SLOWEST_READ_BYTES_PER_S = 32_768
"""A member that works through history more slowly than this may be taken for dead."""

RESERVED_TYPES = frozenset({"connected", "gap", "snapshot", "presence", "pong", "error", "ping", "hil-state"})
"""Types that only the server says, or that are never recorded."""

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f/\\\ud800-\udfff]")
_DIGITS = re.compile(r"[0-9]{1,19}")
_EPOCH = re.compile(r"[0-9A-Za-z_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Party:
    """A kind of room, with its rights.

    Attributes:
        name: First part of the room's address.
        recording: Whether messages get a ``seq`` from the event log and can be replayed.
        read: Lowest role that may join.
        write: Lowest role whose members may say something; ``None`` means nobody but the server.
        snapshot: What a late member must know, as a function of a read transaction and the room's name; it is exact at
            the room's last ``seq`` of that transaction. ``None`` has nothing to tell.
        rooms: The names that exist; ``None`` means any.
        admits_caller: Raises ``NotFound`` or ``NotAllowed`` when this caller may not join the room of that name, whose
            role would let it in; ``None`` has no such rule.
    """

    name: str
    recording: bool
    read: Role
    write: Role | None
    snapshot: Callable[[sa.Connection, str], Mapping[str, Any]] | None = None
    rooms: frozenset[str] | None = None
    admits_caller: Callable[[Caller, str], None] | None = None

    @property
    def is_relay(self) -> bool:
        """Whether messages are passed on verbatim."""
        return self.name == RELAY

    def admits(self, room: str, role: Role) -> None:
        """``role`` may join ``room``.

        Raises:
            NotFound: There is no such room.
            NotAllowed: There is, and it takes a higher role.
        """
        if not is_room_name(room) or (self.rooms is not None and room not in self.rooms):
            raise NotFound("There is no such room.")
        if role < self.read:
            raise NotAllowed(f"Joining this room takes the role {self.read.name}.", required=self.read.name)

    def lets_write(self, role: Role) -> None:
        """``role`` may say something here.

        Raises:
            NotAllowed: Nobody may, or it takes a higher role.
        """
        if self.write is None:
            raise NotAllowed("Only the server speaks in this room.")
        if role < self.write:
            raise NotAllowed(f"Writing to this room takes the role {self.write.name}.", required=self.write.name)

    def limits_rate_of(self, role: Role) -> bool:
        """Whether the number of messages a second is limited for ``role``."""
        return not (self.is_relay and role >= Role.operator)


def is_room_name(name: str) -> bool:
    """Whether ``name`` (percent-decoded) can be a room: 1 to 200 characters, no separator, no control character."""
    return 0 < len(name) <= ROOM_NAME_LENGTH and name not in {".", ".."} and _UNPRINTABLE.search(name) is None


@dataclass(frozen=True, slots=True)
class Handshake:
    """What a client says in the query of its address: how far it had read, and its own id."""

    since: int | None = None
    epoch: str | None = None
    client_id: str = ""


def handshake_of(query: Mapping[str, str]) -> Handshake:
    """The handshake that a query means; an empty value means an absent one, unknown parameters mean nothing.

    Raises:
        InvalidInput: ``since`` is no whole number from 0 on, ``epoch`` is none of ours, or ``_pk`` is too long.
    """
    since, epoch, client_id = (query.get(name, "") for name in ("since", "epoch", "_pk"))
    if since and not _DIGITS.fullmatch(since):
        raise InvalidInput("since: a whole number from 0 on is wanted.", field="since")
    if epoch and not _EPOCH.fullmatch(epoch):
        raise InvalidInput("epoch: this is none of this server.", field="epoch")
    if len(client_id) > CLIENT_ID_LENGTH:
        raise InvalidInput(f"_pk: longer than {CLIENT_ID_LENGTH} characters.", field="_pk")
    return Handshake(int(since) if since else None, epoch or None, client_id)


class ClientMessage(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What a client may say: ``ping`` with an id, or any other type with data."""

    type: Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[a-z][a-z0-9._:-]*$")]
    data: msgspec.Raw = msgspec.Raw(b"{}")
    id: int | str | None = None

    @property
    def is_ping(self) -> bool:
        """Whether it asks for a pong and nothing else."""
        return self.type == "ping"


_CLIENT_MESSAGE = msgspec.json.Decoder(ClientMessage)


def client_message_of(text: str | bytes) -> ClientMessage:
    """The message that a frame's payload means.

    Raises:
        InvalidInput: It is binary, no JSON, no such object, or of a type that only the server says.
    """
    if isinstance(text, bytes):
        raise InvalidInput("This room takes text, not binary messages.", field="body")
    try:
        message = _CLIENT_MESSAGE.decode(text)
    except msgspec.DecodeError as error:
        raise InvalidInput(f"The message cannot be meant: {error}", field="body") from None
    except (RecursionError, UnicodeEncodeError):
        raise InvalidInput(
            "The message cannot be meant: it is nested too deeply or is no text.", field="body"
        ) from None
    if message.type in RESERVED_TYPES and not message.is_ping:
        raise InvalidInput(f"type: {message.type} is said by the server only.", field="type")
    return message


@dataclass(slots=True)
class TokenBucket:
    """At most ``rate`` takes a second on the long run, and ``rate`` at once (at least one)."""

    rate: float
    _tokens: float = field(default=math.inf)
    _at: float = field(default=-math.inf)

    def take(self, now: float) -> None:
        """One more was taken at ``now``.

        Raises:
            LimitExceeded: Nothing is left; ``retry_after_s`` says when there will be.
        """
        most = max(1.0, self.rate)
        tokens = min(most, self._tokens + (now - self._at) * self.rate)
        self._at = now
        if tokens < 1.0:
            self._tokens = tokens
            wait_s = (1.0 - tokens) / self.rate
            raise LimitExceeded(f"More than {self.rate:g} messages a second.", retry_after_s=wait_s)
        self._tokens = tokens - 1.0


@dataclass(slots=True)
class Rate:
    """How many a second, lately: an exponentially weighted mean over about ``window_s`` seconds.

    Source: the exponential decay of Linux's load average (kernel/sched/loadavg.c), for a counter of events.
    """

    window_s: float = 10.0
    _value: float = 0.0
    _at: float = -math.inf

    def add(self, count: float, now: float) -> None:
        """``count`` more happened at ``now``."""
        self._value = self.at(now) + count / self.window_s
        self._at = now

    def at(self, now: float) -> float:
        """Events a second as of ``now``."""
        return self._value * math.exp(-max(0.0, now - self._at) / self.window_s)


class Quality(StrEnum):
    """How well a member is connected."""

    unknown = "unknown"
    good = "good"
    slow = "slow"
    silent = "silent"


def quality_of(rtt_ms: float | None, lag_bytes: int, silent: bool) -> Quality:
    """The quality of a connection with this round-trip time and lag; ``silent`` when a ping is overdue."""
    if silent:
        return Quality.silent
    if lag_bytes >= SLOW_LAG_BYTES or (rtt_ms is not None and rtt_ms >= SLOW_RTT_MS):
        return Quality.slow
    return Quality.unknown if rtt_ms is None else Quality.good


@dataclass(slots=True)
class Presence:
    """How many are in a room, and what of it is still to be said. Counts connections, never ids."""

    members: int = 0
    joined: int = 0
    left: int = 0
    _said_at: float = -math.inf

    def join(self) -> None:
        """One more connection is in the room."""
        self.members += 1
        self.joined += 1

    def leave(self) -> None:
        """One connection less is in the room."""
        self.members -= 1
        self.left += 1

    @property
    def is_news(self) -> bool:
        """Whether there is something to say."""
        return self.joined > 0 or self.left > 0

    def due_at(self) -> float:
        """The instant from which the next frame may be said."""
        return self._said_at + PRESENCE_INTERVAL_S

    def take(self, now: float) -> dict[str, int]:
        """What is said at ``now``: all changes since the last time in one."""
        said = {"joined": self.joined, "left": self.left, "members": self.members}
        self.joined = self.left = 0
        self._said_at = now
        return said


class Beat(StrEnum):
    """What a member's pulse asks for."""

    nothing = "nothing"
    ping = "ping"
    dead = "dead"


@dataclass(slots=True)
class Pulse:
    """A member's heartbeat: when to ping, and when it is dead.

    Slow is not dead. While the kernel holds bytes before our ping, and the other side goes on acknowledging them, there
    is time. When it has acknowledged all, it may still have to work through the history that it was fed. Whoever
    acknowledges nothing, and whoever was fed nothing, must answer in time.

    Attributes:
        heartbeat_s: Interval of pings.
        dead_after_s: Longest silence after one.
        heard_at: When the member was last heard, or joined.
        rtt_ms: Last measured round-trip time.
        taken_bytes: Bytes of history, or of the log while it lags, that the kernel has taken for it.
    """

    heartbeat_s: float
    dead_after_s: float
    heard_at: float
    rtt_ms: float | None = None
    taken_bytes: int = 0
    _pinged_at: float | None = None
    _deadline: float = math.inf
    _accepted_bytes: int = 0
    _taken_when_heard: int = 0

    def beat(self, now: float, queued_bytes: int) -> Beat:
        """What is due at ``now``; a ping counts as sent when it is.

        Args:
            now: The instant.
            queued_bytes: Bytes that are not acknowledged by the other side.
        """
        accepted = self.taken_bytes - queued_bytes
        moved, self._accepted_bytes = queued_bytes > 0 and accepted > self._accepted_bytes, accepted
        if self._pinged_at is not None:
            if moved:
                self._deadline = now + self.dead_after_s
            return Beat.dead if now >= self._deadline + self._reading_s(queued_bytes) else Beat.nothing
        if now < self.heard_at + self.heartbeat_s:
            return Beat.nothing
        self._pinged_at = now
        self._deadline = now + self.dead_after_s
        return Beat.ping

    def _reading_s(self, queued_bytes: int) -> float:
        """How long the member may be at what it was fed since it was last heard."""
        return 0.0 if queued_bytes else (self.taken_bytes - self._taken_when_heard) / SLOWEST_READ_BYTES_PER_S

    def heard(self, now: float) -> None:
        """Something came from the member: it lives."""
        self.heard_at = now
        self._pinged_at = None
        self._taken_when_heard = self.taken_bytes

    def ponged(self, now: float) -> None:
        """The answer to our ping came; it is a measurement."""
        if self._pinged_at is not None:
            self.rtt_ms = (now - self._pinged_at) * 1000.0
        self.heard(now)

    def forgive(self, now: float) -> None:
        """The time until ``now`` was ours, not the member's: the loop stood still, or we did not read from it."""
        if self._pinged_at is not None:
            self._deadline = now + self.dead_after_s

    def is_silent(self, now: float) -> bool:
        """Whether a ping is overdue by half of the time that it has."""
        return self._pinged_at is not None and now >= self._deadline - self.dead_after_s / 2


GapReason = Literal["epoch", "forgotten", "ahead"]


def gap_reason(
    since: int, epoch: str | None, *, present_epoch: str, oldest_seq: int, last_seq: int
) -> GapReason | None:
    """Why ``since`` cannot be continued from; ``None`` when it can.

    Args:
        since: The last message that the client has.
        epoch: The epoch in which it had it; ``None`` means the present one.
        present_epoch: The event log's epoch.
        oldest_seq: The oldest message that is kept.
        last_seq: The newest.
    """
    if epoch is not None and epoch != present_epoch:
        return "epoch"
    if since > last_seq:
        return "ahead"
    return "forgotten" if since < oldest_seq - 1 else None
