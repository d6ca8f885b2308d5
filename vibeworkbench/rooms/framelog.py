"""The tail of a room: encoded frames in shared blocks, found by byte offset or by ``seq``, bounded in bytes. Pure.

Every reader holds a cursor, an offset that counts all bytes since the room was opened, and reads bytes that all others
share. A block is joined once; small blocks grow up to 64 KiB, so that a reader far behind needs few reads.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

BLOCK_BYTES = 65_536
Bytes = bytes | memoryview


def _counters() -> array[int]:
    return array("Q")


@dataclass(slots=True)
class _Block:
    """Frames that stand together.

    Attributes:
        start: Offset of the first byte.
        before_seq: The last ``seq`` before this block.
        parts: The frames, or what was joined of them.
        size_bytes: Their bytes.
        ends: Where each frame ends, from ``start``.
        seqs: The room's last ``seq`` as of each frame; a frame that is not recorded repeats its predecessor's.
        recorded: How many frames are.
    """

    start: int
    before_seq: int
    parts: list[bytes] = field(default_factory=list)
    size_bytes: int = 0
    ends: array[int] = field(default_factory=_counters)
    seqs: array[int] = field(default_factory=_counters)
    recorded: int = 0
    history: bytes | None = None

    @property
    def end(self) -> int:
        """Offset behind the last byte."""
        return self.start + self.size_bytes

    @property
    def last_seq(self) -> int:
        """The room's last ``seq`` as of the end of this block."""
        return self.seqs[-1] if self.seqs else self.before_seq

    def add(self, frames: Sequence[bytes], seqs: Sequence[int], joined: bytes) -> None:
        last, end = self.last_seq, self.size_bytes
        for frame, seq in zip(frames, seqs, strict=True):
            end += len(frame)
            self.recorded += seq > last
            last = max(seq, last)
            self.ends.append(end)
            self.seqs.append(last)
        self.parts.append(joined)
        self.size_bytes = end
        self.history = None

    def joined(self) -> bytes:
        if len(self.parts) > 1:
            self.parts = [b"".join(self.parts)]
        return self.parts[0]

    def frames(self) -> Iterator[tuple[int, int, int, bool]]:
        """Start, end (from the block's start), ``seq`` and whether it is recorded, for each frame."""
        spans, seqs = pairwise((0, *self.ends)), pairwise((self.before_seq, *self.seqs))
        return ((start, end, seq, seq > before) for (start, end), (before, seq) in zip(spans, seqs, strict=True))

    def selected(self, offset: int, live_from: int) -> bytes:
        """The bytes from ``offset`` on, without the unrecorded frames before ``live_from``."""
        whole = offset == self.start and live_from >= self.end
        if whole and self.history is not None:
            return self.history
        data, origin = self.joined(), self.start
        chosen = b"".join(
            data[start:end]
            for start, end, _, recorded in self.frames()
            if origin + start >= offset and (recorded or origin + start >= live_from)
        )
        if whole:
            self.history = chosen
        return chosen


