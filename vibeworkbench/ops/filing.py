"""The one transaction that ends a scan: cursors, issues and their history, health, the scan itself, what rooms hear.

A person's action on an issue takes the same way. Whoever touches issues first draws the next revision, whose row lock
makes such transactions follow each other on every database.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from vibeworkbench.errors import NotFound
from vibeworkbench.ops.books import Books, balance, remember_looks
from vibeworkbench.ops.claims import finish, say
from vibeworkbench.ops.cursors import Cursors, move_cursors
from vibeworkbench.ops.issues import Change, Issue, State, Transition, Wish, acted, retired
from vibeworkbench.ops.reconcile import Evidence, Rules, reconcile
from vibeworkbench.ops.records import (
    event_row,
    issue,
    issue_event,
    issue_of,
    issue_revision,
    issue_row,
    looked_target,
    to_us,
    transition_of,
)
from vibeworkbench.ops.retiring import Roster, retirements
from vibeworkbench.ops.scans import Scan
from vibeworkbench.ops.wire import issue_said
from vibeworkbench.storage.dialects import insert_or_ignore
from vibeworkbench.storage.records import Transaction

_AT_ONCE = 500
"""Values in one ``IN``, well below every database's limit of parameters."""

HISTORY_LINES = 500
"""Most lines of an issue's history in an answer."""

_UPDATE_ISSUE = (
    sa.update(issue)
    .where(issue.c.issue_id == sa.bindparam("this_issue_id"))
    .values({column.name: sa.bindparam(column.name) for column in issue.columns if column.name != "issue_id"})
)


@dataclass(frozen=True, slots=True)
class Filing:
    """All that a scan wants to store.

    Attributes:
        scan: The scan, ended.
        owner: Who must still own it.
        evidence: What it found; which records count is decided in the transaction.
        cursors: The cursors that it started from.
        looked: Targets that it has covered.
        targets: Every target that there is.
        roster: Who looks and judges, when it was a full scan of all sources: issues that nobody looks at are retired.
    """

    scan: Scan
    owner: str
    evidence: Evidence
    cursors: Cursors
    looked: frozenset[str]
    targets: frozenset[str]
    roster: Roster | None


def file_scan(transaction: Transaction, filing: Filing, rules: Rules, now: datetime) -> tuple[Scan, Books]:
    """The scan has ended, and with it everything that it found is stored and said, or nothing is.

    Raises:
        Conflict: Another server took this scan's owner for dead.
    """
    connection = transaction.connection
    revision = next_revision(connection)
    evidence = replace(filing.evidence, uncounted=_uncounted(connection, filing))
    found = {finding.fingerprint for finding in evidence.findings}
    known = known_issues(connection, found)
    changes = [*reconcile(evidence, known, rules, now)]
    touched = {change.after.issue_id for change in changes}
    others = [each for each in known if each.issue_id not in touched and each.fingerprint not in found]
    changes += retirements(others, evidence.looks, roster=filing.roster, targets=filing.targets, now=now)
    _store(transaction, changes, revision, filing.scan.scan_id)
    remember_looks(connection, filing.looked, filing.targets, now)
    books = balance(transaction, filing.targets, now, scan_id=filing.scan.scan_id)
    ended = replace(filing.scan, issues_filed=_count_filed(changes), issues_resolved=_count_resolved(changes))
    finish(transaction, ended, filing.owner)
    return ended, books


def act(transaction: Transaction, issue_id: str, wish: Wish, now: datetime) -> tuple[Issue, list[Transition]]:
    """The issue is as a person wished, with its line of history.

    Raises:
        NotFound: There is no such issue.
        InvalidInput: The wish lacks something.
        Conflict: The issue's state does not allow it.
    """
    connection = transaction.connection
    revision = next_revision(connection)
    row = connection.execute(sa.select(issue).where(issue.c.issue_id == issue_id)).mappings().one_or_none()
    if row is None:
        raise NotFound("there is no such issue", issueId=issue_id)
    change = acted(issue_of(row), wish, now)
    [after] = _store(transaction, [change], revision, None)
    return after, history_of(connection, issue_id)


