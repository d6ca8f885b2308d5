"""Which file is which, and reading every complete line of a glob once, whatever was rotated meanwhile.

Four passes, each over what the ones before left:

1. files whose inode is marked and whose content up to the mark is unchanged: read on from the mark;
2. marked files that are not in the glob any more, found by their inode beside where they were: read on;
3. unknown files that hold the content of a mark whose file was truncated, replaced or compressed: read on from there;
4. everything else: new, read from the start (or, when it is a copy of a file still being written, from its mark).

A rotated file that the glob does not match is only found while it is the latest one: ``app.log*`` follows every scheme.
Content that was written and removed between two scans is gone; nothing can count it.
"""

from __future__ import annotations

import os
import stat
import time
import zlib
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from glob import iglob
from itertools import islice

from msgspec import structs

from vibeworkbench.logs.tail.lines import Tally, read_lines
from vibeworkbench.logs.tail.marks import Mark, OpenFile, opened, unchanged

_MOST_NAMES = 50_000
_MOST_BESIDE = 50
_MOST_MISSING = 12
# Short logs without times may well begin alike; only beyond this size equal beginnings mean a copy.
_LEAST_COPY_BYTES = 1024
_BROKEN = (EOFError, OSError, zlib.error)

Identity = tuple[int, int]


@dataclass(frozen=True, slots=True)
class TailOrder:
    """What to follow.

    Attributes:
        glob: The files.
        marks: Where the last reading got to.
        sampled: Levels of which a few lines are kept.
        max_bytes: Most bytes of one file read on, and most bytes of its old part counted again.
        max_files: Most files, newest first.
        again: Whether what was read before is counted again, beside the new lines.
        until_s: Monotonic clock at which reading stops; the marks then say where.
        now: The present, aware UTC.
    """

    glob: str
    marks: Sequence[Mark]
    sampled: frozenset[str]
    max_bytes: int
    max_files: int
    again: bool
    until_s: float
    now: datetime


@dataclass(slots=True)
class TailResult:
    """What the files held.

    Attributes:
        new: Lines not counted before, by level, with samples.
        old: Lines counted before, by level; empty unless asked for.
        marks: Where the next reading begins.
        files: Matched files, and how many of them were left out by ``max_files``.
        new_by_file: File name → new lines of the sampled levels.
        refused: Names of files that may not be read.
        skipped: Name → why it is not read: ``binary``, ``incomplete gzip`` ...
        behind_bytes: Bytes on disk that are left for the next reading.
        in_time: Whether the reading came to its end before ``until_s``.
    """

    new: Tally
    old: Tally
    marks: list[Mark] = field(default_factory=list)
    files: int = 0
    left_out: int = 0
    new_by_file: dict[str, int] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    behind_bytes: int = 0
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
    for path in islice(iglob(os.path.expanduser(glob), recursive=True), _MOST_NAMES):
        candidate = _candidate(path)
        if candidate and (candidate.identity not in found or not os.path.islink(path)):
            found[candidate.identity] = candidate
    return sorted(found.values(), key=lambda one: (one.status.st_mtime_ns, one.path))


def _candidate(path: str) -> Candidate | None:
    try:
        path.encode()  # a name that is no UTF-8 has no place in a cursor
        status = os.stat(path)
    except (OSError, UnicodeEncodeError):
        return None
    return Candidate(path, status) if stat.S_ISREG(status.st_mode) else None


