"""When a lost upstream is asked again. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace

BASE_S = 0.5
"""First ceiling of the wait, doubled after each failure."""
CAP_S = 30.0
"""Highest ceiling of the wait."""
HEALTHY_S = 10.0
"""A connection that lived this long ends the story of the failures before it."""


@dataclass(frozen=True, slots=True)
class Reconnecting:
    """How the attempts to reach an upstream stand.

    Attributes:
        limit: Most attempts in one story.
        attempt: Which attempt comes next, or is under way; 0 while none was needed.
        delay_s: Seconds to wait before it.
        is_over: Whether the upstream is given up.
        connected_at: When the present connection began, in seconds of any clock; ``None`` while there is none.
    """

    limit: int = 10
    attempt: int = 0
    delay_s: float = 0.0
    is_over: bool = False
    connected_at: float | None = None

    def connected(self, now: float) -> Reconnecting:
        """A connection has begun; whether it is a healthy one its life will tell."""
        return replace(self, delay_s=0.0, is_over=False, connected_at=now)

    def lost(self, now: float, chance: float) -> Reconnecting:
        """The connection has ended, or an attempt has failed: the next attempt, or the end.

        Args:
            now: Seconds of the same clock as ``connected``'s.
            chance: Random number, uniform in [0, 1).

        Returns:
            The state in which ``delay_s`` is to be waited, unless it ``is_over``.
        """
        attempt = (0 if self.is_healthy(now) else self.attempt) + 1
        if attempt > self.limit:
            return Reconnecting(self.limit, self.limit, is_over=True)
        return Reconnecting(self.limit, attempt, delay_of(attempt, chance))

    def asked(self) -> Reconnecting:
        """Somebody wants it now: a new story, whose first attempt waits for nothing."""
        return Reconnecting(self.limit, attempt=1)

    def is_healthy(self, now: float) -> bool:
        """Whether the present connection has lived long enough."""
        return self.connected_at is not None and now - self.connected_at >= HEALTHY_S


def delay_of(attempt: int, chance: float) -> float:
    """Seconds to wait before an attempt, the first being 1.

    Args:
        attempt: From 1.
        chance: Random number, uniform in [0, 1).

    Source: Brooker, "Exponential backoff and jitter" (AWS Architecture Blog, 2015), "full jitter": of all forms it
    makes clients that were cut off together come back with the least work for the server.
    """
    return chance * min(CAP_S, BASE_S * 2.0 ** min(attempt - 1, 30))
