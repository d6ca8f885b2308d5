"""How a room and its members stand, as REST tells it."""

from __future__ import annotations

import asyncio

from vibeworkbench.rooms.member import Member
from vibeworkbench.rooms.model import Party, RoomKey, quality_of
from vibeworkbench.rooms.records import Extent
from vibeworkbench.rooms.room import Room
from vibeworkbench.rooms.wire import MemberBody, RoomBody


def body_of(key: RoomKey, party: Party, extent: Extent, *, epoch: str, room: Room | None) -> RoomBody:
    """A room as it stands now.

    Args:
        key: Its address.
        party: Its party.
        extent: What the event log keeps of it.
        epoch: The event log's epoch.
        room: The room, if it is in memory.
    """
    body = RoomBody(
        party=key[0],
        room=key[1],
        recording=party.recording,
        members=0,
        epoch=epoch if party.recording else None,
        last_seq=extent.last_seq,
        oldest_seq=extent.oldest_seq,
        messages_per_s=0.0,
        bytes_per_s=0.0,
        backlog_bytes=0,
        dropped=0,
    )
    if room is not None:
        now = asyncio.get_running_loop().time()
        body.members = len(room.members)
        body.last_seq = max(extent.last_seq, room.last_seq)
        body.oldest_seq = max(extent.oldest_seq, room.oldest_seq)
        body.messages_per_s = round(room.messages.at(now), 3)
        body.bytes_per_s = round(room.bytes.at(now), 1)
        body.backlog_bytes = max(map(room.lag_bytes, room.members), default=0)
        body.dropped = room.too_slow
    return body


def members_of(room: Room) -> tuple[MemberBody, ...]:
    """The room's members as they stand now, in the order in which they came."""
    now = asyncio.get_running_loop().time()
    return tuple(_member_body(room, member, now) for member in room.members)


def _member_body(room: Room, member: Member, now: float) -> MemberBody:
    lag, pulse = room.lag_bytes(member), member.pulse
    return MemberBody(
        member_id=member.member_id,
        name=member.caller.name,
        role=member.caller.role.name,
        joined_at=member.joined_at,
        lag_bytes=lag,
        rtt_ms=None if pulse.rtt_ms is None else round(pulse.rtt_ms, 2),
        quality=quality_of(pulse.rtt_ms, lag, pulse.is_silent(now)),
    )
