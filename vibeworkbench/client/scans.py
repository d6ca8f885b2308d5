"""Scans: finished ones, and one that runs now and can be followed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, ClassVar, Self

import msgspec

from vibeworkbench.client import displays
from vibeworkbench.client.api import Api, segment
from vibeworkbench.client.displays import Cell
from vibeworkbench.client.errors import Misunderstood, RoomClosed, Unreachable
from vibeworkbench.client.frames import Kind
from vibeworkbench.client.results import Items, counted
from vibeworkbench.client.rooms import Message, RoomSubscription
from vibeworkbench.client.values import SEVERITIES, CollectorRun, Progress, ScanBody

OPS_PARTY = "ops-monitor-broadcast"
LOOK_AGAIN_S = 2.0
"""Without news from the room for this long, REST is asked."""
GIVE_UP_S = 30.0
"""A server that is away for this long is called unreachable."""


class Scan(ScanBody, frozen=True, kw_only=True):
    """One look at the world and its judgement."""

    @property
    def duration_s(self) -> float | None:
        """Seconds from start to end; ``None`` while it runs."""
        return (self.completed_at - self.started_at).total_seconds() if self.completed_at else None

    @property
    def ok(self) -> bool:
        """Whether it ran to its end. A completed scan may have found trouble."""
        return self.status == "completed"

    @property
    def looks(self) -> CollectorRuns:
        """How each collector fared, as a list with ``.to_df()``."""
        return CollectorRuns(self.collectors)

    def __repr__(self) -> str:
        took = f" in {self.duration_s:.1f} s" if self.duration_s is not None else ""
        return (
            f"<scan {self.scan_id} {self.scope} {self.status}{took}: {counted(self.findings.total, 'findings')}, "
            f"{counted(self.issues_filed, 'issues')} filed, {self.issues_resolved} resolved>"
        )

    def _repr_html_(self) -> str:
        counts = displays.Html(
            " ".join(
                displays.badge(name, f"{self.findings.by_severity[name]} {name}")
                for name in SEVERITIES
                if self.findings.by_severity.get(name)
            )
        )
        took = f"{self.duration_s:.1f} s" if self.duration_s is not None else None
        return displays.card(
            displays.Html(f"{displays.html(self.scope.capitalize())} scan {displays.badge(self.status)}"),
            displays.facts(
                {
                    "started": self.started_at,
                    "took": took,
                    "by": self.trigger,
                    "records": self.processed_logs,
                    "issues filed": self.issues_filed,
                    "issues resolved": self.issues_resolved,
                    "why": self.reason,
                }
            ),
            counts or displays.note("Nothing found." if self.ok else "No findings to show."),
            displays.table(CollectorRuns.headings, map(CollectorRuns.cells, self.collectors), "No collector ran."),
        )


class CollectorRuns(Items[CollectorRun]):
    """How the collectors of one scan fared."""

    noun: ClassVar[str] = "collectors"
    empty: ClassVar[str] = "No collector ran."
    columns: ClassVar[Mapping[str, Kind]] = {
        "name": "text",
        "state": "text",
        "duration_ms": "number",
        "records": "count",
        "reason": "text",
    }
    headings: ClassVar[Sequence[str]] = ("collector", "state", "time", "records", "")

    @staticmethod
    def cells(item: CollectorRun) -> Sequence[Cell]:
        """Name, state, duration, records and the reason of a state that is not ``ok``."""
        reason = displays.html(item.reason) if item.reason else displays.Html("")
        return (item.name, displays.badge(item.state), f"{item.duration_ms:.0f} ms", item.records, reason)

    def row(self, item: CollectorRun) -> Sequence[Cell]:
        """The cells of one collector."""
        return self.cells(item)


class Scans(Items[Scan]):
    """Scans, newest first."""

    noun: ClassVar[str] = "scans"
    empty: ClassVar[str] = "Nothing was scanned yet: wb.scan() looks."
    columns: ClassVar[Mapping[str, Kind]] = {
        "scan_id": "text",
        "scope": "text",
        "trigger": "text",
        "status": "text",
        "started_at": "instant",
        "completed_at": "instant",
        "duration_s": "number",
        "processed_logs": "count",
        "issues_filed": "count",
        "issues_resolved": "count",
        "reason": "text",
    }
    headings: ClassVar[Sequence[str]] = ("scan", "state", "started", "took", "findings", "filed", "resolved", "by")

    def row(self, item: Scan) -> Sequence[Cell]:
        """Scope, state, start, duration, counts and trigger."""
        took = f"{item.duration_s:.1f} s" if item.duration_s is not None else None
        counts = (item.findings.total, item.issues_filed, item.issues_resolved)
        return (item.scope, displays.badge(item.status), item.started_at, took, *counts, item.trigger)


class RunningScan:
    """A scan that was started: iterate over its progress, or ask for its result.

    The scan runs in the server and goes on when nobody watches. Also a context manager that ends the watching.
    """

    def __init__(self, api: Api, scan_id: str, room: RoomSubscription) -> None:
        self.scan_id = scan_id
        self._api = api
        self._room: RoomSubscription | None = room
        self._scan: Scan | None = None
        self._silent_since: float | None = None

    def __iter__(self) -> Iterator[Progress]:
        """Each step of progress as it happens; ends with the scan."""
        while self._scan is None:
            message = self._next_message()
            if message is None:
                self._look()
                continue
            yield from self._read(message)
        self.close()

    def result(self, on_progress: Callable[[Progress], object] | None = None) -> Scan:
        """The finished scan, waited for; ``on_progress`` gets each step.

        Raises:
            Unreachable: The server went away and stayed away.
        """
        for progress in self:
            if on_progress is not None:
                on_progress(progress)
        if self._scan is None:
            raise Misunderstood("the watching ended before the scan did")
        return self._scan

    def close(self) -> None:
        """The scan is watched no longer; it goes on."""
        if self._room is not None:
            self._room.close()
            self._room = None

    def _next_message(self) -> Message | None:
        if self._room is None:
            time.sleep(LOOK_AGAIN_S / 4)
            return None
        try:
            return self._room.next(LOOK_AGAIN_S)
        except RoomClosed:
            self._room = None  # no live progress for this caller; REST still tells the end
            return None

    def _look(self) -> None:
        try:
            scan = self._api.get(f"api/ops/scans/{segment(self.scan_id)}", Scan)
        except Unreachable:
            now = time.monotonic()
            self._silent_since = self._silent_since or now
            if now - self._silent_since > GIVE_UP_S:
                raise
            return
        self._silent_since = None
        if scan.status != "running":
            self._scan = scan

    def _read(self, message: Message) -> Iterator[Progress]:
        data = message.data if isinstance(message.data, dict) else {}
        if message.type == "snapshot":
            yield from self._read_snapshot(data)
        elif data.get("scanId") != self.scan_id:
            return
        elif message.type == "scan-progress":
            yield _progress(data)
        elif message.type == "scan-result":
            self._scan = msgspec.convert(data, Scan)

    def _read_snapshot(self, data: Mapping[str, Any]) -> Iterator[Progress]:
        for running in data.get("running") or ():
            if running.get("scanId") == self.scan_id and running.get("progress"):
                yield _progress(running)
        last = data.get("lastScan")
        if last and last.get("scanId") == self.scan_id and last.get("status") != "running":
            self._scan = msgspec.convert(last, Scan)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return repr(self._scan) if self._scan else f"<scan {self.scan_id} running>"


def _progress(data: Mapping[str, Any]) -> Progress:
    """Of a ``scan-progress`` message, or of a running scan in a snapshot."""
    counts = data.get("progress") or {}
    return Progress(
        scan_id=str(data["scanId"]),
        processed=int(counts.get("processed", 0)),
        total=int(counts.get("total", 0)),
        step=str(data.get("step") or ""),
    )
