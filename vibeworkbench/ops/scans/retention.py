"""What is old enough to forget."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from vibeworkbench.ops.issues.model import State
from vibeworkbench.ops.records import health_sample, issue, issue_event, scan, to_us
from vibeworkbench.ops.scans.model import Status
from vibeworkbench.storage.records import Transaction


def forget(transaction: Transaction, keep_scans: int, resolved_before: datetime) -> None:
    """What is old is forgotten.

    Args:
        transaction: The transaction under way.
        keep_scans: So many finished scans stay, those that were claimed last. The others go, with the health samples
            that are older than every sample of a scan that stays.
        resolved_before: Issues resolved before this instant go, with their history, and of the others what became of
            them before it; that they were filed stays.
    """
    connection = transaction.connection
    _forget_scans(connection, keep_scans)
    old = (issue.c.state == State.resolved.value) & (issue.c.state_changed_at_us < to_us(resolved_before))
    connection.execute(sa.delete(issue).where(old))
    past = (issue_event.c.at_us < to_us(resolved_before)) & issue_event.c.came_from.is_not(None)
    connection.execute(sa.delete(issue_event).where(past))


def _forget_scans(connection: sa.Connection, keep_scans: int) -> None:
    ended = scan.c.status != Status.running.value
    newest = sa.select(scan.c.number).where(ended).order_by(scan.c.number.desc())
    oldest_kept = connection.execute(newest.offset(keep_scans - 1).limit(1)).scalar_one_or_none()
    if oldest_kept is None:
        return
    if connection.execute(sa.delete(scan).where(ended & (scan.c.number < oldest_kept))).rowcount:
        of_kept = health_sample.c.scan_id.in_(sa.select(scan.c.scan_id))
        first_kept = sa.select(sa.func.min(health_sample.c.id)).where(of_kept).scalar_subquery()
        connection.execute(sa.delete(health_sample).where(health_sample.c.id < first_kept))
