"""Judging processes: who holds the memory, who keeps cores busy, who is stuck, who forgets its children."""

from __future__ import annotations

from collections.abc import Iterator

from vibeworkbench.ops.checks import CheckContext, check
from vibeworkbench.ops.checks.units import in_bytes, in_percent, in_time
from vibeworkbench.ops.model import Finding, Observation, Severity, Snapshot

COLLECTOR = "processes"


def _named(seen: Observation) -> str:
    facts = seen.attributes
    return f"Process {facts['name']} [{facts['pid']}]" + (f" of {facts['user']}" if "user" in facts else "")


@check(
    id="processes.memory",
    collector=COLLECTOR,
    type="capacity",
    severity=Severity.high,
    hint="If this is not expected, end or restart the process; else limit it (systemd MemoryMax, container limit).",
    tags={"capacity", "memory"},
)
def memory(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """One process holds much of the machine's memory."""
    limits = context.settings.processes
    for seen in snapshot.observations("process"):
        clear = min(limits.memory_clear_ratio, limits.memory_ratio)
        limit = clear if context.holds(memory, seen.subject) else limits.memory_ratio
        if seen.attributes["memoryRatio"] >= limit:
            yield memory.finding(
                seen.subject,
                f"{_named(seen)} holds {in_bytes(seen.attributes['residentBytes'])}, "
                f"{in_percent(seen.attributes['memoryRatio'])} of the memory",
                evidence={"limit": limits.memory_ratio, "clear": clear, **seen.attributes},
            )


@check(
    id="processes.cpu",
    collector=COLLECTOR,
    type="capacity",
    severity=Severity.low,
    hint="If no job should run this long, look at it (`py-spy dump`, `strace -p`) and end it; else `renice` it.",
    tags={"capacity", "cpu"},
)
def cpu(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """One process keeps a core busy, now and since long."""
    limits = context.settings.processes
    for seen in snapshot.observations("process"):
        clear = min(limits.cpu_clear_cores, limits.cpu_cores)
        limit = clear if context.holds(cpu, seen.subject) else limits.cpu_cores
        facts = seen.attributes
        busy = min(facts["coresNow"], facts["coresSustained"]) >= limit
        if busy and facts["sustainedS"] >= limits.cpu_for_s:
            yield cpu.finding(
                seen.subject,
                f"{_named(seen)} has used {facts['coresSustained']:.2f} cores for {in_time(facts['sustainedS'])} "
                f"and uses {facts['coresNow']:.2f} now",
                evidence={"limit": limits.cpu_cores, "clear": clear, **facts},
            )


@check(
    id="processes.stuck",
    collector=COLLECTOR,
    type="availability",
    severity=Severity.medium,
    hint="It waits for a disk, a network mount or a driver and cannot be killed: see `/proc/PID/stack` and `dmesg`.",
    tags={"processes"},
)
def stuck(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """A process sits in uninterruptible sleep, sweep after sweep, and uses no CPU meanwhile."""
    for seen in snapshot.observations("process"):
        if seen.attributes["stuckS"] >= context.settings.processes.stuck_for_s:
            yield stuck.finding(
                seen.subject,
                f"{_named(seen)} has been in uninterruptible sleep for {in_time(seen.attributes['stuckS'])}",
                evidence=dict(seen.attributes),
            )


@check(
    id="processes.zombie-parent",
    collector=COLLECTOR,
    type="availability",
    severity=Severity.low,
    hint="The parent does not wait for its children: restart it, and have it mended; its zombies go when it ends.",
    tags={"processes"},
)
def zombie_parent(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """One process leaves many ended children behind."""
    limits = context.settings.processes
    for seen in snapshot.observations("process.zombies"):
        clear = min(limits.zombies_clear, limits.zombies)
        if int(seen.value) >= (clear if context.holds(zombie_parent, seen.subject) else limits.zombies):
            yield zombie_parent.finding(
                seen.subject,
                f"{_named(seen)} has not waited for {seen.value} ended children",
                evidence={"value": seen.value, "limit": limits.zombies, "clear": clear, **seen.attributes},
            )


CHECKS = (cpu, memory, stuck, zombie_parent)
