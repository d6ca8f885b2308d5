"""The machine's processes, in two stages: every ``stat`` each time, full attributes only where something is new.

State between scans is a cache. Without it (the first scans of a server) the sustained use of CPU is the average since
each process started, so an old process that went astray lately is found later, and so is one that is stuck.
"""

from __future__ import annotations

import asyncio
import pwd
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any

import psutil

from vibeworkbench.masking import masked_arguments
from vibeworkbench.ops.collectors import LookOrder
from vibeworkbench.ops.machine.procfs import PROC, ProcessStat, process_arguments, process_stats, process_user_id
from vibeworkbench.ops.model import Look, LookState, Observation
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
        cores_sustained: The same since an older sweep or, for a process unknown then, since it started.
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


Stuck = Mapping[Key, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Past:
    """What earlier looks leave to later ones.

    Attributes:
        sweeps: Earlier sweeps, oldest first; the oldest is the base of sustained use.
        stuck: ``(pid, start)`` → since when (monotonic) and with how many CPU seconds it sits in uninterruptible sleep.
    """

    sweeps: tuple[Sweep, ...] = ()
    stuck: Stuck = field(default_factory=dict)

    def base(self, now_s: float, least_s: float) -> Sweep | None:
        """The newest sweep that is at least ``least_s`` old."""
        return next((one for one in reversed(self.sweeps) if now_s - one.taken_at_s >= least_s), None)

    def followed_by(self, latest: Sweep, stuck: Stuck, least_s: float) -> Past:
        """The past of the next look: some ten sweeps, one of them at least ``least_s`` old if ever there was."""
        base = self.base(latest.taken_at_s, least_s)
        kept = tuple(one for one in self.sweeps if base is None or one.taken_at_s >= base.taken_at_s)
        spaced = not kept or latest.taken_at_s - kept[-1].taken_at_s >= least_s / 8
        return Past((*kept, latest) if spaced else kept, stuck)


def stuck_since(past: Stuck, first: Sweep, second: Sweep) -> Stuck:
    """The processes in uninterruptible sleep in both sweeps without any use of CPU, and since when."""
    found: dict[Key, tuple[float, float]] = {}
    for key, stat in second.stats.items():
        before = first.stats.get(key)
        if stat.state == "D" and before and before.state == "D" and before.cpu_s == stat.cpu_s:
            since = past.get(key)
            found[key] = since if since and since[1] == stat.cpu_s else (first.taken_at_s, stat.cpu_s)
    return found


def uses(base: Sweep | None, stuck: Stuck, first: Sweep, second: Sweep) -> list[Use]:
    """What every process of the second sweep uses: now (two sweeps of this look) and since ``base``."""
    return [_use(stat, base, stuck, first, second) for stat in second.stats.values()]


def _use(stat: ProcessStat, base: Sweep | None, stuck: Stuck, first: Sweep, second: Sweep) -> Use:
    age_s = max(second.uptime_s - stat.started_s, 0.0)
    before, known = first.stats.get(stat.key), base.stats.get(stat.key) if base else None
    now_s = second.taken_at_s - first.taken_at_s if before else age_s
    sustained_s = second.taken_at_s - base.taken_at_s if base and known else age_s
    return Use(
        stat=stat,
        cores_now=_per_second(stat.cpu_s - (before.cpu_s if before else 0.0), now_s),
        cores_sustained=_per_second(stat.cpu_s - (known.cpu_s if known else 0.0), sustained_s),
        sustained_s=sustained_s,
        stuck_s=second.taken_at_s - stuck[stat.key][0] if stat.key in stuck and not stat.kernel_thread else 0.0,
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


class ProcessesCollector:
    """Looks at the machine's processes."""

    name = "processes"
    kinds: frozenset[str] = frozenset()
    type = "capacity"

    def __init__(self) -> None:
        self._past = Past()
        self._attributes: dict[Key, tuple[str, Mapping[str, Any]]] = {}

    async def look(self, order: LookOrder) -> Look:
        """Every process counted, the notable ones with their attributes."""
        first = await asyncio.to_thread(sweep)
        order.progress(0, len(first.stats))
        await asyncio.sleep(order.settings.cpu_interval_s)
        seen, count = await asyncio.to_thread(self._seen, first, order.settings.processes)
        order.progress(count, count)
        return Look(self.name, LookState.ok, tuple(seen), records=count)

    def _seen(self, first: Sweep, settings: ProcessSettings) -> tuple[list[Observation], int]:
        """What a second sweep and the past tell, and how many processes there are. Runs in a thread."""
        second, at = sweep(), datetime.now(UTC)
        past, memory_bytes = self._past, psutil.virtual_memory().total
        stuck = stuck_since(past.stuck, first, second)
        base = past.base(second.taken_at_s, settings.cpu_for_s)
        chosen = notable(uses(base, stuck, first, second), settings)
        self._past = past.followed_by(second, stuck, settings.cpu_for_s)
        known = self._attributes
        self._attributes = {use.stat.key: self._known_attributes(use.stat, settings, known) for use in chosen}
        seen = [self._observation(use, memory_bytes, at) for use in chosen]
        states = Counter(stat.state for stat in second.stats.values())
        seen.append(Observation("processes", "processes", states.total(), "count", at, {"states": dict(states)}))
        return [*seen, *zombie_parents(second, at)], states.total()

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
            "sustainedS": round(use.sustained_s, 3),
            "residentBytes": stat.resident_bytes,
            "memoryRatio": stat.resident_bytes / memory_bytes,
            "stuckS": round(use.stuck_s, 3),
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
    counts = Counter(stat.parent_pid for stat in taken.stats.values() if stat.state == "Z")
    for pid, count in counts.items():
        if pid in living:
            facts = {"pid": pid, "name": living[pid].name}
            yield Observation("process.zombies", subject_of(living[pid]), count, "count", at, facts)
