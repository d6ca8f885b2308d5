"""What the warehouse keeps of containers: how reports get into it."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from vibeworkbench.containers.columns import PAYLOAD, Seen, decoded, sample_columns
from vibeworkbench.containers.model import Report, ReportKind, Told, error_id, together, told_by
from vibeworkbench.logs.frames import Frame
from vibeworkbench.storage.warehouse import Connection, Tables

_QUERIES = files("vibeworkbench.containers") / "queries"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TOLD = msgspec.json.Decoder(dict[str, tuple[int, Any]])


@cache
def statement(name: str) -> str:
    """The text of ``queries/<name>.sql``."""
    return (_QUERIES / f"{name}.sql").read_text("utf-8")


TABLES = Tables("containers", (statement("tables_1"),))


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a container or a process.

    Attributes:
        first_us: When it was heard of first, Unix microseconds.
        last_us: When last.
        told: What was told.
    """

    first_us: int
    last_us: int
    told: Told

    def value(self, field: str, default: Any = None) -> Any:
        """What was told last of a field."""
        return self.told[field][1] if field in self.told else default

    @property
    def last_at(self) -> datetime:
        """When it was heard of last."""
        return instant(self.last_us)

    @property
    def first_at(self) -> datetime:
        """When it was heard of first."""
        return instant(self.first_us)


def instant(us: int) -> datetime:
    """The aware UTC instant of Unix microseconds."""
    return _EPOCH + timedelta(microseconds=us)


def naive(at: datetime) -> datetime:
    """An aware instant as the warehouse has it."""
    return at.astimezone(UTC).replace(tzinfo=None)


