"""What ops does between scans: leases, scans of dead servers, failures still to be recorded, mutes, and old records."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import sqlalchemy as sa

from vibeworkbench.errors import Unavailable
from vibeworkbench.ops.issues.books import Books, balance
from vibeworkbench.ops.issues.reconcile import rules_of
from vibeworkbench.ops.issues.records import expire_mutes, mute_is_over
from vibeworkbench.ops.records import issue, scan
from vibeworkbench.ops.scans.claims import beat, fail_dead, record_failure
from vibeworkbench.ops.scans.model import Scan, Status
from vibeworkbench.ops.scans.owners import Owner, Watch
from vibeworkbench.ops.scans.retention import forget
from vibeworkbench.settings import OpsSettings
from vibeworkbench.storage.records import Database, Transaction

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Keeper:
    """Keeps the records of scans true, whatever happened to those who ran them.

    Attributes:
        database: Where the records are.
        settings: Lease and retention.
        clock: The present instant, aware UTC.
        targets: Everything that has a health.
        kept: Told of the books after they changed.
    """

    database: Database
    settings: OpsSettings
    clock: Callable[[], datetime]
    targets: Callable[[sa.Connection], Collection[str]]
    kept: Callable[[Books], None]
    owner: Owner = field(default_factory=Owner.here)
    watch: Watch = field(init=False)
    _unrecorded: dict[str, Scan] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _task: asyncio.Task[None] | None = None

    def __post_init__(self) -> None:
        """The watch over other servers' leases begins."""
        self.watch = Watch(self.owner, self.settings.lease_s)

    async def start(self) -> None:
        """Scans that a killed server of this machine left running have failed; the rounds go on from here."""
        await self.database.write(self._fail_dead)
        self._task = asyncio.create_task(self._run(), name="ops keeper")

    async def stop(self) -> None:
        """No round is under way; failures that could not be recorded were tried a last time."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None
        with suppress(Unavailable):
            await self.settle()

    def owe(self, failed: Scan) -> None:
        """The failed scan is recorded as soon as storage answers, unless so many failed since that it would be old."""
        self._unrecorded[failed.scan_id] = failed
        if len(self._unrecorded) > self.settings.keep_scans:
            del self._unrecorded[next(iter(self._unrecorded))]
        self._news.set()

    def owed(self, scan_id: str) -> Scan | None:
        """The failed scan of that id, while it is not recorded."""
        return self._unrecorded.get(scan_id)

    @property
    def owes(self) -> frozenset[str]:
        """Ids of the failed scans that are not recorded yet."""
        return frozenset(self._unrecorded)

    async def _run(self) -> None:
        pause_s = self.settings.lease_s / 3
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), min(pause_s, 1.0) if self._unrecorded else pause_s)
            self._news.clear()
            try:
                await self._round()
            except Unavailable as error:
                log.warning("ops cannot keep its records now: %s", error.message)
                await asyncio.sleep(min(pause_s, 1.0))
            except Exception:  # border: a background loop outlives any failure of one round
                log.exception("a round of keeping the records failed; the next one tries again")
                await asyncio.sleep(min(pause_s, 1.0))

    async def _round(self) -> None:
        await self.settle()
        running, mutes_over = await self.database.read(self._looked_up)
        if any(owner == str(self.owner) for owner in running):
            await self.database.write(lambda transaction: beat(transaction, str(self.owner)))
        if any(owner != str(self.owner) for owner in running):
            await self.database.write(self._fail_dead)
        if mutes_over:
            self.kept(await self.database.write(self._expire_mutes))

    def _looked_up(self, connection: sa.Connection) -> tuple[list[str], bool]:
        running = sa.select(scan.c.owner).where(scan.c.status == Status.running.value)
        over = sa.select(issue.c.issue_id).where(mute_is_over(self.clock())).limit(1)
        return list(connection.execute(running).scalars()), connection.execute(over).first() is not None

    def _fail_dead(self, transaction: Transaction) -> None:
        alive = fail_dead(transaction, self.clock(), self.watch.is_dead)
        self.watch.forget(frozenset(alive))

    def _expire_mutes(self, transaction: Transaction) -> Books:
        now = self.clock()
        expire_mutes(transaction, rules_of(self.settings), now)
        return balance(transaction, self.targets(transaction.connection), now)

    async def settle(self) -> None:
        """Every failure that was still to be recorded is.

        Raises:
            Unavailable: The storage still does not answer.
        """
        for failed in list(self._unrecorded.values()):
            await self.database.write(partial(self._record, failed))
            self._unrecorded.pop(failed.scan_id, None)

    def _record(self, failed: Scan, transaction: Transaction) -> Scan:
        return record_failure(transaction, failed, str(self.owner))

    async def forget(self) -> None:
        """What is older than the settings keep is gone."""
        resolved_before = self.clock() - timedelta(days=self.settings.keep_resolved_days)
        await self.database.write(lambda transaction: forget(transaction, self.settings.keep_scans, resolved_before))
