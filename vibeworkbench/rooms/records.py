"""What rooms read from the event log; its tables stand in ``storage/records.py``, beside the transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from vibeworkbench.rooms.model import RoomKey
from vibeworkbench.storage.records import Event, Message, event, room_log

_HERE = (room_log.c.party == sa.bindparam("party")) & (room_log.c.room == sa.bindparam("room"))
_EXTENT = sa.select(room_log.c.last_seq, room_log.c.oldest_seq).where(_HERE)
_BETWEEN = (
    sa.select(event.c.seq, event.c.type, event.c.timestamp_ms, event.c.data)
    .join_from(room_log, event, event.c.room_id == room_log.c.id)
    .where(_HERE, event.c.seq > sa.bindparam("after"), event.c.seq <= sa.bindparam("until"))
    .order_by(event.c.seq)
)
_LISTED = (
    sa.select(room_log.c.party, room_log.c.room, room_log.c.last_seq, room_log.c.oldest_seq)
    .where(
        room_log.c.party.in_(sa.bindparam("parties", expanding=True)),
        (room_log.c.party > sa.bindparam("party"))
        | ((room_log.c.party == sa.bindparam("party")) & (room_log.c.room > sa.bindparam("room"))),
    )
    .order_by(room_log.c.party, room_log.c.room)
    .limit(sa.bindparam("most"))
)


@dataclass(frozen=True, slots=True)
class Extent:
    """Which messages of a room the event log keeps: from ``oldest_seq`` to ``last_seq``, none when that is less."""

    last_seq: int = 0
    oldest_seq: int = 1


def extent_of(connection: sa.Connection, key: RoomKey) -> Extent:
    """The room's extent; that of an empty room when nothing was ever said there."""
    row = connection.execute(_EXTENT, {"party": key[0], "room": key[1]}).one_or_none()
    return Extent() if row is None else Extent(row.last_seq, row.oldest_seq)


def events_between(connection: sa.Connection, key: RoomKey, after: int, until: int) -> list[Event]:
    """The room's kept events with ``after < seq <= until``, in order."""
    rows = connection.execute(_BETWEEN, {"party": key[0], "room": key[1], "after": after, "until": until})
    return [Event(row.seq, Message(*key, row.type, row.timestamp_ms, row.data.encode())) for row in rows]


def rooms_after(
    connection: sa.Connection, key: RoomKey, parties: Sequence[str], most: int
) -> list[tuple[RoomKey, Extent]]:
    """At most ``most`` rooms of ``parties`` that stand after ``key`` in the order of their addresses."""
    given = {"party": key[0], "room": key[1], "parties": list(parties), "most": most}
    rows = connection.execute(_LISTED, given)
    return [((row.party, row.room), Extent(row.last_seq, row.oldest_seq)) for row in rows]
