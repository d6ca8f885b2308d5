"""The processes of a container, out of the Engine's ``top``. Pure.

The Engine runs ``ps`` and answers its columns; what it was asked for is not what every ``ps`` has, so columns are known
by their titles, and those that are missing are told by nobody.

Source: Docker Engine API v1.47, ContainerTop; ps(1) of procps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PS = "-eo pid,ppid,user,pcpu,rss,stat,nlwp,etimes,args"
"""What ``ps`` is asked for; the last column may have blanks."""
MOST = 200
"""Processes of one container that are told; those with the most memory."""
_TITLES = {
    "PID": "pid",
    "PPID": "parent",
    "USER": "user",
    "UID": "user",
    "%CPU": "cpu",
    "RSS": "memory",
    "STAT": "state",
    "NLWP": "threads",
    "ELAPSED": "elapsed",
    "COMMAND": "command",
    "CMD": "command",
}


@dataclass(frozen=True, slots=True)
class Process:
    """One process, as the machine that runs the container numbers it; ``None`` is not told.

    Attributes:
        pid: Its number.
        parent: Its parent's.
        user: Whose it is.
        state: ``running``, ``sleeping``, ``waiting`` (for a disk), ``stopped``, ``zombie`` or ``idle``.
        cpu_percent: Processor use since it began, of one processor.
        memory_bytes: Its resident memory.
        threads: How many it has.
        elapsed_s: For how long it has run.
        command: Its command line.
    """

    pid: str
    parent: str = ""
    user: str = ""
    state: str = ""
    cpu_percent: float | None = None
    memory_bytes: int | None = None
    threads: int | None = None
    elapsed_s: int | None = None
    command: str = ""

    @property
    def name(self) -> str:
        """The program's name."""
        return self.command.partition(" ")[0].rstrip(":").rpartition("/")[2]


_STATES = {"R": "running", "S": "sleeping", "D": "waiting", "T": "stopped", "t": "stopped", "Z": "zombie", "I": "idle"}


def processes_of(told: Mapping[str, Any]) -> list[Process]:
    """The processes in the Engine's JSON; of too many, those with the most memory."""
    names = [_TITLES.get(str(title).upper(), "") for title in told.get("Titles") or ()]
    found = [_process(dict(zip(names, map(str, row), strict=False))) for row in told.get("Processes") or ()]
    known = [each for each in found if each.pid]
    return sorted(known, key=lambda each: -(each.memory_bytes or 0))[:MOST] if len(known) > MOST else known


def _process(cells: Mapping[str, str]) -> Process:
    memory = _number(cells.get("memory"))
    return Process(
        pid=cells.get("pid", ""),
        parent=cells.get("parent", ""),
        user=cells.get("user", ""),
        state=_STATES.get(cells.get("state", "")[:1], ""),
        cpu_percent=_share(cells.get("cpu")),
        memory_bytes=None if memory is None else memory * 1024,
        threads=_number(cells.get("threads")),
        elapsed_s=_number(cells.get("elapsed")),
        command=cells.get("command", ""),
    )


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isdecimal() else None


def _share(text: str | None) -> float | None:
    whole, _, rest = (text or "").partition(".")
    return float(text or 0) if whole.isdecimal() and (rest.isdecimal() or not rest) else None


def ended(before: Sequence[str], present: Sequence[Process]) -> list[str]:
    """The numbers of those that were there before and are no more."""
    there = {each.pid for each in present}
    return [pid for pid in before if pid not in there]
