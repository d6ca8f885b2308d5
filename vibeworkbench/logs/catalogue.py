"""What is asked of templates: the list with its courses over time, and where lines went."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from vibeworkbench.logs.asking import level_of, naive, terms_of
from vibeworkbench.logs.model import Level
from vibeworkbench.logs.sql import statement
from vibeworkbench.storage.warehouse import Connection

Sort = Literal["count", "lastSeen", "firstSeen", "new"]

SPAN = timedelta(hours=24)
PLACES = 48
"""Buckets of a course."""
MINUTE_S = 60


@dataclass(frozen=True, slots=True)
class Course:
    """How often something was said, bucket by bucket."""

    begin: datetime
    bucket_s: float
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Template:
    """What is said over and over.

    Attributes:
        template_id: Its stable id.
        text: What it says, with wildcards.
        level: The worst level that it was said with.
        parent: The more general template that takes new lines; empty when there is none.
        version: How often its text became more general, from 1.
        count: How often it was said, by the sources that are asked for.
        sources: ``{kind, source}`` of those, most frequent first.
        samples: Messages.
        course: Its counts over time.
    """

    template_id: str
    text: str
    level: Level
    parent: str
    version: int
    count: int
    first_at: datetime
    last_at: datetime
    sources: tuple[dict[str, str], ...]
    samples: tuple[str, ...]
    course: Course | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedTemplates:
    """Which templates; ``None`` asks for all."""

    template: str | None = None
    kind: str | None = None
    source: str | None = None
    level: Level | None = None
    text: str | None = None
    begin: datetime | None = None
    end: datetime | None = None
    sort: Sort = "lastSeen"
    offset: int = 0
    limit: int = 100


def templates(wanted: WantedTemplates, now: datetime) -> Callable[[Connection], list[Template]]:
    """The templates that are wanted, with their courses."""
    parameters = {
        "template": wanted.template,
        "kind": wanted.kind,
        "source": wanted.source,
        "level": wanted.level,
        "terms": terms_of(wanted.text),
        "begin": naive(wanted.begin),
        "end": naive(wanted.end),
        "sort": wanted.sort,
        "limit": wanted.limit,
        "offset": wanted.offset,
    }

    def asked(connection: Connection) -> list[Template]:
        rows = connection.execute(statement("templates"), parameters).fetchall()
        found = [_template(*row) for row in rows]
        return _with_courses(connection, found, wanted, now)

    return asked


def _template(  # noqa: PLR0913, PLR0917 - the columns
    template_id: str,
    text: str,
    level: int,
    parent: str,
    version: int,
    count: int,
    first_at: datetime,
    last_at: datetime,
    sources: list[dict[str, str]],
    samples: list[str],
) -> Template:
    return Template(
        template_id=template_id,
        text=text,
        level=level_of(level),
        parent=parent,
        version=version,
        count=count,
        first_at=first_at.replace(tzinfo=UTC),
        last_at=last_at.replace(tzinfo=UTC),
        sources=(*sources,),
        samples=(*samples,),
    )


def _with_courses(
    connection: Connection, found: Sequence[Template], wanted: WantedTemplates, now: datetime
) -> list[Template]:
    if not found:
        return []
    begin, bucket_s = span_of(wanted.begin, wanted.end, max(each.last_at for each in found), now)
    parameters: dict[str, Any] = {
        "templates": [each.template_id for each in found],
        "kind": wanted.kind,
        "source": wanted.source,
        "begin": naive(begin),
        "end": naive(begin + timedelta(seconds=bucket_s * PLACES)),
        "bucket_s": bucket_s,
    }
    counts = {each.template_id: [0] * PLACES for each in found}
    for template_id, place, count in connection.execute(statement("sparklines"), parameters).fetchall():
        counts[template_id][place] += count
    return [replace(each, course=Course(begin, bucket_s, (*counts[each.template_id],))) for each in found]


def span_of(begin: datetime | None, end: datetime | None, newest_at: datetime, now: datetime) -> tuple[datetime, float]:
    """Where courses begin, and the length of their buckets in seconds: whole minutes, as counts are kept.

    Without ``begin`` and ``end`` it is the last day, or the day before the newest line if that is older.
    """
    if end is None:
        end = now if begin is not None or now - newest_at < SPAN else newest_at + timedelta(seconds=MINUTE_S)
    if begin is None:
        begin = end - SPAN
    span_s = max((end - begin).total_seconds(), MINUTE_S)
    bucket_s = -(-span_s // (PLACES * MINUTE_S)) * MINUTE_S
    last = end.timestamp() // MINUTE_S * MINUTE_S + MINUTE_S
    return datetime.fromtimestamp(last - bucket_s * PLACES, UTC), bucket_s
