"""Which of a sender's numbers were seen, so that what is sent again, late or out of order, counts once. Pure.

They are kept as ranges: whoever sends in order has one. Of whoever leaves gaps, so many are remembered; then the oldest
is closed, and what would have filled it is taken for seen.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

RANGES = 256


class Numbers:
    """The numbers that were seen.

    Args:
        ranges: ``[first, last]`` of each range, in order, apart from each other.
    """

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._ranges = [(first, last) for first, last in ranges]

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """The ranges, for another one to go on from."""
        return list(self._ranges)

    def holds(self, number: int) -> bool:
        """Whether the number was seen."""
        at = bisect_left(self._ranges, (number + 1, 0)) - 1
        return at >= 0 and self._ranges[at][0] <= number <= self._ranges[at][1]

    def add(self, number: int) -> bool:
        """Whether the number is new; it counts as seen from now on."""
        if self.holds(number):
            return False
        at = bisect_left(self._ranges, (number, 0))
        first, last = number, number
        if at < len(self._ranges) and self._ranges[at][0] == number + 1:
            last = self._ranges.pop(at)[1]
        if at and self._ranges[at - 1][1] == number - 1:
            at -= 1
            first = self._ranges.pop(at)[0]
        self._ranges.insert(at, (first, last))
        if len(self._ranges) > RANGES:
            self._ranges[:2] = [(self._ranges[0][0], self._ranges[1][1])]
        return True
