"""What the server answers, as values: strict about types, tolerant of fields that a newer server adds.

These types are the client's own. They follow the contract's names in snake_case and know nothing of the server's code.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec

from vibeworkbench.client.api import Answer
from vibeworkbench.client.errors import ClientError

SeverityName = Literal["info", "low", "medium", "high", "critical"]
ScopeName = Literal["full", "incremental"]
ScanState = Literal["running", "completed", "failed"]
IssueState = Literal["open", "acknowledged", "in_progress", "muted", "resolved"]

SEVERITIES: tuple[SeverityName, ...] = ("critical", "high", "medium", "low", "info")
"""Worst first."""
ISSUE_STATES: tuple[IssueState, ...] = ("open", "acknowledged", "in_progress", "muted", "resolved")
"""In the order of an issue's life."""


class CollectorRun(Answer, frozen=True, kw_only=True):
    """How one collector fared in a scan."""

    name: str
    state: str
    duration_ms: float = 0.0
    records: int = 0
    reason: str = ""


class FindingCounts(Answer, frozen=True, kw_only=True):
    """How many findings a scan reported."""

    by_severity: dict[str, int] = msgspec.field(default_factory=dict)
    by_type: dict[str, int] = msgspec.field(default_factory=dict)
    total: int = 0


class ScanBody(Answer, frozen=True, kw_only=True):
    """One look at the world and its judgement."""

    scan_id: str
    scope: ScopeName
    trigger: str
    status: ScanState
    started_at: datetime
    filters: dict[str, Any] = msgspec.field(default_factory=dict)
    completed_at: datetime | None = None
    processed_logs: int = 0
    findings: FindingCounts = FindingCounts()
    issues_filed: int = 0
    issues_resolved: int = 0
    collectors: list[CollectorRun] = msgspec.field(default_factory=list)
    reason: str | None = None


class Progress(Answer, frozen=True, kw_only=True):
    """How far a running scan is: ``processed`` of ``total`` records, and the step it is at."""

    scan_id: str
    processed: int
    total: int
    step: str

    @property
    def ratio(self) -> float:
        """Between 0 and 1; 0 while the total is not known."""
        return min(1.0, self.processed / self.total) if self.total > 0 else 0.0


class Transition(Answer, frozen=True, kw_only=True):
    """One change of an issue's state."""

    at: datetime
    from_: str | None = msgspec.field(name="from", default=None)
    to: str
    actor: str = ""
    note: str | None = None


class IssueBody(Answer, frozen=True, kw_only=True):
    """Findings of one fingerprint over time."""

    issue_id: str
    fingerprint: str
    check: str
    collector: str
    subject: str
    target: str = ""
    type: str
    severity: SeverityName
    title: str
    state: IssueState
    hint: str = ""
    count: int = 1
    first_seen_at: datetime
    last_seen_at: datetime
    state_changed_at: datetime | None = None
    claimed_by: str | None = None
    resolution: str | None = None
    note: str | None = None
    muted_until: datetime | None = None
    flapping: bool = False
    reopened_count: int = 0
    evidence: dict[str, Any] = msgspec.field(default_factory=dict)
    history: list[Transition] = msgspec.field(default_factory=list)


class StateCount(Answer, frozen=True, kw_only=True):
    """How many issues are in a state, and how bad they are in the mean (info 1 ... critical 5)."""

    count: int
    mean_severity: float | None = None


class SummaryBody(Answer, frozen=True, kw_only=True):
    """How many issues there are, by state and by severity."""

    total: int
    by_state: dict[str, StateCount]
    by_severity: dict[str, int]


class TargetScore(Answer, frozen=True, kw_only=True):
    """The health of one target: 0 (down) to 100 (well), ``None`` when it was never looked at."""

    target: str
    score: float | None
    worst: str | None = None
    issues: int = 0


class ScoreAt(Answer, frozen=True, kw_only=True):
    """The health of the whole at an instant."""

    at: datetime
    score: float | None


class HealthBody(Answer, frozen=True, kw_only=True):
    """The health of the whole and of each target; ``score`` is ``None`` while nothing was scanned."""

    score: float | None
    at: datetime | None = None
    targets: list[TargetScore] = msgspec.field(default_factory=list)
    history: list[ScoreAt] = msgspec.field(default_factory=list)


class ScheduleBody(Answer, frozen=True, kw_only=True):
    """One scan on a clock."""

    name: str
    cron: str
    scope: ScopeName
    timezone: str
    next_fire_at: datetime | None = None
    last_fire_at: datetime | None = None
    last_scan_id: str | None = None
    last_outcome: str | None = None


class Member(Answer, frozen=True, kw_only=True):
    """One connection in a room."""

    member_id: str
    name: str = ""
    role: str = ""
    joined_at: datetime | None = None
    lag_bytes: int = 0
    rtt_ms: float | None = None
    quality: str | None = None


class RoomBody(Answer, frozen=True, kw_only=True):
    """A room and what goes on in it."""

    party: str
    room: str
    recording: bool
    members: int
    epoch: str | None = None
    last_seq: int = 0
    oldest_seq: int = 0
    messages_per_s: float = 0.0
    bytes_per_s: float = 0.0
    backlog_bytes: int = 0
    dropped: int = 0
    present: list[Member] = msgspec.field(name="list", default_factory=list)


class CallerBody(Answer, frozen=True, kw_only=True):
    """Who the server takes the caller for."""

    name: str
    role: str | None = None


class StatusBody(Answer, frozen=True, kw_only=True):
    """The server's version, the caller, and the state of each subsystem."""

    version: str
    caller: CallerBody
    roles: list[str] = msgspec.field(default_factory=list)
    subsystems: dict[str, dict[str, Any]] = msgspec.field(default_factory=dict)


def instant_text(at: datetime) -> str:
    """An aware instant as RFC 3339 text in UTC.

    Raises:
        ClientError: It has no zone, so that nobody knows when it is.
    """
    if at.tzinfo is None:
        raise ClientError(f"{at.isoformat()} has no time zone; give an aware datetime, for instance with tzinfo=UTC")
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def ago_or_at(when: datetime | timedelta | None) -> datetime | None:
    """An instant as it is; a time as the instant so long ago."""
    return datetime.now(UTC) - when if isinstance(when, timedelta) else when
