"""The record of who came in, who was refused, and who changed rights: noted at once, written in batches, bounded."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from vibeworkbench.access.audit_records import AuditEntry, AuditFilter, forget, page, put
from vibeworkbench.access.model import AuditEvent, recordable
from vibeworkbench.errors import Unavailable
from vibeworkbench.settings import AuditSettings
from vibeworkbench.storage.records import Database, Transaction

WRITE_INTERVAL_S = 1.0
FORGET_INTERVAL_S = 600.0
COALESCED_WITHIN = timedelta(minutes=1)
"""The same event within a minute of its first time counts up and makes no new entry."""
REMEMBERED = 10_000
"""Entries in memory that may still count up or wait to be written; events beyond are counted as lost."""
SPREAD = 50
"""Different subjects of one kind, identity and address within a minute; beyond, they are one entry, ``MANY``. Whoever
asks for a thousand addresses that do not exist must not fill the record with them."""
MANY = "(many)"
LOST = "lost"
"""Kind of the entry that says how many events could not be kept."""

_LENGTHS = {"kind": 32, "identity": 256, "name": 128, "address": 64, "subject": 512}

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Open:
    entry: AuditEntry
    is_written: bool = False


class Audit:
    """The record. Noting costs no I/O and never fails.

    Args:
        database: Where it is kept.
        settings: How much of it is kept.
        clock: The present instant, aware UTC.
    """

    def __init__(self, *, database: Database, settings: AuditSettings, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._open: dict[AuditEvent, _Open] = {}
        self._spread: Counter[tuple[str, str, str]] = Counter()
        self._wake = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self._writing = asyncio.Lock()
        self._is_full = False
        self.lost_count = 0
        """Events of which only the number is known: there were too many kinds of them while none could be written."""

    def start(self) -> None:
        """What is noted is written in the background."""
        self._loop = asyncio.create_task(self._for_ever(), name="audit")

    async def stop(self) -> None:
        """All that was noted is written, if the storage takes it."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
        try:
            await self.write()
        except Unavailable as error:
            log.warning("audit: what was noted last is not written: %s", error.message)

    def note(self, event: AuditEvent) -> None:
        """The event is in the record as soon as storage takes it."""
        now = self._clock()
        event = _recordable(event)
        if event not in self._open and self._spread[_source(event)] >= SPREAD:
            event = replace(event, name=event.name if event.identity else "", subject=MANY)
        known = self._open.get(event)
        if known is not None and timedelta(0) <= now - known.entry.first_at < COALESCED_WITHIN:
            known.entry = replace(known.entry, count=known.entry.count + 1, last_at=now)
            known.is_written = False
        elif known is not None and not known.is_written:
            # Its minute is over and nothing could be written meanwhile: it goes on counting in the same entry.
            known.entry = replace(known.entry, count=known.entry.count + 1, last_at=now)
        elif known is None and not self._has_room(now):
            self.lost_count += 1
        else:
            self._put(event, AuditEntry(uuid.uuid4().hex, event, 1, now, now))
        self._wake.set()

    def _put(self, event: AuditEvent, entry: AuditEntry) -> None:
        if event not in self._open:
            self._spread[_source(event)] += 1
        self._open[event] = _Open(entry)

    def _drop(self, event: AuditEvent) -> None:
        del self._open[event]
        self._spread[_source(event)] -= 1
        if not self._spread[_source(event)]:
            del self._spread[_source(event)]

    def _has_room(self, now: datetime) -> bool:
        """Whether another entry can be kept; for it, written ones are forgotten, those whose minute is over first."""
        if len(self._open) < REMEMBERED:
            return True
        if self._is_full:  # nothing was written since the last look, which was not cheap
            return False
        written = [event for event, each in self._open.items() if each.is_written]
        over = [event for event in written if now - self._open[event].entry.first_at >= COALESCED_WITHIN]
        for event in over or written:
            self._drop(event)
        self._is_full = not written
        return bool(written)

    async def page(self, wanted: AuditFilter, after: int | None, limit: int) -> list[AuditEntry]:
        """At most ``limit`` entries that fit, newest first, older than the entry numbered ``after``."""
        await self.write()
        return await self._database.read(lambda connection: page(connection, wanted, after, limit))

    async def write(self) -> None:
        """All that was noted so far is written.

        Raises:
            Unavailable: The storage does not take it now; it is kept for later.
        """
        async with self._writing:
            self._note_lost()
            waiting = {event: each.entry for event, each in self._open.items() if not each.is_written}
            if not waiting:
                return
            entries = list(waiting.values())
            await self._database.write(lambda transaction: put(transaction, entries))
            for event, entry in waiting.items():
                known = self._open[event]
                known.is_written = known.entry == entry
            self._is_full = False
            self._forget_over()

    def _note_lost(self) -> None:
        if self.lost_count:
            now, lost = self._clock(), AuditEvent(LOST)
            known = self._open.get(lost)
            if known is None or known.is_written:
                self._put(lost, AuditEntry(uuid.uuid4().hex, lost, self.lost_count, now, now))
            else:
                known.entry = replace(known.entry, count=known.entry.count + self.lost_count, last_at=now)
            self.lost_count = 0

    def _forget_over(self) -> None:
        now = self._clock()
        for event, each in list(self._open.items()):
            if each.is_written and not timedelta(0) <= now - each.entry.first_at < COALESCED_WITHIN:
                self._drop(event)

    async def forget(self) -> None:
        """What is too old or too much is gone."""
        before = self._clock() - timedelta(days=self._settings.keep_days)
        keep_rows = self._settings.keep_rows

        def work(transaction: Transaction) -> bool:
            return forget(transaction, before, keep_rows)

        while await self._database.write(work):
            pass

    async def _for_ever(self) -> None:
        forget_at_s = 0.0
        clock, is_failing = asyncio.get_running_loop().time, False
        while True:
            try:
                await self.write()
                if clock() >= forget_at_s:
                    forget_at_s = clock() + FORGET_INTERVAL_S
                    await self.forget()
                is_failing = False
            except Unavailable as error:
                if not is_failing:
                    log.warning("audit: %s", error.message)
                is_failing = True
            except Exception:  # a background loop's border: one failure must not end the record
                log.exception("audit: writing failed")
            await asyncio.sleep(WRITE_INTERVAL_S)
            await self._woken(forget_at_s - clock())

    async def _woken(self, limit_s: float) -> None:
        self._wake.clear()
        if any(not each.is_written for each in self._open.values()) or self.lost_count:
            return
        try:
            async with asyncio.timeout(max(0.0, limit_s)):
                await self._wake.wait()
        except TimeoutError:
            return


def _source(event: AuditEvent) -> tuple[str, str, str]:
    return event.kind, event.identity, event.address


def _recordable(event: AuditEvent) -> AuditEvent:
    return AuditEvent(**{name: recordable(getattr(event, name), length) for name, length in _LENGTHS.items()})
