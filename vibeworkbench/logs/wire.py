"""Log records and answers as they cross the network."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from vibeworkbench.logs.model import Kind

_PLAIN = r"^[^\x00-\x1f\x7f]*$"

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256, pattern=_PLAIN)]
Word = Annotated[str, msgspec.Meta(max_length=256, pattern=_PLAIN)]


LevelName = Literal["unknown", "trace", "debug", "info", "notice", "warning", "error", "critical", "fatal"]
Instant = Annotated[datetime, msgspec.Meta(tz=True, description="RFC 3339, with its offset")]


class RecordBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """One log record.

    ``timestamp`` is RFC 3339 (without an offset UTC) or Unix time; ``level`` is a name in whatever spelling or an
    OpenTelemetry severity number; each is ``null`` where only the message tells.
    """

    source: Name
    timestamp: datetime | float | None
    level: Annotated[str, msgspec.Meta(max_length=32)] | Annotated[int, msgspec.Meta(ge=0, le=24)] | None
    message: str
    instance: Word = ""
    stream: Annotated[str, msgspec.Meta(max_length=64, pattern=_PLAIN)] = ""
    attributes: Annotated[msgspec.Raw, msgspec.Meta(extra_json_schema={"type": "object"})] | msgspec.UnsetType = (
        msgspec.UNSET
    )
    id: Annotated[str, msgspec.Meta(max_length=512)] = ""


class RecordsBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """Several log records."""

    records: list[RecordBody]


class RefusedBody(msgspec.Struct, frozen=True, rename="camel"):
    """A record that was not taken: its place in the body, counted from 0, and what is wrong with which field."""

    index: int
    field: str
    reason: str


class ReceiptBody(msgspec.Struct, frozen=True, rename="camel"):
    """What became of the records; ``rejectedOmitted`` says how many rejected ones beyond 1,000 are not listed."""

    accepted: int
    duplicates: int
    rejected: list[RefusedBody]
    rejected_omitted: int | msgspec.UnsetType = msgspec.UNSET


class LineBody(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """One log line as it is kept."""

    line_id: str
    received_at: datetime
    timestamp: datetime
    kind: str
    source: str
    instance: str
    stream: str
    level: str
    message: str
    template_id: str
    attributes: msgspec.Raw | None


class LinesQuery(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """Which lines."""

    kind: Kind | None = None
    source: str | None = None
    instance: str | None = None
    level: LevelName | None = None
    template: str | None = None
    text: str | None = None
    from_: Instant | None = msgspec.field(default=None, name="from")
    to: Instant | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100
    cursor: str | None = None


class LinesPage(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """Lines, newest first."""

    items: list[LineBody]
    next_cursor: str | None


class SourceBody(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Who has said something.

    ``layout`` tells how its lines are built, ``rejected`` how many could not be taken; ``silent`` is who has said
    nothing for an hour and for ten times as long as usual. ``filesBehindBytes`` is what is not read yet of the files of
    a followed target.
    """

    kind: str
    source: str
    state: Literal["speaking", "silent"]
    lines: int
    first_at: datetime | None
    last_at: datetime | None
    layout: str | None
    rejected: int
    rejected_sample: str | None
    files_behind_bytes: int | None


class SourcesQuery(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """Which sources: there are few, so one page has all of most servers."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1000
    cursor: str = ""


class SourcesPage(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """Sources in the order of kind and name."""

    items: list[SourceBody]
    next_cursor: str | None


class WhoBody(msgspec.Struct, frozen=True, rename="camel"):
    """A source."""

    kind: str
    source: str


class CourseBody(msgspec.Struct, frozen=True, rename="camel"):
    """How often something was said: in ``counts[i]`` from ``from + i * bucketS`` on, ``bucketS`` seconds long."""

    from_: datetime = msgspec.field(name="from")
    bucket_s: float
    counts: list[int]


class TemplateBody(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What is said over and over; counts and instants are those of the sources that were asked for."""

    template_id: str
    text: str
    level: str
    sources: list[WhoBody]
    count: int
    first_seen_at: datetime
    last_seen_at: datetime
    samples: list[str]
    sparkline: CourseBody | None
    version: int
    parent: str | None
    explanation: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


class TemplatesQuery(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """Which templates, in which order."""

    kind: Kind | None = None
    source: str | None = None
    level: LevelName | None = None
    text: str | None = None
    from_: Instant | None = msgspec.field(default=None, name="from")
    to: Instant | None = None
    sort: Literal["count", "lastSeen", "firstSeen", "new"] = "lastSeen"
    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = 100
    cursor: str | None = None


class TemplatesPage(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """Templates in the order that was asked for."""

    items: list[TemplateBody]
    next_cursor: str | None


class ExplainBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """A line, and whose layout is to be tried first."""

    line: Annotated[str, msgspec.Meta(min_length=1, max_length=65_536)]
    kind: Kind | None = None
    source: Annotated[str, msgspec.Meta(max_length=256)] = ""
