"""The spool: what arrived stands on disk before it is acknowledged, in files that are only ever appended to.

Whatever is put while the disk is busy shares the next fsync (group commit). Positions are bytes since the spool began,
over all its files; a file is named by the position of its first byte. A file goes when the warehouse has all of it and
has folded it into its own file.

What a crash leaves half-written at the end was never acknowledged: it is recognised by its checksum and cut.

Source: Alagappan et al., "Protocol-Aware Recovery for Consensus-Based Storage" (FAST '18) for why a torn tail and a
damaged middle are different things; Rebello et al., "Can Applications Recover from fsync Failures?" (ATC '20) for why a
file whose fsync failed is left behind.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import secrets
import sys
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from vibeworkbench.errors import Unavailable
from vibeworkbench.logs.frames import Frame, encoded, frames_in

ID_FILE, LOCK_FILE, SEGMENT, IDS = "id", "lock", ".spool", ".ids"
FLUSH_BYTES = 8 * 2**20
"""What is written before one fsync, at most."""
FULL_RETRY_S = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Taken:
    """A stretch of the spool: its frames, where it ends, and how many damaged bytes were stepped over."""

    frames: tuple[Frame, ...]
    end: int
    damaged_bytes: int = 0


@dataclass(frozen=True, slots=True)
class _Put:
    content: bytes
    done: Future[int]


class Spool:
    """One directory of files, which belongs to one process.

    Args:
        directory: Where it is, or will be.
        segment_bytes: Size at which the next file is begun.
        limit_bytes: Size of what is not in the warehouse yet, beyond which nothing more is taken.
    """

    def __init__(self, directory: Path, *, segment_bytes: int, limit_bytes: int) -> None:
        self.directory = directory
        self.id = ""
        self.head = 0
        self.drained = 0
        self.problem = "it is not open yet"
        self._segment_bytes = segment_bytes
        self._limit_bytes = limit_bytes
        self._segments: list[int] = []
        self._waiting: deque[_Put] = deque()
        self._waiting_bytes = 0
        self._lock = threading.Lock()
        self._flusher = ThreadPoolExecutor(1, thread_name_prefix="vw-spool")
        self._is_flushing = False
        self._is_spoilt = False
        self._file = -1
        self._held = -1

    # Opening and closing

    def open(self) -> bool:
        """The spool takes what comes; false when another process has this directory.

        Raises:
            OSError: The directory cannot be used.
        """
        for directory in (self.directory.parent, self.directory):
            directory.mkdir(mode=0o700, exist_ok=True)
        held = os.open(self.directory / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(held)
            return False
        self._held = held
        self.id = self._named()
        self._segments = sorted(int(path.stem) for path in self.directory.glob(f"*{SEGMENT}"))
        if self._segments:
            self._mend(self._segments[-1])
        else:
            self._begin(max((int(path.stem) for path in self.directory.glob(f"*{IDS}")), default=0))
        self.problem = ""
        return True

    def _named(self) -> str:
        path = self.directory / ID_FILE
        if not path.exists():
            _write_whole(path, secrets.token_hex(16).encode())
        return path.read_text("ascii").strip()

    def _mend(self, start: int) -> None:
        """The last file ends with its last whole frame."""
        path = self._path(start)
        content = path.read_bytes()
        end = max((end for _, _, end in frames_in(content)), default=0)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        if end < len(content):
            log.warning("spool: %d bytes that were never acknowledged are cut off", len(content) - end)
            os.ftruncate(self._file, end)
            os.fsync(self._file)
        self.head = start + end

    def _begin(self, start: int) -> None:
        """A new file takes what comes from the position ``start`` on."""
        opened = os.open(self._path(start), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _sync_directory(self.directory)
        except OSError:
            os.close(opened)
            raise
        if self._file >= 0:
            os.close(self._file)
        self._file, self.head = opened, start
        if start not in self._segments:
            self._segments.append(start)

    def close(self) -> None:
        """All that was put is on disk or refused, and the directory is free."""
        with self._lock:
            self.problem = "the server is stopping"
        self._flusher.shutdown(wait=True)
        for descriptor in (self._file, self._held):
            if descriptor >= 0:
                os.close(descriptor)
        self._file = self._held = -1

    # Putting

    @property
    def pending_bytes(self) -> int:
        """Size of what is not in the warehouse yet, with what is on its way to the disk."""
        return self.head - self.drained + self._waiting_bytes

    def put(self, frame: Frame) -> Future[int]:
        """The frame is on its way; the future has the position of its end as soon as it is on disk, or ``Unavailable``.

        Raises:
            Unavailable: The spool is full, or not open.
        """
        content = encoded(frame)
        put = _Put(content, Future())
        with self._lock:
            if self.problem:
                raise Unavailable(f"Records cannot be kept: {self.problem}.", retry_after_s=FULL_RETRY_S)
            if self.pending_bytes + len(content) > self._limit_bytes:
                said = "Too much waits for the warehouse: no more records can be kept now."
                raise Unavailable(said, reason="the spool is full", retry_after_s=FULL_RETRY_S)
            self._waiting.append(put)
            self._waiting_bytes += len(content)
            if not self._is_flushing:
                self._is_flushing = True
                self._flusher.submit(self._flush)
        return put.done

    def _flush(self) -> None:
        while batch := self._next_batch():
            size = sum(len(each.content) for each in batch)
            start = self.head
            try:
                self._write(b"".join(each.content for each in batch))
            except OSError as error:
                reason = error.strerror or "the disk does not answer"
                log.error("spool: %s; nothing that was not acknowledged is kept", reason)  # noqa: TRY400 - a full disk
                self._settle(batch, size, None, reason)
            else:
                self._settle(batch, size, start, "")

    def _next_batch(self) -> list[_Put]:
        batch: list[_Put] = []
        size = 0
        with self._lock:
            while self._waiting and size < FLUSH_BYTES:
                batch.append(self._waiting.popleft())
                size += len(batch[-1].content)
            self._is_flushing = bool(batch)
        return batch

    def _write(self, content: bytes) -> None:
        if self._is_spoilt:
            self._leave_spoilt()
        elif self.head - self._segments[-1] >= self._segment_bytes:
            self._begin(self.head)
        rest = memoryview(content)
        try:
            while rest:
                rest = rest[os.write(self._file, rest) :]
            os.fdatasync(self._file)
        except OSError:
            self._take_back()
            raise

    def _take_back(self) -> None:
        """What follows the last acknowledged byte is gone, and this file takes no more: its cache cannot be trusted."""
        self._is_spoilt = True
        with contextlib.suppress(OSError):  # what stays is no whole frame, or one that nobody was told of
            os.ftruncate(self._file, self.head - self._segments[-1])

    def _leave_spoilt(self) -> None:
        start = self._segments[-1]
        if self.head == start:
            self._path(start).unlink(missing_ok=True)
        self._begin(self.head)
        self._is_spoilt = False

    def _settle(self, batch: list[_Put], size: int, start: int | None, reason: str) -> None:
        with self._lock:
            self._waiting_bytes -= size
            if start is not None:
                self.head = start + size
        for each in batch:
            if start is None:
                said = f"Records cannot be kept: {reason}."
                each.done.set_exception(Unavailable(said, reason=reason, retry_after_s=FULL_RETRY_S))
            else:
                start += len(each.content)
                each.done.set_result(start)

    # Taking

    def take(self, position: int, limit_bytes: int, limit_records: int = sys.maxsize) -> Taken:
        """Frames from ``position`` on that are on disk: about ``limit_bytes``, and at most ``limit_records`` records.

        A first frame that has more records is taken alone. Without frames, ``end`` says where to go on; when it is
        ``head``, all was taken.
        """
        head = self.head  # before the files are looked at: what it counts is in one of them
        segments = list(self._segments)
        at = begin = max(position, segments[0])
        frames: list[Frame] = []
        records = damaged = 0
        for start, end in pairwise([*(each for each in segments if each < head), head]):
            if end <= at:
                continue
            for frame_start, frame, stop in self._frames(start, at, end):
                records += frame.records
                if frames and records > limit_records:
                    return Taken(tuple(frames), at, damaged)
                frames.append(frame)
                damaged += frame_start - at
                at = stop
                if at - begin >= limit_bytes:
                    return Taken(tuple(frames), at, damaged)
            damaged += end - at
            at = end
        return Taken(tuple(frames), at, damaged)

    def _frames(self, start: int, position: int, end: int) -> Iterator[tuple[int, Frame, int]]:
        """The undamaged frames of the file that begins at ``start``, from ``position`` up to ``end``."""
        with self._path(start).open("rb") as file:
            file.seek(position - start)
            content = file.read(end - position)
        for begin, frame, stop in frames_in(content):
            yield position + begin, frame, position + stop

    def skip_to(self, position: int) -> None:
        """What comes next stands at ``position`` or later: the warehouse has what was before."""
        if position > self.head:
            self._begin(position)

    def forget(self, position: int) -> None:
        """Files that end at ``position`` or before are gone; of their ids, the hashes stay."""
        while len(self._segments) > 1 and self._segments[1] <= position:
            start = self._segments[0]
            self._keep_ids(start)
            self._path(start).unlink(missing_ok=True)
            del self._segments[0]

    # Ids

    def _keep_ids(self, start: int) -> None:
        newest_us, ids = _ids_of(self._path(start).read_bytes())
        if ids:
            _write_whole(self.directory / f"{start:020}{IDS}", newest_us.to_bytes(8, "little") + ids)

    def ids(self) -> Iterator[tuple[int, bytes]]:
        """Arrival of the newest, and hashes of the ids, of each file that was or is; oldest first."""
        for path in sorted(self.directory.glob(f"*{IDS}")):
            content = path.read_bytes()
            yield int.from_bytes(content[:8], "little"), content[8:]
        for start in list(self._segments):
            newest_us, ids = _ids_of(self._path(start).read_bytes())
            if ids:
                yield newest_us, ids

    def forget_ids(self, before_us: int) -> None:
        """Hashes of ids that all arrived before ``before_us`` are gone."""
        for path in sorted(self.directory.glob(f"*{IDS}")):
            with path.open("rb") as file:
                if int.from_bytes(file.read(8), "little") >= before_us:
                    return
            path.unlink()

    def _path(self, start: int) -> Path:
        return self.directory / f"{start:020}{SEGMENT}"


def _ids_of(content: bytes) -> tuple[int, bytes]:
    frames = [frame for _, frame, _ in frames_in(content)]
    return max((frame.received_us for frame in frames), default=0), b"".join(frame.ids for frame in frames)


def _write_whole(path: Path, content: bytes) -> None:
    """The file is there with all of its content, or not at all."""
    unfinished = path.with_suffix(".part")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
    _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
