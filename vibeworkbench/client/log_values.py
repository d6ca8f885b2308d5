"""What the server says of logs: lines, templates, sources, and how a line was understood."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

import msgspec

from vibeworkbench.client import displays
from vibeworkbench.client.api import Answer
from vibeworkbench.client.displays import Cell, Html
from vibeworkbench.client.frames import Kind
from vibeworkbench.client.results import Items

LEVELS = ("unknown", "trace", "debug", "info", "notice", "warning", "error", "critical", "fatal")
"""Levels, least serious first."""
MESSAGE_CHARACTERS = 600
"""Of a message in a table; the line itself holds all of it."""


class Line(Answer, frozen=True, kw_only=True):
    """One log record, whole: a stack trace is part of the record that it belongs to."""

    line_id: str
    received_at: datetime
    timestamp: datetime | None = None
    kind: str
    source: str
    instance: str = ""
    stream: str = ""
    level: str = "unknown"
    message: str
    template_id: str | None = None
    attributes: dict[str, Any] | None = None

    @property
    def at(self) -> datetime:
        """When it was said; where it does not tell, when it arrived."""
        return self.timestamp or self.received_at

    @property
    def title(self) -> str:
        """Its first line."""
        return self.message.partition("\n")[0]

    def __repr__(self) -> str:
        return f"<{self.at:%H:%M:%S} {self.level} {self.kind}:{self.source} {self.title[:120]!r}>"

    def _repr_html_(self) -> str:
        said = {"source": f"{self.kind}:{self.source}", "instance": self.instance, "stream": self.stream}
        attributes = {name: str(value) for name, value in (self.attributes or {}).items()}
        return displays.card(
            Html(f"{displays.badge(self.level)} {displays.html(self.at)}"),
            displays.preformatted(self.message),
            displays.facts({**said, "template": self.template_id}),
            displays.facts(attributes),
        )


class Lines(Items[Line]):
    """Log lines, newest first.

    Attributes:
        next_cursor: Where REST goes on; ``None`` when these are all that were asked for.
    """

    def __init__(self, items: Iterable[Line], next_cursor: str | None = None) -> None:
        super().__init__(items)
        self.next_cursor = next_cursor

    noun: ClassVar[str] = "lines"
    empty: ClassVar[str] = "No line fits. wb.logs.sources() says who has spoken."
    columns: ClassVar[Mapping[str, Kind]] = {
        "at": "instant",
        "level": "text",
        "kind": "text",
        "source": "text",
        "message": "text",
        "instance": "text",
        "stream": "text",
        "template_id": "text",
        "received_at": "instant",
        "attributes": "object",
        "line_id": "text",
    }
    headings: ClassVar[Sequence[str]] = ("at", "level", "source", "message")

    def row(self, item: Line) -> Sequence[Cell]:
        """Instant, level, source, and the message with its further lines folded."""
        more = item.message[len(item.title) :].strip("\n")
        folded = displays.folded(f"{more.count(chr(10)) + 1} more lines", displays.visible(more[:20_000]))
        message = Html(f"<code>{displays.html(displays.visible(item.title[:MESSAGE_CHARACTERS]))}</code>{folded}")
        return (item.at, displays.badge(item.level), f"{item.kind}:{item.source}", message)


class Spark(Answer, frozen=True, kw_only=True):
    """How often something was seen, bucket by bucket."""

    from_: datetime = msgspec.field(name="from")
    bucket_s: float
    counts: list[int]


class Template(Answer, frozen=True, kw_only=True):
    """What is said over and over. ``explanation`` is told where one template is asked for."""

    template_id: str
    text: str
    level: str = "unknown"
    sources: list[Any] = msgspec.field(default_factory=list)
    count: int
    first_seen_at: datetime
    last_seen_at: datetime
    samples: list[str] = msgspec.field(default_factory=list)
    sparkline: Spark | None = None
    explanation: dict[str, Any] | None = None

    @property
    def source_names(self) -> list[str]:
        """Who says it, as ``kind:source``."""
        return [each if isinstance(each, str) else f"{each['kind']}:{each['source']}" for each in self.sources]

    def __repr__(self) -> str:
        return f"<template {self.template_id} {self.level} {self.count}\N{MULTIPLICATION SIGN}: {self.text[:120]!r}>"

    def _repr_html_(self) -> str:
        explained = msgspec.json.format(msgspec.json.encode(self.explanation), indent=2).decode()
        return displays.card(
            Html(f"{displays.badge(self.level)} <code>{displays.html(displays.visible(self.text))}</code>"),
            _course(self.sparkline),
            displays.facts(
                {
                    "seen": f"{self.count} \N{MULTIPLICATION SIGN}",
                    "first": self.first_seen_at,
                    "last": self.last_seen_at,
                    "by": ", ".join(self.source_names),
                    "id": self.template_id,
                }
            ),
            *(displays.preformatted(sample) for sample in self.samples),
            displays.folded("how its lines are understood", explained if self.explanation else ""),
        )


class Templates(Items[Template]):
    """Templates, in the order that was asked for.

    Attributes:
        next_cursor: Where REST goes on; ``None`` when these are all that were asked for.
    """

    def __init__(self, items: Iterable[Template], next_cursor: str | None = None) -> None:
        super().__init__(items)
        self.next_cursor = next_cursor

    noun: ClassVar[str] = "templates"
    empty: ClassVar[str] = "No template fits. They are mined from the lines as these come in."
    columns: ClassVar[Mapping[str, Kind]] = {
        "template_id": "text",
        "level": "text",
        "text": "text",
        "count": "count",
        "first_seen_at": "instant",
        "last_seen_at": "instant",
        "source_names": "object",
        "samples": "object",
    }
    headings: ClassVar[Sequence[str]] = ("level", "template", "seen", "course", "first", "last", "id")

    def row(self, item: Template) -> Sequence[Cell]:
        """Level, text with who says it, count, course, instants, id."""
        text = Html(
            f"<code>{displays.html(displays.visible(item.text))}</code>{displays.note(', '.join(item.source_names))}"
        )
        name = Html(f"<code>{displays.html(item.template_id)}</code>")
        seen = f"{item.count} \N{MULTIPLICATION SIGN}"
        badge = displays.badge(item.level)
        return (badge, text, seen, _course(item.sparkline), item.first_seen_at, item.last_seen_at, name)


class LogSource(Answer, frozen=True, kw_only=True):
    """Who speaks: since when, how its lines are read, and what of it could not be read."""

    kind: str
    source: str
    lines: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    layout: Any = None
    rejected: int = 0
    rejected_sample: Any = None
    state: str = ""
    files_behind_bytes: int | None = None

    def __repr__(self) -> str:
        return f"<source {self.kind}:{self.source} {self.state}, {self.lines} lines>"


class LogSources(Items[LogSource]):
    """Sources of log lines."""

    noun: ClassVar[str] = "sources"
    empty: ClassVar[str] = "Nobody has spoken yet. wb.logs.send([...], source='mine') sends lines."
    columns: ClassVar[Mapping[str, Kind]] = {
        "kind": "text",
        "source": "text",
        "state": "text",
        "lines": "count",
        "first_at": "instant",
        "last_at": "instant",
        "layout": "object",
        "rejected": "count",
        "rejected_sample": "object",
        "files_behind_bytes": "count",
    }
    headings: ClassVar[Sequence[str]] = ("source", "state", "lines", "last line", "layout", "behind", "rejected")

    def row(self, item: LogSource) -> Sequence[Cell]:
        """Source, state, count, last line, layout, bytes behind, rejected ones with a sample."""
        behind = f"{item.files_behind_bytes} bytes" if item.files_behind_bytes else None
        sample = "" if item.rejected_sample is None else str(item.rejected_sample)
        rejected = Html(f"{item.rejected}{displays.folded('one of them', sample)}") if item.rejected else None
        name, state = f"{item.kind}:{item.source}", displays.badge(item.state)
        return (name, state, item.lines, item.last_at, layout_name(item.layout), behind, rejected)


class Rejection(Answer, frozen=True, kw_only=True):
    """A record that was not taken: its place in what was sent, and what is wrong with which field."""

    index: int
    field: str = ""
    reason: str = ""


class Receipt(Answer, frozen=True, kw_only=True):
    """What became of the records that were sent; what was accepted is on the server's disk."""

    accepted: int = 0
    duplicates: int = 0
    rejected: list[Rejection] = msgspec.field(default_factory=list)
    rejected_omitted: int = 0

    @property
    def rejected_count(self) -> int:
        """How many were rejected, also those that are not listed."""
        return len(self.rejected) + self.rejected_omitted

    def __repr__(self) -> str:
        return f"<{self.accepted} accepted, {self.duplicates} duplicates, {self.rejected_count} rejected>"

    def _repr_html_(self) -> str:
        rows = [(each.index, each.field, each.reason) for each in self.rejected[:50]]
        table = displays.table(("place", "field", "reason"), rows, "") if rows else Html("")
        return displays.card(repr(self).strip("<>"), table)


class Explanation(dict[str, Any]):
    """How one line was understood, step by step, as the server tells it."""

    def _repr_html_(self) -> str:
        return displays.card("How the line was understood", displays.nested(self))


def layout_name(layout: Any) -> str:
    """A layout in a few words, whatever describes it."""
    if isinstance(layout, Mapping):
        return str(layout.get("name") or layout.get("kind") or "")
    if isinstance(layout, list):
        return ", ".join(filter(None, map(layout_name, layout)))
    return str(layout or "")


def _course(spark: Spark | None) -> Html:
    if spark is None or not spark.counts:
        return Html("")
    return displays.bars(spark.counts)
