"""Which file is which, and reading every record of a glob once, whatever was rotated meanwhile.

Four passes, each over what the ones before left:

1. files whose inode is marked and whose content up to the mark is unchanged: read on from the mark;
2. marked files that are not in the glob any more, found by their inode beside where they were: read on;
3. unknown files that hold the content of a mark whose file was truncated, replaced or compressed: read on from there;
4. everything else: new, read from the start (or, when it is a copy of a file still being written, from its mark).

A rotated file that the glob does not match is only found while it is the latest one: ``app.log*`` follows every scheme.
Content that was written and removed between two looks is gone; nothing can read it.
"""

from __future__ import annotations

import os
import time
import zlib
from collections.abc import Generator, Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from itertools import islice

from msgspec import structs

from vibeworkbench.logs.joining import SAMPLE_BYTES, Shape
from vibeworkbench.logs.tail.lines import Reader, shape_at
from vibeworkbench.logs.tail.looks import (
    MOST_NAMES,
    Candidate,
    Delivery,
    Identity,
    State,
    TailOrder,
    TailResult,
    candidate_at,
    candidates,
)
from vibeworkbench.logs.tail.marks import PRINT_BYTES, Mark, OpenFile, fingerprint, opened, unchanged

_MOST_BESIDE = 50
_FORGOTTEN_AFTER_S = 24 * 3600
# Short logs without times may well begin alike; only beyond this size equal beginnings mean a copy.
_LEAST_COPY_BYTES = 1024
_BROKEN = (EOFError, OSError, zlib.error)

Reading = Generator[Delivery, None, bool]
"""A pass over one file: what it delivers, and at last whether the file is done with."""


