"""What is known of containers: reports of them, how reports are put together, and how well one is. Pure.

agents elsewhere (REST) and the engine here make reports → spool → warehouse; late, out of order or twice, they come to
the same.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec


class ReportKind(StrEnum):
    """What a report is about; logs are records of their own (see :mod:`vibeworkbench.logs`)."""

    error = "errors"
    process = "processes"
    sample = "samples"


class Report(msgspec.Struct, frozen=True, array_like=True):
    """One thing that was told of a container.

    Attributes:
        kind: What it is about.
        container_id: Of which container.
        at_us: When it was so, Unix microseconds.
        fields: What is told, named as in REST; what is missing is not told.
        record_id: The sender's own name for the report; empty when it has none.
    """

    kind: ReportKind
    container_id: str
    at_us: int
    fields: dict[str, Any]
    record_id: str = ""


Told = Mapping[str, tuple[int, Any]]
"""Field → when it was told, and what."""


def told_by(at_us: int, fields: Mapping[str, Any]) -> dict[str, tuple[int, Any]]:
    """The fields of one report with its instant."""
    return {name: (at_us, value) for name, value in fields.items()}


def together(known: Told, more: Told) -> dict[str, tuple[int, Any]]:
    """Of each field the newest: the same in whatever order, and however often, reports arrive.

    Of two values told of the same instant, the one whose JSON text is greater stays.
    """
    merged = dict(known)
    for name, (at_us, value) in more.items():
        present = merged.get(name)
        if present is None or (present[0], _order(present[1])) < (at_us, _order(value)):
            merged[name] = (at_us, value)
    return merged


def _order(value: Any) -> bytes:
    return msgspec.json.encode(value, order="deterministic")


# Errors: which are the same

GROUPING = "v1"
"""Version of the grouping: an id made by another one never means the same error."""
_FRAMES = (
    re.compile(r'^\s*File "(?P<file>[^"]+)", line \d+(?:, in (?P<name>\S+))?'),  # Python
    re.compile(r"^\s*at (?P<name>[\w$.<>]+)\((?P<file>[\w$]+\.(?:java|kt|scala|groovy))?(?::\d+)?\)"),  # JVM
    re.compile(r"^\s*at (?:async )?(?:(?P<name>[^\s(]+) \()?(?P<file>[^\s():]+(?:\.[cm]?[jt]sx?)):\d+:\d+\)?"),  # Node
    re.compile(r"^\s+(?P<file>/\S+\.(?:go|rs)):\d+(?P<name>)"),  # Go, Rust
    re.compile(r"^\s+at (?P<file>\./\S+\.rs):\d+(?::\d+)?(?P<name>)"),  # Rust
)
_FOREIGN = re.compile(
    r"site-packages|dist-packages|/lib/python|<frozen |node_modules|node:|/usr/local/go/|/pkg/mod/|/rustc/|\.cargo/"
    r"|^(?:java|javax|jdk|sun|kotlin|scala)\."
)
_VARYING = re.compile(
    r"""(?xi) \b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b | \b0x[0-9a-f]+\b
    | \b(?=[0-9a-f]*\d)[0-9a-f]{12,}\b | \d+(?:[.:]\d+)* | "[^"]*" | '[^']*'"""
)


def own_frames(stack: str) -> list[str]:
    """``file:function`` of the frames that are no library's, without line numbers; of all frames when none is."""
    found = [(match, line) for line in stack.splitlines() for form in _FRAMES if (match := form.match(line))]
    frames = [(f"{_base(match['file'])}:{match['name'] or ''}", line, match) for match, line in found]
    own = [frame for frame, line, match in frames if not _FOREIGN.search(match["name"] or "") and not _foreign(line)]
    return own or [frame for frame, _, _ in frames]


def _foreign(line: str) -> bool:
    return _FOREIGN.search(line.strip().removeprefix("at ")) is not None


def _base(path: str | None) -> str:
    return (path or "").rsplit("/", 1)[-1]


def steady(message: str) -> str:
    """The message with what varies from one time to the next (numbers, ids, addresses, quoted values) as ``<*>``."""
    return _VARYING.sub("<*>", message.split("\n", 1)[0].strip())


def error_id(kind: str, message: str, stack: str) -> str:
    """20 hexadecimal digits, equal for errors of one type, masked message and own frames of the stack."""
    said = "\x1f".join((GROUPING, kind, steady(message), *own_frames(stack)))
    return hashlib.blake2b(said.encode(), digest_size=10).hexdigest()


# How well a container is


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """From where on a container is not well; see :class:`vibeworkbench.settings.ContainerSettings`."""

    cpu_ratio: float
    memory_ratio: float
    restarts: int
    silent_after_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A container as it was last heard of.

    Attributes:
        state: As the engine calls it; empty when nobody told.
        health: What its health check says; empty or ``none`` when it has none.
        exit_code: How it ended; ``None`` when nobody told.
        oom_killed: Whether its memory was used up.
        restarts: How often it was started again within the last while.
        cpu_ratio: Processor use against its limit; ``None`` when unknown, or without a limit.
        memory_ratio: Memory against its limit; ``None`` when unknown.
        silent_s: Since when nothing was heard of it.
    """

    state: str = ""
    health: str = ""
    exit_code: int | None = None
    oom_killed: bool = False
    restarts: int = 0
    cpu_ratio: float | None = None
    memory_ratio: float | None = None
    silent_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a container is not wholly well, and how much of 100 that takes."""

    reason: str
    loss: int


STOPPED_BY_PEOPLE = frozenset({0, 130, 143})
"""Exit codes of an end in good order, by SIGINT and by SIGTERM."""


def reasons(standing: Standing, limits: Limits) -> list[Reason]:
    """Everything that is wrong with a container, worst first."""
    found = [*_of_state(standing), *_of_use(standing, limits)]
    if standing.health == "unhealthy":
        found.append(Reason("its health check fails", 60))
    elif standing.health == "starting":
        found.append(Reason("its health check has not passed yet", 10))
    if standing.restarts >= limits.restarts:
        found.append(Reason(f"it was restarted {standing.restarts} times lately", 50))
    if standing.silent_s > limits.silent_after_s and standing.state in {"running", "restarting", ""}:
        found.append(Reason(f"nothing was heard of it for {standing.silent_s:.0f} s", 40))
    return sorted(found, key=lambda each: -each.loss)


def _of_state(standing: Standing) -> Iterable[Reason]:
    if standing.state in {"exited", "dead", "restarting"}:
        if standing.oom_killed:
            yield Reason("it was killed because its memory was used up", 100)
        elif standing.exit_code is not None and standing.exit_code not in STOPPED_BY_PEOPLE:
            yield Reason(f"it ended with exit code {standing.exit_code}", 100)
        elif standing.state == "dead":
            yield Reason("the engine could not remove it", 50)
    elif standing.state == "paused":
        yield Reason("it is paused", 20)


def _of_use(standing: Standing, limits: Limits) -> Iterable[Reason]:
    if standing.state not in {"running", ""}:
        return
    if standing.memory_ratio is not None and standing.memory_ratio >= limits.memory_ratio:
        yield Reason(f"it uses {standing.memory_ratio * 100:.0f} % of its memory limit", 30)
    if standing.cpu_ratio is not None and standing.cpu_ratio >= limits.cpu_ratio:
        yield Reason(f"it uses {standing.cpu_ratio * 100:.0f} % of its processor limit", 15)


def score(found: Sequence[Reason]) -> int:
    """How well it is, from 0 to 100: what the reasons leave."""
    return max(100 - sum(each.loss for each in found), 0)
