"""The container engine of this machine: what it tells comes in as what agents elsewhere send does."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from vibeworkbench.containers.model import Report, ReportKind
from vibeworkbench.containers.reading import Brought, discreet
from vibeworkbench.engine.address import Address, address_of
from vibeworkbench.engine.client import Event
from vibeworkbench.engine.facts import Facts
from vibeworkbench.engine.follower import Follower, Pace, Use
from vibeworkbench.engine.lines import Line, instant_of
from vibeworkbench.engine.processes import Process
from vibeworkbench.engine.reports import end_of, error_of, process_of, sample_of
from vibeworkbench.errors import Unavailable
from vibeworkbench.logs.columns import FileMark, Receipt
from vibeworkbench.logs.model import Kind, Record
from vibeworkbench.logs.service import Logs
from vibeworkbench.settings import ContainerSettings

TARGET = "containers"
"""Under this name logs keep how far each container's log was read."""
EVENTS = "events"
"""The same for what happened; a container's id is longer."""
RETRY_S = 1.0

log = logging.getLogger(__name__)


class Bring(Protocol):
    """Where it is brought: the service."""

    logs: Logs

    async def take_lines(self, brought: Sequence[Brought], marks: Sequence[FileMark] = ()) -> Receipt:
        """Lines, and how far they were read, are on disk."""
        ...

    async def take_reports(self, kind: str, brought: Sequence[Brought]) -> Receipt:
        """Reports are on disk."""
        ...


class Watcher:
    """Follows the engine.

    Args:
        settings: Where it is and how often it is asked.
        bring: Where all goes.
    """

    def __init__(self, *, settings: ContainerSettings, bring: Bring) -> None:
        self._settings = settings
        self._bring = bring
        self._marks: dict[str, Mapping[str, Any]] = {}
        pace = Pace(settings.sample_interval_s, settings.history_s, settings.timeout_s)
        self._follower = Follower(find=self._address, sink=self, pace=pace)

    def _address(self) -> Address:
        if self._settings.engine == "none":
            return Address(absent="the settings say that no engine is followed")
        return address_of(self._settings.engine, os.environ)

    def engine(self) -> dict[str, str]:
        """``{state, reason}`` of the engine: ``connected``, ``failing`` or ``absent``."""
        return {"state": self._follower.state, "reason": self._follower.reason}

    async def run(self) -> None:
        """The engine is followed until this is cancelled; first it must be known how far the logs were read."""
        while True:
            try:
                self._marks = await self._bring.logs.marks(TARGET)
                break
            except Unavailable:
                await asyncio.sleep(RETRY_S)
        await self._follower.run()

    # What the follower brings

    def mark_of(self, container_id: str) -> Mapping[str, Any] | None:
        """How far the container's log was kept."""
        return self._marks.get(container_id)

    async def lines(self, facts: Facts, lines: Sequence[Line], mark: Mapping[str, Any]) -> None:
        """Lines are kept together with how far the log was read."""
        records = [Brought(_record(facts, line)) for line in lines]
        await self._bring.take_lines(records, [FileMark(TARGET, facts.container_id, mark)])
        self._marks[facts.container_id] = mark

    async def standing(self, facts: Facts, use: Use | None) -> None:
        """Standing and use are a sample."""
        await self._sampled(facts, use, time.time_ns() // 1000)

    async def _sampled(self, facts: Facts, use: Use | None, at_us: int) -> None:
        told = sample_of(facts, use, instant_of(at_us * 1000))
        await self._bring.take_reports(ReportKind.sample, [Brought(_report(ReportKind.sample, told, at_us))])

    async def processes(self, facts: Facts, present: Sequence[Process], ended: Sequence[str]) -> None:
        """Those that are there, and the end of those that are no more."""
        at_us = time.time_ns() // 1000
        at = instant_of(at_us * 1000)
        told = [process_of(facts, each, at) for each in present] + [end_of(facts, pid, at) for pid in ended]
        brought = [Brought(_report(ReportKind.process, each, at_us)) for each in told]
        await self._bring.take_reports(ReportKind.process, brought)

    def events_from_ns(self) -> int:
        """From when on events are not kept yet."""
        return int(self._marks.get(EVENTS, {}).get("fromNs", 0))

    async def events_kept(self, from_ns: int) -> None:
        """All before is on disk."""
        mark = {"fromNs": from_ns}
        await self._bring.take_lines([], [FileMark(TARGET, EVENTS, mark)])
        self._marks[EVENTS] = mark

    async def happened(self, facts: Facts, event: Event, *, is_past: bool) -> None:
        """An event changes the standing; an end that is a failure is an error, too."""
        at_us = event.at_ns // 1000
        if not is_past:
            await self._sampled(facts, None, at_us)
        error = error_of(facts, event)
        if error is not None:
            await self._bring.take_reports(ReportKind.error, [Brought(_report(ReportKind.error, error, at_us))])

    async def gone(self, container_id: str) -> None:
        """The container is known to be removed, and how far its log was read is forgotten."""
        at_us = time.time_ns() // 1000
        removed = Report(ReportKind.sample, container_id, at_us, {"state": "removed"})
        await self._bring.take_reports(ReportKind.sample, [Brought(removed)])
        await self._bring.take_lines([], [FileMark(TARGET, container_id, None)])
        self._marks.pop(container_id, None)


def _record(facts: Facts, line: Line) -> Record:
    return Record(
        kind=Kind.container,
        source=facts.name or facts.container_id[:12],
        message=line.text,
        timestamp=line.at,
        instance=facts.container_id,
        stream=line.stream,
    )


def _report(kind: ReportKind, told: Mapping[str, Any], at_us: int) -> Report:
    fields = {name: value for name, value in told.items() if name not in {"containerId", "timestamp", "id"}}
    plain: dict[str, Any] = msgspec.to_builtins(fields)
    return Report(kind, str(told["containerId"]), at_us, discreet(plain), str(told.get("id", "")))
