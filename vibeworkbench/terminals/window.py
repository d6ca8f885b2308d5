"""What is under way to one viewer: sent, and not yet acknowledged. Pure; instants are seconds of one clock."""

from __future__ import annotations

FAST_WINDOW_BYTES = 1_000_000
"""Bytes sent and not acknowledged, beyond which nothing more is sent."""
SLOW_WINDOW_BYTES = 500_000
"""The same for who takes less than ``FAST_RATE``: a key that stops a flood is felt within a second at 2 MB/s."""
FAST_RATE = 4_000_000.0
"""Bytes a second."""
MEASURE_S = 0.1
"""How long a viewer must have been busy for its rate to be known."""


class Window:
    """How much may be under way.

    Args:
        acknowledges: Whether the viewer is to be taken for one that acknowledges.

    Attributes:
        acknowledges: The same, as far as is known; one that does not has no window.
        has_acknowledged: Whether it ever did.
        acked: Absolute offset of the first byte that is not acknowledged.
    """

    def __init__(self, *, acknowledges: bool) -> None:
        self.acknowledges = acknowledges
        self.has_acknowledged = False
        self.acked = 0
        self._limit_bytes = FAST_WINDOW_BYTES
        self._busy_since: float | None = None
        self._busy_bytes = 0

    def attach(self) -> None:
        """Another stream begins: what it did so far says nothing about its rate."""
        self._busy_since = None

    def is_full(self, cursor: int) -> bool:
        """Whether nothing more may be sent to a viewer who was sent all before ``cursor``."""
        return self.acknowledges and cursor - self.acked >= self._limit_bytes

    @property
    def is_idle(self) -> bool:
        """Whether all that was sent is acknowledged, or nothing was."""
        return self._busy_since is None

    def wakes(self, now: float) -> None:
        """Something is sent after nothing was under way."""
        self._busy_since, self._busy_bytes = now, 0

    def takes(self, offset: int, cursor: int, now: float) -> bool:
        """Whether it is news that all before ``offset``, of what was sent before ``cursor``, has been parsed."""
        self.acknowledges = self.has_acknowledged = True
        if offset <= self.acked:
            return False
        self._measure(offset - self.acked, now)
        self.acked = offset
        if offset == cursor:
            self._busy_since = None
        return True

    def _measure(self, count: int, now: float) -> None:
        if self._busy_since is None:
            return
        self._busy_bytes += count
        elapsed_s = now - self._busy_since
        if elapsed_s >= MEASURE_S:
            is_fast = self._busy_bytes >= FAST_RATE * elapsed_s
            self._limit_bytes = FAST_WINDOW_BYTES if is_fast else SLOW_WINDOW_BYTES
            self._busy_since, self._busy_bytes = now, 0
