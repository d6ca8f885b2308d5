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
        keep_scans: Finished scans beyond this number go, with the health samples of their time.
        resolved_before: Issues resolved before this instant go, with their history, and of the others what became of
            them before it; that they were filed stays.
    """
    connection = transaction.connection
    newest = sa.select(scan.c.started_at_us).where(scan.c.status != Status.running.value)
    oldest_kept_us = connection.execute(
        newest.order_by(scan.c.started_at_us.desc()).offset(keep_scans - 1).limit(1)
    ).scalar_one_or_none()
    if oldest_kept_us is not None:
        over = (scan.c.status != Status.running.value) & (scan.c.started_at_us < oldest_kept_us)
        connection.execute(sa.delete(scan).where(over))
        connection.execute(sa.delete(health_sample).where(health_sample.c.at_us < oldest_kept_us))
    old = (issue.c.state == State.resolved.value) & (issue.c.state_changed_at_us < to_us(resolved_before))
    connection.execute(sa.delete(issue).where(old))
    past = (issue_event.c.at_us < to_us(resolved_before)) & issue_event.c.came_from.is_not(None)
    connection.execute(sa.delete(issue_event).where(past))
