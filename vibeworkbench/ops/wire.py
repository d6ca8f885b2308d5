"""What ops says over the network: strict bodies in, and the bodies of REST and room messages out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from vibeworkbench.errors import InvalidInput
from vibeworkbench.ops.health import Health
from vibeworkbench.ops.issues import Issue, State, Transition
from vibeworkbench.ops.model import Filters, Period, ScanRequest, Scope, Severity
from vibeworkbench.ops.records import filters_json
from vibeworkbench.ops.scans import Scan

SeverityName = Literal["info", "low", "medium", "high", "critical"]
ScopeName = Literal["full", "incremental"]
StateName = Literal["open", "acknowledged", "in_progress", "muted", "resolved"]
StatusName = Literal["running", "completed", "failed"]
Instant = Annotated[datetime, msgspec.Meta(tz=True, description="RFC 3339, with its offset")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=4000)]
Limit = Annotated[int, msgspec.Meta(ge=1, le=500)]
Severities = Annotated[list[SeverityName], msgspec.Meta(max_length=100)]
Names = Annotated[list[Name], msgspec.Meta(max_length=100)]


class Body(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """A JSON object of ours: camelCase, nothing unknown."""


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


class Acknowledge(Body, frozen=True):
    """Somebody has seen it."""

    note: Text | None = None


class Claim(Body, frozen=True):
    """Somebody works on it."""

    note: Text | None = None


class Resolve(Body, frozen=True):
    """Somebody says that it is well, and why."""

    resolution: Text
    note: Text | None = None


class Mute(Body, frozen=True):
    """Nobody wants to hear of it before ``until``."""

    until: Instant
    note: Text | None = None


class Reopen(Body, frozen=True):
    """It is not well after all, or is put back for everybody."""

    note: Text | None = None


class ScanQuery(Body, frozen=True):
    """Which scans; newest first."""

    scope: list[ScopeName] = []
    status: list[StatusName] = []
    limit: Limit = 50
    cursor: str = ""


class IssueQuery(Body, frozen=True):
    """Which issues; worst first, then newest. Each filter takes repeated parameters and comma lists."""

    state: list[StateName] = []
    severity: list[SeverityName] = []
    type: list[str] = []
    target: list[str] = []
    limit: Limit = 50
    cursor: str = ""


class TargetQuery(Body, frozen=True):
    """Which part of the list: the settings' targets first, then those of REST, each by kind and name."""

    limit: Limit = 50
    cursor: str = ""


class HealthQuery(Body, frozen=True):
    """Whose history: a target's, or without one that of the whole."""

    target: str = ""


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


class TransitionBody(Body, frozen=True):
    """One line of an issue's history; ``from`` is null when it was filed."""

    at: datetime
    came_from: StateName | None = msgspec.field(name="from")
    to: StateName
    actor: str
    note: str


class IssueBody(Body, frozen=True):
    """One issue."""

    issue_id: str
    fingerprint: str
    check: str
    collector: str
    subject: str
    target: str
    type: str
    severity: SeverityName
    title: str
    hint: str
    state: StateName
    count: int
    first_seen_at: datetime
    last_seen_at: datetime
    state_changed_at: datetime
    claimed_by: str | None
    resolution: str | None
    note: str | None
    muted_until: datetime | None
    flapping: bool
    reopened_count: int
    evidence: dict[str, Any]


class IssueWithHistory(IssueBody, frozen=True):
    """One issue and what became of it, oldest first: the newest 500 lines."""

    history: list[TransitionBody]


class IssueList(Body, frozen=True):
    """A page of issues."""

    items: list[IssueBody]
    next_cursor: str | None


def _issue_fields(issue: Issue) -> dict[str, Any]:
    return {
        "issue_id": issue.issue_id,
        "fingerprint": issue.fingerprint,
        "check": issue.check,
        "collector": issue.collector,
        "subject": issue.subject,
        "target": issue.target,
        "type": issue.type,
        "severity": issue.severity.name,
        "title": issue.title,
        "hint": issue.hint,
        "state": issue.state.value,
        "count": issue.count,
        "first_seen_at": issue.first_seen_at,
        "last_seen_at": issue.last_seen_at,
        "state_changed_at": issue.state_changed_at,
        "claimed_by": issue.claimed_by,
        "resolution": issue.resolution,
        "note": issue.note,
        "muted_until": issue.muted_until,
        "flapping": issue.flapping,
        "reopened_count": issue.reopened_count,
        "evidence": dict(issue.evidence),
    }


