"""What the container engine of this machine tells, as records for the workbench."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vibeworkbench.client.agent.intake import Intake
from vibeworkbench.client.agent.model import known
from vibeworkbench.engine.client import Event
from vibeworkbench.engine.facts import Facts
from vibeworkbench.engine.follower import Use
from vibeworkbench.engine.lines import Line, instant_of
from vibeworkbench.engine.processes import Process
from vibeworkbench.engine.reports import end_of, error_of, log_of, process_of, sample_of

EVENTS = "containers:events"
"""Under this name the buffer keeps up to when events were kept."""


class ContainerSink:
    """Carries what a follower brings into the buffer.

    Args:
        intake: The buffer's entrance.
        clock_ns: Unix nanoseconds.
    """

    def __init__(self, intake: Intake, clock_ns: Any) -> None:
        self._intake = intake
        self._clock_ns = clock_ns

    def mark_of(self, container_id: str) -> Mapping[str, Any] | None:
        """How far the container's log was kept."""
        return self._intake.mark_of(f"container:{container_id}")

    async def lines(self, facts: Facts, lines: Sequence[Line], mark: Mapping[str, Any]) -> None:
        """Lines are log records."""
        records = [("logs", log_of(facts, line)) for line in lines]
        await self._intake.put(records, {f"container:{facts.container_id}": mark})

    async def standing(self, facts: Facts, use: Use | None) -> None:
        """Standing and use are a sample."""
        await self._intake.put([("samples", sample_of(facts, use, instant_of(self._clock_ns())))])

    async def processes(self, facts: Facts, present: Sequence[Process], ended: Sequence[str]) -> None:
        """Those that are there, and the end of those that are no more."""
        at = instant_of(self._clock_ns())
        told = [process_of(facts, each, at) for each in present] + [end_of(facts, pid, at) for pid in ended]
        await self._intake.put([("processes", each) for each in told])

    def events_from_ns(self) -> int:
        """From when on events are not kept yet."""
        return int((self._intake.mark_of(EVENTS) or {}).get("fromNs", 0))

    async def events_kept(self, from_ns: int) -> None:
        """All before is on disk."""
        await self._intake.put([], {EVENTS: {"fromNs": from_ns}})

    async def happened(self, facts: Facts, event: Event, *, is_past: bool) -> None:
        """An end that is a failure is an error; an event of now is a sample, for the state has changed."""
        error = error_of(facts, event)
        records: list[tuple[str, Mapping[str, Any]]] = [] if error is None else [("errors", error)]
        if not is_past:
            records.insert(0, ("samples", sample_of(facts, None, instant_of(event.at_ns))))
        await self._intake.put(records)

    async def gone(self, container_id: str) -> None:
        """The workbench is told that it will hear no more of it."""
        gone = known(containerId=container_id, timestamp=instant_of(self._clock_ns()), state="removed")
        await self._intake.put([("samples", gone)])