class FrameLog:
    """The newest frames of one room, at most ``capacity_bytes`` of them and always the newest block.

    Args:
        capacity_bytes: Oldest blocks are forgotten beyond this.
        last_seq: The room's last ``seq`` before the first frame.
    """

    def __init__(self, capacity_bytes: int, last_seq: int = 0) -> None:
        self.capacity_bytes = capacity_bytes
        self.floor_seq = last_seq
        self._blocks = [_Block(0, last_seq)]

    @property
    def head(self) -> int:
        """Offset behind the newest byte."""
        return self._blocks[-1].end

    @property
    def start(self) -> int:
        """Offset of the oldest byte that is kept."""
        return self._blocks[0].start

    @property
    def last_seq(self) -> int:
        """The newest ``seq``; every recorded frame after ``floor_seq`` up to it is here."""
        return self._blocks[-1].last_seq

    def append(self, frames: Sequence[bytes], seqs: Sequence[int]) -> bytes:
        """The frames of one tick stand at the head; their bytes, joined.

        Args:
            frames: Encoded frames.
            seqs: The ``seq`` of each recorded frame, increasing; 0 for frames outside the history.
        """
        joined = frames[0] if len(frames) == 1 else b"".join(frames)
        block = self._blocks[-1]
        if block.size_bytes and block.size_bytes + len(joined) > BLOCK_BYTES:
            block.joined()
            block = _Block(block.end, block.last_seq)
            self._blocks.append(block)
        block.add(frames, seqs, joined)
        self._forget()
        return joined

    def _forget(self) -> None:
        while len(self._blocks) > 1 and self.head - self.start > self.capacity_bytes:
            self.floor_seq = self._blocks.pop(0).last_seq

    def offset_after(self, seq: int) -> int:
        """Offset of the first recorded frame after ``seq`` (from ``floor_seq`` on); the head when there is none."""
        index = bisect_right(self._blocks, seq, key=lambda block: block.last_seq)
        if index == len(self._blocks):
            return self.head
        block = self._blocks[index]
        frame = bisect_right(block.seqs, seq)
        return block.start + (block.ends[frame - 1] if frame else 0)

    def read(self, offset: int, live_from: int = 0) -> tuple[Bytes, int, int]:
        """The bytes from ``offset`` to the end of its block, that end, and the last ``seq`` up to it.

        Args:
            offset: A frame's start between ``start`` and ``head`` (excluded).
            live_from: Frames outside the history are left out before this offset: the reader was not there then.
        """
        index = bisect_right(self._blocks, offset, key=lambda block: block.start) - 1
        block = self._blocks[index]
        if offset >= live_from or block.recorded == len(block.ends):
            data: Bytes = block.joined()
            data = data if offset == block.start else memoryview(data)[offset - block.start :]
        else:
            data = block.selected(offset, live_from)
        return data, block.end, block.last_seq

    def unrecorded(self, start: int, end: int) -> bytes:
        """The frames outside the history between two offsets, joined; those that are forgotten are missing."""
        found: list[bytes] = []
        for block in self._blocks:
            if block.end > start and block.start < end and block.recorded < len(block.ends):
                data, origin = block.joined(), block.start
                found += [
                    data[a:b] for a, b, _, recorded in block.frames() if not recorded and start <= origin + a < end
                ]
        return b"".join(found)

    def recorded_after(self, seq: int, limit: int) -> list[tuple[int, bytes]]:
        """At most ``limit`` recorded frames after ``seq`` (from ``floor_seq`` on), each with its ``seq``."""
        found: list[tuple[int, bytes]] = []
        first = bisect_right(self._blocks, seq, key=lambda block: block.last_seq)
        for block in self._blocks[first:]:
            data = block.joined() if block.parts else b""
            found += [(its, data[a:b]) for a, b, its, recorded in block.frames() if recorded and its > seq]
            if len(found) >= limit:
                break
        return found[:limit]


@dataclass(frozen=True, slots=True)
class Batch:
    """Recorded frames read from the event log, joined once for all who replay.

    Attributes:
        until_seq: All messages up to this one that are kept are here, or before.
        first_seq: The first message that was still kept when this was read.
        seqs: Each frame's ``seq``.
        ends: Where each frame ends.
        joined: The frames.
    """

    until_seq: int
    first_seq: int
    seqs: Sequence[int]
    ends: Sequence[int]
    joined: bytes

    def after(self, seq: int) -> Bytes:
        """The bytes of the frames after ``seq``."""
        index = bisect_right(self.seqs, seq)
        return self.joined if index == 0 else memoryview(self.joined)[self.ends[index - 1] :]

    def recorded_after(self, seq: int, limit: int) -> list[tuple[int, bytes]]:
        """At most ``limit`` frames after ``seq``, each with its ``seq``."""
        spans = zip(self.seqs, pairwise((0, *self.ends)), strict=True)
        return [(its, self.joined[start:end]) for its, (start, end) in spans if its > seq][:limit]

    def count_after(self, seq: int) -> int:
        """How many frames stand after ``seq``."""
        return len(self.seqs) - bisect_left(self.seqs, seq + 1)


def batch_of(frames: Sequence[tuple[int, bytes]], first_seq: int, until_seq: int) -> Batch:
    """The batch of ``(seq, frame)`` pairs in their order."""
    ends = _counters()
    for _, frame in frames:
        ends.append((ends[-1] if ends else 0) + len(frame))
    seqs = array("Q", (seq for seq, _ in frames))
    return Batch(until_seq, first_seq, seqs, ends, b"".join(frame for _, frame in frames))