def issue_body(issue: Issue) -> IssueBody:
    """An issue as lists say it."""
    return IssueBody(**_issue_fields(issue))


def issue_with_history(issue: Issue, history: list[Transition]) -> IssueWithHistory:
    """An issue with its history, oldest first."""
    lines = [
        TransitionBody(
            at=line.at,
            came_from=None if line.came_from is None else line.came_from.value,
            to=line.to.value,
            actor=line.actor,
            note=line.note,
        )
        for line in history
    ]
    return IssueWithHistory(**_issue_fields(issue), history=lines)


class IssueSaid(Body, frozen=True):
    """The ``issue`` message of the ops room."""

    issue_id: str
    fingerprint: str
    title: str
    severity: SeverityName
    type: str
    came_from: StateName | None = msgspec.field(name="from")
    to: StateName
    actor: str
    note: str
    flapping: bool


def issue_said(issue: Issue, transition: Transition) -> IssueSaid:
    """What the ops room hears of a transition."""
    return IssueSaid(
        issue_id=issue.issue_id,
        fingerprint=issue.fingerprint,
        title=issue.title,
        severity=severity_name(issue.severity),
        type=issue.type,
        came_from=None if transition.came_from is None else transition.came_from.value,
        to=transition.to.value,
        actor=transition.actor,
        note=transition.note,
        flapping=issue.flapping,
    )


def severity_name(severity: Severity) -> SeverityName:
    """The name of a severity, for the network."""
    return severity.name  # type: ignore[return-value] # the enum's names are the literal's values, by a test


class StateCount(Body, frozen=True):
    """How many issues of one state, and how severe they are on average (1 info to 5 critical)."""

    count: int
    mean_severity: float | None


class SummaryBody(Body, frozen=True):
    """All issues, counted."""

    total: int
    by_state: dict[str, StateCount]
    by_severity: dict[str, int]


def summary_body(counts: Mapping[tuple[State, Severity], int]) -> SummaryBody:
    """The summary of so many issues of each state and severity; ``bySeverity`` counts the unresolved ones."""
    by_state = {}
    for state in State:
        mine = {severity: counts.get((state, severity), 0) for severity in Severity}
        count = sum(mine.values())
        mean = sum(severity * number for severity, number in mine.items()) / count if count else None
        by_state[state.value] = StateCount(count=count, mean_severity=mean)
    unresolved = [state for state in State if state is not State.resolved]
    by_severity = {
        severity.name: sum(counts.get((state, severity), 0) for state in unresolved) for severity in reversed(Severity)
    }
    return SummaryBody(total=sum(counts.values()), by_state=by_state, by_severity=by_severity)


class TargetHealthBody(Body, frozen=True):
    """How one target is."""

    target: str
    score: int | None
    worst: SeverityName | None
    issues: int


class HealthSampleBody(Body, frozen=True):
    """A score of the past."""

    at: datetime
    score: int | None


class HealthSaid(Body, frozen=True):
    """The ``health`` message: how everything is, targets worst first; a ``score`` is null before the first look."""

    score: int | None
    at: datetime
    targets: list[TargetHealthBody]


class HealthBody(HealthSaid, frozen=True):
    """How everything is and was; history oldest first."""

    history: list[HealthSampleBody]


def health_said(health: Health, at: datetime) -> HealthSaid:
    """How everything is, as the health room hears it."""
    targets = [
        TargetHealthBody(
            target=one.target,
            score=one.score,
            worst=None if one.worst is None else severity_name(one.worst),
            issues=one.issues,
        )
        for one in health.targets
    ]
    return HealthSaid(score=health.score, at=at, targets=targets)


class SnapshotBody(Body, frozen=True):
    """What a late member of the ops room gets."""

    summary: SummaryBody
    health: HealthSaid
    running: list[RunningBody]
    last_scan: ScanBody | None
    issues: list[IssueBody]
