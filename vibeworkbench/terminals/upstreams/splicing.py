"""What of a replay is new. Pure.

A terminado server keeps the last thousand reads of a shell and sends them again to whoever comes back, without saying
where they begin. What is known of the stream before says it.
"""

from __future__ import annotations

from dataclasses import dataclass

LEAST_BYTES = 1024
"""So much of the known stream must be found again, unless the replay begins with all that is known."""
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
    last = replay.rfind(tail)
    within, are_all = _within(tail, replay)
    if last < 0:
        return Splice(max(within, default=0), is_certain=are_all and len(within) == 1)
    # A few bytes, or a tail within which the replay also begins, may be the same bytes, printed again later.
    is_telling = len(tail) >= LEAST_BYTES or last == 0
    is_only = are_all and not within and replay.find(tail) == last
    return Splice(last + len(tail), is_certain=is_telling and is_only)


def _within(tail: bytes, replay: bytes) -> tuple[list[int], bool]:
    """Where a replay goes on that begins within the tail, behind its first byte; and whether these are all."""
    key = replay[:LEAST_BYTES]
    if len(key) < LEAST_BYTES:
        return [], True
    found: list[int] = []
    at = tail.find(key, 1)
    for _ in range(CANDIDATES):
        if at < 0:
            break
        if replay.startswith(tail[at:]):
            found.append(len(tail) - at)
        at = tail.find(key, at + 1)
    return found, at < 0
