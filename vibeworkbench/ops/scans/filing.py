"""The one transaction that ends a scan: cursors, issues and their history, health, the scan itself, what rooms hear."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

import sqlalchemy as sa

from vibeworkbench.ops.issues.books import Books, balance, remember_looks
from vibeworkbench.ops.issues.model import Change, State
from vibeworkbench.ops.issues.reconcile import Evidence, Rules, reconcile
from vibeworkbench.ops.issues.records import known_issues, store
from vibeworkbench.ops.issues.retiring import Roster, retirements
from vibeworkbench.ops.scans.claims import finish
from vibeworkbench.ops.scans.cursors import Cursors, forget_strangers, move_cursors
from vibeworkbench.ops.scans.model import Scan
from vibeworkbench.storage.records import Transaction


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
        roster: Who looks and judges, when it was a full scan of all sources: issues that nobody looks at are retired,
            cursors of targets that are gone are forgotten.
    """

    scan: Scan
    owner: str
    evidence: Evidence
    cursors: Cursors
    looked: frozenset[str]
    targets: frozenset[str]
    roster: Roster | None


def file_scan(
    transaction: Transaction, filing: Filing, revision: int, rules: Rules, now: datetime
) -> tuple[Scan, Books]:
    """The scan has ended, and with it everything that it found is stored and said, or nothing is.

    Args:
        transaction: The transaction under way.
        filing: What is to be stored.
        revision: The transaction's own, drawn before it read anything that others may change.
        rules: Settings of the life cycle.
        now: The present instant, aware UTC.

    Raises:
        Conflict: Another server took this scan's owner for dead.
    """
    connection = transaction.connection
    evidence = replace(filing.evidence, uncounted=_uncounted(connection, filing, revision))
    found = {finding.fingerprint for finding in evidence.findings}
    known = known_issues(connection, found)
    changes = [*reconcile(evidence, known, rules, now)]
    touched = {change.after.issue_id for change in changes}
    others = [each for each in known if each.issue_id not in touched and each.fingerprint not in found]
    changes += retirements(others, evidence.looks, roster=filing.roster, targets=filing.targets, now=now)
    store(transaction, changes, revision, filing.scan.scan_id)
    remember_looks(connection, filing.looked, filing.targets, now)
    if filing.roster is not None:
        forget_strangers(connection, filing.targets)
    books = balance(transaction, filing.targets, now, scan_id=filing.scan.scan_id)
    ended = replace(filing.scan, issues_filed=_count_filed(changes), issues_resolved=_count_resolved(changes))
    finish(transaction, ended, filing.owner)
    return ended, books


def _uncounted(connection: sa.Connection, filing: Filing, revision: int) -> frozenset[str]:
    """Collectors whose records a later scan counts, because their cursors stay: all of a scan with a time range."""
    looks = filing.evidence.looks.values()
    if filing.scan.request.filters.period is not None:
        return frozenset(look.collector for look in looks if look.cursors)
    return move_cursors(connection, looks, filing.cursors, revision)


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
