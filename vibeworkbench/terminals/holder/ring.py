"""The last output of a shell, by absolute offsets, in one piece of memory that is sent from. Pure."""

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

    def put(self, data: bytes) -> None:
        """The stream goes on with these bytes, no more than ``size``; they take the place of the oldest ones."""
        rest = memoryview(data)
        for view in self._views(self.head, len(data)):
            view[:] = rest[: len(view)]
            rest = rest[len(view) :]
        self.head += len(data)
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
