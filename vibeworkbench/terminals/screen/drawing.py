"""The screen as an emulator draws it, where one is installed: ``pip install 'vibeworkbench[screen]'``.

The end of the output alone shows nothing of what a program painted long before it and has not painted since: a frame, a
heading, most of a table of which a few cells change. What comes faster than it could be read is left out.

Source: asciinema/avt, whose dump is the shortest output that leads a new terminal to the same screen.
"""

from __future__ import annotations

import codecs
import logging
import re
from collections.abc import Callable

from vibeworkbench.terminals.model import Size
from vibeworkbench.terminals.ring import Ring

try:
    import avt
except ImportError:  # the extra is not installed
    avt = None  # type: ignore[assignment]

BEHIND_BYTES = 65_536
"""Who is further behind goes on with what is shown now, and leaves out what was before it."""
SLICE_BYTES = 4_096
"""So much is drawn at a time: a millisecond of the slowest there is, short lines that scroll."""
SHARE = 0.01
"""Of a processor, for drawing what nobody asked for yet."""
MOST_S = 0.004
"""Time for drawing is saved up to so much."""

_log = logging.getLogger(__name__)

_BLANK = (
    b"\x1b[?1047l"  # the first screen
    b"\x1b[r\x1b[?6l\x1b[?7h\x1b[4l\x1b[20l"  # no region, no origin, wrapping, no inserting, line feeds as usual
    b"\x1b[0m\x1b(B\x1b)B\x0f\x1b[?25h\x1b[?1l"  # no colours, ASCII, a cursor, its keys as usual
    b"\x1b[H\x1b[2J"
)
_COLOURS = re.compile(r"\x1b\[[\d;:]*m")


def can_draw() -> bool:
    """Whether an emulator is installed."""
    return avt is not None


class Drawing:
    """A screen that is drawn as its output comes.

    Args:
        ring: The output.
        size: Of the screen.
        begin: Where the output is to be read from by whoever sees the screen at an absolute offset, and what before it.
        spent_s: Seconds of a processor that this thread has had.
    """

    def __init__(
        self,
        ring: Ring,
        size: Size,
        begin: Callable[[int], tuple[int, bytes]],
        spent_s: Callable[[], float],
    ) -> None:
        self._ring = ring
        self._size = size
        self._begin = begin
        self._spent_s = spent_s
        self._allowed_s = MOST_S
        self._followed_at = 0.0
        self.restart()

    def restart(self) -> None:
        """The screen is a new one, from the ring's head on."""
        self._drawn = self._ring.head
        self._is_sound = True
        self._renew()

    def _renew(self) -> None:
        self._emulator = avt.Vt(self._size.cols, self._size.rows, 0)  # type: ignore[attr-defined]
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def follow(self, stop: int, now: float) -> None:
        """What came is drawn, as far as there is time for it.

        Args:
            stop: Absolute offset.
            now: Seconds of any clock.
        """
        passed_s, self._followed_at = max(0.0, now - self._followed_at), now
        self._allowed_s = min(MOST_S, self._allowed_s + passed_s * SHARE)
        if self._allowed_s > 0:
            if self._is_far_from(stop):
                self._jump(stop)
            self._draw(stop, self._allowed_s)

    def resized(self, size: Size, stop: int) -> None:
        """The screen has another size from here on."""
        if not self._is_far_from(stop):
            self._draw(stop)
        self._size = size
        self._guarded(lambda: self._emulator.resize(size.cols, size.rows))

    def shown(self, stop: int) -> bytes | None:
        """What makes any screen this one as it was at ``stop``; ``None`` where that is not known."""
        if stop < self._drawn or self._is_far_from(stop):
            return None
        self._draw(stop)
        dumped: list[str] = []
        self._guarded(lambda: dumped.append(self._emulator.dump()))
        if not dumped:
            return None
        # Terminals that read UTF-8 know the short form of a sequence's beginning as well, but not all of them.
        text = _COLOURS.sub(lambda found: found[0].replace(":", ";"), dumped[0].replace("\x9b", "\x1b["))
        return _BLANK + text.encode() + self._decoder.getstate()[0]

    def _is_far_from(self, stop: int) -> bool:
        return stop - self._drawn > BEHIND_BYTES or self._drawn < self._ring.base

    def _jump(self, stop: int) -> None:
        self._renew()
        self._drawn, before = self._begin(stop)
        self._feed(before)

    def _draw(self, stop: int, most_s: float = float("inf")) -> None:
        """As far as ``stop``, or as ``most_s`` lasts."""
        began_s = spent_s = self._spent_s()
        while self._drawn < stop and spent_s - began_s < most_s:
            end = min(stop, self._drawn + SLICE_BYTES)
            self._feed(self._ring.read(self._drawn, end))
            self._drawn = end
            spent_s = self._spent_s()
        self._allowed_s -= spent_s - began_s

    def _feed(self, data: bytes) -> None:
        text = self._decoder.decode(data)
        self._guarded(lambda: self._emulator.feed_str(text))

    def _guarded(self, act: Callable[[], object]) -> None:
        if not self._is_sound:
            return
        try:
            act()
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # noqa: BLE001 - what the emulator cannot bear must not end a terminal; Rust's panics are no Exception
            self._is_sound = False
            _log.warning("A screen could not be drawn; late viewers get the end of its output.", exc_info=True)
