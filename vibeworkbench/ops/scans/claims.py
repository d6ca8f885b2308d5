"""Who may scan: claims, beats and ends of scans, each in one transaction with what the ops room hears of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from vibeworkbench.errors import Conflict
from vibeworkbench.ops.model import Scope
from vibeworkbench.ops.records import issue_revision, scan, scan_of, scan_row
from vibeworkbench.ops.room import say
from vibeworkbench.ops.scans.model import Progress, Scan, Status
from vibeworkbench.ops.wire.scans import scan_body
from vibeworkbench.storage.dialects import insert_or_ignore
from vibeworkbench.storage.records import Transaction

IsDead = Callable[[str, str, int], bool]
"""Whether the owner of a running scan (scan id, owner, beat) will never finish it."""

_RUNNING = scan.c.status == Status.running.value


def claim(transaction: Transaction, wanted: Scan, owner: str, is_dead: IsDead) -> int:
    """The scan runs, owned by ``owner``; scans of that scope whose owner is dead have failed.

    Returns:
        The issues' revision at the start.

    Raises:
        Conflict: A scan of that scope runs; ``scanId`` says which.
    """
    connection = transaction.connection
    fail_dead(transaction, wanted.started_at, is_dead, wanted.request.scope)
    while not insert_or_ignore(connection, scan, scan_row(wanted) | {"owner": owner, "beat": 0}):
        here = _RUNNING & (scan.c.scope == wanted.request.scope.value)
        running = connection.execute(sa.select(scan.c.scan_id, scan.c.trigger).where(here)).one_or_none()
        if running is None:
            continue  # another server's, which has ended between these two statements
        raise Conflict(
            f"a scan of scope {wanted.request.scope.value} is running",
            scanId=running.scan_id,
            scope=wanted.request.scope.value,
            trigger=running.trigger,
        )
    say(transaction, "scan-start", started(wanted), wanted.started_at)
    return connection.execute(sa.select(issue_revision.c.revision)).scalar() or 0


def started(wanted: Scan) -> dict[str, str]:
    """What ``scan-start`` says."""
    request = wanted.request
    return {"scanId": wanted.scan_id, "scope": request.scope.value, "trigger": request.trigger}


def advance(transaction: Transaction, scan_id: str, progress: Progress, at: datetime) -> None:
    """The running scan has come this far, which renews its lease; one that no longer runs is left alone."""
    step = (
        sa.update(scan)
        .where(_RUNNING & (scan.c.scan_id == scan_id))
        .values(
            progress_processed=progress.processed,
            progress_total=progress.total,
            progress_step=progress.step[:256],
            beat=scan.c.beat + 1,
        )
    )
    if transaction.connection.execute(step).rowcount == 1:
        counted = {"processed": progress.processed, "total": progress.total}
        data = {"scanId": scan_id, "progress": counted, "step": progress.step}
        say(transaction, "scan-progress", data, at)


def beat(transaction: Transaction, owner: str) -> None:
    """The leases of every running scan of ``owner`` are renewed."""
    mine = _RUNNING & (scan.c.owner == owner)
    transaction.connection.execute(sa.update(scan).where(mine).values(beat=scan.c.beat + 1))


def finish(transaction: Transaction, ended: Scan, owner: str) -> None:
    """The running scan of ``owner`` has ended as ``ended`` says, and the ops room hears it.

    Raises:
        Conflict: It no longer runs: another server took its owner for dead.
    """
    mine = _RUNNING & (scan.c.scan_id == ended.scan_id) & (scan.c.owner == owner)
    if transaction.connection.execute(sa.update(scan).where(mine).values(**scan_row(ended))).rowcount != 1:
        raise Conflict("the scan was taken for dead by another server", scanId=ended.scan_id)
    say(transaction, "scan-result", scan_body(ended), ended.completed_at or ended.started_at)


def record_failure(transaction: Transaction, failed: Scan, owner: str) -> Scan:
    """The failed scan stands in the records, also when even its claim could not be stored; the ops room hears it.

    Returns:
        The scan as it is recorded: as it ended, if it had ended before.
    """
    connection = transaction.connection
    wanted = sa.select(scan).where(scan.c.scan_id == failed.scan_id)
    row = connection.execute(wanted).mappings().one_or_none()
    if row is None:
        connection.execute(sa.insert(scan).values(**scan_row(failed), owner=owner, beat=0))
        say(transaction, "scan-result", scan_body(failed), failed.completed_at or failed.started_at)
        return failed
    if _fail(transaction, replace(failed, progress=scan_of(row).progress)):
        return failed
    return scan_of(connection.execute(wanted).mappings().one())


def fail_dead(transaction: Transaction, now: datetime, is_dead: IsDead, scope: Scope | None = None) -> list[str]:
    """Every running scan (of a scope) whose owner is dead has failed, and the ops room hears it.

    Returns:
        The ids of the scans that still run.
    """
    wanted = _RUNNING if scope is None else _RUNNING & (scan.c.scope == scope.value)
    alive = []
    for row in transaction.connection.execute(sa.select(scan).where(wanted)).mappings().all():
        left = scan_of(row)
        if is_dead(left.scan_id, row["owner"], row["beat"]):
            ended_at = max(now, left.started_at)
            reason = "the server that ran it ended in mid-scan"
            _fail(transaction, replace(left, status=Status.failed, completed_at=ended_at, reason=reason))
        else:
            alive.append(left.scan_id)
    return alive


def _fail(transaction: Transaction, failed: Scan) -> bool:
    """The scan has failed, and the ops room hears it; false when it had ended, be it in this very moment."""
    still = _RUNNING & (scan.c.scan_id == failed.scan_id)
    if transaction.connection.execute(sa.update(scan).where(still).values(**scan_row(failed))).rowcount != 1:
        return False
    say(transaction, "scan-result", scan_body(failed), failed.completed_at or failed.started_at)
    return True
