"""The machine: CPU, memory, swap, load, file systems, open files, zombies, uptime, and the limits of a container."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from vibeworkbench.ops.collectors import LookOrder
from vibeworkbench.ops.machine.cgroup import CpuLimit, cpu_limit, memory_limit
from vibeworkbench.ops.machine.mounts import Fill, Mount, MountGauge, real_mounts, system_mounts
from vibeworkbench.ops.machine.procfs import PROC, process_stats
from vibeworkbench.ops.model import Look, LookState, Observation

CPU, MEMORY, SWAP, LOAD = "host:cpu", "host:memory", "host:swap", "host:load"
OPEN_FILES, OWN_OPEN_FILES, ZOMBIES, UPTIME = "host:open-files", "server:open-files", "host:zombies", "host:uptime"
LIMITED_CPU, LIMITED_MEMORY = "cgroup:cpu", "cgroup:memory"


@dataclass(frozen=True, slots=True)
class CpuSample:
    """CPU seconds of the machine since its start, summed over all cores, and the cgroup's where it is limited."""

    taken_at_s: float
    total_s: float
    idle_s: float
    steal_s: float
    limit: CpuLimit | None


def cpu_sample() -> CpuSample:
    """The CPU's counters now."""
    times = psutil.cpu_times()._asdict()
    # The kernel counts a guest's time in user and nice as well: leaving it out of the sum counts it once.
    total_s = sum(spent for name, spent in times.items() if not name.startswith("guest"))
    idle_s = times["idle"] + times.get("iowait", 0.0)
    return CpuSample(time.monotonic(), total_s, idle_s, times.get("steal", 0.0), cpu_limit())


def cpu_observations(first: CpuSample, second: CpuSample, cores: int, at: datetime) -> Iterator[Observation]:
    """How busy the CPUs were between two samples, as ratios of what there is and of what the cgroup may use."""
    interval_s = second.taken_at_s - first.taken_at_s
    total_s = second.total_s - first.total_s
    if total_s > 0:
        idle_s = min(max(second.idle_s - first.idle_s, 0.0), total_s)  # iowait may run backwards: proc_stat(5)
        facts = {"intervalS": interval_s, "cores": cores, "stealRatio": (second.steal_s - first.steal_s) / total_s}
        yield Observation("cpu.used", CPU, 1 - idle_s / total_s, "ratio", at, {**facts, **_load(cores)})
    if first.limit and second.limit and interval_s > 0:
        used_ratio = (second.limit.used_s - first.limit.used_s) / interval_s / second.limit.cores
        throttled = second.limit.throttled - first.limit.throttled
        facts = {"intervalS": interval_s, "cores": second.limit.cores, "throttledPeriods": throttled}
        yield Observation("cpu.used", LIMITED_CPU, used_ratio, "ratio", at, facts)


def _load(cores: int) -> dict[str, float]:
    try:
        one, five, fifteen = os.getloadavg()
    except OSError:  # the machine keeps no load average
        return {}
    return {"load1": one, "load5": five, "load15": fifteen, "load1PerCpu": one / cores, "load5PerCpu": five / cores}


def load_observations(cores: int, at: datetime) -> Iterator[Observation]:
    """Runnable and uninterruptible tasks for each core, averaged over five minutes."""
    if load := _load(cores):
        yield Observation("load.per-cpu", LOAD, load["load5PerCpu"], "count", at, {**load, "cores": cores})


def memory_observations(at: datetime) -> Iterator[Observation]:
    """Memory in use, as what programs could not get any more without swapping; swap; and the cgroup's limit."""
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    used_bytes = memory.total - memory.available
    facts = {"totalBytes": memory.total, "usedBytes": used_bytes, "freeBytes": memory.available}
    yield Observation("memory.used", MEMORY, used_bytes / memory.total, "ratio", at, facts)
    if swap.total:
        facts = {"totalBytes": swap.total, "usedBytes": swap.used, "freeBytes": swap.free}
        yield Observation("swap.used", SWAP, swap.used / swap.total, "ratio", at, facts)
    limit = memory_limit()
    if limit and limit.limit_bytes < memory.total:
        free_bytes = limit.limit_bytes - limit.used_bytes
        facts = {"totalBytes": limit.limit_bytes, "usedBytes": limit.used_bytes, "freeBytes": free_bytes}
        yield Observation("memory.used", LIMITED_MEMORY, limit.used_bytes / limit.limit_bytes, "ratio", at, facts)


def open_files_observations(at: datetime, proc: Path = PROC) -> Iterator[Observation]:
    """Open files of the machine and of this server, as shares of their limits."""
    with contextlib.suppress(FileNotFoundError):
        used, _, most = (int(word) for word in (proc / "sys/fs/file-nr").read_text("ascii").split())
        facts: dict[str, Any] = {"open": used, "limit": most}
        yield Observation("open-files.used", OPEN_FILES, used / most if most else 0.0, "ratio", at, facts)
    own, (soft, _) = psutil.Process().num_fds(), resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY:
        yield Observation("open-files.used", OWN_OPEN_FILES, own / soft, "ratio", at, {"open": own, "limit": soft})


