"""What is known of one scan, and which of its findings are reported. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from vibeworkbench.ops.model import Filters, Finding, Look, ScanRequest, Severity


class Status(StrEnum):
    """How far a scan is."""

    running = "running"
    completed = "completed"
    failed = "failed"


@dataclass(frozen=True, slots=True)
class CollectorRun:
    """How one collector's look went: its end, how long it took, how many records it read, and why it did not end ok."""

    name: str
    state: str
    duration_ms: float
    records: int = 0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many findings were reported, by severity and by type."""

    by_severity: Mapping[str, int] = field(default_factory=dict)
    by_type: Mapping[str, int] = field(default_factory=dict)
    total: int = 0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a running scan is: records ``processed`` of ``total`` known so far, and what it is doing now."""

    processed: int = 0
    total: int = 0
    step: str = "starting"


@dataclass(frozen=True, slots=True)
class Scan:
    """One look at the world and its judgement.

    Attributes:
        scan_id: 32 hexadecimal digits.
        request: What was asked, by whom.
        status: How far it is.
        started_at: When it was claimed, aware UTC.
        completed_at: When it completed or failed.
        processed_logs: Records read from sources with a durable cursor; other looks count theirs in ``collectors``.
        findings: What was reported, after the request's filters.
        issues_filed: Issues that are new or came back.
        issues_resolved: Issues that it found well again.
        collectors: How each collector's look went.
        reason: Why it failed.
        progress: How far it is while it runs.
    """

    scan_id: str
    request: ScanRequest
    status: Status
    started_at: datetime
    completed_at: datetime | None = None
    processed_logs: int = 0
    findings: Tally = Tally()
    issues_filed: int = 0
    issues_resolved: int = 0
    collectors: tuple[CollectorRun, ...] = ()
    reason: str = ""
    progress: Progress = Progress()


def reported(findings: Iterable[Finding], filters: Filters, looked_at: datetime) -> list[Finding]:
    """The findings that pass the filters.

    Args:
        findings: All that was found.
        filters: ``severities``, ``types`` and ``period``; ``sources`` has limited what was read.
        looked_at: When the scan looked: the instant of findings that stand for no records.

    Returns:
        With a period, those whose records overlap it.
    """
    return [finding for finding in findings if _passes(finding, filters, looked_at)]


def _passes(finding: Finding, filters: Filters, looked_at: datetime) -> bool:
    if filters.severities and finding.severity not in filters.severities:
        return False
    if filters.types and finding.type not in filters.types:
        return False
    if filters.period is None:
        return True
    last_at = finding.last_record_at or looked_at
    first_at = finding.first_record_at or last_at
    return first_at < filters.period.end and last_at >= filters.period.start


def tally(findings: Sequence[Finding]) -> Tally:
    """The findings, counted; every severity is named, also with none."""
    severities = Counter(finding.severity for finding in findings)
    by_type = Counter(finding.type for finding in findings)
    by_severity = {severity.name: severities[severity] for severity in reversed(Severity)}
    return Tally(by_severity, dict(sorted(by_type.items())), len(findings))


def run_of(look: Look) -> CollectorRun:
    """How a collector's look went."""
    return CollectorRun(look.collector, look.state.value, round(look.duration_ms, 3), look.records, look.reason)


def processed_logs(looks: Iterable[Look]) -> int:
    """Records read from sources with a durable cursor, so that nothing new since the last scan means 0."""
    return sum(look.records for look in looks if look.cursors)
