"""The last output of a shell, by absolute offsets, in one piece of memory that is read into and sent from. Pure."""

from __future__ import annotations

import mmap


class Ring:
    """The last bytes of a stream.

    Memory is taken as the stream fills it: the system gives pages when they are first written to.

    Args:
        size: Bytes kept at most.

    Attributes:
        size: Bytes kept at most.
        base: Absolute offset of the oldest byte that is there.
        head: Absolute offset of the first byte that is not there yet.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._view = memoryview(mmap.mmap(-1, size))
        self.base = 0
        self.head = 0

    def room(self, count: int) -> list[memoryview]:
        """Where the next bytes shall be put, at most ``count``; it overwrites the oldest ones."""
        return self._views(self.head, count)

    def put(self, count: int) -> None:
        """So many bytes were put there."""
        self.head += count
        self.base = max(self.base, self.head - self.size)

    def at(self, offset: int, count: int) -> list[memoryview]:
        """At most ``count`` bytes from ``offset`` on, which is no less than ``base``."""
        return self._views(offset, min(count, self.head - offset))

    def _views(self, offset: int, count: int) -> list[memoryview]:
        start = offset % self.size
        end = start + count
        if end <= self.size:
            return [self._view[start:end]]
        return [self._view[start:], self._view[: end - self.size]]