def known_from(first_at: datetime, last_at: datetime, told: str) -> Known:
    """What a row of the warehouse means."""
    microsecond = timedelta(microseconds=1)
    first, last = ((each.replace(tzinfo=UTC) - _EPOCH) // microsecond for each in (first_at, last_at))
    return Known(first, last, _TOLD.decode(told))


@dataclass(frozen=True, slots=True)
class Kept:
    """What was committed: the reports, how their containers now stand, and which were forgotten in their favour."""

    reports: tuple[Report, ...]
    containers: Mapping[str, Known]
    forgotten: tuple[str, ...] = ()


class ReportKeeper:
    """Puts reports into the warehouse.

    Args:
        told: Is told, on the event loop, of what was committed.
        most: How many containers are known at the same time.
    """

    payload = PAYLOAD

    def __init__(self, told: Callable[[Kept], None], most: int = 10_000) -> None:
        self._told = told
        self._most = most
        self._containers: dict[str, Known] = {}

    def load(self, connection: Connection) -> None:
        """The containers are those of the warehouse."""
        rows = connection.execute(statement("containers")).fetchall()
        self._containers = {container_id: known_from(*rest) for container_id, *rest in rows}

    def store(self, connection: Connection, frames: Sequence[Frame]) -> Kept:
        """The reports of the frames are in the transaction."""
        payloads = [decoded(frame.payload) for frame in frames]
        reports = [report for each in payloads for report in each.reports]
        changed = self._keep_containers(connection, reports)
        _keep_samples(connection, [each for each in reports if each.kind is ReportKind.sample])
        _keep_processes(connection, [each for each in reports if each.kind is ReportKind.process])
        _keep_errors(connection, [each for each in reports if each.kind is ReportKind.error])
        _keep_seen(connection, [seen for each in payloads for seen in each.seen], frames[-1].received_us)
        return Kept(tuple(reports), changed, self._forgotten(connection))

    def stored(self, told: Kept) -> None:
        """Whoever watches learns of the reports."""
        self._told(told)

    def _keep_containers(self, connection: Connection, reports: Iterable[Report]) -> dict[str, Known]:
        changed: dict[str, Known] = {}
        for each in reports:
            known = changed.get(each.container_id) or self._containers.get(each.container_id)
            fields = each.fields
            if each.kind is not ReportKind.sample:
                fields = {name: value for name, value in fields.items() if name in {"containerName", "image"}}
            changed[each.container_id] = _more(known, each, fields)
        for container_id, known in changed.items():
            _replace(connection, _CONTAINER, (container_id,), known)
        self._containers.update(changed)
        return changed

    def _forgotten(self, connection: Connection) -> tuple[str, ...]:
        """When there are too many, those of which nothing was heard for the longest are gone, some more than must."""
        over = len(self._containers) - self._most
        if over <= 0:
            return ()
        oldest = heapq.nsmallest(
            over + self._most // 10, self._containers, key=lambda each: self._containers[each].last_us
        )
        for container_id in oldest:
            del self._containers[container_id]
        for delete in (
            "DELETE FROM container WHERE list_contains(?::VARCHAR[], container_id)",
            "DELETE FROM container_process WHERE list_contains(?::VARCHAR[], container_id)",
        ):
            connection.execute(delete, [oldest])
        return (*oldest,)


def _more(known: Known | None, report: Report, fields: Mapping[str, Any]) -> Known:
    told = told_by(report.at_us, fields)
    if known is None:
        return Known(report.at_us, report.at_us, told)
    first_us, last_us = min(known.first_us, report.at_us), max(known.last_us, report.at_us)
    return replace(known, first_us=first_us, last_us=last_us, told=together(known.told, told))


_CONTAINER = (
    "DELETE FROM container WHERE container_id = ?",
    "INSERT INTO container VALUES (?, make_timestamp(?), make_timestamp(?), ?)",
)
_PROCESS = (
    "DELETE FROM container_process WHERE container_id = ? AND process_id = ?",
    "INSERT INTO container_process VALUES (?, ?, make_timestamp(?), make_timestamp(?), ?, ?)",
)


def _replace(connection: Connection, statements: tuple[str, str], keys: tuple[str, ...], known: Known) -> None:
    """The row under these keys is this one; of a process, it says whether it has ended."""
    ended = [] if statements is _CONTAINER else ["endedAt" in known.told]
    told = msgspec.json.encode(known.told).decode()
    connection.execute(statements[0], [*keys])
    connection.execute(statements[1], [*keys, known.first_us, known.last_us, *ended, told])


def _keep_samples(connection: Connection, samples: Sequence[Report]) -> None:
    if samples:
        columns = sample_columns(samples)
        connection.execute(statement("keep_samples"), {**columns, "oldest_us": min(columns["seen_us"])})


def _keep_processes(connection: Connection, reports: Sequence[Report]) -> None:
    changed: dict[tuple[str, str], Known] = {}
    for each in reports:
        key = (each.container_id, str(each.fields["processId"]))
        fields = {name: value for name, value in each.fields.items() if name != "processId"}
        known = changed[key] if key in changed else _process(connection, key)
        changed[key] = _more(known, each, fields)
    for key, known in changed.items():
        _replace(connection, _PROCESS, key, known)


def _process(connection: Connection, key: tuple[str, str]) -> Known | None:
    asked = "SELECT first_at, last_at, told FROM container_process WHERE container_id = ? AND process_id = ?"
    row = connection.execute(asked, [*key]).fetchone()
    return None if row is None else known_from(*row)


# Errors


@dataclass(frozen=True, slots=True)
class _Error:
    count: int
    first_us: int
    last_us: int
    newest: Report


def _keep_errors(connection: Connection, reports: Sequence[Report]) -> None:
    groups: dict[tuple[str, str], _Error] = {}
    for each in _unseen(connection, reports):
        fields = each.fields
        key = (error_id(fields["type"], fields.get("message", ""), fields.get("stack", "")), each.container_id)
        one = _Error(int(fields.get("count", 1)), each.at_us, each.at_us, each)
        groups[key] = _added(groups[key], one) if key in groups else one
    for key, error in groups.items():
        _add_error(connection, key, error)


def _unseen(connection: Connection, reports: Sequence[Report]) -> list[Report]:
    """The reports that were not there before, each of those with an id once; their ids are remembered."""
    ids = [f"{each.container_id}/{each.record_id}" if each.record_id else "" for each in reports]
    rows = connection.execute(_SEEN, [ids]).fetchall() if any(ids) else []
    seen = {record_id for (record_id,) in rows}
    fresh: list[Report] = []
    for each, record_id in zip(reports, ids, strict=True):
        if record_id in seen:
            continue
        fresh.append(each)
        if record_id:
            seen.add(record_id)
            connection.execute(
                "INSERT INTO container_error_seen VALUES (?, make_timestamp(?))", [record_id, each.at_us]
            )
    return fresh


_SEEN = "SELECT record_id FROM container_error_seen WHERE list_contains(?::VARCHAR[], record_id)"


def _added(one: _Error, other: _Error) -> _Error:
    newest = max(one, other, key=lambda each: each.last_us).newest
    first_us, last_us = min(one.first_us, other.first_us), max(one.last_us, other.last_us)
    return _Error(one.count + other.count, first_us, last_us, newest)


def _add_error(connection: Connection, key: tuple[str, str], error: _Error) -> None:
    fields = error.newest.fields
    given = [error.count, error.first_us, error.last_us, error.last_us, fields.get("message", ""), *key]
    found = connection.execute(_ADD_ERROR, given).fetchone()
    if found is None or not found[0]:
        texts = [fields["type"], fields.get("message", ""), fields.get("stack", "")]
        connection.execute(_NEW_ERROR, [*key, *texts, error.count, error.first_us, error.last_us])


_ADD_ERROR = """UPDATE container_error SET
    count = count + ?, first_at = least(first_at, make_timestamp(?)), last_at = greatest(last_at, make_timestamp(?)),
    message = CASE WHEN make_timestamp(?) >= last_at THEN ? ELSE message END
WHERE error_id = ? AND container_id = ?"""
_NEW_ERROR = "INSERT INTO container_error VALUES (?, ?, ?, ?, ?, ?, make_timestamp(?), make_timestamp(?))"


def _keep_seen(connection: Connection, seen: Sequence[Seen], received_us: int) -> None:
    for (agent_id, kind), each in {(each.agent_id, each.kind): each for each in seen}.items():
        connection.execute("DELETE FROM container_agent WHERE agent_id = ? AND kind = ?", [agent_id, kind])
        if not each.ranges:
            continue
        ranges = msgspec.json.encode(each.ranges).decode()
        given = [agent_id, kind, ranges, received_us]
        connection.execute("INSERT INTO container_agent VALUES (?, ?, ?, make_timestamp(?))", given)


def seen_numbers(connection: Connection) -> dict[tuple[str, str], list[tuple[int, int]]]:
    """Agent and kind → the numbers that were seen; who was heard of last stands last."""
    rows = connection.execute("SELECT agent_id, kind, ranges FROM container_agent ORDER BY last_at").fetchall()
    return {(agent_id, kind): msgspec.json.decode(text, type=list[tuple[int, int]]) for agent_id, kind, text in rows}


def forget(connection: Connection, samples_before: datetime, rest_before: datetime) -> None:
    """What is older is gone: samples, and errors, processes, containers and agents that were not heard of since."""
    connection.execute("DELETE FROM container_sample WHERE seen_at < ?", [naive(samples_before)])
    connection.execute("DELETE FROM container_error_seen WHERE seen_at < ?", [naive(rest_before)])
    for delete in _FORGET:
        connection.execute(delete, [naive(rest_before)])


_FORGET = (
    "DELETE FROM container_error WHERE last_at < ?",
    "DELETE FROM container_process WHERE last_at < ?",
    "DELETE FROM container_agent WHERE last_at < ?",
    "DELETE FROM container WHERE last_at < ?",
)
