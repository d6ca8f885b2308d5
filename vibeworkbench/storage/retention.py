"""Forgetting: the event log keeps what is young enough and not too much, and says what its oldest message is."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from vibeworkbench.storage.records import Transaction, event, room_log

BATCH_MESSAGES = 5_000
"""Messages that one transaction forgets, so that no writer waits long."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What of one room is kept after forgetting."""

    party: str
    room: str
    oldest_seq: int


def forget(transaction: Transaction, *, before_ms: int, keep_messages: int) -> list[Kept]:
    """Messages said before ``before_ms`` or beyond the newest ``keep_messages`` of their room are gone, oldest first.

    Returns:
        The rooms whose oldest message is another one now. When it holds any, there may be more to forget: a call
        forgets at most ``BATCH_MESSAGES`` of each room.
    """
    rows = transaction.connection.execute(sa.select(room_log).where(room_log.c.oldest_seq <= room_log.c.last_seq))
    kept = []
    for row in rows.all():
        oldest = _oldest_to_keep(transaction.connection, row, before_ms, keep_messages)
        oldest = min(oldest, row.oldest_seq + BATCH_MESSAGES)
        if oldest > row.oldest_seq:
            _cut(transaction.connection, row.id, oldest)
            kept.append(Kept(row.party, row.room, oldest))
    return kept


def _oldest_to_keep(
    connection: sa.Connection, row: sa.Row[tuple[int, str, str, int, int]], before_ms: int, keep_messages: int
) -> int:
    # The first young message, and not all that are old: a clock that stepped back must not tear a hole.
    young = (
        sa.select(event.c.seq)
        .where(event.c.room_id == row.id, event.c.timestamp_ms >= before_ms)
        .order_by(event.c.seq)
        .limit(1)
    )
    first_young = connection.execute(young).scalar_one_or_none()
    by_age = row.last_seq + 1 if first_young is None else first_young
    return int(max(by_age, row.last_seq - keep_messages + 1))


def _cut(connection: sa.Connection, room_id: int, oldest: int) -> None:
    connection.execute(sa.delete(event).where(event.c.room_id == room_id, event.c.seq < oldest))
    connection.execute(sa.update(room_log).where(room_log.c.id == room_id).values(oldest_seq=oldest))
