"""The screen as an emulator draws it, where one is installed: ``pip install 'vibeworkbench[screen]'``.

The end of the output alone shows nothing of what a program painted long before it and has not painted since: a frame, a
heading, most of a table of which a few cells change. What comes faster than it could be read is left out.

Source: asciinema/avt, whose dump is the shortest output that leads a new terminal to the same screen.
"""

from __future__ import annotations

import codecs
import logging
import re
import unicodedata
from collections.abc import Callable
from typing import Any

from vibeworkbench.terminals.model import Size
from vibeworkbench.terminals.ring import Ring
from vibeworkbench.terminals.screen.ground import ground_cut

try:
    import avt
except ImportError:  # the extra is not installed
    avt = None  # type: ignore[assignment]

BEHIND_BYTES = 65_536
"""Who is further behind goes on with what is shown now, and leaves out what was before it."""
SEEN_BYTES_S = 250_000.0
"""More is a flood, of which nobody sees each line; it is not drawn, for keys of others would wait meanwhile ..."""
SEEN_BYTES = 131_072
"""... though so much may come at once: a large screen that is painted anew."""
SLICE_BYTES = 256
"""So much is drawn at a time at first, for a clear screen takes four bytes and as many cells as there are ..."""
LARGEST_BYTES = 2_048
"""... and up to so much where that goes quickly."""
QUICK_S = 0.0005
"""A slice that took no longer is followed by one twice as large."""
MOST_CELLS = 20_000
"""Larger screens are not drawn: a slice of them could take too long."""
MOST_REPEATS = 999
"""A character is repeated no oftener at once."""
SHARE = 0.02
"""Of a processor, for drawing what nobody asked for yet."""
MOST_S = 0.002
"""Time for drawing is saved up to so much."""
ASKED_S = 0.015
"""So long it may take where somebody asked for it; beyond that, the end of the output must do."""

_log = logging.getLogger(__name__)

_BLANK = (
    b"\x1b]8;;\x1b\\"  # no link
    b"\x1b[?1047l"  # the first screen
    b"\x1b[r\x1b[?6l\x1b[?7h\x1b[4l\x1b[20l"  # no region, no origin, wrapping, no inserting, line feeds as usual
    b"\x1b[0m\x1b(B\x1b)B\x0f\x1b[?25h\x1b[?1l"  # no colours, ASCII, a cursor, its keys as usual
    b"\x1b[H\x1b[2J"
)
_COLOURS = re.compile(r"\x1b\[[\d;:]*m")
_LONG_FORMS = str.maketrans({c1: f"\x1b{chr(ord(c1) - 0x40)}" for c1 in "\x90\x98\x9b\x9d\x9e\x9f"})
"""Terminals that read UTF-8 know the short form of a sequence's beginning as well, but not all of them."""
_REPEAT = re.compile(r"(?<=[\[\x9b])\d{4,}(?=b)")
_NOT_KNOWN = re.compile(
    r"""(?:\x1b\[|\x9b)
    (?:(?>[34]8[;:](?:5[;:]\d*+|2(?:[;:]\d*+){3})|(?!(?:0?8|53|58)\b)\d*+);)*+  # colours, and what is drawn
    (?:0?8|53|58[;:][\d;:]*|4:\d+)(?:;[\d;:]*)?m  # hidden, overlined, lines of another colour or shape
    |\x1b\#[3-6]  # larger characters""",
    re.VERBOSE,
)
"""What the emulator does not draw as terminals do."""


def can_draw() -> bool:
    """Whether an emulator is installed."""
    return avt is not None


def is_drawn_alike(text: str) -> bool:
    """Whether the emulator draws this as terminals do: each character in as many cells, each attribute."""
    if not text.isascii() and any(unicodedata.category(character) in _NO_WIDTH for character in set(text)):
        return False
    return _NOT_KNOWN.search(text) is None


