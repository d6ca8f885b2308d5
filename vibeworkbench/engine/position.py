"""How far one container's log was read, so that going on neither loses a line nor brings one twice. Pure.

The Engine takes a log up again *from* an instant, and several lines may have that instant. Two streams are written by
two threads, so that a line may even come after one of a later instant. The position therefore remembers how many lines
of each recent instant and stream it has seen; the log is taken up again from the oldest of these instants, and as many
lines as were seen are passed over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from vibeworkbench.engine.lines import Line

WINDOW_NS = 10**9
"""How long before the newest line another stream's line may still turn up."""
INSTANTS = 256
"""Most instants that are remembered; a container that says more within the window has a shorter one."""

Key = tuple[int, str]


class Mark(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A position as it is stored: ``[Unix nanoseconds, stream, lines]`` of each recent instant, oldest first."""

    seen: list[tuple[int, str, int]] = []


class Position:
    """Which lines of a log were seen.

    Args:
        mark: What :meth:`mark` told earlier; an empty one begins with the log's first line.
        from_ns: Without a mark, older lines are passed over; Unix nanoseconds.
    """

    def __init__(self, mark: Mapping[str, Any] | None = None, from_ns: int = 0) -> None:
        stored = msgspec.convert(mark or {}, Mark)
        self._seen: Counter[Key] = Counter({(at_ns, stream): count for at_ns, stream, count in stored.seen})
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
        key = (line.at_ns, line.stream)
        if line.at_ns < self._floor_ns:  # an engine that knows no nanoseconds begins earlier
            return False
        if self._again[key] > 0:
            self._again[key] -= 1
            return False
        self._oldest_ns = min(self._oldest_ns, line.at_ns) if self._seen else line.at_ns
        self._newest_ns = max(self._newest_ns, line.at_ns)
        self._seen[key] += 1
        if len(self._seen) > INSTANTS * 2 or self._oldest_ns < self._newest_ns - 2 * WINDOW_NS:
            self._forget()
        return True

    def _forget(self) -> None:
        kept = sorted(self._seen)[-INSTANTS:]
        after_ns = max(self._newest_ns - WINDOW_NS, kept[0][0])
        self._seen = Counter({key: count for key, count in self._seen.items() if key[0] >= after_ns})
        self._oldest_ns = min(at_ns for at_ns, _ in self._seen)

    def mark(self) -> dict[str, Any]:
        """The position as JSON values, for :class:`Position` to go on from."""
        return {"seen": [[at_ns, stream, count] for (at_ns, stream), count in sorted(self._seen.items())]}
