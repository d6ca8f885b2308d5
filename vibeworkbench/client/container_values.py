"""What the server says of containers: how they stand, what they use, what failed in them, what runs in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

import msgspec

from vibeworkbench.client import displays
from vibeworkbench.client.api import Answer
from vibeworkbench.client.displays import Cell, Html
from vibeworkbench.client.frames import Kind
from vibeworkbench.client.results import Items


class Use(Answer, frozen=True, kw_only=True):
    """What a container used at one instant; what nobody told is ``None``. ``cpu_percent`` is of one processor."""

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


class Container(Answer, frozen=True, kw_only=True):
    """A container as it was last heard of. What the server could mask in ``environment`` is masked."""

    container_id: str
    container_name: str
    image: str = ""
    state: str = ""
    health: str = ""
    exit_code: int | None = None
    oom_killed: bool = False
    restarts: int = 0
    restarts_lately: int = 0
    started_at: datetime | None = None
    finished_at: datetime | None = None
    first_seen_at: datetime | None = None
    last_seen_at: datetime | None = None
    score: int | None = None
    reasons: list[str] = msgspec.field(default_factory=list)
    latest: Use | None = None
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    environment: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def cpu_percent(self) -> float | None:
        """Its newest processor use, of one processor."""
        return self.latest.cpu_percent if self.latest else None

    @property
    def memory_bytes(self) -> int | None:
        """Its newest memory use, without the file cache."""
        return self.latest.memory_bytes if self.latest else None

    @property
    def standing(self) -> str:
        """What its health check says while it runs, else its state."""
        has_check = self.state == "running" and self.health not in {"", "none"}
        return self.health if has_check else self.state or "unknown"

    def __repr__(self) -> str:
        return f"<container {self.container_name} {self.container_id[:12]}: {self.standing}>"

    def _repr_html_(self) -> str:
        return displays.card(
            Html(f"{displays.badge(self.standing)} {displays.html(self.container_name)}"),
            displays.note("; ".join(self.reasons)),
            displays.facts(
                {
                    "image": self.image,
                    "processor": percent(self.cpu_percent),
                    "memory": size(self.memory_bytes),
                    "restarts": self.restarts,
                    "started": self.started_at,
                    "ended": self.finished_at,
                    "exit code": self.exit_code,
                    "id": self.container_id[:12],
                }
            ),
        )


class Engine(Answer, frozen=True, kw_only=True):
    """The container engine of the server: ``connected``, ``failing`` or ``absent``, and why."""

    state: str
    reason: str = ""


class ContainerItems(Items[Container]):
    """Containers in the order of their names."""

    def __init__(self, items: Iterable[Container], engine: Engine | None = None) -> None:
        super().__init__(items)
        self.engine = engine

    noun: ClassVar[str] = "containers"
    empty: ClassVar[str] = "No container was heard of. `vibeworkbench agent` brings those of another machine."
    columns: ClassVar[Mapping[str, Kind]] = {
        "container_name": "text",
        "container_id": "text",
        "image": "text",
        "state": "text",
        "health": "text",
        "score": "count",
        "reasons": "object",
        "cpu_percent": "number",
        "memory_bytes": "count",
        "restarts": "count",
        "exit_code": "count",
        "oom_killed": "flag",
        "started_at": "instant",
        "finished_at": "instant",
        "first_seen_at": "instant",
        "last_seen_at": "instant",
        "labels": "object",
    }
    headings: ClassVar[Sequence[str]] = ("state", "container", "processor", "memory", "restarts", "last heard of", "id")

    def row(self, item: Container) -> Sequence[Cell]:
        """State, name with image and reasons, use, restarts, last sight, id."""
        beneath = " - ".join([item.image, *item.reasons]) if item.image else "; ".join(item.reasons)
        name = Html(f"{displays.html(item.container_name)}{displays.note(beneath)}")
        state, short = displays.badge(item.standing), Html(f"<code>{displays.html(item.container_id[:12])}</code>")
        use = (percent(item.cpu_percent), size(item.memory_bytes))
        return (state, name, *use, item.restarts or None, item.last_seen_at, short)


class HealthOfContainer(Answer, frozen=True, kw_only=True):
    """How well a container is, from 0 to 100, and why not wholly."""

    container_id: str
    container_name: str
    state: str
    health: str = ""
    score: int
    reasons: list[str] = msgspec.field(default_factory=list)
    last_seen_at: datetime | None = None


class ContainerHealth(Items[HealthOfContainer]):
    """How well the containers are, worst first."""

    noun: ClassVar[str] = "containers"
    empty: ClassVar[str] = ContainerItems.empty
    columns: ClassVar[Mapping[str, Kind]] = {
        "container_name": "text",
        "container_id": "text",
        "state": "text",
        "health": "text",
        "score": "count",
        "reasons": "object",
        "last_seen_at": "instant",
    }
    headings: ClassVar[Sequence[str]] = ("score", "container", "state", "why", "last heard of")

    def row(self, item: HealthOfContainer) -> Sequence[Cell]:
        """Score, name, state, reasons, last sight."""
        return (item.score, item.container_name, displays.badge(item.state), "; ".join(item.reasons), item.last_seen_at)


class Sample(Answer, frozen=True, kw_only=True):
    """One sample as it is kept."""

    container_id: str
    container_name: str
    state: str | None = None
    use: Use

    def __getattr__(self, name: str) -> Any:
        if name in Use.__struct_fields__:
            return getattr(self.use, name)
        raise AttributeError(name)


class Samples(Items[Sample]):
    """Samples, newest first."""

    noun: ClassVar[str] = "samples"
    empty: ClassVar[str] = "No sample in this time."
    columns: ClassVar[Mapping[str, Kind]] = {
        "timestamp": "instant",
        "container_name": "text",
        "container_id": "text",
        "state": "text",
        "cpu_percent": "number",
        "memory_bytes": "count",
        "memory_limit_bytes": "count",
        "network_received_bytes": "count",
        "network_sent_bytes": "count",
        "block_read_bytes": "count",
        "block_written_bytes": "count",
        "processes": "count",
    }
    headings: ClassVar[Sequence[str]] = ("at", "container", "state", "processor", "memory")

    def row(self, item: Sample) -> Sequence[Cell]:
        """Instant, name, state, use."""
        use = item.use
        return (use.timestamp, item.container_name, item.state, percent(use.cpu_percent), size(use.memory_bytes))


class ContainerError(Answer, frozen=True, kw_only=True):
    """Errors that are the same: how often, since when, until when, and in which containers."""

    error_id: str
    type: str
    message: str
    stack: str = ""
    frames: list[str] = msgspec.field(default_factory=list)
    count: int = 1
    first_seen_at: datetime
    last_seen_at: datetime
    containers: list[str] = msgspec.field(default_factory=list)


class ContainerErrors(Items[ContainerError]):
    """Errors, those that came last first."""

    noun: ClassVar[str] = "errors"
    empty: ClassVar[str] = "No error was reported."
    columns: ClassVar[Mapping[str, Kind]] = {
        "error_id": "text",
        "type": "text",
        "message": "text",
        "count": "count",
        "first_seen_at": "instant",
        "last_seen_at": "instant",
        "containers": "object",
        "frames": "object",
        "stack": "text",
    }
    headings: ClassVar[Sequence[str]] = ("error", "seen", "in", "first", "last")

    def row(self, item: ContainerError) -> Sequence[Cell]:
        """Type and message with the stack folded, count, containers, instants."""
        said = displays.html(displays.visible(f"{item.type}: {item.message}"))
        text = Html(f"{said}{displays.folded('stack', displays.visible(item.stack))}")
        seen = f"{item.count} \N{MULTIPLICATION SIGN}"
        return (text, seen, ", ".join(item.containers), item.first_seen_at, item.last_seen_at)


class ContainerProcess(Answer, frozen=True, kw_only=True):
    """A process within a container, as it was last heard of; one with ``ended_at`` has ended."""

    container_id: str
    container_name: str
    process_id: str
    parent_id: str | None = None
    name: str | None = None
    command: str | None = None
    user: str | None = None
    state: str | None = None
    cpu_percent: float | None = None
    memory_bytes: int | None = None
    threads: int | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    exit_code: int | None = None
    first_seen_at: datetime | None = None
    last_seen_at: datetime | None = None


class ContainerProcesses(Items[ContainerProcess]):
    """Processes in the order of their containers and ids."""

    noun: ClassVar[str] = "processes"
    empty: ClassVar[str] = "No process was reported."
    columns: ClassVar[Mapping[str, Kind]] = {
        "container_name": "text",
        "container_id": "text",
        "process_id": "text",
        "parent_id": "text",
        "name": "text",
        "command": "text",
        "user": "text",
        "state": "text",
        "cpu_percent": "number",
        "memory_bytes": "count",
        "threads": "count",
        "started_at": "instant",
        "ended_at": "instant",
        "exit_code": "count",
    }
    headings: ClassVar[Sequence[str]] = ("container", "process", "command", "processor", "memory", "ended")

    def row(self, item: ContainerProcess) -> Sequence[Cell]:
        """Container, id with name, command, use, end."""
        name = f"{item.process_id} {item.name or ''}".strip()
        command = displays.visible(item.command or "")
        use = (percent(item.cpu_percent), size(item.memory_bytes))
        return (item.container_name, name, command, *use, item.ended_at)


def percent(value: float | None) -> str | None:
    """A share in percent, to three digits."""
    return None if value is None else f"{value:.3g} %"


def size(count: int | None) -> str | None:
    """A number of bytes in its largest unit."""
    if count is None:
        return None
    value, units = float(count), ["B", "KiB", "MiB", "GiB", "TiB"]
    while value >= 1024 and len(units) > 1:
        value, units = value / 1024, units[1:]
    return f"{value:.3g} {units[0]}"
