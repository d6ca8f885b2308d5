"""What a late viewer gets: the end of the output, the modes in which it was said, and the screen where it is drawn."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator

from vibeworkbench.terminals.model import Size
from vibeworkbench.terminals.ring import Chunk, Ring
from vibeworkbench.terminals.screen.drawing import Drawing, can_draw
from vibeworkbench.terminals.screen.ground import ground_cut
from vibeworkbench.terminals.screen.modes import Modes
from vibeworkbench.terminals.screen.queries import without_questions

TAIL_BYTES = 65_536
"""How much of the output a snapshot shows."""
WHOLE_BYTES = 90_000
"""A terminal that said no more than this is shown from its beginning."""
BATCH_BYTES = 65_536
"""The modes are followed in batches of this size."""
FLOOD_S = 0.05
"""A batch that is full sooner than this is part of a flood."""
LINE_BYTES = 4_096
"""How far the beginning of a line is looked for."""
PAINT_BYTES = 32_768
"""How far back the colours at the beginning are looked for."""
PAINTS = 16
"""Most sequences of colours that are repeated."""
MOST_BYTES = 100_000
"""A snapshot is no larger."""
RESET = b"\x1bc"

_PAINT = re.compile(rb"\x1b\[([\d;:]*)m")


class Screen:
    """The screen that a ring's output leads to.

    Args:
        ring: The output.
        size: At first.
        spent_s: Seconds of a processor that this thread has had.
    """

    def __init__(self, ring: Ring, size: Size, spent_s: Callable[[], float]) -> None:
        self._ring = ring
        self._drawing = Drawing(ring, size, self._begin, spent_s) if can_draw() else None
        self.restart()

    def restart(self) -> None:
        """The ring was restarted: the screen is a new one."""
        self._modes = Modes()
        self._fed = self._ring.head
        self._followed_at = float("-inf")
        self._last: tuple[int, Chunk] | None = None
        if self._drawing is not None:
            self._drawing.restart()

    def resized(self, size: Size, stop: int) -> None:
        """The screen got another size, and shows what was said before ``stop``."""
        self._modes.resized()
        self._last = None
        if self._drawing is not None:
            self._drawing.resized(size, stop)

    def follow(self, stop: int, now: float) -> None:
        """The modes are known as far as no snapshot at ``stop`` or later reaches back; called as the ring grows.

        Args:
            stop: Absolute offset.
            now: Seconds of any clock: in a flood, a program says the same again and again, and all wait for us.
        """
        if stop - self._fed >= TAIL_BYTES + BATCH_BYTES:
            self._feed(stop - TAIL_BYTES, hurried=now - self._followed_at < FLOOD_S)
            self._followed_at = now
        if self._drawing is not None:
            self._drawing.follow(stop, now)

    def snapshot(self, stop: int) -> Chunk:
        """What leads a terminal that was just reset to the screen as it was at ``stop``.

        Its bytes stand for all before ``stop`` and are counted back from it: whoever counts what follows is right. No
        program's question is in it. Where the whole output is short it is the whole output.

        Args:
            stop: Absolute offset, at least the ring's base and at most its head.
        """
        if self._last is None or self._last[0] != stop:
            self._last = (stop, self._snapshot(stop))
        return self._last[1]

    def _snapshot(self, stop: int) -> Chunk:
        shown = self._ending(stop)
        drawn = None if self._drawing is None or self._is_short(stop) else self._drawing.shown(stop)
        if drawn is not None:
            most = min(MOST_BYTES, stop)
            shown = next((each for each in self._with_drawing(stop, shown, drawn) if len(each) <= most), shown)
        return Chunk(stop - len(shown), (shown,))

    def _with_drawing(self, stop: int, ending: bytes, drawn: bytes) -> Iterator[bytes]:
        """What shows the screen as it was drawn: after what scrolled away, where anything did, and without it."""
        modes = copy.deepcopy(self._modes)
        modes.feed(self._ring.read(self._fed, stop))
        if not modes.is_alternate:
            yield ending[: ground_cut(ending)] + drawn
        yield RESET + modes.restored() + drawn

    def _is_short(self, stop: int) -> bool:
        """Whether a terminal that reads all from the beginning is told no more than it must be."""
        return self._ring.base == 0 and stop <= WHOLE_BYTES

    def _ending(self, stop: int) -> bytes:
        """The output's end, after what must be said before it."""
        start, before = self._begin(stop)
        shown = without_questions(self._ring.read(start, stop))
        if len(before) + len(shown) > stop:  # it cannot be counted back beyond the beginning
            before = b""
        return before + shown

    def _begin(self, stop: int) -> tuple[int, bytes]:
        """Where the output is shown from, and what must be said before it."""
        if self._is_short(stop):
            return 0, b""
        self._feed(stop - TAIL_BYTES)
        start = min(self._fed - len(self._modes.rest), stop)
        if not self._modes.is_alternate:
            line = self._ring.read(start, min(start + LINE_BYTES, stop)).find(b"\n") + 1
            self._feed(start + line)
            start = min(self._fed - len(self._modes.rest), stop)
        return start, RESET + self._modes.restored() + self._paint(start)

    def _feed(self, stop: int, *, hurried: bool = False) -> None:
        if self._fed < self._ring.base:  # what is missing is gone
            self._fed, self._modes.rest = self._ring.base, b""
        while self._fed < stop:
            end = min(stop, self._fed + BATCH_BYTES)
            self._modes.feed(self._ring.read(self._fed, end), hurried=hurried)
            self._fed = end

    def _paint(self, start: int) -> bytes:
        """The colours that hold at ``start``."""
        painted: list[bytes] = []
        for found in reversed(list(_PAINT.finditer(self._ring.read(start - PAINT_BYTES, start)))):
            if len(painted) == PAINTS:
                break
            painted.append(found[0])
            if found[1].lstrip(b"0") == b"" or found[1].startswith(b"0;"):
                break
        return b"".join(reversed(painted))