class Tail:
    """One reading of one glob. Blocking; for a thread. Used once."""

    def __init__(self, order: TailOrder) -> None:
        self._order = order
        self._result = TailResult(Tally(order.sampled, order.now), Tally(frozenset(), order.now))
        present = sorted(order.marks, key=lambda mark: -mark.missing)
        self._marks = {mark.identity: mark for mark in present}
        self._orphans = [mark for mark in present if self._marks[mark.identity] is not mark]
        self._known: dict[Identity, Mark] = {}
        self._directories: dict[str, dict[int, str]] = {}

    def result(self) -> TailResult:
        """What is new; afterwards every complete line was counted once, as far as time and limits allow."""
        listed = candidates(self._order.glob)
        self._result.files = len(listed)
        self._result.left_out = max(len(listed) - self._order.max_files, 0)
        for one in listed[: self._result.left_out]:
            if one.identity in self._marks:
                self._known[one.identity] = self._marks[one.identity]
        chosen = listed[self._result.left_out :]
        behind_first = sorted(chosen, key=lambda one: one.status.st_size - self._offset(one.identity))
        handled = {one.identity for one in behind_first if self._reads_on(one)}
        self._follow_departed({one.identity for one in listed})
        fresh = [one for one in chosen if one.identity not in handled]
        fresh = [one for one in fresh if not self._inherits(one)]
        self._search_beside()
        for one in fresh:
            self._begins(one)
        self._result.marks = [*self._known.values(), *self._missing()]
        return self._result

    def _offset(self, identity: Identity) -> int:
        return self._marks[identity].offset if identity in self._marks else 0

    # Pass 1

    def _reads_on(self, one: Candidate) -> bool:
        """Reads a marked file on from its mark; ``False`` for one without mark, or with other content than marked."""
        mark = self._marks.get(one.identity)
        if mark is None:
            return False
        if unchanged(mark, one.status) and not self._order.again:
            self._known[one.identity] = structs.replace(mark, path=one.path, missing=0)
            return True
        if mark.offset == 0:  # nothing of it was read, so nothing proves that the inode is not another file's by now
            return False
        with self._opened(one.path, mark) as source:
            if source is None or source.identity != one.identity:
                # Rotated between listing and opening: the next reading finds it by its inode, under another name.
                self._known[one.identity] = mark
                return source is None and not self._in_time()
            if not source.holds(mark):
                self._orphans.append(mark)
                return False
            self._consume(source, mark.name, mark)
            return True

    # Pass 2

    def _follow_departed(self, listed: AbstractSet[Identity]) -> None:
        """Reads marked files on that left the glob but not the directory; the others become orphans."""
        for identity, mark in self._marks.items():
            if identity in self._known or identity in listed:
                continue
            path = self._names(os.path.dirname(mark.path)).get(mark.inode)
            candidate = _candidate(path) if path and _related(os.path.basename(path), mark) else None
            if candidate is None or candidate.identity != identity or not self._reads_departed(candidate, mark):
                self._orphans.append(mark)

    def _reads_departed(self, one: Candidate, mark: Mark) -> bool:
        if unchanged(mark, one.status):
            self._known[one.identity] = structs.replace(mark, path=one.path, missing=0)
            return True
        with self._opened(one.path, mark) as source:
            if source is None or source.identity != one.identity or not source.holds(mark):
                return one.identity in self._known
            self._consume(source, mark.name, mark, again=False)
            return True

    # Pass 3

    def _inherits(self, one: Candidate) -> bool:
        """Reads a file on that holds the content of an orphan; ``False`` when it holds none's."""
        heirs = [mark for mark in self._orphans if mark.offset and _related(os.path.basename(one.path), mark)]
        if not heirs:
            return False
        with self._opened(one.path) as source:
            for mark in sorted(heirs, key=lambda mark: -mark.offset) if source else ():
                if source and source.holds(mark):
                    self._orphans.remove(mark)
                    self._consume(source, mark.name, mark)
                    return True
        return False

    def _search_beside(self) -> None:
        """Looks for the content of orphans in files of their directories that the glob does not match."""
        for mark in [mark for mark in self._orphans if mark.offset]:
            directory = os.path.dirname(mark.path)
            paths = [path for path in self._names(directory).values() if _related(os.path.basename(path), mark)]
            found = (_candidate(path) for path in sorted(paths)[:_MOST_BESIDE])
            for one in found:
                # What was copied, moved or compressed after the last reading is at least as new as that.
                later = one is not None and one.status.st_mtime_ns >= mark.modified_ns
                if one and later and one.identity not in self._known and self._reads_beside(one, mark):
                    self._orphans.remove(mark)
                    break

    def _reads_beside(self, one: Candidate, mark: Mark) -> bool:
        with self._opened(one.path) as source:
            if source is None or not source.holds(mark):
                return False
            self._consume(source, mark.name, mark, again=False)
            return True

    # Pass 4

    def _begins(self, one: Candidate) -> None:
        """Reads a new file from its start, or what a copy has beyond the file it was copied from."""
        with self._opened(one.path) as source:
            if source is None or source.identity in self._known:
                return
            name = os.path.basename(one.path)
            mark = self._marks.get(source.identity)
            if mark and mark not in self._orphans and source.holds(mark):
                self._consume(source, mark.name, mark)
            elif reason := _unreadable(source):
                self._result.skipped[name] = reason
            else:
                self._consume(source, name, self._copied(source, name))

    def _copied(self, source: OpenFile, name: str) -> Mark | None:
        """The mark up to which a file's content is that of another one just read, if it is a copy of it."""
        others = [mark for mark in self._known.values() if name.startswith(mark.name) or mark.name.startswith(name)]
        for mark in sorted(others, key=lambda mark: -mark.offset):
            if mark.offset >= _LEAST_COPY_BYTES and source.holds(mark):
                return mark
            size = source.status.st_size
            if not source.packed and _LEAST_COPY_BYTES <= size < mark.offset:
                with self._opened(mark.path) as other:
                    beginning = source.mark(name, size)
                    if other and other.identity == mark.identity and other.holds(beginning):
                        return beginning
        return None

    # What the passes share

    def _consume(self, source: OpenFile, name: str, mark: Mark | None, *, again: bool = True) -> None:
        """Counts what comes after ``mark`` as new and, where asked for, what is before it as old."""
        start, inside = (mark.offset, mark.inside) if mark else (0, False)
        order, tally = self._order, Tally(self._order.sampled, self._order.now)
        try:
            if order.again and again and start:
                self._recount(source, start)
            stretch = read_lines(source, tally, start, order.max_bytes, inside=inside, go_on=self._in_time)
            after = source.mark(name, stretch.offset, inside=stretch.inside, ended=stretch.ended)
        except _BROKEN as error:
            shown = os.path.basename(source.path)
            self._result.skipped[shown] = "incomplete gzip" if source.packed else type(error).__name__
            if mark:
                self._known[source.identity] = mark
            return
        self._known[source.identity] = after
        self._result.new.join(tally)
        if worth := sum(tally.counts[level] for level in order.sampled):
            self._result.new_by_file[name] = self._result.new_by_file.get(name, 0) + worth
        if not stretch.ended and not source.packed:
            self._result.behind_bytes += max(source.status.st_size - stretch.offset, 0)

    def _recount(self, source: OpenFile, end: int) -> None:
        """Counts the lines before ``end`` as old, the latest ``max_bytes`` of them."""
        begin = max(end - self._order.max_bytes, 0)
        read_lines(source, self._result.old, begin, end - begin, inside=begin > 0, go_on=self._in_time)

    @contextmanager
    def _opened(self, path: str, mark: Mark | None = None) -> Iterator[OpenFile | None]:
        """The file at ``path`` while the block lasts; ``None``, and the mark kept, where it cannot be read now."""
        source = None
        try:
            source = opened(path) if self._in_time() else None
            blocked = source is None
        except FileNotFoundError:
            blocked = False
        except OSError:
            blocked = True
            self._result.refused.append(os.path.basename(path))
        if blocked and mark:
            self._known[mark.identity] = mark
        try:
            yield source
        finally:
            if source:
                source.close()

    def _in_time(self) -> bool:
        """Whether there is time left; once there is none, the result says so."""
        self._result.in_time = self._result.in_time and time.monotonic() < self._order.until_s
        return self._result.in_time

    def _names(self, directory: str) -> dict[int, str]:
        """Inode → path of the entries of a directory; listed once."""
        if directory not in self._directories:
            try:
                with os.scandir(directory) as entries:
                    listed = {entry.inode(): entry.path for entry in islice(entries, _MOST_NAMES)}
            except OSError:
                listed = {}
            self._directories[directory] = listed
        return self._directories[directory]

    def _missing(self) -> list[Mark]:
        """The marks whose content was not found, kept for a while: a file system may only be away."""
        again = [structs.replace(mark, missing=mark.missing + 1) for mark in self._orphans]
        return [mark for mark in again if mark.missing < _MOST_MISSING][-self._order.max_files :]


def _related(name: str, mark: Mark) -> bool:
    """Whether a file of this name may be what rotation made of the marked one: ``app-2026.log.gz`` of ``app.log``."""
    return name.startswith(mark.name.split(".")[0] or mark.name)


def _unreadable(source: OpenFile) -> str:
    """Why a file is not read as lines of text; empty when it is. A hole at its start says nothing."""
    try:
        sample = source.read_at(0, 1024).lstrip(b"\0")
    except _BROKEN:
        return "incomplete gzip"
    return "binary" if b"\0" in sample else ""
