"""The tables of ops, and how their rows become values. Instants are Unix microseconds (``*_us``)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import sqlalchemy as sa

from vibeworkbench.ops.issues.flapping import settled
from vibeworkbench.ops.issues.model import Issue, State, Transition
from vibeworkbench.ops.model import Filters, Period, ScanRequest, Scope, Severity
from vibeworkbench.ops.scans.model import CollectorRun, Progress, Scan, Status, Tally
from vibeworkbench.storage.records import metadata

scan = sa.Table(
    "scan",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("scan_id", sa.String(32), nullable=False, unique=True),
    sa.Column("scope", sa.String(16), nullable=False),
    sa.Column("trigger", sa.String(256), nullable=False),
    sa.Column("filters", sa.Text, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("started_at_us", sa.BigInteger, nullable=False),
    sa.Column("completed_at_us", sa.BigInteger),
    sa.Column("processed_logs", sa.BigInteger, nullable=False, default=0),
    sa.Column("findings", sa.Text, nullable=False),
    sa.Column("issues_filed", sa.Integer, nullable=False, default=0),
    sa.Column("issues_resolved", sa.Integer, nullable=False, default=0),
    sa.Column("collectors", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False, default=""),
    sa.Column("progress_processed", sa.BigInteger, nullable=False, default=0),
    sa.Column("progress_total", sa.BigInteger, nullable=False, default=0),
    sa.Column("progress_step", sa.String(256), nullable=False, default=""),
    sa.Column("owner", sa.String(256), nullable=False),
    sa.Column("beat", sa.BigInteger, nullable=False, default=0),
    sa.Index(
        "uq_scan_running_scope",
        "scope",
        unique=True,
        sqlite_where=sa.text("status = 'running'"),
        postgresql_where=sa.text("status = 'running'"),
    ),
)
"""``uq_scan_running_scope`` is the claim: of one scope at most one scan runs, over all servers of the database.
``number`` orders scans by their claims, which no clock that steps can do.
``beat`` counts the lease's renewals by ``owner``; others take an owner for dead when they see one beat for too long."""

