"""What is remembered of schedules: since when each is known, which slots were claimed, how the last fire ended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from vibeworkbench.schedules.model import Schedule
from vibeworkbench.storage import dialects
from vibeworkbench.storage.records import Transaction, metadata

KEPT_SLOTS = 100
"""Claimed slots kept for each schedule."""

schedule = sa.Table(
    "schedule",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("cron", sa.String(256), nullable=False),
    sa.Column("timezone", sa.String(64), nullable=False),
    sa.Column("known_since_us", sa.BigInteger, nullable=False),
    sa.Column("last_fire_us", sa.BigInteger),
    sa.Column("last_scan_id", sa.String(64)),
    sa.Column("last_outcome", sa.String(256)),
)

schedule_slot = sa.Table(
    "schedule_slot",
    metadata,
    sa.Column("name", sa.String(64), sa.ForeignKey("schedule.name", ondelete="CASCADE"), primary_key=True),
    sa.Column("slot_us", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("claimed_us", sa.BigInteger, nullable=False),
)


@dataclass(frozen=True, slots=True)
class LastFire:
    """What became of a schedule's last fire, be it by clock or by hand.

    Attributes:
        at: When it fired.
        scan_id: The scan that it started, or that stood in its way.
        outcome: ``running``, or how it ended, in words.
    """

    at: datetime
    scan_id: str | None
    outcome: str


def microseconds(at: datetime) -> int:
    """Unix microseconds of an aware instant."""
    return (at - _EPOCH) // _MICROSECOND


def instant(us: int) -> datetime:
    """The aware UTC instant of Unix microseconds."""
    return _EPOCH + us * _MICROSECOND


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def know(transaction: Transaction, schedules: Iterable[Schedule], now: datetime) -> None:
    """Every schedule has its row. One that is new, or means other times than before, is known since ``now``."""
    for each in schedules:
        meant = {"cron": each.cron, "timezone": each.zone.key}
        new = {"name": each.name, "known_since_us": microseconds(now), **meant}
        if dialects.insert_or_ignore(transaction.connection, schedule, new):
            continue
        other = (schedule.c.cron != each.cron) | (schedule.c.timezone != each.zone.key)
        transaction.connection.execute(
            sa.update(schedule)
            .where((schedule.c.name == each.name) & other)
            .values(known_since_us=microseconds(now), **meant)
        )


def last_slot(connection: sa.Connection, name: str, now: datetime) -> datetime:
    """The last slot claimed up to ``now``, or the instant since which the schedule is known if that is later.

    Slots later than ``now`` were claimed by a clock that was set back since; they count when their time comes again.
    """
    claimed = sa.select(sa.func.max(schedule_slot.c.slot_us)).where(
        schedule_slot.c.name == name, schedule_slot.c.slot_us <= microseconds(now)
    )
    since = connection.execute(sa.select(schedule.c.known_since_us).where(schedule.c.name == name)).scalar_one()
    return instant(max(since, connection.execute(claimed).scalar_one() or 0))


def claim(transaction: Transaction, name: str, slot: datetime, now: datetime) -> bool:
    """The slot is claimed; true for the one server, of all on this database, that is to run it."""
    row = {"name": name, "slot_us": microseconds(slot), "claimed_us": microseconds(now)}
    if not dialects.insert_or_ignore(transaction.connection, schedule_slot, row):
        return False
    oldest = (
        sa.select(schedule_slot.c.slot_us)
        .where(schedule_slot.c.name == name)
        .order_by(schedule_slot.c.slot_us.desc())
        .limit(1)
        .offset(KEPT_SLOTS)
    ).scalar_subquery()
    transaction.connection.execute(
        sa.delete(schedule_slot).where(schedule_slot.c.name == name, schedule_slot.c.slot_us <= oldest)
    )
    return True


def known_again(transaction: Transaction, name: str, now: datetime) -> None:
    """A schedule that is known since a later instant than ``now`` (the clock was set back) is known since now."""
    late = (schedule.c.name == name) & (schedule.c.known_since_us > microseconds(now))
    transaction.connection.execute(sa.update(schedule).where(late).values(known_since_us=microseconds(now)))


def record_fire(transaction: Transaction, name: str, fire: LastFire) -> None:
    """``fire`` is the schedule's last one."""
    transaction.connection.execute(
        sa.update(schedule)
        .where(schedule.c.name == name)
        .values(last_fire_us=microseconds(fire.at), last_scan_id=fire.scan_id, last_outcome=fire.outcome)
    )


def record_outcome(transaction: Transaction, name: str, scan_id: str, outcome: str) -> None:
    """The last fire's outcome is ``outcome``, if that fire is still the one that started ``scan_id``."""
    same = (schedule.c.name == name) & (schedule.c.last_scan_id == scan_id)
    transaction.connection.execute(sa.update(schedule).where(same).values(last_outcome=outcome))


def last_fires(connection: sa.Connection) -> dict[str, LastFire]:
    """Name → last fire, of every schedule that ever fired."""
    rows = connection.execute(sa.select(schedule).where(schedule.c.last_fire_us.is_not(None)))
    return {row.name: LastFire(instant(row.last_fire_us), row.last_scan_id, row.last_outcome) for row in rows}
