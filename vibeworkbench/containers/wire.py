"""Reports and answers about containers as they cross the network."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, UnsetType

from vibeworkbench.logs.wire import Name, Word

Instant = datetime | Annotated[float, msgspec.Meta(ge=0)]
Amount = Annotated[int, msgspec.Meta(ge=0, lt=2**62)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
Text = Annotated[str, msgspec.Meta(max_length=64 * 1024)]
LongText = Annotated[str, msgspec.Meta(max_length=256 * 1024)]
Pairs = Annotated[dict[Annotated[str, msgspec.Meta(max_length=256)], Text], msgspec.Meta(max_length=500)]
State = Literal["created", "running", "paused", "restarting", "removing", "exited", "dead", "stopped", "removed"]
Health = Literal["healthy", "unhealthy", "starting", "none"]


class Body(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """A JSON object that holds what its type says, and nothing else."""


class OfContainer(Body, frozen=True, kw_only=True):
    """What every report says: of which container, and how the sender knows the report again.

    That is an ``id``, or the ``sequence`` that ``agentId`` gave it among its reports of this kind.
    """

    container_id: Name
    container_name: Word = ""
    image: Word = ""
    id: Annotated[str, msgspec.Meta(max_length=256)] = ""
    agent_id: Word = ""
    sequence: Annotated[int, msgspec.Meta(ge=1, lt=2**62)] | UnsetType = UNSET


class LogReport(OfContainer, frozen=True, kw_only=True):
    """A line, or several that belong together; level and time are read from the message where they are not given."""

    message: str
    timestamp: Instant | None = None
    level: Annotated[str, msgspec.Meta(max_length=32)] | Annotated[int, msgspec.Meta(ge=0, le=24)] | None = None
    stream: Literal["stdout", "stderr", ""] = ""
    attributes: Annotated[msgspec.Raw, msgspec.Meta(extra_json_schema={"type": "object"})] | UnsetType = UNSET


class ErrorReport(OfContainer, frozen=True, kw_only=True):
    """Something failed. Errors of one type, masked message and own frames of the stack are one error, counted."""

    type: Name
    message: Text
    timestamp: Instant
    stack: LongText = ""
    count: Annotated[int, msgspec.Meta(ge=1, le=10**9)] = 1


class ProcessReport(OfContainer, frozen=True, kw_only=True):
    """A process within a container: what is given is so from ``timestamp`` on, what is left out stays as it was."""

    process_id: Name
    timestamp: Instant
    parent_id: Word | UnsetType = UNSET
    name: Word | UnsetType = UNSET
    command: Text | UnsetType = UNSET
    user: Word | UnsetType = UNSET
    state: Word | UnsetType = UNSET
    cpu_percent: Share | UnsetType = UNSET
    memory_bytes: Amount | UnsetType = UNSET
    threads: Amount | UnsetType = UNSET
    started_at: datetime | UnsetType = UNSET
    ended_at: datetime | UnsetType = UNSET
    exit_code: int | UnsetType = UNSET


class SampleReport(OfContainer, frozen=True, kw_only=True):
    """How a container stands and what it uses at ``timestamp``.

    ``cpuPercent`` is of one processor: two busy ones are 200; ``cpuLimit`` counts processors. ``memoryBytes`` is
    without the file cache. Network and block bytes count since the container's start.
    """

    timestamp: Instant
    state: State | UnsetType = UNSET
    health: Health | UnsetType = UNSET
    exit_code: int | UnsetType = UNSET
    oom_killed: bool | UnsetType = UNSET
    restarts: Amount | UnsetType = UNSET
    started_at: datetime | UnsetType = UNSET
    finished_at: datetime | UnsetType = UNSET
    labels: Pairs | UnsetType = UNSET
    environment: Pairs | UnsetType = UNSET
    cpu_percent: Share | UnsetType = UNSET
    cpu_limit: Share | UnsetType = UNSET
    memory_bytes: Amount | UnsetType = UNSET
    memory_limit_bytes: Amount | UnsetType = UNSET
    network_received_bytes: Amount | UnsetType = UNSET
    network_sent_bytes: Amount | UnsetType = UNSET
    block_read_bytes: Amount | UnsetType = UNSET
    block_written_bytes: Amount | UnsetType = UNSET
    processes: Amount | UnsetType = UNSET


class LogReports(Body, frozen=True, kw_only=True):
    """Several log records."""

    records: list[LogReport]


class ErrorReports(Body, frozen=True, kw_only=True):
    """Several errors."""

    records: list[ErrorReport]


class ProcessReports(Body, frozen=True, kw_only=True):
    """Several processes."""

    records: list[ProcessReport]


class SampleReports(Body, frozen=True, kw_only=True):
    """Several samples."""

    records: list[SampleReport]


# Answers


class UseBody(Body, frozen=True, kw_only=True):
    """What a container used at one instant; what nobody told is null."""

    timestamp: datetime
    cpu_percent: float | None = None
    cpu_limit: float | None = None
    memory_bytes: int | None = None
    memory_limit_bytes: int | None = None
    network_received_bytes: int | None = None
    network_sent_bytes: int | None = None
    block_read_bytes: int | None = None
    block_written_bytes: int | None = None
    processes: int | None = None


class SampleBody(Body, frozen=True, kw_only=True):
    """One sample as it is kept."""

    container_id: str
    container_name: str
    state: str | None
    use: UseBody


class ContainerBody(Body, frozen=True, kw_only=True):
    """A container as it was last heard of.

    ``environment`` is masked; ``restartsLately`` counts as far back as ``ops.containers.restarts_within_s`` says.
    """

    container_id: str
    container_name: str
    image: str
    state: str
    health: str
    exit_code: int | None
    oom_killed: bool
    restarts: int
    restarts_lately: int
    started_at: datetime | None
    finished_at: datetime | None
    first_seen_at: datetime
    last_seen_at: datetime
    score: int
    reasons: list[str]
    latest: UseBody | None
    labels: dict[str, str]
    environment: dict[str, str]


class ProcessBody(Body, frozen=True, kw_only=True):
    """A process as it was last heard of; one with ``endedAt`` has ended."""

    container_id: str
    container_name: str
    process_id: str
    parent_id: str | None
    name: str | None
    command: str | None
    user: str | None
    state: str | None
    cpu_percent: float | None
    memory_bytes: int | None
    threads: int | None
    started_at: datetime | None
    ended_at: datetime | None
    exit_code: int | None
    first_seen_at: datetime
    last_seen_at: datetime


class ErrorBody(Body, frozen=True, kw_only=True):
    """Errors that are the same: how often, since when, until when, and in which containers."""

    error_id: str
    type: str
    message: str
    stack: str
    frames: list[str]
    count: int
    first_seen_at: datetime
    last_seen_at: datetime
    containers: list[str]


class HealthBody(Body, frozen=True, kw_only=True):
    """How well a container is, from 0 to 100, and why not wholly."""

    container_id: str
    container_name: str
    state: str
    health: str
    score: int
    reasons: list[str]
    last_seen_at: datetime


class EngineBody(Body, frozen=True, kw_only=True):
    """The container engine of this server: ``connected``, ``failing`` or ``absent``, and why."""

    state: Literal["connected", "failing", "absent"]
    reason: str


class SeriesBody(Body, frozen=True, kw_only=True):
    """One metric by bucket, from ``from`` on: an empty bucket is null. ``mean`` and ``max`` of what was sampled."""

    mean: list[float | None]
    max: list[float | None]


class MetricsBody(Body, frozen=True, kw_only=True):
    """A container's newest sample, and its metrics over time."""

    container_id: str
    container_name: str
    latest: UseBody | None
    series: dict[str, SeriesBody]


class GroupBody(Body, frozen=True, kw_only=True):
    """So many lines of one bucket, level, container and template; what was not asked for is null."""

    count: int
    bucket_at: datetime | None
    level: str | None
    container_id: str | None
    container_name: str | None
    template_id: str | None
    template: str | None