issue = sa.Table(
    "issue",
    metadata,
    sa.Column("issue_id", sa.String(32), primary_key=True),
    sa.Column("fingerprint", sa.String(32), nullable=False, unique=True),
    sa.Column("check_id", sa.String(128), nullable=False),
    sa.Column("collector", sa.String(64), nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("target", sa.String(256), nullable=False),
    sa.Column("type", sa.String(64), nullable=False),
    sa.Column("severity", sa.SmallInteger, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("hint", sa.Text, nullable=False),
    sa.Column("evidence", sa.Text, nullable=False),
    sa.Column("resolves_by_absence", sa.Boolean, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("first_seen_at_us", sa.BigInteger, nullable=False),
    sa.Column("last_seen_at_us", sa.BigInteger, nullable=False),
    sa.Column("state_changed_at_us", sa.BigInteger, nullable=False),
    sa.Column("claimed_by", sa.String(256)),
    sa.Column("resolution", sa.Text),
    sa.Column("note", sa.Text),
    sa.Column("muted_until_us", sa.BigInteger),
    sa.Column("muted_from", sa.String(16)),
    sa.Column("flapping", sa.Boolean, nullable=False),
    sa.Column("reopened_count", sa.Integer, nullable=False),
    sa.Column("looks", sa.Integer, nullable=False),
    sa.Column("watched", sa.Boolean, nullable=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
    sa.Index("ix_issue_watched", "watched"),
    sa.Index("ix_issue_severity_first_seen_at_us_issue_id", "severity", "first_seen_at_us", "issue_id"),
)
"""``watched``: every scan must know it, being unresolved or having looks that still disagree."""

issue_event = sa.Table(
    "issue_event",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("issue_id", sa.String(32), sa.ForeignKey("issue.issue_id", ondelete="CASCADE"), nullable=False),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("came_from", sa.String(16)),
    sa.Column("to_state", sa.String(16), nullable=False),
    sa.Column("actor", sa.String(256), nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("scan_id", sa.String(32)),
    sa.Index("ix_issue_event_issue_id", "issue_id"),
)

issue_revision = sa.Table(
    "issue_revision",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("revision", sa.BigInteger, nullable=False),
)
"""One row: how many transactions have touched issues. A clock that never steps back."""

source_cursor = sa.Table(
    "source_cursor",
    metadata,
    sa.Column("collector", sa.String(64), primary_key=True),
    sa.Column("source", sa.String(512), primary_key=True),
    sa.Column("position", sa.Text, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
)

target = sa.Table(
    "target",
    metadata,
    sa.Column("target_id", sa.String(32), primary_key=True),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("name", sa.String(128), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("created_at_us", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("kind", "name"),
)

looked_target = sa.Table(
    "looked_target",
    metadata,
    sa.Column("target", sa.String(256), primary_key=True),
    sa.Column("looked_at_us", sa.BigInteger, nullable=False),
)
"""Targets that some look has covered: what was never looked at has no score."""

health_sample = sa.Table(
    "health_sample",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at_us", sa.BigInteger, nullable=False),
    sa.Column("scan_id", sa.String(32)),
    sa.Column("score", sa.SmallInteger),
    sa.Column("targets", sa.Text, nullable=False),
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_US = timedelta(microseconds=1)


def to_us(at: datetime) -> int:
    """Unix microseconds of an aware instant, exact."""
    return (at - _EPOCH) // _US


def from_us(at_us: int) -> datetime:
    """The aware UTC instant of Unix microseconds."""
    return _EPOCH + at_us * _US


def _maybe_us(at: datetime | None) -> int | None:
    return None if at is None else to_us(at)


def _maybe_from_us(at_us: int | None) -> datetime | None:
    return None if at_us is None else from_us(at_us)


def to_json(value: Any) -> str:
    """JSON text of builtins and dataclasses."""
    return msgspec.json.encode(value).decode()


def issue_row(issue_: Issue) -> dict[str, Any]:
    """The columns of an issue."""
    return {
        "issue_id": issue_.issue_id,
        "fingerprint": issue_.fingerprint,
        "check_id": issue_.check,
        "collector": issue_.collector,
        "subject": issue_.subject,
        "target": issue_.target,
        "type": issue_.type,
        "severity": int(issue_.severity),
        "title": issue_.title,
        "hint": issue_.hint,
        "evidence": to_json(issue_.evidence),
        "resolves_by_absence": issue_.resolves_by_absence,
        "state": issue_.state.value,
        "count": issue_.count,
        "first_seen_at_us": to_us(issue_.first_seen_at),
        "last_seen_at_us": to_us(issue_.last_seen_at),
        "state_changed_at_us": to_us(issue_.state_changed_at),
        "claimed_by": issue_.claimed_by,
        "resolution": issue_.resolution,
        "note": issue_.note,
        "muted_until_us": _maybe_us(issue_.muted_until),
        "muted_from": None if issue_.muted_from is None else issue_.muted_from.value,
        "flapping": issue_.flapping,
        "reopened_count": issue_.reopened_count,
        "looks": issue_.looks,
        "watched": issue_.state is not State.resolved or (issue_.resolves_by_absence and not settled(issue_.looks)),
        "revision": issue_.revision,
    }


def issue_of(row: sa.RowMapping) -> Issue:
    """The issue of a row."""
    return Issue(
        issue_id=row["issue_id"],
        fingerprint=row["fingerprint"],
        check=row["check_id"],
        collector=row["collector"],
        subject=row["subject"],
        target=row["target"],
        type=row["type"],
        severity=Severity(row["severity"]),
        title=row["title"],
        hint=row["hint"],
        evidence=msgspec.json.decode(row["evidence"]),
        resolves_by_absence=row["resolves_by_absence"],
        state=State(row["state"]),
        count=row["count"],
        first_seen_at=from_us(row["first_seen_at_us"]),
        last_seen_at=from_us(row["last_seen_at_us"]),
        state_changed_at=from_us(row["state_changed_at_us"]),
        claimed_by=row["claimed_by"],
        resolution=row["resolution"],
        note=row["note"],
        muted_until=_maybe_from_us(row["muted_until_us"]),
        muted_from=None if row["muted_from"] is None else State(row["muted_from"]),
        flapping=row["flapping"],
        reopened_count=row["reopened_count"],
        looks=row["looks"],
        revision=row["revision"],
    )


def event_row(issue_id: str, transition: Transition, scan_id: str | None) -> dict[str, Any]:
    """The columns of one line of an issue's history."""
    return {
        "issue_id": issue_id,
        "at_us": to_us(transition.at),
        "came_from": None if transition.came_from is None else transition.came_from.value,
        "to_state": transition.to.value,
        "actor": transition.actor,
        "note": transition.note,
        "scan_id": scan_id,
    }


def transition_of(row: sa.RowMapping) -> Transition:
    """One line of an issue's history."""
    came_from = None if row["came_from"] is None else State(row["came_from"])
    return Transition(from_us(row["at_us"]), came_from, State(row["to_state"]), row["actor"], row["note"])


def scan_row(scan_: Scan) -> dict[str, Any]:
    """The columns of a scan, without those of its owner."""
    return {
        "scan_id": scan_.scan_id,
        "scope": scan_.request.scope.value,
        "trigger": scan_.request.trigger,
        "filters": to_json(filters_json(scan_.request.filters)),
        "status": scan_.status.value,
        "started_at_us": to_us(scan_.started_at),
        "completed_at_us": _maybe_us(scan_.completed_at),
        "processed_logs": scan_.processed_logs,
        "findings": to_json(scan_.findings),
        "issues_filed": scan_.issues_filed,
        "issues_resolved": scan_.issues_resolved,
        "collectors": to_json(scan_.collectors),
        "reason": scan_.reason,
        "progress_processed": scan_.progress.processed,
        "progress_total": scan_.progress.total,
        "progress_step": scan_.progress.step,
    }


def scan_of(row: sa.RowMapping) -> Scan:
    """The scan of a row."""
    filters = _filters_of(msgspec.json.decode(row["filters"]))
    return Scan(
        scan_id=row["scan_id"],
        request=ScanRequest(Scope(row["scope"]), row["trigger"], filters),
        status=Status(row["status"]),
        started_at=from_us(row["started_at_us"]),
        completed_at=_maybe_from_us(row["completed_at_us"]),
        processed_logs=row["processed_logs"],
        findings=msgspec.json.decode(row["findings"], type=Tally),
        issues_filed=row["issues_filed"],
        issues_resolved=row["issues_resolved"],
        collectors=msgspec.json.decode(row["collectors"], type=tuple[CollectorRun, ...]),
        reason=row["reason"],
        progress=Progress(row["progress_processed"], row["progress_total"], row["progress_step"]),
    )


def filters_json(filters: Filters) -> dict[str, Any]:
    """The filters as REST spells them, without those that limit nothing."""
    said: dict[str, Any] = {
        "source": sorted(filters.sources),
        "severity": [severity.name for severity in sorted(filters.severities)],
        "type": sorted(filters.types),
        "timeRange": filters.period and {"start": filters.period.start, "end": filters.period.end},
    }
    return {name: value for name, value in said.items() if value}


def _filters_of(said: Mapping[str, Any]) -> Filters:
    times = said.get("timeRange")
    return Filters(
        sources=frozenset(said.get("source", ())),
        severities=frozenset(Severity[name] for name in said.get("severity", ())),
        types=frozenset(said.get("type", ())),
        period=Period(datetime.fromisoformat(times["start"]), datetime.fromisoformat(times["end"])) if times else None,
    )
