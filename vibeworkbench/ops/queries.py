"""What is asked of ops: pages of scans and issues, the summary, health with its history, the snapshot of the room."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from vibeworkbench.errors import NotFound
from vibeworkbench.ops.issues.books import issue_counts, present_health
from vibeworkbench.ops.issues.model import State
from vibeworkbench.ops.issues.records import history_of
from vibeworkbench.ops.model import Severity
from vibeworkbench.ops.records import from_us, health_sample, issue, issue_of, scan, scan_of
from vibeworkbench.ops.scans.model import Status
from vibeworkbench.ops.wire.health import HealthBody, HealthSaid, HealthSampleBody, health_said
from vibeworkbench.ops.wire.issues import (
    IssueList,
    IssueQuery,
    IssueWithHistory,
    SummaryBody,
    issue_body,
    issue_with_history,
    summary_body,
)
from vibeworkbench.ops.wire.scans import ScanBody, ScanList, ScanQuery, running_body, scan_body
from vibeworkbench.ops.wire.snapshot import SnapshotBody
from vibeworkbench.web.lists import cursor_of, keys_of

SNAPSHOT_ISSUES = 200
"""Most issues in the snapshot of the ops room; the rest are in REST."""

HISTORY_SAMPLES = 500
"""Most samples in an answer's history of health; the newest are kept."""

_WORST_FIRST = (issue.c.severity.desc(), issue.c.first_seen_at_us.desc(), issue.c.issue_id)

_UNRESOLVED = issue.c.state != State.resolved.value


def one_scan(connection: sa.Connection, scan_id: str) -> ScanBody:
    """A scan.

    Raises:
        NotFound: There is none of that id.
    """
    row = connection.execute(sa.select(scan).where(scan.c.scan_id == scan_id)).mappings().one_or_none()
    if row is None:
        raise NotFound("there is no such scan", scanId=scan_id)
    return scan_body(scan_of(row))


def scans(connection: sa.Connection, query: ScanQuery) -> ScanList:
    """A page of scans, newest first: by the order of their claims, whatever the clock said."""
    chosen = sa.select(scan)
    if query.scope:
        chosen = chosen.where(scan.c.scope.in_(query.scope))
    if query.status:
        chosen = chosen.where(scan.c.status.in_(query.status))
    if query.cursor:
        (number,) = keys_of(query.cursor, (int,))
        chosen = chosen.where(scan.c.number < number)
    rows = connection.execute(chosen.order_by(scan.c.number.desc()).limit(query.limit + 1)).mappings().all()
    page = rows[: query.limit]
    more = len(rows) > query.limit
    cursor = cursor_of(page[-1]["number"]) if more else None
    return ScanList(items=[scan_body(scan_of(row)) for row in page], next_cursor=cursor)


def one_issue(connection: sa.Connection, issue_id: str) -> IssueWithHistory:
    """An issue with its history.

    Raises:
        NotFound: There is none of that id.
    """
    row = connection.execute(sa.select(issue).where(issue.c.issue_id == issue_id)).mappings().one_or_none()
    if row is None:
        raise NotFound("there is no such issue", issueId=issue_id)
    return issue_with_history(issue_of(row), history_of(connection, issue_id))


def issues(connection: sa.Connection, query: IssueQuery) -> IssueList:
    """A page of issues, worst first, then newest."""
    chosen = _chosen(query)
    if query.cursor:
        severity, first_seen_at_us, issue_id = keys_of(query.cursor, (int, int, str))
        same = (issue.c.severity == severity) & (issue.c.first_seen_at_us == first_seen_at_us)
        chosen = chosen.where(
            (issue.c.severity < severity)
            | ((issue.c.severity == severity) & (issue.c.first_seen_at_us < first_seen_at_us))
            | (same & (issue.c.issue_id > issue_id))
        )
    rows = connection.execute(chosen.order_by(*_WORST_FIRST).limit(query.limit + 1)).mappings().all()
    page = rows[: query.limit]
    last = page[-1] if len(rows) > query.limit else None
    cursor = None if last is None else cursor_of(last["severity"], last["first_seen_at_us"], last["issue_id"])
    return IssueList(items=[issue_body(issue_of(row)) for row in page], next_cursor=cursor)


def _chosen(query: IssueQuery) -> sa.Select[Any]:
    chosen = sa.select(issue)
    if query.state:
        chosen = chosen.where(issue.c.state.in_(query.state))
    if query.severity:
        chosen = chosen.where(issue.c.severity.in_([int(Severity[name]) for name in query.severity]))
    if query.type:
        chosen = chosen.where(issue.c.type.in_(query.type))
    if query.target:
        chosen = chosen.where(issue.c.target.in_(query.target))
    return chosen


def summary(connection: sa.Connection) -> SummaryBody:
    """All issues, counted."""
    return summary_body(issue_counts(connection))


def health_with_history(
    connection: sa.Connection, targets: Collection[str], now: datetime, target: str = ""
) -> HealthBody:
    """How everything is, and how a target or the whole was.

    Raises:
        NotFound: ``target`` is none that there is or was looked at.
    """
    said = health_said(present_health(connection, targets), now)
    if target and target not in {one.target for one in said.targets}:
        raise NotFound("there is no such target", target=target)
    return _with_history(said, _history(connection, target))


def _with_history(said: HealthSaid, history: list[HealthSampleBody]) -> HealthBody:
    return HealthBody(score=said.score, at=said.at, targets=said.targets, history=history)


def _history(connection: sa.Connection, target: str = "") -> list[HealthSampleBody]:
    wanted = health_sample.c.targets if target else health_sample.c.score
    newest = sa.select(health_sample.c.at_us, wanted).order_by(health_sample.c.id.desc()).limit(HISTORY_SAMPLES)
    rows = reversed(connection.execute(newest).all())
    return [
        HealthSampleBody(at=from_us(at_us), score=msgspec.json.decode(kept).get(target) if target else kept)
        for at_us, kept in rows
    ]


def _changes(history: list[HealthSampleBody]) -> list[HealthSampleBody]:
    """The samples that differ from the one before, and the oldest."""
    before = [None, *history]
    return [one for one, last in zip(history, before, strict=False) if last is None or last.score != one.score]


def room_snapshot(connection: sa.Connection, targets: Collection[str], now: datetime) -> SnapshotBody:
    """What a late member of the ops room gets, all of one instant."""
    running = sa.select(scan).where(scan.c.status == Status.running.value).order_by(scan.c.number)
    ended = sa.select(scan).where(scan.c.status != Status.running.value)
    last = connection.execute(ended.order_by(scan.c.number.desc()).limit(1)).mappings().one_or_none()
    worst = sa.select(issue).where(_UNRESOLVED).order_by(*_WORST_FIRST).limit(SNAPSHOT_ISSUES)
    return SnapshotBody(
        summary=summary(connection),
        health=_with_history(health_said(present_health(connection, targets), now), _changes(_history(connection))),
        running=[running_body(scan_of(row)) for row in connection.execute(running).mappings().all()],
        last_scan=None if last is None else scan_body(scan_of(last)),
        issues=[issue_body(issue_of(row)) for row in connection.execute(worst).mappings().all()],
    )
