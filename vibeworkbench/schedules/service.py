"""The clock that starts scans. It trusts no wait: what is due is read off the present instant each time it wakes.

A slot is claimed in the transaction that claims its scan, so there is nothing in between in which a server could die: a
slot without a scan is free, and whoever looks next makes it up; a slot with one is told by that scan, however it ends.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from vibeworkbench.errors import Conflict, NotFound, Unavailable, UpstreamFailed, WorkbenchError
from vibeworkbench.ops.model import ScanRequest
from vibeworkbench.ops.service import Ops
from vibeworkbench.schedules import records
from vibeworkbench.schedules.model import Schedule, due_slot, next_fire_at
from vibeworkbench.schedules.records import LastFire
from vibeworkbench.schedules.room import schedules_said
from vibeworkbench.storage.records import Database, Transaction

RUNNING = "running"
"""Outcome of a fire whose scan has not ended."""
RECHECK_S = 30.0
"""Longest wait between two looks at the clock, so that one set forward or back is noticed within it."""

_LOG = logging.getLogger(__name__)


class _SlotTaken(Conflict):
    """Another server has claimed the slot."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A schedule, when it fires next, and what became of its last fire."""

    schedule: Schedule
    next_fire_at: datetime
    last: LastFire | None


class Schedules:
    """Scans are started when they are due, each slot by one of all servers on the database.

    Args:
        database: Where slots are claimed.
        ops: What scans.
        schedules: What is to be started when.
        clock: The present instant, aware UTC.
        recheck_s: Longest wait between two looks at the clock.
    """

    def __init__(
        self,
        *,
        database: Database,
        ops: Ops,
        schedules: Sequence[Schedule],
        clock: Callable[[], datetime],
        recheck_s: float = RECHECK_S,
    ) -> None:
        self._database = database
        self._ops = ops
        self._schedules = {each.name: each for each in schedules}
        self._clock = clock
        self._recheck_s = recheck_s
        self._loop: asyncio.Task[None] | None = None
        self._stopped = asyncio.Event()
        self._following: set[asyncio.Task[None]] = set()
        self._failed: dict[str, str | None] = {}
        """Schedule → the failed scan that storage must have recorded before its slot is tried again."""

    async def start(self) -> None:
        """The clock runs. A schedule never seen before has missed nothing."""
        now = self._clock()
        await self._database.write(lambda transaction: records.know(transaction, self._schedules.values(), now))
        self._stopped.clear()
        self._loop = asyncio.create_task(self._watch(), name="schedules")

    async def stop(self) -> None:
        """No slot is claimed any more; the scans under way belong to ops, and their outcomes are recorded."""
        self._stopped.set()
        if self._loop is not None:
            await asyncio.wait([self._loop])  # not cancelled: a scan that is being claimed is also carried out

    async def settled(self) -> None:
        """The outcome of every scan started here is recorded; for after ops has stopped."""
        if self._following:
            await asyncio.wait(self._following)

    @property
    def alive(self) -> bool:
        """Whether the clock runs."""
        return self._loop is not None and not self._loop.done()

    @property
    def next_fire_at(self) -> datetime | None:
        """When the next of all schedules fires; ``None`` when there is none."""
        now = self._clock()
        return min((next_fire_at(each, now) for each in self._schedules.values()), default=None)

    def said(self) -> list[dict[str, Any]]:
        """Every schedule with its next fire, for the snapshot of the ops room."""
        return schedules_said(self._schedules.values(), self._clock())

    async def standings(self) -> list[Standing]:
        """Every schedule by name, with its next and last fire."""
        last = await self._database.read(records.last_fires)
        now = self._clock()
        return [
            Standing(each, next_fire_at(each, now), await self._told(last.get(name)))
            for name, each in sorted(self._schedules.items())
        ]

    async def _told(self, fire: LastFire | None) -> LastFire | None:
        """The fire, with its scan's word where the server that started it was killed before it could record the end."""
        if fire is None or fire.outcome != RUNNING or fire.scan_id is None:
            return fire
        try:
            return replace(fire, outcome=(await self._ops.one_scan(fire.scan_id)).status)
        except NotFound:
            return replace(fire, outcome="forgotten: only the latest scans are kept")

    async def run(self, name: str, caller: str) -> str:
        """The id of the scan that was started now, by hand.

        Raises:
            NotFound: There is no such schedule.
            Conflict: A scan of its scope is running; ``scan_id`` says which.
        """
        if name not in self._schedules:
            raise NotFound(f"There is no schedule {name}.", allowed=sorted(self._schedules))
        return await self._fire(self._schedules[name], f"schedule:{name}:{caller}")

    async def fire_due(self) -> None:
        """What is due now has been started, by this server or by another one on the same database."""
        for each in self._schedules.values():
            await self._fire_if_due(each)

    async def _watch(self) -> None:
        while not self._stopped.is_set():
            try:
                await self.fire_due()
            except Unavailable as error:
                _LOG.warning("schedules cannot be looked at now: %s", error.message)
            except Exception:  # noqa: BLE001 - border: the background loop outlives any failure of one round
                _LOG.exception("a round of the schedules failed; the next one tries again")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), self._wait_s())

    def _wait_s(self) -> float:
        coming = self.next_fire_at
        if coming is None:
            return self._recheck_s
        return min(self._recheck_s, max(0.0, (coming - self._clock()).total_seconds()))

    async def _fire_if_due(self, schedule: Schedule) -> None:
        now = self._clock()
        known = await self._database.read(lambda connection: records.last_slot(connection, schedule.name, now))
        if known > now:
            await self._database.write(lambda transaction: records.known_again(transaction, schedule.name, now))
        slot = due_slot(schedule, known, now)
        if slot is not None and self._failed.get(schedule.name) not in self._ops.unrecorded:
            await self._fire_slot(schedule, slot, now)

    async def _fire_slot(self, schedule: Schedule, slot: datetime, now: datetime) -> None:
        """The slot's scan is started, or what kept it from that is recorded; else the slot stays free for later."""
        try:
            await self._fire(schedule, f"schedule:{schedule.name}", slot)
        except _SlotTaken:
            return
        except (Conflict, UpstreamFailed) as error:
            _LOG.warning("schedule %s: its scan could not be started: %s", schedule.name, error.message)
            if isinstance(error.__cause__, Unavailable):
                self._failed[schedule.name] = error.attributes.get("scanId")
            else:
                await self._database.write(partial(_miss, schedule.name, slot, _missed(error, now)))

    async def _fire(self, schedule: Schedule, trigger: str, slot: datetime | None = None) -> str:
        now = self._clock()

        def claim(transaction: Transaction, scan_id: str) -> None:
            if slot is not None and not records.claim(transaction, schedule.name, slot, now):
                raise _SlotTaken("another server has claimed the slot")
            records.record_fire(transaction, schedule.name, LastFire(now, scan_id, RUNNING))

        scan_id = (await self._ops.begin(ScanRequest(schedule.scope, trigger), claim)).scan_id
        following = asyncio.create_task(self._follow(schedule.name, scan_id), name=f"schedule {schedule.name}")
        self._following.add(following)
        following.add_done_callback(self._following.discard)
        return scan_id

    async def _follow(self, name: str, scan_id: str) -> None:
        try:
            outcome = (await self._ops.finished(scan_id)).status.value
            await self._database.write(lambda transaction: records.record_outcome(transaction, name, scan_id, outcome))
        except WorkbenchError as error:  # the scan's own record tells its end
            _LOG.warning("schedule %s: the outcome is not recorded: %s", name, error.message)


def _miss(name: str, slot: datetime, missed: LastFire, transaction: Transaction) -> None:
    """The slot is claimed and will not be tried again, unless another server has claimed it since."""
    if records.claim(transaction, name, slot, missed.at):
        records.record_fire(transaction, name, missed)


def _missed(error: WorkbenchError, at: datetime) -> LastFire:
    scan_id = error.attributes.get("scanId")
    outcome = "skipped: already running" if isinstance(error, Conflict) else f"failed: {error.message}"
    return LastFire(at, scan_id, outcome[:256])
