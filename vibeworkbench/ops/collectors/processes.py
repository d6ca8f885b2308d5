"""The machine's processes, in two stages: every ``stat`` each time, full attributes only where something is new.

State between scans is a cache. Without it (the first scan of a server): the use of CPU "since the former scan" is the
average since each process started, and a process in uninterruptible sleep is known as stuck from the second scan on.
"""

from __future__ import annotations

import asyncio
import pwd
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import psutil

from vibeworkbench.ops.collectors import LookOrder
from vibeworkbench.ops.masking import masked_arguments
from vibeworkbench.ops.model import Look, LookState, Observation
from vibeworkbench.ops.procfs import PROC, ProcessStat, process_arguments, process_stats, process_user_id
from vibeworkbench.settings import ProcessSettings

Key = tuple[int, float]


@dataclass(frozen=True, slots=True)
class Sweep:
    """The stat of every process at one instant.

    Attributes:
        taken_at_s: The monotonic clock, seconds.
        uptime_s: The same instant as seconds since the machine started: the scale of ``ProcessStat.started_s``.
        stats: ``(pid, start)`` → stat.
    """

    taken_at_s: float
    uptime_s: float
    stats: Mapping[Key, ProcessStat]


@dataclass(frozen=True, slots=True)
class Use:
    """What one process uses.

    Attributes:
        stat: Its latest stat.
        cores_now: Average number of cores between the two sweeps of this look.
        cores_sustained: The same since the former scan or, for a process unknown then, since it started.
        sustained_s: Length of that longer interval, seconds.
        stuck_s: Seconds for which it is known to sit in uninterruptible sleep without using any CPU; 0 for none.
    """

    stat: ProcessStat
    cores_now: float
    cores_sustained: float
    sustained_s: float
    stuck_s: float


def sweep() -> Sweep:
    """The stat of every process now; through psutil where there is no ``/proc``."""
    stats = process_stats() if PROC.is_dir() else _psutil_stats()
    found = {stat.key: stat for stat in stats}
    return Sweep(time.monotonic(), max(time.time() - psutil.boot_time(), 0.0), found)


def _psutil_stats() -> Iterator[ProcessStat]:
    states = {psutil.STATUS_ZOMBIE: "Z", psutil.STATUS_DISK_SLEEP: "D", psutil.STATUS_RUNNING: "R"}
    boot_at_s = psutil.boot_time()
    for one in psutil.process_iter(["pid", "ppid", "name", "status", "cpu_times", "create_time", "memory_info"]):
        seen = one.info  # an attribute that may not be read is None
        times, memory = seen["cpu_times"], seen["memory_info"]
        yield ProcessStat(
            pid=seen["pid"],
            parent_pid=seen["ppid"] or 0,
            name=seen["name"] or "?",
            state=states.get(seen["status"], "S"),
            cpu_s=times.user + times.system if times else 0.0,
            started_s=(seen["create_time"] or boot_at_s) - boot_at_s,
            resident_bytes=memory.rss if memory else 0,
            kernel_thread=False,
        )


def uses(former: Sweep | None, first: Sweep, second: Sweep) -> list[Use]:
    """What every process of the second sweep uses, judged by two sweeps of this look and one of a former look."""
    return [_use(stat, former, first, second) for stat in second.stats.values()]


def _use(stat: ProcessStat, former: Sweep | None, first: Sweep, second: Sweep) -> Use:
    age_s = max(second.uptime_s - stat.started_s, 0.0)
    before, known = first.stats.get(stat.key), former.stats.get(stat.key) if former else None
    now_s = second.taken_at_s - first.taken_at_s if before else age_s
    sustained_s = second.taken_at_s - former.taken_at_s if former and known else age_s
    stuck = known and before and {known.state, before.state, stat.state} == {"D"} and known.cpu_s == stat.cpu_s
    return Use(
        stat=stat,
        cores_now=_per_second(stat.cpu_s - (before.cpu_s if before else 0.0), now_s),
        cores_sustained=_per_second(stat.cpu_s - (known.cpu_s if known else 0.0), sustained_s),
        sustained_s=sustained_s,
        stuck_s=sustained_s if stuck and not stat.kernel_thread else 0.0,
    )


def _per_second(amount: float, seconds: float) -> float:
    return max(amount, 0.0) / seconds if seconds > 0 else 0.0


def notable(all_uses: Iterable[Use], settings: ProcessSettings) -> list[Use]:
    """The processes worth naming: the top by CPU and by memory, the stuck ones, and whoever has been busy for long."""
    listed = [use for use in all_uses if not use.stat.kernel_thread]
    chosen = {use.stat.key: use for use in _top(listed, settings.top)}
    for use in listed:
        if use.stuck_s or use.cores_sustained >= settings.cpu_clear_cores:
            chosen[use.stat.key] = use
    return sorted(chosen.values(), key=lambda use: (-use.cores_now, -use.stat.resident_bytes, use.stat.pid))


