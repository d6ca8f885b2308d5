"""The limits that a container or service unit sets on this process, where there are any (cgroup v2).

Source: https://docs.kernel.org/admin-guide/cgroup-v2.html (memory.max, memory.current, memory.stat, cpu.max, cpu.stat)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vibeworkbench.ops.machine.procfs import PROC

ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class MemoryLimit:
    """The tightest memory limit above this process and what counts towards it, in bytes."""

    limit_bytes: int
    used_bytes: int


@dataclass(frozen=True, slots=True)
class CpuLimit:
    """The tightest CPU limit above this process.

    Attributes:
        cores: How many cores' worth of time it may use.
        used_s: CPU seconds used so far; two samples give the use.
        throttled: Periods in which it was stopped because the limit was reached, so far.
    """

    cores: float
    used_s: float
    throttled: int


def memory_limit(proc: Path = PROC, root: Path = ROOT) -> MemoryLimit | None:
    """The tightest memory limit above this process, ``None`` when there is none."""
    limits: list[MemoryLimit] = []
    for group in _groups(proc, root):
        most, used = _text(group / "memory.max"), _text(group / "memory.current")
        if most.isdecimal() and used.isdecimal():
            # Page cache that can be dropped at once is no shortage: the kubelet's "working set" leaves it out as well.
            reclaimable = int(_fields(group / "memory.stat").get("inactive_file", 0))
            limits.append(MemoryLimit(int(most), max(int(used) - reclaimable, 0)))
    return min(limits, key=lambda one: one.limit_bytes - one.used_bytes, default=None)


def cpu_limit(proc: Path = PROC, root: Path = ROOT) -> CpuLimit | None:
    """The tightest CPU limit above this process, ``None`` when there is none."""
    limits: list[CpuLimit] = []
    for group in _groups(proc, root):
        quota, _, period = _text(group / "cpu.max").partition(" ")
        if quota.isdecimal() and period.isdecimal():
            stat = _fields(group / "cpu.stat")
            used_s = int(stat.get("usage_usec", 0)) / 1e6
            limits.append(CpuLimit(int(quota) / int(period), used_s, int(stat.get("nr_throttled", 0))))
    return min(limits, key=lambda one: one.cores, default=None)


def _groups(proc: Path, root: Path) -> Iterator[Path]:
    """The cgroup of this process and those above it, where they can be seen."""
    line = next((line for line in _text(proc / "self" / "cgroup").splitlines() if line.startswith("0::")), "")
    own = root / line.removeprefix("0::").lstrip("/")
    # Without a cgroup namespace the named path is the host's and may not be visible in here; the root then is our own.
    group = own if line and ".." not in line and own.is_dir() else root
    while True:
        yield group
        if group == root:
            return
        group = group.parent


def _fields(path: Path) -> dict[str, str]:
    return dict(line.split(" ", 1) for line in _text(path).splitlines() if " " in line)


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except OSError:
        return ""
