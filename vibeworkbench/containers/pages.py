"""Query strings and pages of the monitoring addresses."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal

import msgspec

from vibeworkbench.containers.wire import (
    Body,
    ContainerBody,
    EngineBody,
    ErrorBody,
    GroupBody,
    HealthBody,
    MetricsBody,
    ProcessBody,
    SampleBody,
)
from vibeworkbench.errors import InvalidInput

Aware = Annotated[datetime, msgspec.Meta(tz=True)]
Limit = Annotated[int, msgspec.Meta(ge=1, le=1000)]
LevelName = Literal["trace", "debug", "info", "notice", "warning", "error", "critical", "fatal"]
Bucket = Annotated[int, msgspec.Meta(ge=1, le=30 * 86_400)]
BUCKETS = 1000
"""Most buckets of one answer."""
_NICE_S = (1, 5, 10, 30, 60, 300, 900, 3600, 4 * 3600, 86_400)
_ABOUT = 200


class _Page(Body, frozen=True, kw_only=True):
    next_cursor: str | None = None


class _Query(Body, frozen=True, kw_only=True):
    limit: Limit = 100
    cursor: str = ""


class _PeriodQuery(_Query, frozen=True, kw_only=True):
    container_id: str | None = None
    from_: Aware | None = msgspec.field(default=None, name="from")
    to: Aware | None = None


class ContainersQuery(_Query, frozen=True, kw_only=True):
    """Which containers."""

    state: str | None = None


class LogsQuery(_PeriodQuery, frozen=True, kw_only=True):
    """Which lines: ``level`` asks for that level and worse ones, ``text`` stands somewhere in the message."""

    level: LevelName | None = None
    template: str | None = None
    text: str | None = None


class ErrorsQuery(_PeriodQuery, frozen=True, kw_only=True):
    """Which errors: those that were seen within the period; ``text`` stands in message or stack, in any case."""

    type: str | None = None
    text: str | None = None


class ProcessesQuery(_Query, frozen=True, kw_only=True):
    """Which processes."""

    container_id: str | None = None
    state: Literal["running", "ended"] | None = None


class SamplesQuery(_PeriodQuery, frozen=True, kw_only=True):
    """Which samples."""


class MetricsQuery(Body, frozen=True, kw_only=True):
    """Of which containers (none: all), from when on (none: no series), in buckets of how many seconds."""

    container_id: tuple[str, ...] = ()
    from_: Aware | None = msgspec.field(default=None, name="from")
    to: Aware | None = None
    bucket_s: Bucket | None = None
    limit: Limit = 100
    cursor: str = ""


class AggregateQuery(Body, frozen=True, kw_only=True):
    """Which lines, and by what they are counted: any of ``time``, ``level``, ``container``, ``template``."""

    by: tuple[Literal["time", "level", "container", "template"], ...] = ("time", "level")
    from_: Aware | None = msgspec.field(default=None, name="from")
    to: Aware | None = None
    bucket_s: Bucket | None = None
    container_id: str | None = None
    level: LevelName | None = None
    template: str | None = None
    text: str | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 1000


class ContainersPage(_Page, frozen=True, kw_only=True):
    """Containers in the order of their names, and the engine of this server."""

    items: list[ContainerBody]
    engine: EngineBody


class HealthPage(_Page, frozen=True, kw_only=True):
    """How well the containers are, worst first."""

    items: list[HealthBody]
    engine: EngineBody


class ErrorsPage(_Page, frozen=True, kw_only=True):
    """Errors, those that came last first."""

    items: list[ErrorBody]


class ProcessesPage(_Page, frozen=True, kw_only=True):
    """Processes in the order of their containers and ids."""

    items: list[ProcessBody]


class SamplesPage(_Page, frozen=True, kw_only=True):
    """Samples, newest first."""

    items: list[SampleBody]


class MetricsPage(_Page, frozen=True, kw_only=True):
    """Metrics of containers in the order of their names; the first bucket begins at ``from``."""

    items: list[MetricsBody]
    from_: datetime | None = msgspec.field(default=None, name="from")
    bucket_s: int | None = None


class AggregatePage(_Page, frozen=True, kw_only=True):
    """Counted lines, in the order of their buckets, then most first."""

    items: list[GroupBody]
    from_: datetime = msgspec.field(name="from")
    to: datetime
    bucket_s: int


def buckets(begin: datetime, end: datetime, bucket_s: int | None) -> tuple[datetime, int, int]:
    """Where the first bucket begins, how many seconds each has, and how many there are.

    Raises:
        InvalidInput: The period is none, or has too many buckets.
    """
    span_s = (end - begin).total_seconds()
    if span_s <= 0:
        raise InvalidInput("from: the period ends before it begins.", field="from", reason="not before to")
    wide = next((each for each in _NICE_S if span_s / each <= _ABOUT), _NICE_S[-1])
    size_s = bucket_s or wide
    first_s = int(begin.timestamp() // size_s * size_s)
    count = -int((first_s - end.timestamp()) // size_s)
    if count > BUCKETS:
        said = f"bucketS: this makes {count} buckets; {BUCKETS} are the most."
        raise InvalidInput(said, field="bucketS", reason="too many buckets")
    return begin + timedelta(seconds=first_s - begin.timestamp()), size_s, count
