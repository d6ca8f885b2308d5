"""What Linux says about processes in ``/proc``, read cheaply: one small file for each process.

Source: proc_pid_stat(5), https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICKS_PER_S = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_KERNEL_THREAD = 0x0020_0000  # PF_KTHREAD, include/linux/sched.h


@dataclass(frozen=True, slots=True)
class ProcessStat:
    """One line of ``/proc/<pid>/stat``.

    Attributes:
        pid: Process id; unique only together with ``started_s``.
        parent_pid: Process id of the parent.
        name: The command's name, at most 15 bytes.
        state: ``R`` running, ``S`` sleeping, ``D`` uninterruptible, ``Z`` zombie, ``T`` stopped, ``I`` idle ...
        cpu_s: CPU seconds used since it started, in user and system mode.
        started_s: Seconds from the machine's start to the process's.
        resident_bytes: Resident memory, shared pages included.
        kernel_thread: Whether it is a thread of the kernel.
    """

    pid: int
    parent_pid: int
    name: str
    state: str
    cpu_s: float
    started_s: float
    resident_bytes: int
    kernel_thread: bool

    @property
    def key(self) -> tuple[int, float]:
        """What tells this process from a later one of the same pid."""
        return self.pid, self.started_s


def process_stat(text: bytes) -> ProcessStat:
    """The stat of one line; the name may hold blanks and parentheses, so it ends at the last one."""
    pid, _, rest = text.partition(b" (")
    name, _, tail = rest.rpartition(b") ")
    fields = tail.split()
    return ProcessStat(
        pid=int(pid),
        name=name.decode("utf-8", "replace"),
        state=fields[0].decode("ascii"),
        parent_pid=int(fields[1]),
        kernel_thread=bool(int(fields[6]) & _KERNEL_THREAD),
        cpu_s=(int(fields[11]) + int(fields[12])) / TICKS_PER_S,
        started_s=int(fields[19]) / TICKS_PER_S,
        resident_bytes=int(fields[21]) * PAGE_BYTES,
    )


def process_stats(proc: Path = PROC) -> Iterator[ProcessStat]:
    """The stat of every process that can be read; those that vanish meanwhile are left out."""
    for name in os.listdir(proc):
        if name.isdecimal():
            try:
                text = _content(f"{proc}/{name}/stat")
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
            yield process_stat(text)


def process_arguments(pid: int, proc: Path = PROC) -> tuple[str, ...]:
    """The command line of a process; empty when it vanished, may not be read, or is a kernel thread."""
    try:
        text = _content(f"{proc}/{pid}/cmdline")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return ()
    return tuple(part.decode("utf-8", "replace") for part in text.rstrip(b"\0").split(b"\0") if part)


def process_user_id(pid: int, proc: Path = PROC) -> int | None:
    """The effective user id of a process, ``None`` when it vanished."""
    try:
        return os.stat(f"{proc}/{pid}").st_uid
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None


def _content(path: str) -> bytes:
    # os.open is a third cheaper than Path.read_bytes here, and a sweep reads hundreds of these.
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 65536)
    finally:
        os.close(descriptor)
