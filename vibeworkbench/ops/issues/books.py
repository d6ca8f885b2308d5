"""What is true of all issues together: their counts, and the health that follows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from vibeworkbench.ops.health import Health, health
from vibeworkbench.ops.issues.model import State
from vibeworkbench.ops.model import Severity
from vibeworkbench.ops.records import health_sample, issue, looked_target, to_json, to_us
from vibeworkbench.ops.room import HEALTH_PARTY, ROOM
from vibeworkbench.ops.wire.health import health_said
from vibeworkbench.storage.records import Message, Transaction, encode

_AT_ONCE = 500
"""Names in one ``IN``, well below every database's limit of parameters."""


@dataclass(frozen=True, slots=True)
class Books:
    """What is true after a transaction that touched issues: counts of each state and severity, and the health."""

    counts: Mapping[tuple[State, Severity], int]
    health: Health
    at: datetime


def issue_counts(connection: sa.Connection) -> dict[tuple[State, Severity], int]:
    """How many issues there are of each state and severity."""
    by = (issue.c.state, issue.c.severity)
    rows = connection.execute(sa.select(*by, sa.func.count().label("number")).group_by(*by)).all()
    return {(State(row.state), Severity(row.severity)): row.number for row in rows}


def present_health(connection: sa.Connection, targets: Collection[str]) -> Health:
    """The health of everything, as the issues now stand."""
    by = (issue.c.target, issue.c.severity)
    unresolved = sa.select(*by, sa.func.count().label("number")).where(issue.c.state != State.resolved.value)
    counts: dict[str, dict[Severity, int]] = {}
    for row in connection.execute(unresolved.group_by(*by)).all():
        counts.setdefault(row.target, {})[Severity(row.severity)] = row.number
    looked = connection.execute(sa.select(looked_target.c.target)).scalars().all()
    return health(looked, targets, counts)


def balance(transaction: Transaction, targets: Collection[str], now: datetime, scan_id: str | None = None) -> Books:
    """The counts and the health of this moment.

    Each scan keeps a sample of the health. A sample that differs from the last one is kept whatever its cause, and the
    health room hears it.
    """
    connection = transaction.connection
    present = present_health(connection, targets)
    sample = {"score": present.score, "targets": to_json({one.target: one.score for one in present.targets})}
    last = connection.execute(
        sa.select(health_sample.c.score, health_sample.c.targets).order_by(health_sample.c.id.desc()).limit(1)
    ).one_or_none()
    changed = last is None or (last.score, last.targets) != (sample["score"], sample["targets"])
    if changed or scan_id is not None:
        connection.execute(sa.insert(health_sample).values(at_us=to_us(now), scan_id=scan_id, **sample))
    if changed:
        said = encode(health_said(present, now))
        transaction.say(Message(HEALTH_PARTY, ROOM, "health", to_us(now) // 1000, said))
    return Books(issue_counts(connection), present, now)


def remember_looks(connection: sa.Connection, looked: frozenset[str], targets: frozenset[str], now: datetime) -> None:
    """These targets were looked at now; targets that there are no more are forgotten."""
    there = set(connection.execute(sa.select(looked_target.c.target)).scalars())
    new = [{"target": name, "looked_at_us": to_us(now)} for name in sorted(looked - there)]
    if new:
        connection.execute(sa.insert(looked_target), new)
    if again := sorted(looked & there):
        _in_parts(connection, sa.update(looked_target).values(looked_at_us=to_us(now)), again)
    if gone := sorted(there - targets):
        _in_parts(connection, sa.delete(looked_target), gone)


def _in_parts(connection: sa.Connection, change: sa.Update | sa.Delete, names: Sequence[str]) -> None:
    for start in range(0, len(names), _AT_ONCE):
        connection.execute(change.where(looked_target.c.target.in_(names[start : start + _AT_ONCE])))
