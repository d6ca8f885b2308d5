"""The straight line of one scan, from the claim to the commit.

    1 claimed (service) → 2 collectors look → 3 checks judge → 4 and 5 findings are reconciled and filed → 6 to 8 rooms

No step knows who asked for the scan.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import sqlalchemy as sa
from prometheus_client import CollectorRegistry

from vibeworkbench.ops.checks import GROUP as CHECKS_GROUP
from vibeworkbench.ops.checks import CheckContext
from vibeworkbench.ops.checks.scan import COLLECTOR as SELF
from vibeworkbench.ops.checks.scan import CRASHED_ID, scan_look
from vibeworkbench.ops.collectors import GROUP as COLLECTORS_GROUP
from vibeworkbench.ops.collectors import LookOrder
from vibeworkbench.ops.health import target_of
from vibeworkbench.ops.issues.books import Books
from vibeworkbench.ops.issues.model import State
from vibeworkbench.ops.issues.reconcile import Evidence, rules_of
from vibeworkbench.ops.issues.records import next_revision
from vibeworkbench.ops.issues.retiring import Roster
from vibeworkbench.ops.model import Look, LookState, Scope, Snapshot, subject_of
from vibeworkbench.ops.records import issue
from vibeworkbench.ops.scans.cursors import Cursors, first_read, read_cursors
from vibeworkbench.ops.scans.filing import Filing, file_scan
from vibeworkbench.ops.scans.judging import Judgement, Judges
from vibeworkbench.ops.scans.looking import Errand, Looking, Lookout, covers_target
from vibeworkbench.ops.scans.model import Scan, Status, processed_logs, reported, run_of, tally
from vibeworkbench.ops.scans.progress import ProgressReport
from vibeworkbench.ops.scans.threads import started
from vibeworkbench.plugins import PluginFailure
from vibeworkbench.settings import OpsSettings
from vibeworkbench.storage.records import Database, Transaction

_JUDGING_SHARE = 0.1
"""Share of a scan's limit that is kept for its checks."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Site:
    """Where ops stands.

    Attributes:
        server: Facts about the Jupyter server, for collectors.
        registry: Where its metrics go.
        clock: The present instant, aware UTC.
    """

    server: Mapping[str, Any] = field(default_factory=dict)
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    clock: Callable[[], datetime] = _utc_now


@dataclass(frozen=True, slots=True)
class Crew:
    """Who looks and who judges, and the plugins that could not be loaded."""

    lookout: Lookout
    judges: Judges
    failures: tuple[PluginFailure, ...]


@dataclass(frozen=True, slots=True)
class Start:
    """What a scan starts from.

    Attributes:
        scan: The claimed scan.
        owner: Who claimed it.
        revision: The issues' revision at the claim.
        errands: Which collector looks at which targets.
        targets: Everything that has a health: targets, and collectors that look without.
    """

    scan: Scan
    owner: str
    revision: int
    errands: tuple[Errand, ...]
    targets: frozenset[str]


