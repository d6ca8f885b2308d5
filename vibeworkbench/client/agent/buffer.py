"""The agent's buffer: what was collected stands on disk, numbered, until the workbench has acknowledged it.

One line of a segment is one batch: a checksum and ``[place of the first, [[kind, number, record] …], {source: mark}]``.
Places count all records, numbers those of a kind: they are what the workbench knows a record by. Records and the marks
of the sources that they came from are one line, so that a crash keeps both or neither; a line that a crash left
unfinished is cut off, and its records are read again from their source. The file ``sent`` tells up to which place the
workbench has acknowledged; it is replaced whole.

The size is bounded. When the limit is reached, the oldest segment goes, acknowledged or not: the newest records are
those that somebody needs when the line is up again. How many went unsent is counted and told.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import threading
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from vibeworkbench.client.agent.model import Outgoing
from vibeworkbench.client.errors import ClientError

SEGMENTS = 16
"""The limit is shared by so many segments: one is dropped at a time."""


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """One line of a segment."""

    first: int
    records: list[tuple[str, int, msgspec.Raw]]
    marks: dict[str, Any]


class Sent(msgspec.Struct, frozen=True):
    """How far the workbench has got, and how many records it never will."""

    place: int = 0
    lost: int = 0


class Buffer:
    """A directory that belongs to one agent process. One thread puts while another takes and acknowledges.

    Args:
        directory: Where it is, or will be.
        limit_bytes: Its size at most.
    """

    def __init__(self, directory: Path, limit_bytes: int) -> None:
        self._directory = directory
        self._limit_bytes = limit_bytes
        self._segment_bytes = max(limit_bytes // SEGMENTS, 1)
        self._turn = threading.Lock()
        self._sizes: dict[int, int] = {}
        self._file = -1
        self._lock = -1
        self._next = 1
        self._at = (0, 0)
        self.agent_id = ""
        self.marks: dict[str, Any] = {}
        self.sent = Sent()

    def open(self) -> None:
        """The buffer is at hand, whatever became of the process that had it last.

        Raises:
            ClientError: Another agent has this directory, or it cannot be used.
        """
        try:
            self._open()
        except BlockingIOError:
            raise ClientError("another agent has this buffer; give each its own with --buffer") from None
        except OSError as error:
            raise ClientError(f"the agent's buffer cannot be used: {error.strerror}") from error

    def _open(self) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        name = self._directory / "id"
        if not name.exists():
            _write_whole(name, secrets.token_hex(16).encode())
        self.agent_id = name.read_text("ascii").strip()
        told = self._directory / "sent"
        self.sent = msgspec.json.decode(told.read_bytes(), type=Sent) if told.exists() else Sent()
        self._next = self.sent.place + 1
        for start in sorted(int(path.stem) for path in self._directory.glob("*.seg")):
            self._sizes[start] = self._recovered(start)
        if self._sizes and self._sizes[max(self._sizes)]:
            self._file = os.open(self._path(max(self._sizes)), os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        else:  # none, or one that a crash left without its marks
            self._begin()
        self._at = (min(self._sizes), 0)

    def _recovered(self, start: int) -> int:
        """The segment's marks and numbers count; its size, without what a crash left behind its last whole line."""
        size = 0
        path = self._path(start)
        for batch, end in _batches(path, 0):
            self.marks |= batch.marks
            self._next = max(self._next, batch.first + len(batch.records))
            size = end
        if size < path.stat().st_size:
            os.truncate(path, size)
        return size

    def close(self) -> None:
        """The directory is free."""
        for descriptor in (self._file, self._lock):
            if descriptor >= 0:
                os.close(descriptor)
        self._file = self._lock = -1

    @property
    def waiting(self) -> int:
        """Records that are not acknowledged."""
        return self._next - 1 - self.sent.place

    # Putting

    def put(self, records: Sequence[tuple[str, Mapping[str, Any]]], marks: Mapping[str, Any]) -> None:
        """Records and marks are on disk.

        Raises:
            OSError: They are not.
        """
        with self._turn:
            self._put(records, marks)

    def _put(self, records: Sequence[tuple[str, Mapping[str, Any]]], marks: Mapping[str, Any]) -> None:
        numbers = {kind: int(self.marks.get(f"number:{kind}", 0)) for kind, _ in records}
        raw: list[tuple[str, int, msgspec.Raw]] = []
        for kind, body in records:
            numbers[kind] += 1
            raw.append((kind, numbers[kind], msgspec.Raw(msgspec.json.encode(body))))
        marks = {**marks, **{f"number:{kind}": number for kind, number in numbers.items()}}
        line = _line(Batch(self._next, raw, marks))
        newest = max(self._sizes)
        if self._sizes[newest] and self._sizes[newest] + len(line) > self._segment_bytes:
            self._begin()
            newest = max(self._sizes)
        try:
            _write(self._file, line)
        except OSError:
            os.ftruncate(self._file, self._sizes[newest])
            raise
        self._sizes[newest] += len(line)
        self._next += len(raw)
        self.marks |= marks
        self._bound()

    def _begin(self) -> None:
        """A new segment, which begins with all marks: the older ones may go."""
        if self._file >= 0:
            os.close(self._file)
        path = self._path(self._next)
        line = _line(Batch(self._next, [], self.marks))
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o600)
        _write(self._file, line)
        _sync_directory(self._directory)
        self._sizes[self._next] = len(line)

    def _bound(self) -> None:
        while len(self._sizes) > 1 and sum(self._sizes.values()) > self._limit_bytes:
            last = sorted(self._sizes)[1] - 1
            unsent = max(last - self.sent.place, 0)
            self._settle(Sent(max(self.sent.place, last), self.sent.lost + unsent))

    # Taking

    def pending(self, limit: int, limit_bytes: int) -> list[Outgoing]:
        """The oldest records that are not acknowledged, at least one if there is one."""
        with self._turn:
            return self._pending(limit, limit_bytes)

    def _pending(self, limit: int, limit_bytes: int) -> list[Outgoing]:
        found: list[Outgoing] = []
        size = 0
        for batch in self._unsent():
            for place, (kind, number, raw) in enumerate(batch.records, batch.first):
                if place <= self.sent.place:
                    continue
                size += len(raw)
                if found and (len(found) >= limit or size > limit_bytes):
                    return found
                found.append(Outgoing(place, kind, number, bytes(raw)))
        return found

    def _unsent(self) -> Iterator[Batch]:
        """Batches that hold something not acknowledged; the place of the first of them is remembered."""
        is_first = True
        for start in sorted(each for each in self._sizes if each >= self._at[0]):
            offset = self._at[1] if start == self._at[0] else 0
            for batch, end in _batches(self._path(start), offset):
                if batch.first + len(batch.records) - 1 > self.sent.place:
                    if is_first:
                        self._at, is_first = (start, offset), False
                    yield batch
                offset = end

    def acknowledge(self, place: int) -> None:
        """Everything up to ``place`` has arrived, and stays acknowledged whatever becomes of this process."""
        with self._turn:
            self._settle(Sent(max(place, self.sent.place), self.sent.lost))

    def _settle(self, sent: Sent) -> None:
        _write_whole(self._directory / "sent", msgspec.json.encode(sent))
        self.sent = sent
        while len(self._sizes) > 1 and sorted(self._sizes)[1] <= sent.place + 1:
            oldest = min(self._sizes)
            self._path(oldest).unlink()
            del self._sizes[oldest]
            self._at = max(self._at, (min(self._sizes), 0))

    def _path(self, start: int) -> Path:
        return self._directory / f"{start:020}.seg"


def _line(batch: Batch) -> bytes:
    body = msgspec.json.encode(batch)
    return b"%08x %s\n" % (zlib.crc32(body), body)


def _batches(path: Path, offset: int) -> Iterator[tuple[Batch, int]]:
    """Each whole line of a segment with its end, up to the first that is none."""
    with path.open("rb") as file:
        file.seek(offset)
        for line in file:
            checksum, _, body = line.partition(b" ")
            if not body.endswith(b"\n") or checksum != b"%08x" % zlib.crc32(body[:-1]):
                return
            offset += len(line)
            yield msgspec.json.decode(body, type=Batch), offset


def _write(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    os.fdatasync(descriptor)


def _write_whole(path: Path, content: bytes) -> None:
    """The file has all of the content, or what it had before."""
    unfinished = path.with_suffix(".part")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        _write(descriptor, content)
    finally:
        os.close(descriptor)
    unfinished.replace(path)
    _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
