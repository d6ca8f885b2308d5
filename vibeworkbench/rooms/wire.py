"""What REST says about rooms."""

from __future__ import annotations

from datetime import datetime

import msgspec

from vibeworkbench.rooms.model import Quality


class Body(msgspec.Struct, rename="camel", kw_only=True):
    """An answer."""


class MemberBody(Body):
    """A connection in a room."""

    member_id: str
    name: str
    role: str
    joined_at: datetime
    lag_bytes: int
    """How far it is behind the room's head; history that it still reads is no lag."""
    rtt_ms: float | None
    """Last measured round-trip time; null before the first."""
    quality: Quality


class RoomBody(Body, omit_defaults=True):
    """A room. Rates are means over about ten seconds."""

    party: str
    room: str
    recording: bool
    members: int
    epoch: str | None
    last_seq: int
    oldest_seq: int
    messages_per_s: float
    bytes_per_s: float
    backlog_bytes: int
    """The largest lag of a member."""
    dropped: int
    """Members closed with 4408 since the room is in memory."""
    members_list: tuple[MemberBody, ...] | None = msgspec.field(name="list", default=None)
    """The members, when one room is asked for."""


class RoomsBody(Body):
    """A page of rooms."""

    items: list[RoomBody]
    next_cursor: str | None


class PageBody(Body):
    """What a poll answers: the same objects as the socket's."""

    epoch: str
    last_seq: int
    """Where to go on from."""
    gap: bool
    """Whether messages were missed that are not kept; then ``messages`` holds the gap and a snapshot."""
    messages: list[msgspec.Raw]


class SaidBody(Body):
    """What became of a message: its place in the history, if the room has one, and how many were there."""

    seq: int | None
    members: int


class Listing(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Which page of a list."""

    limit: int = 100
    cursor: str = ""


class Polling(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """How far the poller has read, and how many seconds it waits for more."""

    since: str = ""
    epoch: str = ""
    wait: float = 0.0


class Utterance(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A message: ``text`` as it is, or any JSON value; exactly one of them."""

    text: str | None = None
    json: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
