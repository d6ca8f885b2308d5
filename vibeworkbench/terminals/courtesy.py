"""Whoever types is served first: floods of other terminals are read slower meanwhile.

A program that prints as fast as it can takes all of a processor, in whichever terminal it runs, and each key of
somebody else would wait behind some hundred kilobytes of it.
"""

from __future__ import annotations

from collections.abc import Callable

TYPED_S = 1.0
"""Somebody types as long as their last key is no longer ago."""
PACE_BYTES_S = 8_000_000.0
"""What a server reads beside people's keys without letting them feel it, with one viewer."""
LEAST_REST_S = 0.002
"""Shorter rests are saved up: what people read is no flood."""


class Courtesy:
    """Who typed last, among all terminals of a server.

    Args:
        now: Seconds of a clock that never goes back.
        pace_bytes_s: So much of a terminal is read in a second while somebody types in another.
    """

    def __init__(self, now: Callable[[], float], pace_bytes_s: float = PACE_BYTES_S) -> None:
        self.now = now
        self.pace_bytes_s = pace_bytes_s
        self._last: tuple[Manners | None, float] = (None, float("-inf"))
        self._other = float("-inf")

    def of_one(self) -> Manners:
        """What one terminal shows of it."""
        return Manners(self)

    def typed(self, by: Manners) -> None:
        """Somebody typed in this terminal."""
        last, at = self._last
        if last is not by:
            self._other = at
        self._last = (by, self.now())

    def is_typed_elsewhere(self, than: Manners) -> bool:
        """Whether somebody types in another terminal at present."""
        last, at = self._last
        return self.now() - (self._other if last is than else at) < TYPED_S


class Manners:
    """How one terminal behaves towards the others.

    Args:
        courtesy: Shared by all.
    """

    def __init__(self, courtesy: Courtesy) -> None:
        self._courtesy = courtesy
        self._owed_s = 0.0

    def typed(self) -> None:
        """Somebody typed in it."""
        self._courtesy.typed(self)

    def rest_s(self, count: int) -> float:
        """Seconds for which it is not read now that so many bytes were."""
        if not self._courtesy.is_typed_elsewhere(self):
            self._owed_s = 0.0
            return 0.0
        self._owed_s += count / self._courtesy.pace_bytes_s
        if self._owed_s < LEAST_REST_S:
            return 0.0
        rest_s, self._owed_s = self._owed_s, 0.0
        return rest_s
