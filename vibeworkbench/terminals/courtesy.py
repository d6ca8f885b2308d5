"""Whoever types is served first: floods of other terminals are read slower meanwhile.

A program that prints as fast as it can takes all of a processor, in whichever terminal it runs, and each key of
somebody else would wait behind some hundred kilobytes of it.
"""

from __future__ import annotations

from collections.abc import Callable

TYPED_S = 1.0
"""Somebody types as long as their last key is no longer ago."""
PACE_BYTES_S = 500_000.0
"""What a server reads of all floods together beside people's keys, without letting them feel it: programs take far more
of a processor for what they print than we do."""
LEAST_REST_S = 0.02
"""Shorter rests are saved up, and forgotten where nothing follows: what people read is no flood."""


class Courtesy:
    """Who typed last, among all terminals of a server.

    Args:
        now: Seconds of a clock that never goes back.
        pace_bytes_s: So much of all floods is read in a second while somebody types elsewhere.
    """

    def __init__(self, now: Callable[[], float], pace_bytes_s: float = PACE_BYTES_S) -> None:
        self.now = now
        self.pace_bytes_s = pace_bytes_s
        self._last: tuple[Manners | None, float] = (None, float("-inf"))
        self._other = float("-inf")
        self._floods: dict[Manners, float] = {}

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

    def shared_rest_s(self, flood: Manners, owed_s: float) -> float:
        """How long this one rests that would have to for ``owed_s`` if it were the only flood."""
        now = self.now()
        self._floods = {each: until for each, until in self._floods.items() if now < until and each is not flood}
        rest_s = owed_s * (len(self._floods) + 1)
        self._floods[flood] = now + rest_s + TYPED_S
        return rest_s


class Manners:
    """How one terminal behaves towards the others.

    Args:
        courtesy: Shared by all.
    """

    def __init__(self, courtesy: Courtesy) -> None:
        self._courtesy = courtesy
        self._owed_s = 0.0
        self._owed_at = self._interrupted_at = float("-inf")

    def typed(self) -> None:
        """Somebody typed in it."""
        self._courtesy.typed(self)

    def interrupted(self) -> None:
        """Somebody wants what runs in it to end, and sees that it did when all it said before was read."""
        self._interrupted_at = self._courtesy.now()

    def rest_s(self, count: int) -> float:
        """Seconds for which it is not read now that so many bytes were."""
        courtesy, now = self._courtesy, self._courtesy.now()
        if now - self._interrupted_at < TYPED_S or not courtesy.is_typed_elsewhere(self):
            self._owed_s = 0.0
            return 0.0
        self._owed_s = max(0.0, self._owed_s - (now - self._owed_at)) + count / courtesy.pace_bytes_s
        self._owed_at = now
        return courtesy.shared_rest_s(self, self._owed_s) if self._owed_s >= LEAST_REST_S else 0.0
