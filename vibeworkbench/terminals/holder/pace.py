"""How fast a shell is read whose workbench takes little: evenly, instead of much at once whenever there is room. Pure.

A program that prints takes far more of a processor than the holder does; in bursts it keeps others waiting.
"""

from __future__ import annotations

FAST_BYTES_S = 1_500_000.0
"""A workbench that takes so much is not waited for."""
LEAST_BYTES = 16_384
"""A pace is that at which so much was taken."""
LEAST_BYTES_S = 16_384.0
"""Nothing is slower."""
MOST_REST_S = 0.1
"""Whatever a pace seems to be, a key that the program answers is not kept waiting any longer."""
FORGET_S = 1.0
"""After so long in which it took all there was, nothing is known any more."""
AHEAD = 2.0
"""The shell is read so much faster than the workbench takes it: a pace that rises is followed."""


class Pace:
    """The pace of one workbench; it is known when it was slow twice: once, it may have been busy for a moment."""

    def __init__(self) -> None:
        self._is_full = False
        self._free_at = float("-inf")
        self._full: tuple[float, int] | None = None
        self._bytes_s: float | None = None
        self._was_slow = False
        self.next_at = float("-inf")
        """When the shell is read again."""

    def sent(self, now: float, taken: int, *, is_full: bool) -> None:
        """The workbench was sent what it takes.

        Args:
            now: Seconds of a clock that never goes back.
            taken: Bytes that it was sent in all.
            is_full: Whether it took less than there was.
        """
        if not self._is_full and now - self._free_at > FORGET_S:
            self._forget()
            self._full = None
        if is_full or self._is_full:  # it is, or was until now
            self._free_at = now
        self._is_full = is_full
        if is_full and self._full is None:
            self._full = now, taken
        elif is_full and self._full is not None:
            self._measure(now - self._full[0], taken - self._full[1], (now, taken))

    def _measure(self, passed_s: float, count: int, full: tuple[float, int]) -> None:
        if count < LEAST_BYTES or passed_s <= 0.0:
            return
        self._full = full
        if count < LEAST_BYTES_S * passed_s:
            return  # it took nothing for a while, because somebody held the program: no pace at all
        if count >= FAST_BYTES_S * passed_s:
            self._forget()
        elif self._was_slow:
            self._bytes_s = count / passed_s
        else:
            self._was_slow = True

    def _forget(self) -> None:
        self._bytes_s, self._was_slow, self.next_at = None, False, float("-inf")

    def read(self, now: float, count: int) -> bool:
        """So much of the shell was read; whether more is to be read at once."""
        if self._bytes_s is None:
            return True
        self.next_at = now + min(MOST_REST_S, count / (AHEAD * self._bytes_s))
        return False
