"""Judging containers: well is one that runs within its limits and is healthy, or ended as somebody wanted it to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vibeworkbench.ops.checks import Check, CheckContext, check
from vibeworkbench.ops.checks.units import in_bytes, in_percent, in_time
from vibeworkbench.ops.model import Finding, Observation, Severity, Snapshot

COLLECTOR = "containers"
_WANTED = frozenset({0, 130, 143})
"""Exit codes of an end in good order, by SIGINT and by SIGTERM."""
_STAYS = frozenset({"exited", "dead", "stopped"})
_ENDED = _STAYS | {"restarting"}


def _evidence(seen: Observation) -> Mapping[str, Any]:
    return {name: value for name, value in seen.attributes.items() if value is not None and name != "silentS"}


@check(
    id="containers.exit",
    collector=COLLECTOR,
    type="availability",
    severity=Severity.high,
    hint="Read its last lines: `GET …/api/monitoring/logs?containerId=…`.",
    tags={"containers"},
)
def ended(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """A container ended with a failure and does not run; one that is restarted over and over is told as that alone."""
    for seen in snapshot.observations("container"):
        is_loop = seen.attributes["restartsLately"] >= context.settings.containers.restarts
        if seen.value in _STAYS and _has_failed(seen) and not is_loop:
            title = f"Container {seen.attributes['name']} ended with exit code {seen.attributes['exitCode']}"
            yield ended.finding(seen.subject, title, evidence=_evidence(seen))


def _has_failed(seen: Observation) -> bool:
    code = seen.attributes["exitCode"]
    return not seen.attributes["oomKilled"] and code is not None and code not in _WANTED


@check(
    id="containers.oom",
    collector=COLLECTOR,
    type="capacity",
    severity=Severity.high,
    hint="Give it more memory, or look for what takes so much: its memory over time is among its metrics.",
    tags={"containers", "memory"},
)
def out_of_memory(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """A container was killed because its memory was used up."""
    for seen in snapshot.observations("container"):
        if seen.attributes["oomKilled"]:
            again = "" if seen.value in _ENDED else ", and runs again"
            title = f"Container {seen.attributes['name']} was killed: its memory was used up{again}"
            severity = None if seen.value in _ENDED else Severity.medium
            yield out_of_memory.finding(seen.subject, title, severity=severity, evidence=_evidence(seen))


@check(
    id="containers.unhealthy",
    collector=COLLECTOR,
    type="availability",
    severity=Severity.high,
    hint="`docker inspect` shows what its health check said.",
    tags={"containers"},
)
def unhealthy(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """A container runs, and its own health check fails."""
    for seen in snapshot.observations("container"):
        if seen.value == "running" and seen.attributes["health"] == "unhealthy":
            title = f"Container {seen.attributes['name']} fails its health check"
            yield unhealthy.finding(seen.subject, title, evidence=_evidence(seen))


@check(
    id="containers.restarts",
    collector=COLLECTOR,
    type="availability",
    severity=Severity.high,
    hint="It ends and is started again, over and over: read the last lines before each end.",
    tags={"containers"},
)
def restarts(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """A container was started again several times within a while."""
    limits = context.settings.containers
    for seen in snapshot.observations("container"):
        count = seen.attributes["restartsLately"]
        if count >= limits.restarts:
            within = in_time(limits.restarts_within_s)
            end = f", and ended with exit code {seen.attributes['exitCode']}"
            end = end if seen.value in _ENDED and _has_failed(seen) else ""
            title = f"Container {seen.attributes['name']} was restarted {count} times within {within}{end}"
            yield restarts.finding(seen.subject, title, evidence={"limit": limits.restarts, **_evidence(seen)})


def _limit(context: CheckContext, judging: Check, seen: Observation, limit: float, clear: float) -> float:
    return min(clear, limit) if context.holds(judging, seen.subject) else limit


@check(
    id="containers.memory",
    collector=COLLECTOR,
    type="capacity",
    severity=Severity.medium,
    hint="Give it more memory before the kernel kills it, or look for what takes so much.",
    tags={"containers", "memory"},
)
def memory(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """A container uses most of its memory limit."""
    limits = context.settings.containers
    for seen in snapshot.observations("container"):
        ratio = seen.attributes["memoryRatio"]
        limit = _limit(context, memory, seen, limits.memory_ratio, limits.memory_clear_ratio)
        if seen.value == "running" and ratio is not None and ratio >= limit:
            most = in_bytes(seen.attributes["memoryLimitBytes"])
            title = f"Container {seen.attributes['name']} uses {in_percent(ratio)} of its {most} of memory"
            yield memory.finding(seen.subject, title, evidence={"limit": limits.memory_ratio, **_evidence(seen)})


@check(
    id="containers.cpu",
    collector=COLLECTOR,
    type="capacity",
    severity=Severity.low,
    hint="Raise its limit (`docker update --cpus`), or look for what keeps it busy.",
    tags={"containers", "cpu"},
)
def cpu(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """A container uses most of its processor limit."""
    limits = context.settings.containers
    for seen in snapshot.observations("container"):
        ratio = seen.attributes["cpuRatio"]
        limit = _limit(context, cpu, seen, limits.cpu_ratio, limits.cpu_clear_ratio)
        if seen.value == "running" and ratio is not None and ratio >= limit:
            title = f"Container {seen.attributes['name']} uses {in_percent(ratio)} of its processor limit"
            yield cpu.finding(seen.subject, title, evidence={"limit": limits.cpu_ratio, **_evidence(seen)})


@check(
    id="containers.silent",
    collector=COLLECTOR,
    type="availability",
    severity=Severity.medium,
    hint="Look whether the agent on its machine still runs and reaches this server.",
    tags={"containers"},
)
def silent(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """Nothing was heard for a while of a container that ran."""
    for seen in snapshot.observations("container"):
        silent_s = seen.attributes["silentS"]
        if seen.value == "running" and silent_s > context.settings.containers.silent_after_s:
            title = f"Container {seen.attributes['name']} ran when it was heard of last, {in_time(silent_s)} ago"
            yield silent.finding(seen.subject, title, evidence=_evidence(seen))


@check(
    id="containers.engine",
    collector=COLLECTOR,
    type="availability",
    severity=Severity.high,
    hint="See whether the engine runs (`docker info`), and whether this server's user may use its socket.",
    tags={"containers"},
)
def engine(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """The container engine's socket is there, and nobody answers."""
    for seen in snapshot.observations("engine"):
        if seen.value == "failing":
            reason = seen.attributes["reason"]
            yield engine.finding(
                seen.subject, f"The container engine is not followed: {reason}", evidence={"reason": reason}
            )


CHECKS = (cpu, ended, engine, memory, out_of_memory, restarts, silent, unhealthy)
