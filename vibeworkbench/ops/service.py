"""Ops: scans, issues, targets and health. REST and schedules come in here; nobody else touches its tables.

The straight line of a scan is told in :mod:`vibeworkbench.ops.scans.line`. What can go wrong with it ends here: a scan
that was claimed ends ``completed`` or ``failed``, and the ops room hears it, whatever happens to storage or server.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from vibeworkbench.errors import Conflict, InvalidInput, NotFound, Unavailable, UpstreamFailed, WorkbenchError
from vibeworkbench.ops import queries
from vibeworkbench.ops.checks import Checks
from vibeworkbench.ops.collectors import Collectors
from vibeworkbench.ops.issues.books import Books, balance, issue_counts, present_health
from vibeworkbench.ops.issues.model import Wish
from vibeworkbench.ops.issues.records import act
from vibeworkbench.ops.metrics import OpsMetrics
from vibeworkbench.ops.model import ScanRequest, subject_of
from vibeworkbench.ops.records import scan as scan_table
from vibeworkbench.ops.records import scan_of
from vibeworkbench.ops.room import PARTY, ROOM
from vibeworkbench.ops.scans.claims import advance, claim, record_failure
from vibeworkbench.ops.scans.judging import Judges
from vibeworkbench.ops.scans.keeper import Keeper
from vibeworkbench.ops.scans.line import Crew, Line, Site, Start
from vibeworkbench.ops.scans.looking import Lookout, errands
from vibeworkbench.ops.scans.model import Progress, Scan, Status
from vibeworkbench.ops.scans.progress import ProgressReport
from vibeworkbench.ops.scans.threads import LooseThreads
from vibeworkbench.ops.targets import KnownTarget, TargetRegister, active, from_settings
from vibeworkbench.ops.wire.health import HealthBody
from vibeworkbench.ops.wire.issues import IssueList, IssueQuery, IssueWithHistory, SummaryBody, issue_with_history
from vibeworkbench.ops.wire.scans import ScanBody, ScanList, ScanQuery, scan_body
from vibeworkbench.rooms.service import Rooms
from vibeworkbench.settings import OpsSettings, Target
from vibeworkbench.storage.records import Database, Transaction

log = logging.getLogger(__name__)

T = TypeVar("T")


class Ops:
    """Runs scans and keeps what they found.

    Args:
        database: The state.
        rooms: Who is told at once when storage cannot be used; everything else reaches rooms through the event log.
        collectors: Who looks.
        checks: Who judges.
        settings: Limits, thresholds, targets.
        site: The Jupyter server's facts, the metrics' registry, and the clock.

    Raises:
        InvalidInput: A target of the settings cannot be meant.
    """

    def __init__(
        self,
        *,
        database: Database,
        rooms: Rooms,
        collectors: Collectors,
        checks: Checks,
        settings: OpsSettings,
        site: Site,
    ) -> None:
        crew = Crew(Lookout(), Judges(checks.checks), (*collectors.failures, *checks.failures))
        self._database = database
        self._rooms = rooms
        self._collectors = collectors.collectors
        self._line = Line(database, crew, settings, site, self._healthy_names)
        self._register = TargetRegister(from_settings(settings.targets))
        self._metrics = OpsMetrics(site.registry)
        self._keeper = Keeper(database, settings, site.clock, self._healthy_names, self._metrics.balanced)
        self._clock = site.clock
        self._running: dict[str, asyncio.Task[Scan]] = {}
        self._beginning: set[asyncio.Task[Scan]] = set()
        self._stopping = False

    async def start(self) -> None:
        """Scans that a killed server left behind have failed, and new ones can be started.

        From here on the loop's default executor is one that no call which hangs can exhaust, or keep from its end.
        """
        self._stopping = False
        asyncio.get_running_loop().set_default_executor(LooseThreads())
        await self._keeper.start()
        self._metrics.balanced(await self._database.read(self._books))

    async def stop(self) -> None:
        """No scan runs: those under way are cancelled and recorded as failed, or will be at the next start."""
        self._stopping = True
        if self._beginning:
            await asyncio.wait(self._beginning)  # what is being claimed is stored or not when storage has answered
        await asyncio.sleep(0)  # each scan has taken its first step: cancelled before, it could not record its end
        running = list(self._running.values())
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
        await self._keeper.stop()

    # scans

    async def scan(self, request: ScanRequest) -> Scan:
        """The completed scan.

        Raises:
            InvalidInput: A source is unknown; ``allowed`` lists the known ones.
            Conflict: A scan of that scope runs; ``scanId`` says which.
            UpstreamFailed: The scan could not run; ``scanId`` says which one is recorded as failed.
            Unavailable: The server is stopping.
        """
        begun = await self.begin(request)
        ended = await self.finished(begun.scan_id)
        if ended.status is Status.failed:
            if self._stopping:
                raise Unavailable("the server is stopping", retry_after_s=5.0, scanId=ended.scan_id)
            raise _could_not_run(ended)
        return ended

    async def begin(self, request: ScanRequest, also: Callable[[Transaction, str], None] | None = None) -> Scan:
        """The scan, claimed and under way; ``finished`` waits for its end. Raises as ``scan`` does.

        Args:
            request: What is asked.
            also: Called with the scan's id in the transaction that claims it: what it writes is stored if and only if
                the scan is claimed, and a ``Conflict`` that it raises keeps the scan from being claimed.
        """
        if self._stopping:
            raise Unavailable("the server is stopping", retry_after_s=5.0)
        request = replace(request, trigger=request.trigger[:256])
        wanted = Scan(uuid.uuid4().hex, request, Status.running, self._clock())
        beginning = asyncio.create_task(self._begun(wanted, also), name=f"claim {wanted.scan_id}")
        self._beginning.add(beginning)
        beginning.add_done_callback(self._beginning.discard)
        return await asyncio.shield(beginning)  # whoever asked may go: a scan that is claimed is carried out

    async def _begun(self, wanted: Scan, also: Callable[[Transaction, str], None] | None) -> Scan:
        try:
            start = await self._claimed(wanted, also)
        except (Conflict, InvalidInput):
            raise
        except Exception as error:  # border: a scan that cannot run is said at once, whatever is wrong with storage
            log.exception("scan %s cannot be claimed", wanted.scan_id)
            reason = error.message if isinstance(error, WorkbenchError) else _internal(error)
            failed = await self._failed(wanted, reason, at_once=True)
            self._metrics.ended(failed)
            raise _could_not_run(failed) from error
        task = asyncio.create_task(self._carried_out(start), name=f"scan {wanted.scan_id}")
        self._running[wanted.scan_id] = task
        return wanted

    @property
    def unrecorded(self) -> frozenset[str]:
        """Ids of the failed scans that storage could not record yet."""
        return self._keeper.owes

    async def finished(self, scan_id: str) -> Scan:
        """The scan as it ended, ``completed`` or ``failed``; waits for one that this server runs.

        Raises:
            NotFound: There is no such scan.
        """
        task = self._running.get(scan_id)
        if task is not None:
            return await asyncio.shield(task)
        if (failed := self._keeper.owed(scan_id)) is not None:
            return failed
        row = await self._database.read(
            lambda connection: (
                connection.execute(sa.select(scan_table).where(scan_table.c.scan_id == scan_id))
                .mappings()
                .one_or_none()
            )
        )
        if row is None:
            raise NotFound("there is no such scan", scanId=scan_id)
        return scan_of(row)

    async def _claimed(self, wanted: Scan, also: Callable[[Transaction, str], None] | None) -> Start:
        owner = str(self._keeper.owner)

        def work(transaction: Transaction) -> Start:
            if also is not None:
                also(transaction, wanted.scan_id)
            targets = active(self._register.all(transaction.connection))
            mine = errands(self._collectors, targets, wanted.request.filters.sources)
            revision = claim(transaction, wanted, owner, self._keeper.watch.is_dead)
            return Start(wanted, owner, revision, mine, self._names(targets))

        await self._keeper.settle()
        return await self._database.write(work)

    async def _carried_out(self, start: Start) -> Scan:
        wanted = start.scan
        report = ProgressReport(partial(self._progressed, wanted.scan_id))
        try:
            ended, books = await self._line.carry_out(start, report)
        except asyncio.CancelledError:
            ended = await self._failed(wanted, "the server stopped")
        except WorkbenchError as error:
            ended = await self._failed(wanted, error.message, at_once=isinstance(error, Unavailable))
        except Exception as error:  # border: whatever is wrong with a scan, it ends, recorded and announced
            log.exception("scan %s failed", wanted.scan_id)
            ended = await self._failed(wanted, _internal(error))
        else:
            self._metrics.balanced(books)
        finally:
            await report.end()
            self._running.pop(wanted.scan_id, None)
        self._metrics.ended(ended)
        await self._forget()
        return ended

    async def _progressed(self, scan_id: str, progress: Progress) -> None:
        now = self._clock()
        try:
            await self._database.write(lambda transaction: advance(transaction, scan_id, progress, now))
        except Exception as error:  # noqa: BLE001 - border: a broadcast that fails never fails a scan
            log.warning("progress of scan %s is not told: %s", scan_id, error)

    async def _failed(self, wanted: Scan, reason: str, *, at_once: bool = False) -> Scan:
        """The scan has failed: recorded and said, or, when storage does not answer, said at once and recorded later."""
        ended_at = max(self._clock(), wanted.started_at)
        failed = replace(wanted, status=Status.failed, completed_at=ended_at, reason=reason)
        if not at_once:
            try:
                owner = str(self._keeper.owner)
                return await self._database.write(lambda transaction: record_failure(transaction, failed, owner))
            except Exception:  # border: storage is what may be broken, in ways that have no name
                log.warning("the failure of scan %s cannot be recorded yet", wanted.scan_id, exc_info=True)
        self._keeper.owe(failed)
        self._announce(failed)
        return failed

    def _announce(self, failed: Scan) -> None:
        try:
            self._rooms.announce(PARTY, ROOM, "scan-result", msgspec.to_builtins(scan_body(failed)))
        except Exception:  # border: a broadcast that fails never fails a scan
            log.warning("the failure of scan %s cannot be announced", failed.scan_id, exc_info=True)

    async def _forget(self) -> None:
        try:
            await self._keeper.forget()
        except WorkbenchError as error:
            log.warning("old records are not forgotten yet: %s", error.message)

    async def scans(self, query: ScanQuery) -> ScanList:
        """A page of scans, newest first."""
        return await self._database.read(lambda connection: queries.scans(connection, query))

    async def one_scan(self, scan_id: str) -> ScanBody:
        """A scan, running or ended; one that failed has failed, also while storage cannot record it."""
        if (failed := self._keeper.owed(scan_id)) is not None:
            return scan_body(failed)
        return await self._database.read(lambda connection: queries.one_scan(connection, scan_id))

    # issues

    async def issues(self, query: IssueQuery) -> IssueList:
        """A page of issues, worst first."""
        return await self._database.read(lambda connection: queries.issues(connection, query))

    async def one_issue(self, issue_id: str) -> IssueWithHistory:
        """An issue with its history."""
        return await self._database.read(lambda connection: queries.one_issue(connection, issue_id))

    async def summary(self) -> SummaryBody:
        """All issues, counted."""
        return await self._database.read(queries.summary)

    async def act(self, issue_id: str, wish: Wish) -> IssueWithHistory:
        """The issue after a person's wish. Raises as :func:`vibeworkbench.ops.issues.records.act` does."""
        now = self._clock()

        def work(transaction: Transaction) -> tuple[IssueWithHistory, Books]:
            moved, history = act(transaction, issue_id, wish, now)
            books = balance(transaction, self._healthy_names(transaction.connection), now)
            return issue_with_history(moved, history), books

        return await self._balanced(work)

    # health

    async def health(self, target: str = "") -> HealthBody:
        """How everything is, and how a target or the whole was."""
        now = self._clock()
        return await self._database.read(
            lambda connection: queries.health_with_history(connection, self._healthy_names(connection), now, target)
        )

    def snapshot(self, connection: sa.Connection, _room: str) -> Mapping[str, Any]:
        """What a late member of the ops room gets; a plain function for the rooms' read transaction."""
        names = self._healthy_names(connection)
        body: Mapping[str, Any] = msgspec.to_builtins(queries.room_snapshot(connection, names, self._clock()))
        return body

    # targets

    async def targets(self) -> list[KnownTarget]:
        """Every target, the settings' first."""
        return await self._database.read(self._register.all)

    async def add_target(self, wanted: Target) -> KnownTarget:
        """The target is looked at by the next scan."""
        now = self._clock()
        return await self._balanced(self._with_books(lambda transaction: self._register.add(transaction, wanted, now)))

    async def replace_target(self, target_id: str, wanted: Target, actor: str) -> KnownTarget:
        """The target is ``wanted`` from now on."""
        now = self._clock()
        return await self._balanced(
            self._with_books(lambda transaction: self._register.replace(transaction, target_id, wanted, actor, now))
        )

    async def remove_target(self, target_id: str, actor: str) -> None:
        """The target is gone and its issues are resolved."""
        now = self._clock()
        await self._balanced(
            self._with_books(lambda transaction: self._register.remove(transaction, target_id, actor, now))
        )

    def _with_books(self, work: Callable[[Transaction], T]) -> Callable[[Transaction], tuple[T, Books]]:
        def both(transaction: Transaction) -> tuple[T, Books]:
            result = work(transaction)
            return result, balance(transaction, self._healthy_names(transaction.connection), self._clock())

        return both

    async def _balanced(self, work: Callable[[Transaction], tuple[T, Books]]) -> T:
        result, books = await self._database.write(work)
        self._metrics.balanced(books)
        return result

    def _books(self, connection: sa.Connection) -> Books:
        health = present_health(connection, self._healthy_names(connection))
        return Books(issue_counts(connection), health, self._clock())

    def _healthy_names(self, connection: sa.Connection) -> frozenset[str]:
        return self._names(active(self._register.all(connection)))

    def _names(self, targets: tuple[Target, ...]) -> frozenset[str]:
        alone = {collector.name for collector in self._collectors if not collector.kinds}
        return frozenset(alone | {subject_of(target) for target in targets})


def _internal(error: Exception) -> str:
    return f"an internal error ({type(error).__name__}); see the server's log"


def _could_not_run(failed: Scan) -> UpstreamFailed:
    return UpstreamFailed(f"the scan failed: {failed.reason}", scanId=failed.scan_id, status=failed.status.value)