def retire(transaction: Transaction, target: str, actor: str, reason: str, now: datetime) -> None:
    """The unresolved issues of a target are resolved, because nobody looks at it any more."""
    connection = transaction.connection
    revision = next_revision(connection)
    mine = (issue.c.target == target) & (issue.c.state != State.resolved.value)
    rows = connection.execute(sa.select(issue).where(mine)).mappings().all()
    _store(transaction, [retired(issue_of(row), now, actor, reason) for row in rows], revision, None)
    connection.execute(sa.delete(looked_target).where(looked_target.c.target == target))


def expire_mutes(transaction: Transaction, rules: Rules, now: datetime) -> None:
    """Issues whose mute is over are back in the state they had, or resolved when the last look no longer found them."""
    connection = transaction.connection
    revision = next_revision(connection)
    rows = connection.execute(sa.select(issue).where(mute_is_over(now))).mappings().all()
    nothing = Evidence(findings=(), looks={}, judged=frozenset(), revision=revision, targets={})
    _store(transaction, reconcile(nothing, [issue_of(row) for row in rows], rules, now), revision, None)


def mute_is_over(now: datetime) -> sa.ColumnElement[bool]:
    """The condition on issues that are muted although their time is over."""
    return (issue.c.state == State.muted.value) & (issue.c.muted_until_us <= to_us(now))


def next_revision(connection: sa.Connection) -> int:
    """The number of this transaction among those that touch issues; others wait for its end."""
    step = sa.update(issue_revision).values(revision=issue_revision.c.revision + 1).returning(issue_revision.c.revision)
    drawn = connection.execute(step).scalar_one_or_none()
    if drawn is None:
        insert_or_ignore(connection, issue_revision, {"id": 1, "revision": 0})
        drawn = connection.execute(step).scalar_one()
    return int(drawn)


def known_issues(connection: sa.Connection, fingerprints: Collection[str]) -> list[Issue]:
    """Every issue that a scan must know: the watched ones and those of these fingerprints."""
    rows = {
        row["issue_id"]: row for row in connection.execute(sa.select(issue).where(issue.c.watched)).mappings().all()
    }
    wanted = sorted(fingerprints)
    for start in range(0, len(wanted), _AT_ONCE):
        some = issue.c.fingerprint.in_(wanted[start : start + _AT_ONCE])
        rows |= {row["issue_id"]: row for row in connection.execute(sa.select(issue).where(some)).mappings().all()}
    return [issue_of(row) for row in rows.values()]


def history_of(connection: sa.Connection, issue_id: str) -> list[Transition]:
    """What became of an issue, oldest first: its newest lines."""
    lines = sa.select(issue_event).where(issue_event.c.issue_id == issue_id).order_by(issue_event.c.id.desc())
    newest = connection.execute(lines.limit(HISTORY_LINES)).mappings().all()
    return [transition_of(row) for row in reversed(newest)]


def _store(transaction: Transaction, changes: Iterable[Change], revision: int, scan_id: str | None) -> list[Issue]:
    stamped = [replace(change, after=replace(change.after, revision=revision)) for change in changes]
    new = [issue_row(change.after) for change in stamped if change.before is None]
    known = [issue_row(change.after) for change in stamped if change.before is not None]
    if new:
        transaction.connection.execute(sa.insert(issue), new)
    if known:
        moved = [{**row, "this_issue_id": row.pop("issue_id")} for row in known]
        transaction.connection.execute(_UPDATE_ISSUE, moved)
    lines = [(change.after, change.transition) for change in stamped if change.transition is not None]
    if lines:
        transaction.connection.execute(
            sa.insert(issue_event), [event_row(after.issue_id, line, scan_id) for after, line in lines]
        )
    for after, line in lines:
        say(transaction, "issue", issue_said(after, line), line.at)
    return [change.after for change in stamped]


def _uncounted(connection: sa.Connection, filing: Filing) -> frozenset[str]:
    """Collectors whose records a later scan counts, because their cursors stay: all of a scan with a time range."""
    looks = filing.evidence.looks.values()
    if filing.scan.request.filters.period is not None:
        return frozenset(look.collector for look in looks if look.cursors)
    return move_cursors(connection, looks, filing.cursors)


def _count_filed(changes: Iterable[Change]) -> int:
    return sum(
        change.before is None or (change.before.state is State.resolved and change.after.state is not State.resolved)
        for change in changes
    )


def _count_resolved(changes: Iterable[Change]) -> int:
    return sum(
        change.before is not None and change.before.state is not State.resolved and change.after.state is State.resolved
        for change in changes
    )
