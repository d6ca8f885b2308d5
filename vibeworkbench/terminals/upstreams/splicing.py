"""What of a replay is new. Pure.

A terminado server keeps the last thousand reads of a shell and sends them again to whoever comes back, without saying
where they begin. What is known of the stream before says it.
"""

from __future__ import annotations

from dataclasses import dataclass

LEAST_BYTES = 1024
"""So much of the known stream must be found again, unless it is all that there was."""
CANDIDATES = 64
"""More places than this that look alike mean that the place cannot be told."""


@dataclass(frozen=True, slots=True)
class Splice:
    """Where the replay goes on from what is known.

    Attributes:
        start: Position of the replay's first new byte.
        is_certain: Whether nothing is missing in between, and nothing comes twice.
    """

    start: int
    is_certain: bool


def splice_of(tail: bytes, replay: bytes) -> Splice:
    """Where a replay goes on.

    Args:
        tail: The last bytes that are known of the stream.
        replay: The last bytes of the same stream, as it is now.

    Returns:
        The place right after ``tail`` where the replay covers it: where it holds the whole tail, or begins within it.
        Where it does not, or where that cannot be told because the output repeats itself, the best that can be shown,
        and it is not certain.
    """
    if not tail:
        return Splice(0, is_certain=True)
    found = replay.find(tail)
    if found >= 0:
        end = found + len(tail)
        if replay.find(tail, found + 1) < 0:
            return Splice(end, is_certain=True)
        return Splice(replay.rfind(tail) + len(tail), is_certain=False)
    return _overlapping(tail, replay)


def _overlapping(tail: bytes, replay: bytes) -> Splice:
    least = min(LEAST_BYTES, len(tail))
    key = replay[:least]
    if len(key) == least:
        at = tail.find(key)
        for _ in range(CANDIDATES):
            if at < 0:
                break
            if replay.startswith(tail[at:]):
                return Splice(len(tail) - at, is_certain=True)
            at = tail.find(key, at + 1)
    return Splice(0, is_certain=False)
