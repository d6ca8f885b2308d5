"""What a scan looks at, what it saw and what it thinks of it. Pure values: no clock, no file, no socket.

ScanRequest → collectors look → Snapshot of Looks of Observations → checks judge → Findings → issues (see issues/)
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any, get_args

from vibeworkbench.settings import Target


class Severity(IntEnum):
    """How much a finding matters; the number is its weight in means."""

    info = 1
    low = 2
    medium = 3
    high = 4
    critical = 5


class Scope(StrEnum):
    """How much a scan looks at."""

    full = "full"
    incremental = "incremental"


class LookState(StrEnum):
    """How a collector's look ended. Only ``ok`` and the covered subjects of ``partial`` may resolve issues."""

    ok = "ok"
    partial = "partial"
    failed = "failed"
    timed_out = "timed_out"
    skipped = "skipped"


@dataclass(frozen=True, slots=True)
class Period:
    """Instants from ``start`` (included) to ``end`` (excluded), both aware UTC."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Filters:
    """What limits a scan; empty means no limit.

    ``sources`` limits what is read. ``severities``, ``types`` and ``period`` limit what is reported: all that was read
    is judged and filed.
    """

    sources: frozenset[str] = frozenset()
    severities: frozenset[Severity] = frozenset()
    types: frozenset[str] = frozenset()
    period: Period | None = None


@dataclass(frozen=True, slots=True)
class ScanRequest:
    """A wish to scan, whoever has it. ``trigger`` is who or what asked, as in ``rest:ada`` or ``schedule:full``."""

    scope: Scope
    trigger: str
    filters: Filters = Filters()


@dataclass(frozen=True, slots=True)
class Observation:
    """One measured fact, without opinion.

    ``subject`` is what it is about (``mount:/``, ``http:shop``, ``workspace:web/src/a.py:12``), stable over scans.
    ``value`` has the unit ``unit`` (``ratio``, ``bytes``, ``seconds``, ``count``, ``state``, ``text``).
    """

    metric: str
    subject: str
    value: float | int | str | bool
    unit: str
    observed_at: datetime
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Look:
    """All that one collector brings home from one scan.

    Attributes:
        collector: The collector's name.
        state: How the look ended.
        observations: What was seen, also when the look did not get to its end.
        covered: Subjects (or subject prefixes ending in ``*``) that were looked at; ``None`` and ``ok`` mean all.
        records: Records read (log lines, processes, probes ...), for ``processedLogs`` and progress.
        cursors: Source → durable position to continue from; moves in the transaction that files the findings. A source
            that is spelt as a target (``files:app``) or a part of one (``files:app/3``) is forgotten with it.
        duration_ms: How long it took.
        reason: Why it did not end ``ok``; a sentence without paths of this machine.
        retired: Subjects (or prefixes as in ``covered``) that nobody looks at any more → why; their issues resolve.
    """

    collector: str
    state: LookState
    observations: Sequence[Observation] = ()
    covered: frozenset[str] | None = None
    records: int = 0
    cursors: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    duration_ms: float = 0.0
    reason: str = ""
    retired: Mapping[str, str] = field(default_factory=dict)

    def covers(self, subject: str) -> bool:
        """Whether the absence of a finding about ``subject`` in this look means that it is well."""
        if self.state is LookState.ok and self.covered is None:
            return True
        if self.state not in (LookState.ok, LookState.partial):
            return False
        return any(_names(form, subject) for form in self.covered or ())

    def why_retired(self, subject: str) -> str:
        """Why nobody looks at ``subject`` any more; empty when somebody does, or when the look came to no end."""
        if self.state not in (LookState.ok, LookState.partial):
            return ""
        return next((why for form, why in self.retired.items() if _names(form, subject)), "")


def _names(form: str, subject: str) -> bool:
    """Whether ``form``, a subject or a prefix ending in ``*``, names the subject."""
    return subject.startswith(form[:-1]) if form.endswith("*") else subject == form


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What all collectors of one scan saw."""

    scope: Scope
    taken_at: datetime
    looks: tuple[Look, ...] = ()

    def look(self, collector: str) -> Look | None:
        """The look of one collector, if it was part of the scan."""
        return next((look for look in self.looks if look.collector == collector), None)

    def observations(self, metric: str) -> Iterable[Observation]:
        """Every observation of one metric, in the collectors' order."""
        return (seen for look in self.looks for seen in look.observations if seen.metric == metric)


@dataclass(frozen=True, slots=True)
class Finding:
    """One judgement of one scan.

    Attributes:
        check: The id of the check that judged, for instance ``host.space``.
        collector: Whose look it rests on: only that collector's later look may resolve the issue.
        subject: What it is about, as in the observation.
        severity: How much it matters.
        type: Kind of trouble for filters, for instance ``capacity``, ``availability``, ``error``, ``code``, ``scan``.
        title: One line that says what is wrong, with the measured value and unit.
        hint: What to do next.
        occurrences: How many records it stands for: 1 for a state, the number of *new* records for logs.
        evidence: JSON-able facts: values, thresholds, sample lines, ``file``/``line`` links.
        signature: Distinguishes troubles of one check and subject; part of the fingerprint. Holds no measured value.
        resolves_by_absence: Whether a look that covers the subject and brings no such finding resolves the issue. Log
            findings say no and resolve after a quiet time instead.
        first_record_at: Instant of the oldest record it stands for; ``None`` means the look's own.
        last_record_at: Instant of the newest one. A log issue reopens only on records later than its resolution.
    """

    check: str
    collector: str
    subject: str
    severity: Severity
    type: str
    title: str
    hint: str = ""
    occurrences: int = 1
    evidence: Mapping[str, Any] = field(default_factory=dict)
    signature: str = ""
    resolves_by_absence: bool = True
    first_record_at: datetime | None = None
    last_record_at: datetime | None = None

    @property
    def fingerprint(self) -> str:
        """32 hexadecimal digits that say which trouble this is, equal for the same trouble in every scan."""
        said = f"{self.check}\x1f{self.subject}\x1f{self.signature}"
        return hashlib.blake2b(said.encode(), digest_size=16).hexdigest()


KINDS: frozenset[str] = frozenset(str(kind.__struct_config__.tag) for kind in get_args(Target))
"""Every kind of target."""


def kind_of(target: Target) -> str:
    """The kind of a target, as its tag says it."""
    return str(type(target).__struct_config__.tag)


def subject_of(target: Target) -> str:
    """What findings about a target as a whole are about, and what its health stands under: ``http:shop``."""
    return f"{kind_of(target)}:{target.name}"