@dataclass(frozen=True, slots=True)
class Line:
    """Carries scans out, with one crew, one database and one set of settings."""

    database: Database
    crew: Crew
    settings: OpsSettings
    site: Site
    targets: Callable[[sa.Connection], frozenset[str]]
    """Everything that has a health at this moment."""

    async def carry_out(self, start: Start, report: ProgressReport) -> tuple[Scan, Books]:
        """The scan has completed: it is filed, and the rooms hear it.

        Raises:
            Unavailable: The storage cannot be used; nothing was filed.
            Conflict: Another server took this one for dead; nothing was filed.
        """
        until = time.monotonic() + self.settings.scan_limit_s
        cursors, active = await self.database.read(lambda connection: (read_cursors(connection), _active(connection)))
        snapshot = await self._snapshot(start, cursors, until, report)
        report.step("judging")
        judgement = await self.crew.judges.judge(snapshot, CheckContext(self.settings, active), until)
        report.step("filing")
        future, _ = started(partial(self._filing, start, cursors, snapshot, judgement), "vw-filing")
        filing = await future
        await report.end()
        return await self.database.write(partial(self._file, filing))

    async def _snapshot(self, start: Start, cursors: Cursors, until: float, report: ProgressReport) -> Snapshot:
        report.begin([errand.collector.name for errand in start.errands if not errand.skipped])
        order = LookOrder(
            scope=start.scan.request.scope,
            targets=(),
            cursors={},
            settings=self.settings,
            started_at=start.scan.started_at,
            deadline_s=self.settings.scan_limit_s,
            server=self.site.server,
        )
        looking = Looking(
            order=order,
            cursors=_by_collector(cursors),
            until=until - self.settings.scan_limit_s * _JUDGING_SHARE,
            progress=report.report,
            ended=lambda look: report.ended(look.collector),
        )
        looks = await self.crew.lookout.looks(start.errands, looking)
        snapshot = Snapshot(start.scan.request.scope, start.scan.started_at, looks)
        return replace(snapshot, looks=(*looks, self._self_look(snapshot)))

    def _self_look(self, snapshot: Snapshot) -> Look:
        judging = self.crew.judges.present((*snapshot.looks, Look(SELF, LookState.ok)))
        return scan_look(
            snapshot.looks,
            taken_at=snapshot.taken_at,
            check_ids=[check.id for check in judging],
            failures=self.crew.failures,
            disabled=(*self.settings.disabled_collectors, *self.settings.disabled_checks),
        )

    def _filing(self, start: Start, cursors: Cursors, snapshot: Snapshot, judgement: Judgement) -> Filing:
        request = start.scan.request
        looks = [look for look in snapshot.looks if look.collector != SELF]
        parts = {finding.subject: target_of(finding.subject, "", start.targets) for finding in judgement.findings}
        evidence = Evidence(
            findings=judgement.findings,
            looks={look.collector: look for look in snapshot.looks},
            judged=judgement.judged | {CRASHED_ID},
            revision=start.revision,
            targets={subject: target for subject, target in parts.items() if target},
            first_read=first_read(looks, cursors, start.targets),
        )
        ended = replace(
            start.scan,
            status=Status.completed,
            processed_logs=processed_logs(looks),
            findings=tally(reported(judgement.findings, request.filters, snapshot.taken_at)),
            collectors=tuple(run_of(look) for look in looks),
        )
        looked = {name for look in looks for name in _looked_at(look, start.errands)}
        roster = _roster(start, self.crew) if request.scope is Scope.full and not request.filters.sources else None
        return Filing(ended, start.owner, evidence, cursors, frozenset(looked), start.targets, roster)

    def _file(self, filing: Filing, transaction: Transaction) -> tuple[Scan, Books]:
        revision = next_revision(transaction.connection)  # first: targets that are removed meanwhile wait for it
        now = self.site.clock()
        ended = replace(filing.scan, completed_at=max(now, filing.scan.started_at))
        present = self.targets(transaction.connection)
        evidence = _of_present(filing.evidence, filing.targets - present)
        filing = replace(filing, scan=ended, evidence=evidence, looked=filing.looked & present, targets=present)
        return file_scan(transaction, filing, revision, rules_of(self.settings), now)


def _roster(start: Start, crew: Crew) -> Roster:
    """Who looks and judges; of a group with plugins that could not be loaded nobody can say who is missing."""
    failed = {failure.group for failure in crew.failures}
    collectors = {SELF, *(errand.collector.name for errand in start.errands)}
    checks = {CRASHED_ID, *(check.id for check in crew.judges.checks)}
    return Roster(
        collectors=None if COLLECTORS_GROUP in failed else collectors,
        idle={errand.collector.name for errand in start.errands if errand.collector.kinds and not errand.targets},
        checks=None if CHECKS_GROUP in failed else checks,
    )


def _of_present(evidence: Evidence, gone: frozenset[str]) -> Evidence:
    """The evidence without findings about targets that were removed while the scan looked, and their cursors."""
    left = [finding for finding in evidence.findings if evidence.targets.get(finding.subject) not in gone]
    looks = {name: replace(look, cursors=_without(look.cursors, gone)) for name, look in evidence.looks.items()}
    return replace(evidence, findings=left, looks=looks)


def _without(cursors: Mapping[str, Mapping[str, Any]], gone: frozenset[str]) -> dict[str, Mapping[str, Any]]:
    return {source: position for source, position in cursors.items() if not target_of(source, "", gone)}


def _active(connection: sa.Connection) -> frozenset[str]:
    unresolved = sa.select(issue.c.fingerprint).where(issue.c.state != State.resolved.value)
    return frozenset(connection.execute(unresolved).scalars())


def _by_collector(cursors: Cursors) -> dict[str, dict[str, Mapping[str, Any]]]:
    by_collector: dict[str, dict[str, Mapping[str, Any]]] = {}
    for (collector, source), cursor in cursors.items():
        by_collector.setdefault(collector, {})[source] = cursor.position
    return by_collector


def _looked_at(look: Look, errands: tuple[Errand, ...]) -> list[str]:
    """What has a health and was covered by this look: its collector's targets, or the collector itself."""
    errand = next(each for each in errands if each.collector.name == look.collector)
    if errand.collector.kinds:
        return [name for name in map(subject_of, errand.targets) if covers_target(look, name)]
    return [look.collector] if look.state in (LookState.ok, LookState.partial) else []
