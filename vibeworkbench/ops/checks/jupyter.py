"""Judging this Jupyter server's kernels and terminals."""

from __future__ import annotations

from collections.abc import Iterator

from vibeworkbench.ops.checks import CheckContext, check
from vibeworkbench.ops.checks.units import in_bytes, in_time
from vibeworkbench.ops.model import Finding, Observation, Severity, Snapshot

COLLECTOR = "jupyter"


def _named(seen: Observation) -> str:
    return f"Kernel {seen.attributes['name']} {seen.attributes['id'][:8]}"


@check(
    id="jupyter.kernel-dead",
    collector=COLLECTOR,
    type="availability",
    severity=Severity.medium,
    hint="Restart the kernel or shut it down; the server's log says why it died (often: out of memory).",
    tags={"jupyter"},
)
def kernel_dead(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """A kernel's process has ended and was not restarted."""
    for seen in snapshot.observations("kernel"):
        if seen.value == "dead":
            connections = seen.attributes["connections"]
            yield kernel_dead.finding(
                seen.subject,
                f"{_named(seen)} is dead; {connections} {'client is' if connections == 1 else 'clients are'} connected",
                evidence=dict(seen.attributes),
            )


@check(
    id="jupyter.kernel-restarts",
    collector=COLLECTOR,
    type="availability",
    severity=Severity.medium,
    hint="Look for what kills it (memory, a native crash) in the server's log, or shut the kernel down.",
    tags={"jupyter"},
)
def kernel_restarts(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """A kernel was restarted over and over."""
    limit = context.settings.jupyter.restarts
    for seen in snapshot.observations("kernel"):
        if seen.attributes["restarts"] >= limit:
            yield kernel_restarts.finding(
                seen.subject,
                f"{_named(seen)} was restarted {seen.attributes['restarts']} times within "
                f"{in_time(context.settings.jupyter.restarts_within_s)}",
                evidence={"limit": limit, **seen.attributes},
            )


@check(
    id="jupyter.kernel-idle-memory",
    collector=COLLECTOR,
    type="capacity",
    severity=Severity.low,
    hint="Shut the kernel down if nobody needs its variables, or set c.MappingKernelManager.cull_idle_timeout.",
    tags={"jupyter", "memory"},
)
def kernel_idle_memory(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """A kernel that nobody has used for long holds much memory."""
    limits = context.settings.jupyter
    for seen in snapshot.observations("kernel"):
        clear = min(limits.idle_memory_clear_bytes, limits.idle_memory_bytes)
        limit = clear if context.holds(kernel_idle_memory, seen.subject) else limits.idle_memory_bytes
        idle = seen.value == "idle" and seen.attributes["idleS"] >= limits.idle_after_s
        if idle and (seen.attributes["residentBytes"] or 0) >= limit:
            yield kernel_idle_memory.finding(
                seen.subject,
                f"{_named(seen)} holds {in_bytes(seen.attributes['residentBytes'])} and has been idle for "
                f"{in_time(seen.attributes['idleS'])}",
                evidence={"limit": limits.idle_memory_bytes, "clear": clear, **seen.attributes},
            )


@check(
    id="jupyter.idle-many",
    collector=COLLECTOR,
    type="capacity",
    severity=Severity.low,
    hint="Shut idle ones down in JupyterLab's Running panel, or let the server cull them.",
    tags={"jupyter"},
)
def idle_many(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """Many kernels or terminals have been idle for long."""
    limits = context.settings.jupyter
    bounds = {
        "kernels": (limits.kernels, limits.kernels_clear),
        "terminals": (limits.terminals, limits.terminals_clear),
    }
    for kind, (most, clear) in bounds.items():
        for seen in snapshot.observations(kind):
            limit = min(clear, most) if context.holds(idle_many, seen.subject) else most
            if seen.attributes["idle"] >= limit:
                yield idle_many.finding(
                    seen.subject,
                    f"{seen.attributes['idle']} of {seen.value} {kind} have been idle for more than "
                    f"{in_time(limits.idle_after_s)}",
                    evidence={"limit": most, "clear": clear, **seen.attributes},
                )


CHECKS = (idle_many, kernel_dead, kernel_idle_memory, kernel_restarts)
