"""Output on its way to the thread that writes it: what follows soon joins what still waits."""

from __future__ import annotations

import threading

BATCH_BYTES = 2**19
"""Most that is masked and written in one go: the search for secrets begins once for each."""

BATCH_S = 0.05
"""What comes later than this after the first of a batch is an event of its own: players show it at its time."""


class Batch:
    """Output of one shell without a gap, which grows until the writer takes it.

    Attributes:
        at: Unix time of its first byte.
        offset: Absolute offset of its first byte.
        hurried: Whether there is no time to mask it with care.
        count: Its bytes.
    """

    def __init__(self, at: float, data: bytes, offset: int, *, hurried: bool) -> None:
        """Args: when the first of it came, that, its absolute offset, whether there is no time for care."""
        self.at = at
        self.offset = offset
        self.hurried = hurried
        self.count = len(data)
        self._parts = [data]
        self._is_taken = False
        self._lock = threading.Lock()

    def add(self, at: float, data: bytes, offset: int) -> bool:
        """Whether this is in it now."""
        follows = offset == self.offset + self.count and at - self.at <= BATCH_S
        if not follows or self.count + len(data) > BATCH_BYTES:
            return False
        with self._lock:
            if self._is_taken:
                return False
            self._parts.append(data)
            self.count += len(data)
        return True

    def take(self) -> bytes:
        """All of it; it grows no more."""
        with self._lock:
            self._is_taken = True
            return b"".join(self._parts)
