"""What is asked of the kept log lines: parameters of the statements, and rows as values."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from vibeworkbench.errors import InvalidInput
from vibeworkbench.logs import searching
from vibeworkbench.logs.model import Level
from vibeworkbench.logs.sql import statement
from vibeworkbench.storage.warehouse import Connection

_HOUR = timedelta(hours=1)
MOST_TERMS = 4
"""Words and phrases of one search."""
_TERMS = re.compile(r'"([^"]+)"|([^\s"]+)')


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
        text: Words, and phrases in double quotes, that all stand in the message, however they are capitalised.
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
        is_silent: Whether it says nothing any more: nothing for an hour, and for ten times its usual pause.
    """

    kind: str
    source: str
    lines: int
    first_at: datetime | None
    last_at: datetime | None
    layout: str | None
    refused: int
    sample: str | None
    is_silent: bool


def lines(wanted: Wanted) -> Callable[[Connection], list[Line]]:
    """The lines that are wanted, newest first."""
    before_at, before_seq = wanted.before or (None, None)
    parameters = {
        "kind": wanted.kind,
        "source": wanted.source,
        "instance": wanted.instance,
        "level": wanted.level,
        "template": wanted.template,
        "begin": naive(wanted.begin),
        "end": naive(wanted.end),
        "before_at": naive(before_at),
        "before_seq": before_seq,
        "limit": wanted.limit,
        "first": 0,
        "next": searching.END,
    } | _text_parameters(terms := terms_of(wanted.text))
    if terms and wanted.limit:
        return lambda connection: _searched(connection, parameters, terms)
    return lambda connection: _lines(connection, "lines", parameters)


def _searched(connection: Connection, parameters: dict[str, Any], terms: Sequence[str]) -> list[Line]:
    def read(first_seq: int, next_seq: int) -> list[Line]:
        return _lines(connection, "lines", parameters | {"first": first_seq, "next": next_seq})

    candidates = searching.spans(connection, terms, parameters["begin"])
    found = searching.newest(candidates, read, lambda line: line.said_at.replace(tzinfo=None), parameters["limit"])
    return sorted(found, key=lambda line: (line.said_at, line.seq), reverse=True)


def terms_of(text: str | None) -> list[str]:
    """The words and phrases of a search, in small letters.

    Raises:
        InvalidInput: There are more than a search may have.
    """
    terms = [phrase or word for phrase, word in _TERMS.findall((text or "").lower())]
    if len(terms) > MOST_TERMS:
        said = f"text: a search has at most {MOST_TERMS} words or phrases; put those that belong together in quotes."
        raise InvalidInput(said, field="text", reason="too many words", allowed=[MOST_TERMS])
    return terms


def _text_parameters(terms: Sequence[str]) -> dict[str, str | None]:
    """The terms that have letters, which are compared in small letters, and those that have none, which is faster."""
    lettered = [term for term in terms if term.upper() != term]
    caseless = [term for term in terms if term.upper() == term]
    some = {f"{name}_{number}": None for name in ("term", "caseless") for number in range(1, MOST_TERMS + 1)}
    return (
        some
        | {f"term_{number}": term for number, term in enumerate(lettered, 1)}
        | {f"caseless_{number}": term for number, term in enumerate(caseless, 1)}
    )


def recent(first_seq: int, next_seq: int, limit: int) -> Callable[[Connection], list[Line]]:
    """The last lines of a stretch, oldest first."""
    parameters = {"first": first_seq, "next": next_seq, "limit": limit}
    return lambda connection: _lines(connection, "recent", parameters)[::-1]


def sources(
    now: datetime, after: tuple[str, str] | None = None, limit: int | None = None
) -> Callable[[Connection], list[SourceSaid]]:
    """Sources in the order of kind and name: those behind ``after``, at most ``limit``."""
    after_kind, after_source = after or (None, None)
    parameters = {"after_kind": after_kind, "after_source": after_source, "limit": limit}

    def asked(connection: Connection) -> list[SourceSaid]:
        rows = connection.execute(statement("sources"), parameters).fetchall()
        return [
            SourceSaid(
                kind=kind,
                source=source,
                lines=count,
                first_at=aware(first_at),
                last_at=aware(last_at),
                layout=layout,
                refused=refused,
                sample=sample,
                is_silent=is_silent(count, aware(first_at), aware(last_at), now),
            )
            for kind, source, count, first_at, last_at, layout, refused, sample in rows
        ]

    return asked


def is_silent(count: int, first_at: datetime | None, last_at: datetime | None, now: datetime) -> bool:
    """Whether a source says nothing any more: nothing for an hour, and for ten times its mean pause."""
    if first_at is None or last_at is None:
        return True
    mean_pause = (last_at - first_at) / max(count - 1, 1)
    return now - last_at > max(_HOUR, 10 * mean_pause)


def _lines(connection: Connection, name: str, parameters: dict[str, Any]) -> list[Line]:
    return row_lines(connection, statement(name), parameters)


def row_lines(connection: Connection, sql: str, parameters: dict[str, Any]) -> list[Line]:
    """The lines that a statement finds, which has the columns of ``queries/lines.sql``."""
    return [_line(*row) for row in connection.execute(sql, parameters).fetchall()]


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


def naive(at: datetime | None) -> datetime | None:
    """An aware instant as the warehouse has it: naive UTC."""
    return None if at is None else at.astimezone(UTC).replace(tzinfo=None)


def _utc(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC)


def aware(at: datetime | None) -> datetime | None:
    """An instant of the warehouse, which are naive UTC, aware."""
    return None if at is None else _utc(at)


def raw_json(text: str | None) -> msgspec.Raw | None:
    """A stored JSON object as it goes over the network."""
    return None if text is None else msgspec.Raw(text.encode())
