"""Logs: records come in, are kept, and are asked for."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry

from vibeworkbench.errors import NotFound, Unavailable
from vibeworkbench.logs import asking, catalogue, columns, discretion, records, retention, room
from vibeworkbench.logs.asking import Line, SourceSaid, Wanted
from vibeworkbench.logs.catalogue import Template, WantedTemplates
from vibeworkbench.logs.columns import PAYLOAD, FileMark, Lines, Receipt
from vibeworkbench.logs.intake import Intake, Keeper
from vibeworkbench.logs.metrics import LogMetrics
from vibeworkbench.logs.model import Record
from vibeworkbench.logs.pipeline import Pipeline
from vibeworkbench.logs.records import LineKeeper, Stored
from vibeworkbench.logs.wire import LineBody
from vibeworkbench.masking import masked_message
from vibeworkbench.rooms.service import Rooms
from vibeworkbench.settings import LogSettings
from vibeworkbench.storage.warehouse import Warehouse
from vibeworkbench.web.standing import Part

MOST_MARKS = 10_000
"""Positions in memory; with more, those that the warehouse has are forgotten here."""
_NONE: Mapping[str, Any] = {}

log = logging.getLogger(__name__)


class Logs:
    """All log records of this server.

    Args:
        directory: The data directory.
        warehouse: Where records end up.
        rooms: Where new lines are said.
        settings: Limits and intervals.
        registry: Where metrics are registered.
        keepers: Keepers of what else comes in the same way.
    """

    def __init__(
        self,
        *,
        directory: Path,
        warehouse: Warehouse,
        rooms: Rooms,
        settings: LogSettings,
        registry: CollectorRegistry,
        keepers: Sequence[Keeper] = (),
    ) -> None:
        self.settings = settings
        self.warehouse = warehouse
        self.pipeline = Pipeline()
        self._rooms = rooms
        mine = LineKeeper(self.pipeline, self._stored)
        self.intake = Intake(directory=directory, warehouse=warehouse, settings=settings, keepers=(mine, *keepers))
        self._metrics = LogMetrics(registry, lambda: self.intake.pending_bytes)
        self._marks: dict[tuple[str, str], Mapping[str, Any] | None] = {}
        self._listeners: list[Callable[[Stored], None]] = []
        self._said_seq = 0
        self._news = asyncio.Event()
        self._next_seq = 0
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Records are taken, and enter the warehouse as soon as it is open."""
        await self.intake.start()
        self._tasks = [
            asyncio.create_task(self._speak(), name="logs room"),
            asyncio.create_task(self._forget_always(), name="logs retention"),
        ]

    async def stop(self) -> None:
        """All that was acknowledged is in the warehouse, or waits on disk for the next start."""
        await self.intake.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def standing(self) -> Part:
        """How the way from the doors to the warehouse stands."""
        intake = self.intake
        facts = {
            "pendingBytes": intake.pending_bytes,
            "setAside": intake.refused_frames,
            "damaged": intake.damaged_bytes,
        }
        if intake.spool_problem:
            return Part("degraded", f"records cannot be kept: {intake.spool_problem}", facts)
        if intake.refused_frames or intake.damaged_bytes:
            return Part("degraded", "some of what was kept could not be stored; the server's log says what", facts)
        return Part(facts={"pendingBytes": intake.pending_bytes})

    # Bringing

    async def ingest(self, brought: Sequence[Record], marks: Sequence[FileMark] = ()) -> Receipt:
        """The records are on disk, with the positions of the files up to which they were read.

        Raises:
            Unavailable: Nothing of it is kept; the same call may succeed later.
        """
        return await self.take(columns.lines_of(brought, marks))

    async def take(self, lines: Lines) -> Receipt:
        """Records in columns are on disk, secrets masked, and those whose id is known only once.

        Raises:
            Unavailable: Nothing of it is kept; the same call may succeed later.
        """
        receipt = await self.intake.lasting.done(self._take(lines))
        if len(self._marks) > MOST_MARKS:
            await self._settle()
        return receipt

    async def _take(self, lines: Lines) -> Receipt:
        def pack(wanted: Sequence[bool]) -> bytes:
            new = lines.only(wanted)
            discretion.mask(new)
            return columns.encoded(new)

        hashes = lines.hashes()
        is_bare = not lines.marks and not lines.refused
        is_new = await self.intake.put(PAYLOAD, pack, hashes, is_bare=is_bare) if hashes or not is_bare else []
        for each in lines.marks:
            self._marks[each.target, each.path] = each.mark
        accepted = sum(is_new)
        refused = sum(each.count for each in lines.refused)
        kind = next(iter(lines.kind), "") or next((each.kind for each in lines.refused), "")
        self._metrics.brought(kind, accepted, len(is_new) - accepted, refused)
        return Receipt(accepted, len(is_new) - accepted)

    async def marks(self, target: str) -> dict[str, Mapping[str, Any]]:
        """Path → newest position in the files of a target, of all that was acknowledged.

        Raises:
            Unavailable: The warehouse, which knows the older ones, cannot be used.
        """
        await self.intake.drained()  # what an earlier process has put into the spool is known then, too
        kept = await self.warehouse.read(records.marks)
        known = {**kept, **self._marks}
        return {path: mark for (of, path), mark in known.items() if of == target and mark is not None}

    async def _settle(self) -> None:
        """Marks that the warehouse has are forgotten here."""
        before = self._marks.copy()
        with contextlib.suppress(Unavailable):
            await self.intake.drained()
            for key, mark in before.items():
                if self._marks.get(key, _NONE) is mark:
                    del self._marks[key]

    def forgot(self, what: str, count: int) -> None:
        """So many of what is remembered were forgotten, since there were too many."""
        self._metrics.forgot(what, count)

    async def drained(self) -> None:
        """All that was acknowledged before this call is in the warehouse.

        Raises:
            Unavailable: The warehouse cannot be used.
        """
        await self.intake.drained()

    # Asking

    async def lines(self, wanted: Wanted) -> list[Line]:
        """The lines that are wanted, newest first, of all that was acknowledged before.

        Raises:
            Unavailable: The warehouse cannot be used.
        """
        await self.intake.drained()
        return await self.warehouse.read(asking.lines(wanted))

    async def sources(self, *, after: tuple[str, str] | None = None, limit: int | None = None) -> list[SourceSaid]:
        """Who has said something, in the order of kind and name: those behind ``after``, at most ``limit``.

        Raises:
            Unavailable: The warehouse cannot be used.
        """
        await self.intake.drained()
        return await self.warehouse.read(asking.sources(datetime.now(UTC), after, limit))

    async def templates(self, wanted: WantedTemplates) -> list[Template]:
        """The templates that are wanted, with their courses over time.

        Raises:
            Unavailable: The warehouse cannot be used.
        """
        await self.intake.drained()
        return await self.warehouse.read(catalogue.templates(wanted, datetime.now(UTC)))

    async def template(self, template_id: str) -> tuple[Template, Mapping[str, Any]]:
        """One template, and how a line of it got there.

        Raises:
            NotFound: There is none of this id.
            Unavailable: The warehouse cannot be used.
        """
        found = await self.templates(WantedTemplates(template=template_id))
        if not found:
            raise NotFound("There is no template of this id.")
        sample, who = next(iter(found[0].samples), ""), found[0].sources[0]
        return found[0], await self.explain(sample, who["kind"], who["source"])

    async def explain(self, line: str, kind: str = "", source: str = "") -> Mapping[str, Any]:
        """How a line would get to its template, step by step; nothing of it is kept.

        Raises:
            Unavailable: The warehouse cannot be used.
        """
        hidden = masked_message(line)
        return await self.warehouse.write(lambda connection: self.pipeline.explain(hidden, kind, source))

    # Forgetting

    async def forget(self, now: datetime) -> None:
        """What is old is gone from the warehouse.

        Raises:
            Unavailable: The warehouse cannot be used.
        """
        await self.warehouse.write(lambda connection: retention.forget(connection, self.settings, now))
        self.intake.renew()  # templates may be gone that the pipeline still knows

    async def _forget_always(self) -> None:
        await asyncio.sleep(retention.FIRST_AFTER_S)
        while True:
            try:
                await self.forget(datetime.now(UTC))
            except Unavailable as error:
                log.info("logs: nothing is forgotten now: %s", error.message)
            except Exception:  # border: a loop in the background goes on whatever happens
                log.exception("logs: nothing could be forgotten")
            await asyncio.sleep(retention.INTERVAL_S)

    # Saying

    def listen(self, listener: Callable[[Stored], None]) -> None:
        """``listener`` is told, on the event loop, of lines that were committed."""
        self._listeners.append(listener)

    def _stored(self, stored: Stored) -> None:
        for listener in self._listeners:
            listener(stored)
        self._metrics.stored(stored.next_seq - stored.first_seq)
        self._said_seq = self._said_seq or stored.first_seq
        self._next_seq = stored.next_seq
        self._news.set()

    async def _speak(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            first, self._said_seq = self._said_seq, self._next_seq
            if first < self._next_seq and self._rooms.members(room.PARTY, room.ROOM):
                await self._say(first, self._next_seq)
                await asyncio.sleep(room.INTERVAL_S)

    async def _say(self, first_seq: int, next_seq: int) -> None:
        limit = self.settings.live_lines
        try:
            lines = await self.warehouse.read(asking.recent(first_seq, next_seq, limit))
        except Unavailable as error:
            log.info("logs: a live batch is left out: %s", error.message)
            return
        skipped = next_seq - first_seq - len(lines)
        self._metrics.skipped(skipped)
        said = {"lines": [msgspec.to_builtins(body_of(each)) for each in lines], "skipped": skipped}
        self._rooms.announce(room.PARTY, room.ROOM, room.TYPE, said)


def body_of(line: Line) -> LineBody:
    """A line as it goes over the network."""
    return LineBody(
        line_id=str(line.seq),
        received_at=line.received_at,
        timestamp=line.said_at,
        kind=line.kind,
        source=line.source,
        instance=line.instance,
        stream=line.stream,
        level=line.level.name,
        message=line.message,
        template_id=line.template_id,
        attributes=asking.raw_json(line.attributes),
    )
