"""Judging the machine: capacity that is nearly used up, and file systems that hang. Each check has hysteresis."""

from __future__ import annotations

from collections.abc import Iterator

from vibeworkbench.ops.checks import Check, CheckContext, check
from vibeworkbench.ops.checks.units import in_bytes, in_percent
from vibeworkbench.ops.model import Finding, Observation, Severity, Snapshot

COLLECTOR = "host"


def _over(own: Check, seen: Observation, context: CheckContext, limit: float, clear: float) -> bool:
    """Whether the value is at its limit, or, for what is an issue already, not yet below the clear limit."""
    return float(seen.value) >= (min(clear, limit) if context.holds(own, seen.subject) else limit)


def _evidence(seen: Observation, limit: float, clear: float) -> dict[str, object]:
    return {"value": seen.value, "unit": seen.unit, "limit": limit, "clear": clear, **seen.attributes}


@check(
    id="host.cpu",
    collector=COLLECTOR,
    type="capacity",
    severity=Severity.medium,
    hint="See which processes use the CPU (collector processes, or `top`), and move or end what is not needed.",
    tags={"capacity", "cpu"},
)
def cpu(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """The CPUs are busy, in the measured moment and over the last minute: a short burst is no trouble."""
    limits = context.settings.host
    for seen in snapshot.observations("cpu.used"):
        sustained = float(seen.attributes.get("load1PerCpu", 1.0)) >= min(limits.cpu_ratio, 1.0)
        known = context.holds(cpu, seen.subject)
        if _over(cpu, seen, context, limits.cpu_ratio, limits.cpu_clear_ratio) and (sustained or known):
            whose = "The CPUs are" if seen.subject == "host:cpu" else "The CPU limit of this container is"
            yield cpu.finding(
                seen.subject,
                f"{whose} {in_percent(float(seen.value))} used, measured over {seen.attributes['intervalS']:.1f} s "
                f"({seen.attributes['cores']:g} cores)",
                evidence=_evidence(seen, limits.cpu_ratio, limits.cpu_clear_ratio),
            )


@check(
    id="host.memory",
    collector=COLLECTOR,
    type="capacity",
    severity=Severity.high,
    hint="End or restart what holds the memory (collector processes, or `ps aux --sort=-rss`) before the kernel does.",
    tags={"capacity", "memory"},
)
def memory(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """Little memory is left that programs could get; a container's limit counts like the machine's end."""
    limits = context.settings.host
    for seen in snapshot.observations("memory.used"):
        if _over(memory, seen, context, limits.memory_ratio, limits.memory_clear_ratio):
            whose = "Memory" if seen.subject == "host:memory" else "The memory limit of this container"
            yield memory.finding(
                seen.subject,
                f"{whose} is {in_percent(float(seen.value))} used ({in_bytes(seen.attributes['freeBytes'])} of "
                f"{in_bytes(seen.attributes['totalBytes'])} available)",
                evidence=_evidence(seen, limits.memory_ratio, limits.memory_clear_ratio),
            )


@check(
    id="host.swap",
    collector=COLLECTOR,
    type="capacity",
    severity=Severity.medium,
    hint="Something needs more memory than there is: find the largest processes; raise memory rather than swap.",
    tags={"capacity", "memory"},
)
def swap(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """Most of the swap is used."""
    limits = context.settings.host
    for seen in snapshot.observations("swap.used"):
        if _over(swap, seen, context, limits.swap_ratio, limits.swap_clear_ratio):
            yield swap.finding(
                seen.subject,
                f"Swap is {in_percent(float(seen.value))} used ({in_bytes(seen.attributes['freeBytes'])} of "
                f"{in_bytes(seen.attributes['totalBytes'])} free)",
                evidence=_evidence(seen, limits.swap_ratio, limits.swap_clear_ratio),
            )


@check(
    id="host.load",
    collector=COLLECTOR,
    type="capacity",
    severity=Severity.medium,
    hint="More tasks wait for CPU or disk than this machine can serve: look for runaway jobs and for slow disks.",
    tags={"capacity", "cpu"},
)
def load(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """Over five minutes, several tasks for each core wanted to run or waited for a disk."""
    limits = context.settings.host
    for seen in snapshot.observations("load.per-cpu"):
        if _over(load, seen, context, limits.load_per_cpu, limits.load_clear_per_cpu):
            yield load.finding(
                seen.subject,
                f"Load is {seen.value:.2f} tasks per core over 5 min ({seen.attributes['load5']:.1f} on "
                f"{seen.attributes['cores']} cores)",
                evidence=_evidence(seen, limits.load_per_cpu, limits.load_clear_per_cpu),
            )


@check(
    id="host.space",
    collector=COLLECTOR,
    type="capacity",
    severity=Severity.high,
    hint="Free space on the mount (`du -xh --max-depth=2 MOUNT | sort -h`), or make it larger.",
    tags={"capacity", "disk"},
)
def space(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """A file system that can be written to is nearly full."""
    limits = context.settings.host
    for seen in snapshot.observations("mount.space"):
        full = _over(space, seen, context, limits.space_ratio, limits.space_clear_ratio)
        if full and not seen.attributes["readOnly"]:
            critical = float(seen.value) >= limits.space_critical_ratio
            yield space.finding(
                seen.subject,
                f"Mount {seen.attributes['point']} is {in_percent(float(seen.value))} full "
                f"({in_bytes(seen.attributes['freeBytes'])} free)",
                severity=Severity.critical if critical else None,
                evidence=_evidence(seen, limits.space_ratio, limits.space_clear_ratio),
            )


@check(
    id="host.inodes",
    collector=COLLECTOR,
    type="capacity",
    severity=Severity.high,
    hint="Remove directories of many small files (caches, sessions, mail queues): `du --inodes -x MOUNT | sort -n`.",
    tags={"capacity", "disk"},
)
def inodes(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """A file system runs out of inodes: no file can be created although there is space."""
    limits = context.settings.host
    for seen in snapshot.observations("mount.inodes"):
        full = _over(inodes, seen, context, limits.inodes_ratio, limits.inodes_clear_ratio)
        if full and not seen.attributes["readOnly"]:
            yield inodes.finding(
                seen.subject,
                f"Mount {seen.attributes['point']} has {in_percent(float(seen.value))} of its inodes used "
                f"({seen.attributes['free']:,} of {seen.attributes['total']:,} free)",
                evidence=_evidence(seen, limits.inodes_ratio, limits.inodes_clear_ratio),
            )


@check(
    id="host.mount-hangs",
    collector=COLLECTOR,
    type="availability",
    severity=Severity.high,
    hint="Programs that touch it hang as well. Check its server or disk; `umount -l MOUNT` frees those that wait.",
    tags={"disk"},
)
def mount_hangs(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """A mount does not answer."""
    limit_s = context.settings.mount_limit_s
    for seen in snapshot.observations("mount.answers"):
        if not seen.value:
            yield mount_hangs.finding(
                seen.subject,
                f"Mount {seen.attributes['point']} ({seen.attributes['kind']}) did not answer within {limit_s:g} s",
                evidence={"limitS": limit_s, **seen.attributes},
            )


@check(
    id="host.open-files",
    collector=COLLECTOR,
    type="capacity",
    severity=Severity.high,
    hint="Something leaks files or sockets: count `lsof -p PID` of the largest, or raise fs.file-max or nofile.",
    tags={"capacity"},
)
def open_files(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """The machine or this server nears its limit of open files."""
    limits = context.settings.host
    for seen in snapshot.observations("open-files.used"):
        if _over(open_files, seen, context, limits.open_files_ratio, limits.open_files_clear_ratio):
            whose = "The machine" if seen.subject == "host:open-files" else "This server"
            yield open_files.finding(
                seen.subject,
                f"{whose} has {seen.attributes['open']:,} files open, {in_percent(float(seen.value))} of its limit of "
                f"{seen.attributes['limit']:,}",
                evidence=_evidence(seen, limits.open_files_ratio, limits.open_files_clear_ratio),
            )


@check(
    id="host.zombies",
    collector=COLLECTOR,
    type="availability",
    severity=Severity.low,
    hint="Restart the parent that does not wait for its children; in a container, run an init (`docker run --init`).",
    tags={"processes"},
)
def zombies(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """Many ended processes stay because their parents do not wait for them."""
    limits = context.settings.host
    for seen in snapshot.observations("zombies"):
        if _over(zombies, seen, context, limits.zombies, limits.zombies_clear):
            parents = ", ".join(f"{one['name']} [{one['pid']}]: {one['zombies']}" for one in seen.attributes["parents"])
            yield zombies.finding(
                seen.subject,
                f"{seen.value} zombie processes; their parents: {parents}",
                evidence=_evidence(seen, limits.zombies, limits.zombies_clear),
            )


CHECKS = (cpu, inodes, load, memory, mount_hangs, open_files, space, swap, zombies)
