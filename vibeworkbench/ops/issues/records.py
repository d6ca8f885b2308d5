"""Issues at rest: what a scan must know, what a person does, what is stored and said of each change.

Whoever touches issues first draws the next revision, whose row lock makes such transactions follow each other on every
database.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from vibeworkbench.errors import NotFound
from vibeworkbench.ops.issues.model import Change, Issue, State, Transition, Wish, acted, retired
from vibeworkbench.ops.issues.reconcile import Evidence, Rules, reconcile
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
from vibeworkbench.ops.room import say
from vibeworkbench.ops.wire.issues import issue_said
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
    [after] = store(transaction, [change], revision, None)
    return after, history_of(connection, issue_id)


def retire(transaction: Transaction, target: str, actor: str, reason: str, now: datetime) -> None:
    """The unresolved issues of a target are resolved, because nobody looks at it any more."""
    connection = transaction.connection
    revision = next_revision(connection)
    mine = (issue.c.target == target) & (issue.c.state != State.resolved.value)
    rows = connection.execute(sa.select(issue).where(mine)).mappings().all()
    store(transaction, [retired(issue_of(row), now, actor, reason) for row in rows], revision, None)
    connection.execute(sa.delete(looked_target).where(looked_target.c.target == target))


def expire_mutes(transaction: Transaction, rules: Rules, now: datetime) -> None:
    """Issues whose mute is over are back in the state they had, or resolved when the last look no longer found them."""
    connection = transaction.connection
    revision = next_revision(connection)
    rows = connection.execute(sa.select(issue).where(mute_is_over(now))).mappings().all()
    nothing = Evidence(findings=(), looks={}, judged=frozenset(), revision=revision, targets={})
    store(transaction, reconcile(nothing, [issue_of(row) for row in rows], rules, now), revision, None)


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


def store(transaction: Transaction, changes: Iterable[Change], revision: int, scan_id: str | None) -> list[Issue]:
    """The changes are stored, with their lines of history, and the ops room hears of these; the issues as stored."""
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
