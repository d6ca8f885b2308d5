"""The last output of a terminal, by absolute offsets. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

CHUNK_BYTES = 65_536
"""Small chunks are joined up to this size once they are no news any more."""
FRESH = 64
"""Newest chunks that are left as they are: viewers that keep up write the very same bytes."""


class Chunk:
    """Output as it goes to viewers: the WebSocket frame that all of them write, and where it belongs.

    Args:
        offset: Absolute offset of its first byte.
        pieces: Its bytes, in order, at least one.

    Attributes:
        offset: The same.
        end: Absolute offset of the byte after its last.
        frame: A server's binary frame around the bytes, unmasked.
    """

    __slots__ = ("_start", "end", "frame", "offset")

    def __init__(self, offset: int, pieces: Sequence[bytes | memoryview]) -> None:
        length = sum(map(len, pieces))
        header = frame_header(length)
        self.offset = offset
        self.end = offset + length
        self.frame = b"".join((header, *pieces))
        self._start = len(header)

    def __len__(self) -> int:
        return self.end - self.offset

    @property
    def data(self) -> bytes:
        """Its bytes; a copy, so whoever fans out writes ``frame``."""
        return self.frame[self._start :]

    @property
    def view(self) -> memoryview:
        """Its bytes, not copied."""
        return memoryview(self.frame)[self._start :]

    def part(self, start: int, stop: int) -> Chunk:
        """What of it lies in [start, stop); itself where that is all.

        Args:
            start: Absolute offset within it.
            stop: Absolute offset, more than ``start``.
        """
        if start <= self.offset and stop >= self.end:
            return self
        return Chunk(max(start, self.offset), (self.view[max(0, start - self.offset) : stop - self.offset],))


def frame_header(length: int) -> bytes:
    """What goes before the payload of a binary message in one frame.

    Args:
        length: Of the payload, in bytes.

    Source: RFC 6455 5.2: FIN and opcode 2; a server's frames are not masked.
    """
    if length < 126:
        return bytes((0x82, length))
    if length < 65_536:
        return b"\x82\x7e" + length.to_bytes(2, "big")
    return b"\x82\x7f" + length.to_bytes(8, "big")


class Ring:
    """The last bytes of a stream, in chunks, bounded.

    Args:
        limit_bytes: Most bytes kept, beside the newest chunk.
        offset: Absolute offset at which the stream goes on.
    """

    def __init__(self, limit_bytes: int, offset: int = 0) -> None:
        self._limit_bytes = limit_bytes
        self.restart(offset)

    def restart(self, offset: int) -> None:
        """Nothing is kept, and the next byte stands at ``offset``."""
        self._chunks: list[Chunk] = []
        self._offsets: list[int] = []
        self._fresh = 0
        self.head = offset
        """Absolute offset of the next byte that comes."""

    @property
    def base(self) -> int:
        """Absolute offset of the oldest byte kept; the head where there is none."""
        return self._offsets[0] if self._offsets else self.head

    def append(self, pieces: Sequence[bytes | memoryview]) -> Chunk:
        """The pieces, together not empty, are the newest chunk."""
        chunk = Chunk(self.head, pieces)
        self._chunks.append(chunk)
        self._offsets.append(chunk.offset)
        self.head = chunk.end
        self._fresh += 1
        if self._fresh >= 2 * FRESH:
            self._join_fresh()
        while len(self._chunks) > 1 and self.head - self._chunks[0].end >= self._limit_bytes:
            del self._chunks[0], self._offsets[0]
            self._fresh = min(self._fresh, len(self._chunks))
        return chunk

    def _join_fresh(self) -> None:
        """All but the newest chunks are no smaller than they must be: an object for each key press would be costly."""
        start, stop = len(self._chunks) - self._fresh, len(self._chunks) - FRESH
        joined: list[Chunk] = []
        run: list[Chunk] = []
        for chunk in self._chunks[start:stop]:
            if run and chunk.end - run[0].offset > CHUNK_BYTES:
                joined.append(_joined(run))
                run = []
            run.append(chunk)
        joined.append(_joined(run))
        self._chunks[start:stop] = joined
        self._offsets[start:stop] = [chunk.offset for chunk in joined]
        # The last of them may still grow: it stays with the fresh ones.
        self._fresh = FRESH + (len(joined[-1]) < CHUNK_BYTES)

    def at(self, offset: int, stop: int | None = None) -> Chunk | None:
        """What follows ``offset``, as far as one chunk goes; ``None`` where nothing does.

        Args:
            offset: Absolute, not before ``base``.
            stop: Absolute offset at which the chunk ends at the latest; the head if not given.
        """
        if offset >= (self.head if stop is None else min(stop, self.head)):
            return None
        last = self._chunks[-1]
        chunk = last if offset >= last.offset else self._chunks[bisect_right(self._offsets, offset) - 1]
        return chunk.part(offset, chunk.end if stop is None else stop)

    def views(self, start: int, stop: int) -> Iterator[memoryview]:
        """The bytes of [start, stop) that are kept, in order, not copied."""
        position = max(start, self.base)
        while position < min(stop, self.head):
            chunk = self._chunks[bisect_right(self._offsets, position) - 1]
            yield chunk.view[position - chunk.offset : stop - chunk.offset]
            position = chunk.end

    def read(self, start: int, stop: int) -> bytes:
        """The bytes of [start, stop) that are kept."""
        return b"".join(self.views(start, stop))


def _joined(run: Sequence[Chunk]) -> Chunk:
    return run[0] if len(run) == 1 else Chunk(run[0].offset, [chunk.view for chunk in run])
