"""What is asked of the kept containers: parameters of the statements, and rows as values."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from vibeworkbench.containers.columns import USE, microseconds_of
from vibeworkbench.containers.model import Limits, Reason, Standing, reasons, score
from vibeworkbench.containers.records import Known, instant, known_from, naive, statement
from vibeworkbench.containers.wire import ContainerBody, UseBody
from vibeworkbench.logs.asking import level_of
from vibeworkbench.settings import ContainerThresholds
from vibeworkbench.storage.warehouse import Connection

T = TypeVar("T")
SERIES = ("cpuPercent", "memoryBytes", "processes", *tuple(USE)[4:8])
"""What there are series of, in the order of the statement's columns."""


@dataclass(frozen=True, slots=True)
class Container:
    """A container as it was last heard of.

    Attributes:
        container_id: Which.
        known: What was told.
        standing: What counts of it for its health.
        reasons: Why it is not wholly well.
        score: How well, from 0 to 100.
    """

    container_id: str
    known: Known
    standing: Standing
    reasons: tuple[Reason, ...]
    score: int

    @property
    def name(self) -> str:
        """Its name; the beginning of its id while nobody has told it."""
        return str(self.known.value("containerName") or self.container_id[:12])


def container_of(
    container_id: str, known: Known, restarts: int, thresholds: ContainerThresholds, now: datetime
) -> Container:
    """The container, judged."""
    limits = Limits(
        cpu_ratio=thresholds.cpu_ratio,
        memory_ratio=thresholds.memory_ratio,
        restarts=thresholds.restarts,
        silent_after_s=thresholds.silent_after_s,
    )
    standing = Standing(
        state=str(known.value("state", "")),
        health=str(known.value("health", "")),
        exit_code=known.value("exitCode"),
        oom_killed=bool(known.value("oomKilled", False)),
        restarts=restarts,
        cpu_ratio=_ratio(known.value("cpuPercent"), (known.value("cpuLimit") or 0) * 100),
        memory_ratio=_ratio(known.value("memoryBytes"), known.value("memoryLimitBytes")),
        silent_s=max((now - known.last_at).total_seconds(), 0.0),
    )
    found = tuple(reasons(standing, limits))
    return Container(container_id, known, standing, found, score(found))


def _ratio(used: float | None, limit: float | None) -> float | None:
    return used / limit if used is not None and limit else None


def body_of(container: Container) -> ContainerBody:
    """A container as it goes over the network."""
    known, standing = container.known, container.standing
    return ContainerBody(
        container_id=container.container_id,
        container_name=container.name,
        image=str(known.value("image", "")),
        state=standing.state,
        health=standing.health,
        exit_code=standing.exit_code,
        oom_killed=standing.oom_killed,
        restarts=int(known.value("restarts", 0)),
        restarts_lately=standing.restarts,
        started_at=told_at(known, "startedAt"),
        finished_at=told_at(known, "finishedAt"),
        first_seen_at=known.first_at,
        last_seen_at=known.last_at,
        score=container.score,
        reasons=[each.reason for each in container.reasons],
        latest=use_of(known),
        labels=known.value("labels", {}),
        environment=known.value("environment", {}),
    )


def said(container: Container) -> dict[str, Any]:
    """A container as JSON values."""
    told: dict[str, Any] = msgspec.to_builtins(body_of(container))
    return told


def use_of(known: Known) -> UseBody | None:
    """What the container used when it told last; ``None`` when it never did."""
    at_us = max((known.told[field][0] for field in USE if field in known.told), default=None)
    if at_us is None:
        return None
    told = {column: known.value(field) for field, column in USE.items()}
    return UseBody(timestamp=instant(at_us), **told)


def told_at(known: Known, field: str) -> datetime | None:
    """An instant that was told."""
    at_us = microseconds_of(known.value(field))
    return None if at_us is None else instant(at_us)


def known(connection: Connection) -> dict[str, Known]:
    """Every container, in the order of their ids."""
    rows = connection.execute(statement("containers")).fetchall()
    return {container_id: known_from(*rest) for container_id, *rest in rows}


def restarts(connection: Connection, since: datetime) -> dict[str, int]:
    """Container → how often it was started again since."""
    return dict(connection.execute(statement("restarts"), {"since": naive(since)}).fetchall())


# Samples, processes, errors


