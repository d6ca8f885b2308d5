"""Who runs a scan, and whether that server still lives. Clocks are not asked: they may step.

A server killed on this machine is known to be dead at once, by its process id and start time. Of a server elsewhere
(another machine, another container) only its beat is seen: whose beat has not moved for a lease is taken for dead.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True)
class Owner:
    """One server process: where its process id counts, that id, when the process started, and a name of its own."""

    machine: str
    pid: int
    started: str
    name: str

    @classmethod
    def here(cls) -> Owner:
        """The owner that this process is; each call has a name of its own."""
        return cls(_machine(), os.getpid(), _started(os.getpid()) or "", uuid.uuid4().hex)

    @classmethod
    def parsed(cls, text: str) -> Owner:
        """The owner that ``str`` of it named."""
        machine, pid, started, name = text.rsplit(" ", 3)
        return cls(machine, int(pid), started, name)

    def __str__(self) -> str:
        return f"{self.machine} {self.pid} {self.started} {self.name}"

    def is_gone(self, here: Owner) -> bool:
        """Whether this owner's process is known to have ended; never known of one whose ids count elsewhere."""
        return self.machine == here.machine and _started(self.pid) != self.started


def _machine() -> str:
    try:  # the boot and the namespace of process ids, which a container has for itself
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot}/{os.stat('/proc/self/ns/pid').st_ino}"  # noqa: PTH116 - a namespace, no path
    except OSError:
        return f"{uuid.getnode():012x}/{psutil.boot_time():.0f}"


def _started(pid: int) -> str | None:
    """When a living process started, in clock ticks since the boot where they can be read: these do not step."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    except OSError:
        return _started_by_clock(pid)
    return None if state in "ZX" else fields[18]


def _started_by_clock(pid: int) -> str | None:
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except psutil.Error:
        return None


@dataclass(slots=True)
class Watch:
    """Tells dead owners from living ones; asked by one thread, the storage's writer."""

    here: Owner
    lease_s: float
    monotonic: Callable[[], float] = time.monotonic
    _seen: dict[str, tuple[int, float]] = field(default_factory=dict)

    def is_dead(self, scan_id: str, owner: str, beat: int) -> bool:
        """Whether the owner of a running scan, last seen at this beat, will never finish it."""
        if owner == str(self.here):
            return False
        if Owner.parsed(owner).is_gone(self.here):
            return True
        now = self.monotonic()
        last_beat, since = self._seen.get(scan_id, (-1, now))
        if last_beat != beat:
            self._seen[scan_id] = (beat, now)
            return False
        return now - since > self.lease_s

    def forget(self, running: frozenset[str]) -> None:
        """Only these scans run; what was seen of others is dropped."""
        self._seen = {scan_id: seen for scan_id, seen in self._seen.items() if scan_id in running}