class Tail:
    """One reading of one glob. Blocking; for a thread. Used once: ``deliveries``, and then ``result``."""

    def __init__(self, order: TailOrder) -> None:
        self.result = TailResult()
        self._order = order
        present = sorted(order.marks, key=lambda mark: -mark.gone_at_s)
        self._marks = {mark.identity: mark for mark in present}
        self._orphans = [mark for mark in present if self._marks[mark.identity] is not mark]
        self._places = {mark.id: mark.place for mark in present}
        self._known: dict[Identity, Mark] = {}
        self._finished = set[Identity]()
        self._beginnings: dict[str, dict[Identity, Mark]] = {}
        self._moved: dict[str, Mark | None] = {}
        self._directories: dict[str, dict[int, str]] = {}

    def deliveries(self) -> Generator[Delivery, None, None]:
        """What is new, some at a time; afterwards every whole record was delivered once, as time and limits allow.

        What was yielded counts as kept when the next one is asked for: a reading that is given up moves nothing more.
        """
        listed = candidates(self._order.glob)
        self.result.files = len(listed)
        self.result.left_out = max(len(listed) - self._order.max_files, 0)
        for one in listed[: self.result.left_out]:
            if one.identity in self._marks:
                self._keep(self._marks[one.identity])
        chosen = listed[self.result.left_out :]
        behind_first = sorted(chosen, key=lambda one: one.status.st_size - self._offset(one.identity))
        done = set[Identity]()
        for one in behind_first:
            if (yield from self._reads_on(one)):
                done.add(one.identity)
        yield from self._follow_departed({one.identity for one in listed})
        for one in chosen:
            if one.identity not in done and (yield from self._inherits(one)):
                done.add(one.identity)
        yield from self._search_beside()
        for one in chosen:
            if one.identity not in done:
                yield from self._begins(one)
        self.result.behind_bytes = sum(self._left_bytes(one) for one in chosen)
        self.result.marks = [*self._known.values(), *self._missing()]
        if self._moved:
            yield self._delivery("", [])

    def _left_bytes(self, one: Candidate) -> int:
        """What of a file the next reading will find, as of its listing."""
        if one.identity in self._finished:
            return 0
        mark = self._known.get(one.identity)
        return max(one.status.st_size - (mark.offset if mark else 0), 0)

    def _offset(self, identity: Identity) -> int:
        return self._marks[identity].offset if identity in self._marks else 0

    def _keep(self, mark: Mark) -> None:
        """The mark is true of a file that is there."""
        self._known[mark.identity] = mark
        if mark.offset >= _LEAST_COPY_BYTES:
            self._beginnings.setdefault(mark.head, {})[mark.identity] = mark
        if mark.offset and self._places.get(mark.id) != mark.place:
            self._places[mark.id] = mark.place
            self._moved[mark.id] = mark

    def _delivery(self, path: str, records: list[str]) -> Delivery:
        moved, self._moved = self._moved, {}
        return Delivery(path, records, moved)

    # Pass 1

    def _reads_on(self, one: Candidate) -> Reading:
        """Reads a marked file on from its mark; ``False`` for one without mark, or with other content than marked."""
        mark = self._marks.get(one.identity)
        if mark is None:
            return False
        if unchanged(mark, one.status):
            self._finished.add(one.identity)
            self._keep(structs.replace(mark, path=one.path, gone_at_s=0))
            return True
        if mark.offset == 0:  # nothing of it was read, so nothing proves that the inode is not another file's by now
            return False
        with self._opened(one.path, mark) as source:
            if source is None or source.identity != one.identity:
                # Rotated between listing and opening: the next reading finds it by its inode, under another name.
                self._keep(mark)
                return source is None and not self._in_time()
            if not source.holds(mark):
                self._orphans.append(mark)
                return False
            yield from self._consume(source, (mark.id, mark.name), mark)
            return True

    # Pass 2

    def _follow_departed(self, listed: AbstractSet[Identity]) -> Iterator[Delivery]:
        """Reads marked files on that left the glob but not the directory; the others become orphans."""
        for identity, mark in self._marks.items():
            if identity in self._known or identity in listed:
                continue
            path = self._names(os.path.dirname(mark.path)).get(mark.inode)
            candidate = candidate_at(path) if path and _related(os.path.basename(path), mark) else None
            there = candidate if candidate and candidate.identity == identity else None
            if there is None or not (yield from self._reads_departed(there, mark)):
                self._orphans.append(mark)

    def _reads_departed(self, one: Candidate, mark: Mark) -> Reading:
        if unchanged(mark, one.status):
            self._finished.add(one.identity)
            self._keep(structs.replace(mark, path=one.path, gone_at_s=0))
            return True
        with self._opened(one.path, mark) as source:
            if source is None or source.identity != one.identity or not source.holds(mark):
                return one.identity in self._known
            yield from self._consume(source, (mark.id, mark.name), mark)
            return True

    # Pass 3

    def _inherits(self, one: Candidate) -> Reading:
        """Reads a file on that holds the content of an orphan; ``False`` when it holds none's."""
        name = os.path.basename(one.path)
        heirs = [mark for mark in self._orphans if _related(name, mark) and self._may_hold(one, mark)]
        if not heirs:
            return False
        with self._opened(one.path) as source:
            for mark in sorted(heirs, key=lambda mark: -mark.offset) if source else ():
                if source and self._holds(source, mark):
                    self._orphans.remove(mark)
                    yield from self._consume(source, (mark.id, mark.name), mark)
                    return True
        return False

    def _search_beside(self) -> Iterator[Delivery]:
        """Looks for the content of orphans in files of their directories that the glob does not match."""
        for mark in [mark for mark in self._orphans if mark.offset]:
            directory = os.path.dirname(mark.path)
            paths = [path for path in self._names(directory).values() if _related(os.path.basename(path), mark)]
            found = (candidate_at(path) for path in sorted(paths)[:_MOST_BESIDE])
            for one in found:
                # What was copied, moved or compressed after the last reading is at least as new as that.
                later = one is not None and one.status.st_mtime_ns >= mark.modified_ns
                if one is None or not later or one.identity in self._known or not self._may_hold(one, mark):
                    continue
                if (yield from self._reads_beside(one, mark)):
                    self._orphans.remove(mark)
                    break

    def _reads_beside(self, one: Candidate, mark: Mark) -> Reading:
        with self._opened(one.path) as source:
            if source is None or not self._holds(source, mark):
                return False
            yield from self._consume(source, (mark.id, mark.name), mark)
            return True

    def _may_hold(self, one: Candidate, mark: Mark) -> bool:
        """Whether nobody knows yet that a file does not hold the content of a mark."""
        return mark.offset > 0 and self._order.memory.strange.get((one.identity, mark.id)) != _state(one.status)

    def _holds(self, source: OpenFile, mark: Mark) -> bool:
        if holds := source.holds(mark):
            return holds
        self._order.memory.strange[source.identity, mark.id] = _state(source.status)
        return False

    # Pass 4

    def _begins(self, one: Candidate) -> Iterator[Delivery]:
        """Reads a new file from its start, or what a copy has beyond the file it was copied from."""
        name, memory = os.path.basename(one.path), self._order.memory
        state, reason = memory.skipped.get(one.identity, (None, ""))
        if state == _state(one.status):
            self.result.skipped[name] = reason
            self._finished.add(one.identity)
            return
        with self._opened(one.path) as source:
            if source is None or source.identity in self._known:
                return
            mark = self._marks.get(source.identity)
            if mark and mark not in self._orphans and source.holds(mark):
                yield from self._consume(source, (mark.id, mark.name), mark)
            elif reason := _unreadable(source):
                self._skip(source, reason)
            else:
                yield from self._consume(source, (_new_id(source), name), self._copied(source, name))

    def _skip(self, source: OpenFile, reason: str) -> None:
        self.result.skipped[os.path.basename(source.path)] = reason
        self._finished.add(source.identity)
        self._order.memory.skipped[source.identity] = _state(source.status), reason

    def _copied(self, source: OpenFile, name: str) -> Mark | None:
        """The mark up to which a file's content is that of another one just read, if it is a copy of it."""
        size = source.status.st_size
        if not source.packed and size < _LEAST_COPY_BYTES:
            return None
        alike = self._beginnings.get(fingerprint(source.read_at(0, PRINT_BYTES)), {})
        others = [mark for mark in alike.values() if name.startswith(mark.name) or mark.name.startswith(name)]
        for mark in sorted(others, key=lambda mark: -mark.offset):
            if source.holds(mark):
                return mark
            if not source.packed and size < mark.offset:
                with self._opened(mark.path) as other:
                    beginning = structs.replace(mark, offset=size, tail=source.print_before(size))
                    if other and other.identity == mark.identity and other.holds(beginning):
                        return beginning
        return None

    # What the passes share

    def _consume(self, source: OpenFile, content: tuple[str, str], mark: Mark | None) -> Iterator[Delivery]:
        """Delivers what comes after ``mark``."""
        start, inside = (mark.offset, mark.inside) if mark else (0, False)
        after = mark
        try:
            shape, patience = self._shape(source, content[0]), self._order.patience
            reader = Reader(source, shape, start, inside=inside, patience=patience)
            for stretch in reader.stretches(self._order.max_bytes, self._in_time):
                after = source.mark(content, stretch.prints, stretch.offset, inside=stretch.inside, ended=stretch.ended)
                self._keep(after)
                if stretch.records:
                    path = os.path.join(os.path.dirname(source.path), content[1])
                    yield self._delivery(path, stretch.records)
        except _BROKEN as error:
            self._skip(source, "incomplete gzip" if source.packed else type(error).__name__)
            if after:
                self._keep(after)
            return
        self.result.waiting = self.result.waiting or reader.waiting
        if reader.reached_end:
            self._finished.add(source.identity)

    def _shape(self, source: OpenFile, content_id: str) -> Shape:
        """The shape of the file's lines; learned again while there was little to learn from."""
        shapes, size = self._order.memory.shapes, min(source.status.st_size, SAMPLE_BYTES)
        told_by, shape = shapes.get(content_id, (-1, Shape()))
        if told_by < size:
            shape = shape_at(source)
            shapes[content_id] = size, shape
        return shape

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
            self.result.refused.append(os.path.basename(path))
        if blocked and mark:
            self._known[mark.identity] = mark
        try:
            yield source
        finally:
            if source:
                source.close()

    def _in_time(self) -> bool:
        """Whether there is time left; once there is none, the result says so."""
        self.result.in_time = self.result.in_time and time.monotonic() < self._order.until_s
        return self.result.in_time

    def _names(self, directory: str) -> dict[int, str]:
        """Inode → path of the entries of a directory; listed once."""
        if directory not in self._directories:
            try:
                with os.scandir(directory) as entries:
                    listed = {entry.inode(): entry.path for entry in islice(entries, MOST_NAMES)}
            except OSError:
                listed = {}
            self._directories[directory] = listed
        return self._directories[directory]

    def _missing(self) -> list[Mark]:
        """The marks whose content was not found, kept for a while: a file system may only be away."""
        now_s = self._order.now_s
        gone = [structs.replace(mark, gone_at_s=mark.gone_at_s or now_s) for mark in self._orphans]
        fresh = sorted((mark for mark in gone if now_s - mark.gone_at_s < _FORGOTTEN_AFTER_S), key=_gone_at_s)
        kept = fresh[-self._order.max_files :]
        forgotten = {mark.id for mark in gone} - {mark.id for mark in kept} - {mark.id for mark in self._known.values()}
        self._moved.update(dict.fromkeys(forgotten))
        return kept


def _gone_at_s(mark: Mark) -> int:
    return mark.gone_at_s


def _state(status: os.stat_result) -> State:
    return status.st_size, status.st_mtime_ns


def _new_id(source: OpenFile) -> str:
    """A name for new content: no other file has this inode, and this one gets other content only later."""
    return f"{source.identity[0]:x}-{source.identity[1]:x}-{source.opened_at_ns:x}"


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
