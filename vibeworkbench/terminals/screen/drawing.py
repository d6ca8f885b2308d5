"""The screen as an emulator draws it, where one is installed: ``pip install 'vibeworkbench[screen]'``.

The end of the output alone shows nothing of what a program painted long before it and has not painted since: a frame, a
heading, most of a table of which a few cells change. What is shown faster than anybody could read is not drawn.

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

BEHIND_BYTES = 262_144
"""Who is further behind draws what is shown now, and not what was before it."""
QUIET_S = 0.05
"""After so long without output a program is waiting, or people are to read what it says."""
DRAW_BYTES_S = 1_000_000.0
"""So much is drawn in a second: a few hundredths of a processor."""

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
        ending: What leads a new terminal to nearly the screen as it was at an absolute offset.
    """

    def __init__(self, ring: Ring, size: Size, ending: Callable[[int], bytes]) -> None:
        self._ring = ring
        self._size = size
        self._ending = ending
        self._allowed_bytes = float(BEHIND_BYTES)
        self._followed_at = 0.0
        self._is_sound = True
        self.restart()

    def restart(self) -> None:
        """The screen is a new one, from the ring's head on."""
        self._drawn = self._ring.head
        self._renew()

    def _renew(self) -> None:
        self._emulator = avt.Vt(self._size.cols, self._size.rows, 0)  # type: ignore[attr-defined]
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def follow(self, stop: int, now: float) -> None:
        """What came is drawn; where it comes too fast, once it does no more.

        Args:
            stop: Absolute offset.
            now: Seconds of any clock.
        """
        passed_s, self._followed_at = max(0.0, now - self._followed_at), now
        self._allowed_bytes = min(BEHIND_BYTES, self._allowed_bytes + passed_s * DRAW_BYTES_S)
        behind = stop - self._drawn
        if behind <= self._allowed_bytes or passed_s >= QUIET_S:
            self._allowed_bytes -= min(behind, self._allowed_bytes)
            self._draw(stop)

    def resized(self, size: Size, stop: int) -> None:
        """The screen has another size from here on."""
        self._draw(stop)
        self._size = size
        self._guarded(lambda: self._emulator.resize(size.cols, size.rows))

    def shown(self, stop: int) -> bytes | None:
        """What makes any screen this one as it was at ``stop``; ``None`` where that is not known."""
        if stop < self._drawn:
            return None
        self._draw(stop)
        dumped: list[str] = []
        self._guarded(lambda: dumped.append(self._emulator.dump()))
        if not dumped:
            return None
        # Terminals that read UTF-8 know the short form of a sequence's beginning as well, but not all of them.
        text = _COLOURS.sub(lambda found: found[0].replace(":", ";"), dumped[0].replace("\x9b", "\x1b["))
        return _BLANK + text.encode() + self._decoder.getstate()[0]

    def _draw(self, stop: int) -> None:
        start = self._drawn
        if stop <= start:
            return
        self._drawn = stop
        if start < self._ring.base or stop - start > BEHIND_BYTES:
            self._renew()
            data = self._ending(stop)
        else:
            data = self._ring.read(start, stop)
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
