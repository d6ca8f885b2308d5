"""When a schedule fires. Pure: the present instant is an argument.

A schedule's five fields mean wall-clock times of its zone; the fires are instants in UTC, and a fire's instant is its
identity (its *slot*). Where a zone's clock is changed, vixie-cron's rules hold: a wall-clock time that does not exist
that day fires when it would have been without the change, one that exists twice fires once; a schedule for every hour
keeps firing every hour.

Source: cron(8), Debian's vixie-cron, section "Daylight Saving Time and other time changes"; PEP 495 (fold).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from croniter import croniter
from croniter.croniter import CroniterError

from vibeworkbench.errors import InvalidInput
from vibeworkbench.ops.model import Scope
from vibeworkbench.settings import ScheduleSettings

_ALIASES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_RANDOM = re.compile(r"[rh](\(|/|$)", re.IGNORECASE)
_NEAR = timedelta(hours=3)
"""No zone of our century changes its clock by more, but for moves of the date line, which skip whole days."""
_SECOND = timedelta(seconds=1)
_NEVER, _LONG_AGO = datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)
_LEAP_YEARS = 9
"""29 February can be this many years away."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """One scan on a clock.

    Attributes:
        name: What it is called.
        cron: Five fields, or an alias like ``@daily``, as the settings have it.
        scope: How much its scans look at.
        zone: The zone in which the fields are meant.
        grace: A fire missed by more is not made up.
    """

    name: str
    cron: str
    scope: Scope
    zone: ZoneInfo
    grace: timedelta

    @property
    def fields(self) -> str:
        """The five fields."""
        return _ALIASES.get(self.cron.strip().lower(), self.cron)

    @property
    def every_hour(self) -> bool:
        """Whether the hour does not matter, so that an hour that comes twice counts twice."""
        return self.fields.split()[1] == "*"


def schedules_from(settings: Sequence[ScheduleSettings]) -> tuple[Schedule, ...]:
    """The schedules that the settings mean.

    Raises:
        InvalidInput: A name is there twice, a zone is unknown, or a cron expression means nothing or never fires;
            ``field`` names the setting.
    """
    schedules: dict[str, Schedule] = {}
    for index, each in enumerate(settings):
        field = f"schedules[{index}]"
        if each.name in schedules:
            raise _refused(f"{field}.name", f"{each.name} is there twice")
        schedules[each.name] = _schedule_from(each, field)
    return tuple(schedules.values())


def _schedule_from(settings: ScheduleSettings, field: str) -> Schedule:
    try:
        zone = ZoneInfo(settings.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a directory of zones
        raise _refused(f"{field}.timezone", f"{settings.timezone!r} is no IANA time zone") from None
    grace = timedelta(seconds=settings.grace_s)
    schedule = Schedule(settings.name, settings.cron, Scope(settings.scope), zone, grace)
    parts = schedule.fields.split()
    if len(parts) != 5:
        raise _refused(f"{field}.cron", f"{settings.cron!r} has {len(parts)} fields; five are meant")
    if any(_RANDOM.match(part) for each in parts for part in each.split(",")):
        raise _refused(f"{field}.cron", f"{settings.cron!r} is random; a schedule says when it fires")
    try:
        next(_walls(schedule, datetime(2000, 1, 1), "get_next"))  # noqa: DTZ001 - a wall-clock time has no zone
    except CroniterError as error:
        raise _refused(f"{field}.cron", f"{settings.cron!r}: {error}") from None
    return schedule


def _refused(field: str, reason: str) -> InvalidInput:
    return InvalidInput(f"settings: {field}: {reason}", field=field, reason=reason)


def next_fire_at(schedule: Schedule, after: datetime) -> datetime:
    """The first slot later than ``after`` (both aware UTC)."""
    wall = _wall(schedule, after)
    begin = wall - _NEAR if _changes_near(schedule, after) else wall
    best = _NEVER
    last_wall = datetime.max  # noqa: DTZ901 - a wall-clock time has no zone
    walls = _walls(schedule, begin, "get_next")
    while (each := next(walls)) <= last_wall:
        later = [slot for slot in _slots(schedule, each) if slot > after]
        if later:
            best = min(best, *later)
            if not _changes_near(schedule, best):
                break
            last_wall = min(last_wall, each + _NEAR)
    return best


def latest_slot(schedule: Schedule, at: datetime) -> datetime:
    """The last slot not later than ``at`` (both aware UTC)."""
    wall = _wall(schedule, at).replace(microsecond=0) + _SECOND  # the search looks before its start
    begin = wall + _NEAR if _changes_near(schedule, at) else wall
    best = _LONG_AGO
    first_wall = datetime.min  # noqa: DTZ901 - a wall-clock time has no zone
    walls = _walls(schedule, begin, "get_prev")
    while (each := next(walls)) >= first_wall:
        earlier = [slot for slot in _slots(schedule, each) if slot <= at]
        if earlier:
            best = max(best, *earlier)
            if not _changes_near(schedule, best):
                break
            first_wall = max(first_wall, each - _NEAR)
    return best


def due_slot(schedule: Schedule, last_slot: datetime, now: datetime) -> datetime | None:
    """The one slot to run now, ``None`` when there is none.

    Slots missed between ``last_slot`` and ``now`` are coalesced into the latest; it is made up within the grace time.

    Args:
        schedule: The schedule.
        last_slot: The last slot that was claimed, or the instant since which the schedule is known.
        now: The present instant. All are aware UTC.
    """
    slot = latest_slot(schedule, now)
    return slot if slot > last_slot and now - slot <= schedule.grace else None


def _wall(schedule: Schedule, at: datetime) -> datetime:
    return at.astimezone(schedule.zone).replace(tzinfo=None)


def _walls(schedule: Schedule, begin: datetime, step: str) -> Iterator[datetime]:
    """Wall-clock times of the schedule, away from ``begin``; naive, so that no zone disturbs the arithmetic."""
    clock = croniter(schedule.fields, begin, max_years_between_matches=_LEAP_YEARS)
    while True:
        yield getattr(clock, step)(datetime)


def _slots(schedule: Schedule, wall: datetime) -> tuple[datetime, ...]:
    first = wall.replace(tzinfo=schedule.zone, fold=0).astimezone(UTC)
    second = wall.replace(tzinfo=schedule.zone, fold=1).astimezone(UTC)
    comes_twice = first < second
    return (first, second) if comes_twice and schedule.every_hour else (first,)


def _changes_near(schedule: Schedule, at: datetime) -> bool:
    before, after = ((at + shift).astimezone(schedule.zone).utcoffset() for shift in (-_NEAR, _NEAR))
    return before != after