_NO_WIDTH = frozenset({"Mn", "Me", "Cf"})
"""Marks that are drawn over what is before them, joiners, and what else takes no cell: the emulator gives it one."""


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
        self._followed = ring.head
        self._unseen = 0.0
        self._is_known = False
        self.restart()

    def restart(self) -> None:
        """The screen is a new one; where the ring's head is not the beginning, nobody knows what is on it."""
        self._drawn = self._ring.head
        self._renew()
        self._is_known = self._is_known and self._drawn == 0

    def _renew(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._emulator: Any = None  # of a library that is not always there
        if self._size.rows * self._size.cols <= MOST_CELLS:
            self._guarded(self._begin_anew)
        self._is_known = self._emulator is not None

    def _begin_anew(self) -> None:
        self._emulator = avt.Vt(self._size.cols, self._size.rows, 0)  # type: ignore[attr-defined]

    def follow(self, stop: int, now: float) -> None:
        """What came is drawn, as far as there is time for it.

        Args:
            stop: Absolute offset.
            now: Seconds of any clock.
        """
        passed_s, self._followed_at = max(0.0, now - self._followed_at), now
        self._allowed_s = min(MOST_S, self._allowed_s + passed_s * SHARE)
        unseen = max(0.0, self._unseen - passed_s * SEEN_BYTES_S) + max(0, stop - self._followed)
        self._unseen, self._followed = min(2.0 * SEEN_BYTES, unseen), stop
        if self._allowed_s > 0 and self._unseen <= SEEN_BYTES:
            began_s = self._spent_s()
            if self._is_far_from(stop):
                self._jump(stop)
            self._draw(stop, began_s + self._allowed_s)
            self._allowed_s -= self._spent_s() - began_s

    def resized(self, size: Size, stop: int) -> None:
        """The screen has another size from here on."""
        is_drawn = not self._is_far_from(stop) and self._draw(stop, self._spent_s() + ASKED_S)
        self._size = size
        if self._emulator is None or not is_drawn or size.rows * size.cols > MOST_CELLS:
            self._jump(stop)
        else:
            self._guarded(lambda: self._emulator.resize(size.cols, size.rows))

    def shown(self, stop: int) -> bytes | None:
        """What makes any screen this one as it was at ``stop``; ``None`` where that is not known, or not in time."""
        if stop < self._drawn or self._is_far_from(stop) or not self._draw(stop, self._spent_s() + ASKED_S):
            return None
        dumped: list[str] = []
        if self._is_known:
            self._guarded(lambda: dumped.append(self._emulator.dump()))
        if not dumped:
            return None
        text = _COLOURS.sub(lambda found: found[0].replace(":", ";"), dumped[0].translate(_LONG_FORMS))
        return _BLANK + text.encode() + self._decoder.getstate()[0]

    def _is_far_from(self, stop: int) -> bool:
        return stop - self._drawn > BEHIND_BYTES or self._drawn < self._ring.base

    def _jump(self, stop: int) -> None:
        """What is shown now is all that is known, so it shows no more than the end of the output does."""
        self._renew()
        self._drawn, before = self._begin(stop)
        self._feed(before)

    def _draw(self, stop: int, until_s: float) -> bool:
        """Whether all before ``stop`` is drawn, as it is unless it took too long."""
        size, spent_s = SLICE_BYTES, self._spent_s()
        while self._drawn < stop and spent_s < until_s:
            data = self._ring.read(self._drawn, min(stop, self._drawn + size))
            data = data[: ground_cut(data) or len(data)]  # what is looked for should stand in one piece
            self._feed(data)
            self._drawn += len(data)
            before_s, spent_s = spent_s, self._spent_s()
            size = min(LARGEST_BYTES, 2 * size) if spent_s - before_s <= QUICK_S else SLICE_BYTES
        return self._drawn >= stop

    def _feed(self, data: bytes) -> None:
        text = self._decoder.decode(data)
        self._is_known = self._is_known and is_drawn_alike(text)
        if self._is_known:
            self._guarded(lambda: self._emulator.feed_str(_REPEAT.sub(str(MOST_REPEATS), text)))

    def _guarded(self, act: Callable[[], object]) -> None:
        try:
            act()
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # noqa: BLE001 - whatever it is must not end a terminal, and Rust's panics are no Exception
            self._is_known = False
            _log.warning("A screen could not be drawn; late viewers get the end of its output.", exc_info=True)
