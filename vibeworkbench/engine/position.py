"""How far one container's log was read, so that going on neither loses a line nor brings one twice. Pure.

The Engine takes a log up again *from* an instant, and several lines may have that instant. Two streams are written by
two threads, so that a line may even come after one of a later instant: on a busy machine by 35 ms, and hundreds of
lines (Engine 20.10). The position therefore remembers how many lines of each stream it has seen in each hundredth of
the last second; the log is taken up again from that second's beginning, and as many lines as were seen are passed
over: the order of a log does not change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from vibeworkbench.engine.lines import Line

WINDOW_NS = 10**9
"""How long before the newest line another stream's line may still turn up."""
STEP_NS = 10**7
"""Lines are counted together that come within so long."""

Key = tuple[int, str]


class Mark(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A position as it is stored: ``[Unix nanoseconds, stream, lines]`` of each recent step, oldest first.

    The first one's instant is where the log is taken up again.
    """

    seen: list[tuple[int, str, int]] = []


class Position:
    """Which lines of a log were seen.

    Args:
        mark: What :meth:`mark` told earlier; an empty one begins with the log's first line.
        from_ns: Without a mark, older lines are passed over; Unix nanoseconds.
    """

    def __init__(self, mark: Mapping[str, Any] | None = None, from_ns: int = 0) -> None:
        stored = msgspec.convert(mark or {}, Mark)
        self._seen: Counter[Key] = Counter()
        for at_ns, stream, count in stored.seen:
            self._seen[_step(at_ns), stream] += count
        instants = [at_ns for at_ns, _, _ in stored.seen]
        self._oldest_ns, self._newest_ns = min(instants, default=from_ns), max(instants, default=0)
        self._again: Counter[Key] = Counter()
        self._floor_ns = 0
        self.resume()

    @property
    def since(self) -> str:
        """From where the Engine is to send lines: Unix seconds with nanoseconds; ``0`` is the log's beginning."""
        oldest_ns = self._oldest_ns
        return f"{oldest_ns // 10**9}.{oldest_ns % 10**9:09}" if oldest_ns else "0"

    def resume(self) -> None:
        """A stream that begins at :attr:`since` follows: what was seen of it is passed over once."""
        self._again = Counter(self._seen)
        self._floor_ns = self._oldest_ns

    def takes(self, line: Line) -> bool:
        """Whether the stream's next line is new; it then counts as seen."""
        key = (_step(line.at_ns), line.stream)
        if line.at_ns < self._floor_ns:  # an engine that knows no nanoseconds begins earlier
            return False
        if self._again[key] > 0:
            self._again[key] -= 1
            return False
        if line.at_ns < self._oldest_ns:  # to go back for it would bring the forgotten ones after it once more
            return True
        self._newest_ns = max(self._newest_ns, line.at_ns)
        self._seen[key] += 1
        if self._oldest_ns < self._newest_ns - 2 * WINDOW_NS:
            self._forget()
        return True

    def _forget(self) -> None:
        self._oldest_ns = max(self._oldest_ns, _step(self._newest_ns - WINDOW_NS))
        self._seen = Counter({key: count for key, count in self._seen.items() if key[0] >= self._oldest_ns})

    def mark(self) -> dict[str, Any]:
        """The position as JSON values, for :class:`Position` to go on from."""
        steps = [[max(at_ns, self._oldest_ns), stream, count] for (at_ns, stream), count in sorted(self._seen.items())]
        return {"seen": [[self._oldest_ns, "stdout", 0], *steps] if steps else []}


def _step(at_ns: int) -> int:
    return at_ns - at_ns % STEP_NS