def zombie_observations(at: datetime, proc: Path = PROC) -> Iterator[Observation]:
    """How many ended processes nobody has waited for, and whose children they are, most first."""
    stats = {stat.pid: stat for stat in process_stats(proc)} if proc.is_dir() else {}
    parents = Counter(stat.parent_pid for stat in stats.values() if stat.state == "Z")
    named = [
        {"pid": pid, "name": stats[pid].name if pid in stats else "?", "zombies": count}
        for pid, count in parents.most_common(10)
    ]
    if stats:
        yield Observation("zombies", ZOMBIES, parents.total(), "count", at, {"parents": named, "tasks": len(stats)})


def uptime_observations(at: datetime) -> Iterator[Observation]:
    """Seconds since the machine started."""
    booted_at = datetime.fromtimestamp(psutil.boot_time(), UTC)
    seconds = max((at - booted_at).total_seconds(), 0.0)
    yield Observation("uptime", UPTIME, seconds, "seconds", at, {"bootedAt": booted_at.isoformat()})


Answers = Mapping[str, Fill | OSError | None]


def mount_observations(
    mounts: Iterable[Mount], answers: Answers, hangs: Callable[[str], bool], at: datetime
) -> Iterator[Observation]:
    """Space and inodes of each mount that answered, and which mounts hang."""
    for mount in mounts:
        fill, subject = answers[mount.point], f"mount:{mount.point}"
        facts: dict[str, Any] = {"point": mount.point, "kind": mount.kind, "readOnly": mount.read_only}
        if fill is None and hangs(mount.point):
            yield Observation("mount.answers", subject, False, "state", at, facts)
        if not isinstance(fill, Fill) or not fill.total_bytes or not fill.directory:
            continue
        space = {"totalBytes": fill.total_bytes, "usedBytes": fill.used_bytes, "freeBytes": fill.free_bytes}
        yield Observation("mount.space", subject, fill.space_ratio, "ratio", at, {**facts, **space})
        if fill.inodes_count:
            inodes = {"total": fill.inodes_count, "free": fill.inodes_free_count}
            yield Observation("mount.inodes", subject, fill.inodes_ratio, "ratio", at, {**facts, **inodes})


def without_overlaid(mounts: Iterable[Mount], answers: Answers) -> list[Mount]:
    """The mounts without overlays whose upper directory lies on a file system that is counted anyway."""
    kept = list(mounts)
    fills = (answers[mount.point] for mount in kept if mount.kind != "overlay")
    counted = {fill.device for fill in fills if isinstance(fill, Fill)}
    return [mount for mount in kept if mount.kind != "overlay" or _device(mount.upper) not in counted]


def _device(path: str) -> int:
    try:
        return Path(path).stat().st_dev
    except OSError:  # the upper directory is out of sight, as it is from inside a container
        return -1


class HostCollector:
    """Looks at the machine this server runs on."""

    name = "host"
    kinds: frozenset[str] = frozenset()
    type = "capacity"

    def __init__(self) -> None:
        self._gauge = MountGauge()

    async def look(self, order: LookOrder) -> Look:
        """The machine's measurements; partial when a mount hangs or refuses to be asked."""
        first = cpu_sample()
        order.progress(0, 2)
        pause = asyncio.sleep(order.settings.cpu_interval_s)
        (steady, uncovered), _ = await asyncio.gather(asyncio.to_thread(self._measured, order), pause)
        cores = psutil.cpu_count() or 1
        at = datetime.now(UTC)
        seen = (*cpu_observations(first, cpu_sample(), cores, at), *load_observations(cores, at), *steady)
        order.progress(2, 2)
        if not uncovered:
            return Look(self.name, LookState.ok, seen, records=len(seen))
        covered = {one.subject for one in seen if one.subject not in uncovered}
        reason = f"{len(uncovered)} of the mounts could not be measured"
        return Look(self.name, LookState.partial, seen, frozenset(covered), len(seen), reason=reason)

    def _measured(self, order: LookOrder) -> tuple[list[Observation], frozenset[str]]:
        """Everything but the CPU, and the subjects that could not be measured. Runs in a thread."""
        at = datetime.now(UTC)
        mounts = real_mounts(system_mounts(), order.settings.mounts_ignore)
        limit_s = min(order.settings.mount_limit_s, order.deadline_s / 2)
        answers = self._gauge.fills(mounts, limit_s)
        mounts = without_overlaid(mounts, answers)
        seen = [*memory_observations(at), *open_files_observations(at), *zombie_observations(at)]
        seen += [*uptime_observations(at), *mount_observations(mounts, answers, self._gauge.hangs, at)]
        unmeasured = {f"mount:{mount.point}" for mount in mounts if not isinstance(answers[mount.point], Fill)}
        return seen, frozenset(unmeasured)
