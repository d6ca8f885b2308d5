"""The views of the whole: summary, health, schedules, rooms, and the server itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from vibeworkbench.client import displays
from vibeworkbench.client.displays import Cell, Html
from vibeworkbench.client.frames import Kind, frame
from vibeworkbench.client.results import Items
from vibeworkbench.client.values import (
    ISSUE_STATES,
    SEVERITIES,
    HealthBody,
    Member,
    RoomBody,
    ScheduleBody,
    StatusBody,
    SummaryBody,
)

if TYPE_CHECKING:
    import pandas as pd


class Summary(SummaryBody, frozen=True, kw_only=True):
    """How many issues there are. ``by_severity`` counts those that are not resolved."""

    def to_df(self) -> pd.DataFrame:
        """A frame with a row for each state: ``state``, ``count``, ``mean_severity`` (info 1 ... critical 5)."""
        rows = [_StateRow(name, each.count, each.mean_severity) for name, each in self.by_state.items()]
        return frame(rows, {"state": "text", "count": "count", "mean_severity": "number"})

    def __repr__(self) -> str:
        states = ", ".join(f"{each.count} {name}" for name, each in self.by_state.items() if each.count)
        return f"<{self.total} issues{f': {states}' if states else ''}>"

    def _repr_html_(self) -> str:
        severities = [
            displays.badge(name, f"{self.by_severity[name]} {name}")
            for name in SEVERITIES
            if self.by_severity.get(name, 0)
        ]
        rows = [
            (displays.badge(name), each.count, _mean(each.mean_severity))
            for name in ISSUE_STATES
            if (each := self.by_state.get(name))
        ]
        return displays.card(
            f"{self.total} issues",
            Html(" ".join(severities)) or displays.note("Nothing unresolved."),
            displays.table(
                ("state", "issues", "mean severity (1 info to 5 critical)"), rows, "No issue was ever filed."
            ),
        )


class _StateRow:
    __slots__ = ("count", "mean_severity", "state")

    def __init__(self, state: str, count: int, mean_severity: float | None) -> None:
        self.state, self.count, self.mean_severity = state, count, mean_severity


def _mean(value: float | None) -> str | None:
    return None if value is None else f"{value:.1f}"


class Health(HealthBody, frozen=True, kw_only=True):
    """The health of the whole and of each target, 0 (down) to 100 (well)."""

    def to_df(self) -> pd.DataFrame:
        """A frame with a row for each target: ``target``, ``score``, ``worst``, ``issues``."""
        return frame(self.targets, {"target": "text", "score": "number", "worst": "severity", "issues": "count"})

    def history_df(self) -> pd.DataFrame:
        """A frame of the whole's past scores: ``at``, ``score``, oldest first."""
        return frame(self.history, {"at": "instant", "score": "number"})

    def __repr__(self) -> str:
        score = "nothing scanned yet" if self.score is None else f"{self.score:.0f} of 100"
        return f"<health {score}, {len(self.targets)} targets>"

    def _repr_html_(self) -> str:
        if self.score is None:
            return displays.card("Health", displays.note("Nothing was scanned yet: wb.scan() looks."))
        rows = [
            (each.target, _score(each.score), displays.badge(each.worst) if each.worst else None, each.issues)
            for each in self.targets
        ]
        return displays.card(
            f"Health {self.score:.0f} of 100",
            displays.bar(self.score / 100, _mood(self.score)),
            displays.sparkline([each.score for each in self.history]),
            displays.table(("target", "score", "worst", "issues"), rows, "No targets yet."),
        )


def _score(score: float | None) -> Cell:
    return None if score is None else displays.badge(_mood(score), f"{score:.0f}")


def _mood(score: float) -> str:
    """The word whose colour a score has."""
    return "good" if score >= 90 else "medium" if score >= 60 else "high" if score >= 30 else "critical"


class Schedules(Items[ScheduleBody]):
    """Scans on a clock."""

    noun: ClassVar[str] = "schedules"
    empty: ClassVar[str] = "No schedules in the settings."
    columns: ClassVar[Mapping[str, Kind]] = {
        "name": "text",
        "cron": "text",
        "scope": "text",
        "timezone": "text",
        "next_fire_at": "instant",
        "last_fire_at": "instant",
        "last_scan_id": "text",
        "last_outcome": "text",
    }
    headings: ClassVar[Sequence[str]] = ("schedule", "cron", "zone", "scope", "next", "last", "outcome")

    def row(self, item: ScheduleBody) -> Sequence[Cell]:
        """Name, expression, zone, scope, next and last fire, outcome."""
        fires = (item.next_fire_at, item.last_fire_at)
        return (
            item.name,
            Html(f"<code>{displays.html(item.cron)}</code>"),
            item.timezone,
            item.scope,
            *fires,
            item.last_outcome,
        )


class Rooms(Items[RoomBody]):
    """The rooms that are in use."""

    noun: ClassVar[str] = "rooms"
    empty: ClassVar[str] = "No room is in use."
    columns: ClassVar[Mapping[str, Kind]] = {
        "party": "text",
        "room": "text",
        "recording": "flag",
        "members": "count",
        "last_seq": "count",
        "oldest_seq": "count",
        "messages_per_s": "number",
        "bytes_per_s": "number",
        "backlog_bytes": "count",
        "dropped": "count",
        "epoch": "text",
    }
    headings: ClassVar[Sequence[str]] = ("party", "room", "members", "last seq", "messages/s", "largest lag", "dropped")

    def row(self, item: RoomBody) -> Sequence[Cell]:
        """Address, members, place, rate, lag and drops."""
        lag = f"{item.backlog_bytes} B"
        return (item.party, item.room, item.members, item.last_seq, f"{item.messages_per_s:.1f}", lag, item.dropped)


class Members(Items[Member]):
    """Who is in a room."""

    noun: ClassVar[str] = "members"
    empty: ClassVar[str] = "Nobody is in this room."
    columns: ClassVar[Mapping[str, Kind]] = {
        "member_id": "text",
        "name": "text",
        "role": "text",
        "joined_at": "instant",
        "lag_bytes": "count",
        "rtt_ms": "number",
        "quality": "text",
    }
    headings: ClassVar[Sequence[str]] = ("name", "role", "joined", "round trip", "lag", "quality")

    def row(self, item: Member) -> Sequence[Cell]:
        """Name, role, instant of joining, round trip, lag and quality."""
        rtt = None if item.rtt_ms is None else f"{item.rtt_ms:.0f} ms"
        quality = displays.badge(item.quality) if item.quality else None
        return (item.name or item.member_id, item.role, item.joined_at, rtt, f"{item.lag_bytes} B", quality)


class Status(StatusBody, frozen=True, kw_only=True):
    """The server: its version, who the caller is to it, and how its parts are."""

    def __repr__(self) -> str:
        parts = ", ".join(f"{name} {each.get('state')}" for name, each in self.subsystems.items())
        return f"<vibeworkbench {self.version}, you are {self.caller.name} ({self.caller.role}): {parts}>"

    def _repr_html_(self) -> str:
        rows = [
            (
                name,
                displays.badge(str(each.get("state"))),
                ", ".join(f"{key} {value}" for key, value in each.items() if key != "state"),
            )
            for name, each in self.subsystems.items()
        ]
        return displays.card(
            f"vibeworkbench {self.version}",
            displays.facts({"you are": self.caller.name, "role": self.caller.role}),
            displays.table(("part", "state", ""), rows, "The server says nothing about its parts."),
        )
