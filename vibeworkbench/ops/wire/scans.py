"""Scans over the network."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec

from vibeworkbench.errors import InvalidInput
from vibeworkbench.ops.model import Filters, Period, ScanRequest, Scope, Severity
from vibeworkbench.ops.records import filters_json
from vibeworkbench.ops.scans.model import Scan
from vibeworkbench.ops.wire.types import Body, Instant, Name, ScopeName, SeverityName, StatusName
from vibeworkbench.web.lists import Limit

Severities = Annotated[list[SeverityName], msgspec.Meta(max_length=100)]
Names = Annotated[list[Name], msgspec.Meta(max_length=100)]


class TimeRange(Body, frozen=True):
    """Instants from ``start`` (included) to ``end`` (excluded)."""

    start: Instant
    end: Instant


class ScanFilters(Body, frozen=True):
    """What limits a scan: ``source`` what is read, the others what is reported. Each takes one value or at most 100."""

    severity: SeverityName | Severities | None = None
    type: Name | Names | None = None
    source: Name | Names | None = None
    time_range: TimeRange | None = None


class ScanOrder(Body, frozen=True):
    """A wish to scan."""

    scope: ScopeName
    filters: ScanFilters | None = None


def request_of(order: ScanOrder, trigger: str) -> ScanRequest:
    """The scan request that a body means.

    Raises:
        InvalidInput: The time range ends before it starts.
    """
    given = order.filters or ScanFilters()
    times = given.time_range
    if times is not None and times.end <= times.start:
        raise InvalidInput("filters.timeRange: end must be later than start", field="filters.timeRange.end")
    filters = Filters(
        sources=frozenset(_listed(given.source)),
        severities=frozenset(Severity[name] for name in _listed(given.severity)),
        types=frozenset(_listed(given.type)),
        period=None if times is None else Period(times.start, times.end),
    )
    return ScanRequest(Scope(order.scope), trigger, filters)


def _listed(given: Any) -> list[str]:
    if given is None:
        return []
    return [given] if isinstance(given, str) else given


class ScanQuery(Body, frozen=True):
    """Which scans; newest first."""

    scope: list[ScopeName] = []
    status: list[StatusName] = []
    limit: Limit = 50
    cursor: str = ""


class CollectorRunBody(Body, frozen=True):
    """How one collector's look went."""

    name: str
    state: str
    duration_ms: float
    records: int
    reason: str


class TallyBody(Body, frozen=True):
    """Reported findings, counted."""

    by_severity: Mapping[str, int]
    by_type: Mapping[str, int]
    total: int


class ScanBody(Body, frozen=True):
    """One scan."""

    scan_id: str
    scope: ScopeName
    trigger: str
    filters: dict[str, Any]
    status: StatusName
    started_at: datetime
    completed_at: datetime | None
    processed_logs: int
    findings: TallyBody
    issues_filed: int
    issues_resolved: int
    collectors: list[CollectorRunBody]
    reason: str | None


class ScanList(Body, frozen=True):
    """A page of scans."""

    items: list[ScanBody]
    next_cursor: str | None


def scan_body(scan: Scan) -> ScanBody:
    """A scan as REST and ``scan-result`` say it."""
    return ScanBody(
        scan_id=scan.scan_id,
        scope=scan.request.scope.value,
        trigger=scan.request.trigger,
        filters=filters_json(scan.request.filters),
        status=scan.status.value,
        started_at=scan.started_at,
        completed_at=scan.completed_at,
        processed_logs=scan.processed_logs,
        findings=TallyBody(
            by_severity=scan.findings.by_severity, by_type=scan.findings.by_type, total=scan.findings.total
        ),
        issues_filed=scan.issues_filed,
        issues_resolved=scan.issues_resolved,
        collectors=[
            CollectorRunBody(
                name=run.name, state=run.state, duration_ms=run.duration_ms, records=run.records, reason=run.reason
            )
            for run in scan.collectors
        ],
        reason=scan.reason or None,
    )


class ProgressBody(Body, frozen=True):
    """Records processed of those known so far."""

    processed: int
    total: int


class RunningBody(Body, frozen=True):
    """A scan under way."""

    scan_id: str
    scope: ScopeName
    trigger: str
    started_at: datetime
    progress: ProgressBody
    step: str


def running_body(scan: Scan) -> RunningBody:
    """A running scan as the snapshot says it."""
    return RunningBody(
        scan_id=scan.scan_id,
        scope=scan.request.scope.value,
        trigger=scan.request.trigger,
        started_at=scan.started_at,
        progress=ProgressBody(processed=scan.progress.processed, total=scan.progress.total),
        step=scan.progress.step,
    )
