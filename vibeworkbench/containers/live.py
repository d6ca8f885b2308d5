"""What is said live of containers: in the room of all, and in one for each, at most ten times a second.

Nothing of it is recorded: whoever joins late gets the containers as they stand, and the lines are in the warehouse.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from vibeworkbench.containers.model import Report, ReportKind
from vibeworkbench.containers.records import statement
from vibeworkbench.errors import Unavailable
from vibeworkbench.logs.asking import Line, row_lines
from vibeworkbench.logs.records import Stored
from vibeworkbench.logs.service import body_of
from vibeworkbench.rooms.service import Rooms
from vibeworkbench.storage.warehouse import Warehouse

PARTY, MAIN = "containers", "main"
INTERVAL_S = 0.1
WAITING = 1000
"""Reports that wait for their batch at most; the oldest go."""

log = logging.getLogger(__name__)


class Speaker:
    """Says what is new.

    Args:
        rooms: Where.
        warehouse: Where lines stand.
        lines: Most lines of one batch.
    """

    def __init__(self, *, rooms: Rooms, warehouse: Warehouse, lines: int) -> None:
        self._rooms = rooms
        self._warehouse = warehouse
        self._limit = lines
        self._reports: deque[Report] = deque(maxlen=WAITING)
        self._first_seq = self._next_seq = 0
        self._news = asyncio.Event()

    def lines_stored(self, stored: Stored) -> None:
        """Lines were committed."""
        self._first_seq = self._first_seq or stored.first_seq
        self._next_seq = stored.next_seq
        self._news.set()

    def reports_stored(self, reports: Iterable[Report]) -> None:
        """Reports were committed."""
        self._reports.extend(reports)
        self._news.set()

    async def run(self) -> None:
        """All is said as it comes."""
        while True:
            await self._news.wait()
            self._news.clear()
            reports = list(self._reports)
            self._reports.clear()
            first, self._first_seq = self._first_seq, self._next_seq
            try:
                self._say_reports(reports)
                if first < self._next_seq:
                    await self._say_lines(first, self._next_seq)
            except Exception:  # border: a loop in the background goes on whatever happens
                log.exception("containers: a live batch is left out")
            await asyncio.sleep(INTERVAL_S)

    def _say_reports(self, reports: Sequence[Report]) -> None:
        for kind in ReportKind:
            mine = [each for each in reports if each.kind is kind]
            for room, some in _by_room({each.container_id for each in mine}, mine, lambda each: each.container_id):
                if self._rooms.members(PARTY, room):
                    self._rooms.announce(PARTY, room, kind, {kind.value: [report_said(each) for each in some]})

    async def _say_lines(self, first_seq: int, next_seq: int) -> None:
        given = {"first": first_seq, "next": next_seq, "limit": self._limit}
        try:
            found = await self._warehouse.read(lambda connection: row_lines(connection, statement("live"), given)[::-1])
        except Unavailable as error:
            log.info("containers: a live batch is left out: %s", error.message)
            return
        skipped = max(next_seq - first_seq - len(found), 0) if len(found) == self._limit else 0
        for room, some in _by_room({each.instance for each in found}, found, lambda each: each.instance):
            if some and self._rooms.members(PARTY, room):
                self._rooms.announce(PARTY, room, "lines", lines_said(some, skipped))


def _by_room(ids: set[str], every: Sequence[Any], container_id_of: Any) -> Iterable[tuple[str, Sequence[Any]]]:
    if every:
        yield MAIN, every
    for container_id in sorted(ids):
        yield container_id, [each for each in every if container_id_of(each) == container_id]


def report_said(report: Report) -> dict[str, Any]:
    """A report as JSON values."""
    return {"containerId": report.container_id, "timestamp": report.at_us // 1000, **report.fields}


def lines_said(lines: Sequence[Line], skipped: int) -> Mapping[str, Any]:
    """A batch of lines as JSON values."""
    return {"lines": [msgspec.to_builtins(body_of(each)) for each in lines], "skipped": skipped}
