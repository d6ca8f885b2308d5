"""Issues over the network: what a person wishes, and what is told of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from vibeworkbench.ops.issues.model import Issue, State, Transition
from vibeworkbench.ops.model import Severity
from vibeworkbench.ops.wire.types import Body, Chosen, Instant, SeverityName, StateName, Text, severity_name
from vibeworkbench.web.lists import Limit


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


class IssueQuery(Body, frozen=True):
    """Which issues; worst first, then newest. Each filter takes repeated parameters and comma lists."""

    state: list[StateName] = []
    severity: list[SeverityName] = []
    type: list[Chosen] = []
    target: list[Chosen] = []
    limit: Limit = 50
    cursor: str = ""


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
    """The ``issue`` message of the ops room; from ``subject`` on, what those who may only watch could not read."""

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
    subject: str
    count: int
    claimed_by: str | None
    resolution: str | None
    muted_until: datetime | None


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
        subject=issue.subject,
        count=issue.count,
        claimed_by=issue.claimed_by,
        resolution=issue.resolution,
        muted_until=issue.muted_until,
    )


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