def _top(listed: list[Use], count: int) -> list[Use]:
    by_cpu = sorted(listed, key=lambda use: use.cores_now, reverse=True)[:count]
    return by_cpu + sorted(listed, key=lambda use: use.stat.resident_bytes, reverse=True)[:count]


@cache
def user_name(user_id: int) -> str:
    """The name of a user, or the number where the machine knows no name."""
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return str(user_id)


class ProcessCollector:
    """Looks at the machine's processes."""

    name = "processes"
    kinds: frozenset[str] = frozenset()
    type = "capacity"

    def __init__(self) -> None:
        self._former: Sweep | None = None
        self._attributes: dict[Key, tuple[str, Mapping[str, Any]]] = {}

    async def look(self, order: LookOrder) -> Look:
        """Every process counted, the notable ones with their attributes."""
        first = await asyncio.to_thread(sweep)
        order.progress(0, len(first.stats))
        await asyncio.sleep(order.settings.cpu_interval_s)
        seen, second = await asyncio.to_thread(self._seen, first, order.settings.processes)
        order.progress(len(second.stats), len(second.stats))
        self._former = second
        return Look(self.name, LookState.ok, tuple(seen), records=len(second.stats))

    def _seen(self, first: Sweep, settings: ProcessSettings) -> tuple[list[Observation], Sweep]:
        """The second sweep and what follows from all of them. Runs in a thread."""
        second, at = sweep(), datetime.now(UTC)
        memory_bytes = psutil.virtual_memory().total
        chosen = notable(uses(self._former, first, second), settings)
        known = self._attributes
        self._attributes = {use.stat.key: self._known_attributes(use.stat, settings, known) for use in chosen}
        seen = [self._observation(use, memory_bytes, at) for use in chosen]
        seen.extend(zombie_parents(second, at))
        states: dict[str, int] = {}
        for stat in second.stats.values():
            states[stat.state] = states.get(stat.state, 0) + 1
        seen.append(Observation("processes", "processes", len(second.stats), "count", at, {"states": states}))
        return seen, second

    @staticmethod
    def _known_attributes(
        stat: ProcessStat, settings: ProcessSettings, known: Mapping[Key, tuple[str, Mapping[str, Any]]]
    ) -> tuple[str, Mapping[str, Any]]:
        """Name → the costly attributes, read only for a process that is new or has become another program."""
        if stat.key in known and known[stat.key][0] == stat.name:
            return known[stat.key]
        return stat.name, full_attributes(stat.pid, settings)

    def _observation(self, use: Use, memory_bytes: int, at: datetime) -> Observation:
        stat = use.stat
        facts = {
            "pid": stat.pid,
            "name": stat.name,
            **self._attributes[stat.key][1],
            "state": stat.state,
            "coresNow": round(use.cores_now, 3),
            "coresSustained": round(use.cores_sustained, 3),
            "sustainedS": round(use.sustained_s, 1),
            "residentBytes": stat.resident_bytes,
            "memoryRatio": stat.resident_bytes / memory_bytes,
            "stuckS": round(use.stuck_s, 1),
        }
        return Observation("process", subject_of(stat), round(use.cores_now, 3), "cores", at, facts)


def subject_of(stat: ProcessStat) -> str:
    """The name under which a process is known as long as it lives."""
    return f"process:{stat.name}:{stat.pid}"


def full_attributes(pid: int, settings: ProcessSettings) -> dict[str, Any]:
    """The user and, only where the settings ask for it, the masked command line of a process."""
    user_id = process_user_id(pid) if PROC.is_dir() else _psutil_user_id(pid)
    found: dict[str, Any] = {"user": "?" if user_id is None else user_name(user_id)}
    if settings.arguments:
        arguments = process_arguments(pid) if PROC.is_dir() else _psutil_arguments(pid)
        found["arguments"] = list(masked_arguments(arguments))
    return found


def _psutil_user_id(pid: int) -> int | None:
    try:
        return int(psutil.Process(pid).uids().real)
    except psutil.Error:
        return None


def _psutil_arguments(pid: int) -> tuple[str, ...]:
    try:
        return tuple(psutil.Process(pid).cmdline())
    except psutil.Error:
        return ()


def zombie_parents(taken: Sweep, at: datetime) -> Iterator[Observation]:
    """How many ended children each process has not waited for."""
    living = {stat.pid: stat for stat in taken.stats.values()}
    counts: dict[int, int] = {}
    for stat in taken.stats.values():
        if stat.state == "Z":
            counts[stat.parent_pid] = counts.get(stat.parent_pid, 0) + 1
    for pid, count in counts.items():
        if pid in living:
            facts = {"pid": pid, "name": living[pid].name}
            yield Observation("process.zombies", subject_of(living[pid]), count, "count", at, facts)
