"""What one look at a glob is given, which files it finds there, and what comes of it."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from glob import iglob
from itertools import islice

from vibeworkbench.logs.joining import Shape
from vibeworkbench.logs.tail.lines import Patience
from vibeworkbench.logs.tail.marks import Mark

MOST_NAMES = 50_000
"""Names of one directory or glob that are looked at."""

Identity = tuple[int, int]
State = tuple[int, int]
"""Size and time of the last change: a file in the same state has the same content."""


@dataclass(slots=True)
class Memory:
    """What looks of one glob know from earlier ones, only to save work.

    Attributes:
        shapes: Content's id → how much of it told its shape, and the shape.
        skipped: Files that are not read, in which state, and why.
        strange: Files that do not hold a mark's content, in which state.
    """

    shapes: dict[str, tuple[int, Shape]] = field(default_factory=dict)
    skipped: dict[Identity, tuple[State, str]] = field(default_factory=dict)
    strange: dict[tuple[Identity, str], State] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TailOrder:
    """What to follow.

    Attributes:
        glob: The files.
        marks: Where the last reading got to.
        memory: What the last reading knew; it is changed.
        max_bytes: Most bytes of one file, about.
        max_files: Most files, newest first.
        until_s: Monotonic clock at which reading stops; the marks then say where.
        now_s: The present, Unix time.
        patience: How long the last record of a file is waited for.
    """

    glob: str
    marks: Collection[Mark]
    memory: Memory
    max_bytes: int
    max_files: int
    until_s: float
    now_s: int
    patience: Patience


@dataclass(frozen=True, slots=True)
class Delivery:
    """Records of one file, and the marks that are true once they are kept.

    Attributes:
        path: The file, by the name under which it was first seen.
        records: Texts, in order.
        marks: Id → mark, of all that moved since the last delivery; ``None`` forgets one.
    """

    path: str
    records: list[str]
    marks: Mapping[str, Mark | None]


@dataclass(slots=True)
class TailResult:
    """What became of the files, once all deliveries were taken.

    Attributes:
        marks: Where the next reading begins.
        files: Matched files.
        left_out: How many of them were left out by ``max_files``.
        refused: Names of files that may not be read.
        skipped: Name → why it is not read: ``binary``, ``incomplete gzip`` ...
        behind_bytes: Bytes on disk that are left for the next reading.
        waiting: Whether a record was left because it may go on.
        in_time: Whether the reading came to its end before ``until_s``.
    """

    marks: list[Mark] = field(default_factory=list)
    files: int = 0
    left_out: int = 0
    refused: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    behind_bytes: int = 0
    waiting: bool = False
    in_time: bool = True


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file of the glob, as it was when it was listed."""

    path: str
    status: os.stat_result

    @property
    def identity(self) -> Identity:
        """Device and inode."""
        return self.status.st_dev, self.status.st_ino


def candidates(glob: str) -> list[Candidate]:
    """The regular files of a glob, oldest first, each inode once; those that vanish meanwhile are left out."""
    found: dict[Identity, Candidate] = {}
    for path in islice(iglob(os.path.expanduser(glob), recursive=True), MOST_NAMES):
        candidate = candidate_at(path)
        if candidate and (candidate.identity not in found or not os.path.islink(path)):
            found[candidate.identity] = candidate
    return sorted(found.values(), key=lambda one: (one.status.st_mtime_ns, one.path))


def candidate_at(path: str) -> Candidate | None:
    """The regular file of that name; ``None`` where there is none, or it has no place in a cursor."""
    try:
        path.encode()  # a name that is no UTF-8
        status = os.stat(path)
    except (OSError, UnicodeEncodeError):
        return None
    return Candidate(path, status) if stat.S_ISREG(status.st_mode) else None
