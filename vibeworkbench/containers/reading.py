"""From the bodies of REST to reports and log records: what is wrong with one costs only that one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from vibeworkbench.containers.model import Report, ReportKind
from vibeworkbench.containers.wire import ErrorReport, LogReport, OfContainer, ProcessReport, SampleReport
from vibeworkbench.engine.facts import masked_labels, masked_value
from vibeworkbench.logs.model import Kind, Level, Record
from vibeworkbench.logs.reading import BodyReading, level_number, unix_microseconds
from vibeworkbench.masking import masked, masked_id, masked_name
from vibeworkbench.settings import LogSettings

_YEAR_2262_US = 9_214_646_400_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LEVELS = tuple(max(each for each in Level if each <= number) for number in range(25))
_OF_THE_SENDER = ("id", "agentId", "sequence", "timestamp", "containerId")


@dataclass(frozen=True, slots=True)
class Brought:
    """What a sender brings: a log record or a report, and how it knows it again.

    Attributes:
        what: The record or the report.
        agent_id: Who has numbered it; empty when nobody has.
        sequence: Its number; 0 when it has none.
    """

    what: Record | Report
    agent_id: str = ""
    sequence: int = 0


class LogReading(BodyReading[LogReport, list[Brought]]):
    """The log records of one body.

    Args:
        settings: Limits.
    """

    def __init__(self, settings: LogSettings) -> None:
        super().__init__(LogReport)
        self._settings = settings
        self._kept: list[Brought] = []

    def begin(self) -> list[Brought]:
        """A list for the next records."""
        self._kept = []
        return self._kept

    def wrong(self, body: LogReport) -> tuple[str, str] | None:
        """What is wrong with a record; otherwise it is kept."""
        level, at_us = level_number(body.level), unix_microseconds(body.timestamp)
        if level is None:
            return "level", "it names no level"
        found = _wrong(body, at_us)
        if found is not None:
            return found
        if len(body.message.encode()) > self._settings.message_bytes:
            return "message", f"it is longer than {self._settings.message_bytes} bytes"
        attributes = bytes(body.attributes) if body.attributes else b""
        if len(attributes) > self._settings.attributes_bytes:
            return "attributes", f"they are larger than {self._settings.attributes_bytes} bytes"
        if attributes and not attributes.startswith(b"{"):
            return "attributes", "they are no object"
        try:
            told = msgspec.json.decode(attributes) if attributes else {}
        except (msgspec.DecodeError, RecursionError):
            return "attributes", "they hold a number that is none, or are nested too deeply"
        record = Record(
            kind=Kind.container,
            source=body.container_name or body.container_id[:12],
            message=body.message,
            timestamp=None if at_us is None else _EPOCH + timedelta(microseconds=at_us),
            level=_LEVELS[level],
            instance=body.container_id,
            stream=body.stream,
            attributes=told,
            id=body.id,
        )
        self._kept.append(_brought(body, record))
        return None


class ReportReading(BodyReading[Any, list[Brought]]):
    """The reports of one body.

    Args:
        kind: What they are about.
    """

    def __init__(self, kind: ReportKind) -> None:
        super().__init__(BODIES[kind])
        self._kind = kind
        self._kept: list[Brought] = []

    def begin(self) -> list[Brought]:
        """A list for the next reports."""
        self._kept = []
        return self._kept

    def wrong(self, body: Any) -> tuple[str, str] | None:
        """What is wrong with a report; otherwise it is kept."""
        at_us = unix_microseconds(body.timestamp)
        found = _wrong(body, at_us)
        if found is not None or at_us is None:
            return found
        told = {name: value for name, value in msgspec.to_builtins(body).items() if name not in _OF_THE_SENDER}
        self._kept.append(
            _brought(body, Report(self._kind, body.container_id, at_us, discreet(told), masked_id(body.id)))
        )
        return None


BODIES: dict[ReportKind, type[OfContainer]] = {
    ReportKind.error: ErrorReport,
    ReportKind.process: ProcessReport,
    ReportKind.sample: SampleReport,
}
"""What the reports of a kind look like."""


def _wrong(body: OfContainer, at_us: int | None) -> tuple[str, str] | None:
    if at_us is not None and not 0 <= at_us < _YEAR_2262_US:
        return "timestamp", "it is before 1970 or after 2261"
    if isinstance(body.sequence, int) and not body.agent_id:
        return "agentId", "a sequence belongs to an agent"
    return None


def _brought(body: OfContainer, what: Record | Report) -> Brought:
    return Brought(what, body.agent_id, body.sequence) if isinstance(body.sequence, int) else Brought(what)


def discreet(told: Mapping[str, Any]) -> dict[str, Any]:
    """What is told, without secrets; empty texts are told by nobody."""
    kept = {name: value for name, value in told.items() if value not in ("", None)}
    for name in ("message", "stack", "command", "name", "user"):
        if name in kept:
            kept[name] = masked(str(kept[name]))
    if "containerName" in kept:
        kept["containerName"] = masked_name(kept["containerName"])
    if "labels" in kept:
        kept["labels"] = masked_labels(kept["labels"])
    if "environment" in kept:
        kept["environment"] = {name: masked_value(name, value) for name, value in kept["environment"].items()}
    return kept
