"""What is asked of the kept log lines: parameters of the statements, and rows as values."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec

from vibeworkbench.logs.model import Level
from vibeworkbench.logs.sql import statement
from vibeworkbench.storage.warehouse import Connection


@dataclass(frozen=True, slots=True)
class Line:
    """One log line as it is kept; see :class:`vibeworkbench.logs.model.Record`."""

    seq: int
    received_at: datetime
    said_at: datetime
    kind: str
    source: str
    instance: str
    stream: str
    level: Level
    message: str
    template_id: str
    attributes: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which lines; ``None`` asks for all.

    Attributes:
        level: This level and worse ones.
        text: Words and phrases in double quotes that all stand somewhere in the message: the longest of them as it is
            here, capitalised, or in capitals, the others in whatever case.
        begin: Said at this instant or later.
        end: Said before this instant.
        before: Instant and ``seq`` of the line after which, looking backwards, the page begins.
        limit: How many, at most.
    """

    kind: str | None = None
    source: str | None = None
    instance: str | None = None
    level: Level | None = None
    template: str | None = None
    text: str | None = None
    begin: datetime | None = None
    end: datetime | None = None
    before: tuple[datetime, int] | None = None
    limit: int = 100


@dataclass(frozen=True, slots=True)
class SourceSaid:
    """Who has said something.

    Attributes:
        lines: How many lines ever.
        layout: How its lines are built, in words; ``None`` when nobody knows yet.
        refused: Records that could not be taken.
        sample: What one of them was like.
    """

    kind: str
    source: str
    lines: int
    first_at: datetime | None
    last_at: datetime | None
    layout: str | None
    refused: int
    sample: str | None


def lines(wanted: Wanted) -> Callable[[Connection], list[Line]]:
    """The lines that are wanted, newest first."""
    before_at, before_seq = wanted.before or (None, None)
    terms = terms_of(wanted.text or "")
    text = terms[0] if terms else None
    parameters = {
        "kind": wanted.kind,
        "source": wanted.source,
        "instance": wanted.instance,
        "level": wanted.level,
        "template": wanted.template,
        "text": text,
        "capitalised": text and text[:1].upper() + text[1:],
        "upper": text and text.upper(),
        "others": [each.lower() for each in terms[1:]],
        "begin": _naive(wanted.begin),
        "end": _naive(wanted.end),
        "before_at": _naive(before_at),
        "before_seq": before_seq,
        "limit": wanted.limit,
    }
    return lambda connection: _lines(connection, "lines", parameters)


def terms_of(text: str) -> list[str]:
    """The words and phrases of a search, the longest first: it leaves the fewest lines to look at for the others."""
    found = [phrase or word for phrase, word in _TERMS.findall(text)]
    return sorted((each.strip() for each in found if each.strip()), key=len, reverse=True)


_TERMS = re.compile(r'"([^"]+)"|([^\s"]+)')


def recent(first_seq: int, next_seq: int, limit: int) -> Callable[[Connection], list[Line]]:
    """The last lines of a stretch, oldest first."""
    parameters = {"first": first_seq, "next": next_seq, "limit": limit}
    return lambda connection: _lines(connection, "recent", parameters)[::-1]


def sources(connection: Connection) -> list[SourceSaid]:
    """Every source, in the order of kind and name."""
    rows = connection.execute(statement("sources")).fetchall()
    return [
        SourceSaid(kind, source, count, aware(first_at), aware(last_at), layout, refused, sample)
        for kind, source, count, first_at, last_at, layout, refused, sample in rows
    ]


def _lines(connection: Connection, name: str, parameters: dict[str, Any]) -> list[Line]:
    rows = connection.execute(statement(name), parameters).fetchall()
    return [_line(*row) for row in rows]


def _line(  # noqa: PLR0913, PLR0917 - the columns
    seq: int,
    received_at: datetime,
    said_at: datetime,
    kind: str,
    source: str,
    instance: str,
    stream: str,
    level: int,
    message: str,
    template_id: str,
    attributes: str | None,
) -> Line:
    return Line(
        seq=seq,
        received_at=_utc(received_at),
        said_at=_utc(said_at),
        kind=kind,
        source=source,
        instance=instance,
        stream=stream,
        level=level_of(level),
        message=message,
        template_id=template_id,
        attributes=attributes,
    )


def level_of(number: int) -> Level:
    """The level that a severity number belongs to: the highest that is not above it."""
    return max(each for each in Level if each <= number)


def _naive(at: datetime | None) -> datetime | None:
    return None if at is None else at.astimezone(UTC).replace(tzinfo=None)


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC)


def aware(at: datetime | None) -> datetime | None:
    """An instant of the warehouse, which are naive UTC, aware."""
    return None if at is None else _utc(at)


def raw_json(text: str | None) -> msgspec.Raw | None:
    """A stored JSON object as it goes over the network."""
    return None if text is None else msgspec.Raw(text.encode())
