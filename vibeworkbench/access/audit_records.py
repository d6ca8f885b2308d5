"""The table of the audit record."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from vibeworkbench.access.model import AuditEvent
from vibeworkbench.access.records import from_us, to_us
from vibeworkbench.storage import dialects
from vibeworkbench.storage.records import Transaction, metadata

BATCH_ROWS = 5_000
"""Entries that one transaction forgets, so that no writer waits long."""

audit_event = sa.Table(
    "audit_event",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("key", sa.String(32), nullable=False, unique=True),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("identity", sa.String(256), nullable=False),
    sa.Column("name", sa.String(128), nullable=False),
    sa.Column("address", sa.String(64), nullable=False),
    sa.Column("subject", sa.String(512), nullable=False),
    sa.Column("event_count", sa.BigInteger, nullable=False),
    sa.Column("first_at_us", sa.BigInteger, nullable=False),
    sa.Column("last_at_us", sa.BigInteger, nullable=False, index=True),
)


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """An event as often as it happened within a minute.

    Attributes:
        key: Its id, drawn when it was noted.
        event: What happened.
        count: How often.
        first_at: When first.
        last_at: When last.
        number: Its place in the record; 0 before it is written.
    """

    key: str
    event: AuditEvent
    count: int
    first_at: datetime
    last_at: datetime
    number: int = 0


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries are asked for; ``None`` means all."""

    kind: str | None = None
    identity: str | None = None
    since: datetime | None = None


def put(transaction: Transaction, entries: list[AuditEntry]) -> None:
    """Each entry stands in the table as it is now."""
    for each in entries:
        row = {
            "key": each.key,
            "kind": each.event.kind,
            "identity": each.event.identity,
            "name": each.event.name,
            "address": each.event.address,
            "subject": each.event.subject,
            "event_count": each.count,
            "first_at_us": to_us(each.first_at),
            "last_at_us": to_us(each.last_at),
        }
        if not dialects.insert_or_ignore(transaction.connection, audit_event, row):
            again = sa.update(audit_event).where(audit_event.c.key == each.key)
            transaction.connection.execute(again.values(event_count=each.count, last_at_us=to_us(each.last_at)))


def page(connection: sa.Connection, wanted: AuditFilter, after: int | None, limit: int) -> list[AuditEntry]:
    """At most ``limit`` entries that fit, newest first, older than the entry numbered ``after``."""
    chosen = sa.select(audit_event).order_by(audit_event.c.id.desc()).limit(limit)
    if after is not None:
        chosen = chosen.where(audit_event.c.id < after)
    if wanted.kind is not None:
        chosen = chosen.where(audit_event.c.kind == wanted.kind)
    if wanted.identity is not None:
        chosen = chosen.where(audit_event.c.identity == wanted.identity)
    if wanted.since is not None:
        chosen = chosen.where(audit_event.c.last_at_us >= to_us(wanted.since))
    return [_entry(row) for row in connection.execute(chosen)]


def forget(transaction: Transaction, before: datetime, keep_rows: int) -> bool:
    """The oldest entries older than ``before`` or beyond ``keep_rows`` are gone; true if there may be more of them."""
    connection = transaction.connection
    newest_beyond = sa.select(audit_event.c.id).order_by(audit_event.c.id.desc()).offset(keep_rows).limit(1)
    beyond = connection.execute(newest_beyond).scalar_one_or_none() or 0
    old = sa.or_(audit_event.c.id <= beyond, audit_event.c.last_at_us < to_us(before))
    oldest = sa.select(audit_event.c.id).where(old).order_by(audit_event.c.id).limit(BATCH_ROWS)
    numbers = list(connection.execute(oldest).scalars())
    if numbers:
        connection.execute(sa.delete(audit_event).where(audit_event.c.id <= numbers[-1], old))
    return len(numbers) == BATCH_ROWS


def _entry(row: sa.Row[Any]) -> AuditEntry:
    event = AuditEvent(row.kind, row.identity, row.name, row.address, row.subject)
    return AuditEntry(row.key, event, row.event_count, from_us(row.first_at_us), from_us(row.last_at_us), row.id)