@dataclass(frozen=True, slots=True)
class Sample:
    """One row of samples."""

    container_id: str
    at: datetime
    state: str | None
    use: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which rows; ``None`` asks for all.

    Attributes:
        begin: Of this instant or later.
        end: Before this instant.
        before: Where, looking backwards, the page begins: instant and id of the last row before it.
        limit: How many, at most.
    """

    container_id: str | None = None
    begin: datetime | None = None
    end: datetime | None = None
    before: tuple[datetime, str] | None = None
    limit: int = 100

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of a statement."""
        before_at, before_id = self.before or (None, None)
        return {
            "container_id": self.container_id,
            "begin": None if self.begin is None else naive(self.begin),
            "end": None if self.end is None else naive(self.end),
            "before_at": None if before_at is None else naive(before_at),
            "before_id": before_id,
            "limit": self.limit,
        }


def samples(wanted: Wanted) -> Callable[[Connection], list[Sample]]:
    """The samples that are wanted, newest first."""

    def asked(connection: Connection) -> list[Sample]:
        rows = connection.execute(statement("samples"), wanted.parameters).fetchall()
        columns = tuple(USE.values())
        return [
            Sample(container_id, _aware(at), state, dict(zip(columns, use, strict=True)))
            for container_id, at, state, *use in rows
        ]

    return asked


@dataclass(frozen=True, slots=True)
class Process:
    """A process and its container."""

    container_id: str
    process_id: str
    known: Known


def processes(
    container_id: str | None, *, ended: bool | None, after: tuple[str, str] | None, limit: int
) -> Callable[[Connection], list[Process]]:
    """Processes in the order of their containers and ids."""
    after_id, after_process = after or (None, None)
    given = {
        "container_id": container_id,
        "ended": ended,
        "after_id": after_id,
        "after_process": after_process,
        "limit": limit,
    }

    def asked(connection: Connection) -> list[Process]:
        rows = connection.execute(statement("processes"), given).fetchall()
        return [Process(of, process_id, known_from(*rest)) for of, process_id, *rest in rows]

    return asked


@dataclass(frozen=True, slots=True)
class Error:
    """Errors that are the same."""

    error_id: str
    type: str
    message: str
    stack: str
    count: int
    first_at: datetime
    last_at: datetime
    containers: tuple[str, ...]


def errors(wanted: Wanted, kind: str | None, text: str | None) -> Callable[[Connection], list[Error]]:
    """The errors that are wanted, those that came last first."""
    given = {**wanted.parameters, "type": kind, "text": text}

    def asked(connection: Connection) -> list[Error]:
        rows = connection.execute(statement("errors"), given).fetchall()
        return [
            Error(error_id, type_, message, stack, count, _aware(first_at), _aware(last_at), tuple(containers))
            for error_id, type_, message, stack, count, first_at, last_at, containers in rows
        ]

    return asked


# Over time


@dataclass(frozen=True, slots=True)
class Bucket:
    """The samples of one container within one bucket: mean and highest of each of ``SERIES``."""

    container_id: str
    at: datetime
    values: tuple[tuple[float | None, float | None], ...]


def series(
    container_ids: Sequence[str], begin: datetime, end: datetime, bucket_s: int
) -> Callable[[Connection], list[Bucket]]:
    """The samples of containers by bucket; buckets begin at whole multiples of ``bucket_s`` since 1970."""
    given = {
        "container_ids": [*container_ids],
        "begin": naive(begin),
        "end": naive(end),
        "bucket": f"{bucket_s} seconds",
    }

    def asked(connection: Connection) -> list[Bucket]:
        rows = connection.execute(statement("series"), given).fetchall()
        return [
            Bucket(container_id, _aware(at), tuple(zip(values[::2], values[1::2], strict=True)))
            for container_id, at, *values in rows
        ]

    return asked


@dataclass(frozen=True, slots=True)
class Group:
    """Lines that belong together in an aggregation; what was not asked for is ``None``."""

    bucket_at: datetime | None
    level: str | None
    container_id: str | None
    container_name: str | None
    template_id: str | None
    template: str | None
    count: int


def aggregate(given: Mapping[str, Any]) -> Callable[[Connection], list[Group]]:
    """Lines of containers, counted; ``given`` holds the parameters of the statement."""

    def asked(connection: Connection) -> list[Group]:
        rows = connection.execute(statement("aggregate"), dict(given)).fetchall()
        return [
            Group(
                None if at is None else _aware(at),
                None if level is None else level_of(level).name,
                *rest,
            )
            for at, level, *rest in rows
        ]

    return asked


def _aware(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC)
