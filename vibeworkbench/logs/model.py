"""What a log record is. Pure values: no clock, no file, no socket.

Front doors (REST, OTLP, tailed files, containers, the journal) make records → spool → warehouse → templates → findings
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum


class Kind(StrEnum):
    """Where records come from; with the source's name it is what findings are about: ``worker:fetcher``."""

    worker = "worker"
    build = "build"
    container = "container"
    files = "files"
    journal = "journal"


class Level(IntEnum):
    """How serious a record says it is; the numbers are OpenTelemetry's severity numbers.

    Source: OpenTelemetry specification, logs data model, field SeverityNumber.
    """

    unknown = 0
    trace = 1
    debug = 5
    info = 9
    notice = 10
    warning = 13
    error = 17
    critical = 21
    fatal = 22

    @property
    def is_error(self) -> bool:
        """Whether a record of this level tells of a failure."""
        return self >= Level.error


@dataclass(frozen=True, slots=True)
class Record:
    """One log record, whole: a stack trace is part of the record that it belongs to.

    Attributes:
        kind: Where it comes from.
        source: Who says it: a worker's name, a build's, a container's, a files target's.
        message: What it says, without the header that named time and level. Lines of a trace follow, separated by
            newlines.
        timestamp: When it was said, aware UTC; ``None`` when the record does not tell, and then its arrival counts.
        level: How serious it is.
        instance: Which of several of one source: a process, a file, a container id.
        stream: ``stdout``, ``stderr``, or empty.
        attributes: What else it carries; JSON-able.
        id: The sender's own identifier, under which it is stored once; empty when there is none.
    """

    kind: Kind
    source: str
    message: str
    timestamp: datetime | None = None
    level: Level = Level.unknown
    instance: str = ""
    stream: str = ""
    attributes: Mapping[str, object] = field(default_factory=dict)
    id: str = ""

    @property
    def subject(self) -> str:
        """What findings about this record's source are about."""
        return f"{self.kind}:{self.source}"
