"""What a container uses, out of the Engine's counters, computed as the docker command does. Pure.

Source: docker/cli, cli/command/container/stats_helpers.go: calculateCPUPercentUnix, calculateMemUsageUnixNoCache,
calculateNetwork, calculateBlockIO; Docker Engine API v1.47, ContainerStats.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vibeworkbench.engine.lines import nanoseconds_of


@dataclass(frozen=True, slots=True)
class Cpu:
    """Counters of processor time: of the container, and of the whole machine with all its processors.

    Attributes:
        used_ns: Time that the container has used.
        system_ns: Time that all processors together have had.
        online: How many processors there are.
    """

    used_ns: int
    system_ns: int
    online: int


@dataclass(frozen=True, slots=True)
class Reading:
    """The counters of one container at one instant.

    Attributes:
        at_ns: Unix nanoseconds; 0 for a container that does not run.
        cpu: Processor time now.
        before: Processor time at the reading before, where the Engine knows one.
        memory_bytes: Memory without the file cache that can be dropped.
        memory_limit_bytes: Its limit, or the machine's memory where it has none; 0 when unknown.
        received_bytes: Taken from all networks since the start.
        sent_bytes: Given to all networks.
        read_bytes: Read from block devices.
        written_bytes: Written to block devices.
        processes: Processes and threads.
    """

    at_ns: int
    cpu: Cpu
    before: Cpu
    memory_bytes: int
    memory_limit_bytes: int
    received_bytes: int
    sent_bytes: int
    read_bytes: int
    written_bytes: int
    processes: int

    @property
    def memory_ratio(self) -> float:
        """Share of the limit that is used; 0 when the limit is unknown."""
        return self.memory_bytes / self.memory_limit_bytes if self.memory_limit_bytes else 0.0


def cpu_percent(before: Cpu, now: Cpu) -> float:
    """Processor use between two readings in per cent of one processor: two busy ones are 200.

    Source: calculateCPUPercentUnix: container's share of the time of all processors, times their number.
    """
    used_ns, system_ns = now.used_ns - before.used_ns, now.system_ns - before.system_ns
    return used_ns / system_ns * now.online * 100.0 if used_ns > 0 and system_ns > 0 else 0.0


def reading_of(stats: Mapping[str, Any]) -> Reading:
    """The reading that the Engine's JSON means; what it leaves out counts as nothing."""
    memory = _part(stats, "memory_stats")
    networks = [each for each in _part(stats, "networks").values() if isinstance(each, Mapping)]
    return Reading(
        at_ns=nanoseconds_of(str(stats.get("read", ""))),
        cpu=_cpu(_part(stats, "cpu_stats")),
        before=_cpu(_part(stats, "precpu_stats")),
        memory_bytes=_memory_without_cache(memory),
        memory_limit_bytes=_count(memory, "limit"),
        received_bytes=sum(_count(each, "rx_bytes") for each in networks),
        sent_bytes=sum(_count(each, "tx_bytes") for each in networks),
        read_bytes=_moved(_part(stats, "blkio_stats"), "r"),
        written_bytes=_moved(_part(stats, "blkio_stats"), "w"),
        processes=_count(_part(stats, "pids_stats"), "current"),
    )


def _cpu(cpu: Mapping[str, Any]) -> Cpu:
    usage = _part(cpu, "cpu_usage")
    online = _count(cpu, "online_cpus") or len(usage.get("percpu_usage") or ())
    return Cpu(_count(usage, "total_usage"), _count(cpu, "system_cpu_usage"), online)


def _memory_without_cache(memory: Mapping[str, Any]) -> int:
    used, stats = _count(memory, "usage"), _part(memory, "stats")
    for name in ("total_inactive_file", "inactive_file"):  # cgroup v1 has both, and means the first; v2 has the second
        if name in stats and _count(stats, name) < used:
            return used - _count(stats, name)
    return used


def _moved(blkio: Mapping[str, Any], direction: str) -> int:
    entries = blkio.get("io_service_bytes_recursive") or ()
    return sum(_count(each, "value") for each in entries if str(each.get("op", "")).lower().startswith(direction))


def _part(whole: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = whole.get(name)
    return part if isinstance(part, Mapping) else {}


def _count(whole: Mapping[str, Any], name: str) -> int:
    value = whole.get(name)
    return int(value) if isinstance(value, int | float) else 0
