"""Settings of rooms and their parties."""

from __future__ import annotations

from typing import Annotated

import msgspec

from vibeworkbench.settings.parts import Count, Positive, Right, Section


class PartySettings(Section, frozen=True):
    """A party beside the built-in ones."""

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,63}$")]
    """First part of the room's address."""
    recording: bool = True
    """Whether its messages get a ``seq`` from the event log and can be replayed."""
    read: Right = "viewer"
    """Lowest role that may join."""
    write: Right = "operator"
    """Lowest role that may say something."""


class RoomSettings(Section, frozen=True):
    """Broadcast rooms."""

    heartbeat_s: Positive = 10.0
    """Interval of the server's own pings."""
    dead_after_s: Positive = 10.0
    """A member silent for this long after a ping is dead."""
    ring_bytes: Count = 4 * 2**20
    """Encoded history of one room kept in memory; older messages are read from the event log."""
    backlog_bytes: Count = 2**20
    """How far one member may lag behind the room's head before it is closed with 4408."""
    message_bytes: Count = 256 * 2**10
    """Largest message a client may send."""
    members: Count = 5000
    """Most members of one room."""
    keep_days: Positive = 7.0
    """Messages older than this are forgotten."""
    keep_messages: Count = 100_000
    """Messages of one room beyond this number are forgotten, oldest first."""
    writes_per_s: Positive = 200.0
    """Messages a second that one member may write before 4429; not applied to operators and above on ``relay``."""
    parties: tuple[PartySettings, ...] = ()
    """Parties of your own."""
