"""This terminal while it shows another one: raw, with its last row kept for notices, and put right at the end."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from vibeworkbench.cli.output import safe
from vibeworkbench.client.terminal import Size

LOWEST_ROWS = 8
"""On a lower screen no row is kept for notices."""
LONGEST_OPEN = 4096
REDRAW_S = 0.5

_OPEN = re.compile(
    rb"(?:\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]*\x1b?|[ -/]*)?"
    rb"|[\xc2-\xdf]|[\xe0-\xef][\x80-\xbf]?|[\xf0-\xf4][\x80-\xbf]{0,2})\Z"
)
_MARGINS = re.compile(rb"\x1b\[(\d*)(?:;(\d*))?r")
_RESET = re.compile(rb"\x1bc|\x1b\[!p")
_OTHER_SCREEN = re.compile(rb"\x1b\[\?1049([hl])")
_PUT_RIGHT = b"\x1b[0m\x1b[?25h\x1b[?1000;1002;1003;1006;2004;1004l\x1b[?1l\x1b>"
"""Colours, cursor, mouse, pasting, focus and keys as a shell expects them."""


@contextmanager
def raw() -> Iterator[None]:
    """Every key comes as it is, to us and nobody else."""
    before = termios.tcgetattr(sys.stdin)
    tty.setraw(sys.stdin.fileno(), termios.TCSADRAIN)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def put_right() -> None:
    """A shell can go on where something else was shown."""
    sys.stdout.flush()
    if sys.stdout.isatty():
        os.write(sys.stdout.fileno(), _PUT_RIGHT + b"\r\n")


class Screen:
    """Where the output of another terminal goes.

    Its last row is kept for notices where standard output and standard error are this terminal: programs see one row
    less. Everywhere else notices are lines on standard error.

    Args:
        name: What is shown, as it stands in front of each notice.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._notice = self._shown = ""
        self._open = b""
        self._is_other_screen = False
        self._drawn_at = 0.0
        self._out = sys.stdout.fileno()
        self._has_row = sys.stdout.isatty() and sys.stderr.isatty() and self._rows() >= LOWEST_ROWS
        if self._has_row:
            # A new line first, so that the last row is empty, and up again, out of it: as apt's progress bar does it.
            self._put(b"\n\x1b7" + self._margins() + b"\x1b8\x1b[1A")

    @property
    def size(self) -> Size:
        """Rows and columns that the other terminal may have."""
        return Size(self._rows() - self._has_row, shutil.get_terminal_size().columns)

    def write(self, data: bytes) -> None:
        """The output is shown; the beginning of a sequence or character waits for its end."""
        data = self._open + data
        is_open = _OPEN.search(data, max(0, len(data) - LONGEST_OPEN))
        self._open = data[is_open.start() :] if is_open else b""
        ready = data[: len(data) - len(self._open)]
        if not self._has_row:
            self._put(ready)
            return
        ready = _MARGINS.sub(self._kept_within, ready)
        if _RESET.search(ready):
            ready = _RESET.sub(lambda match: match[0] + b"\x1b7" + self._margins() + b"\x1b8", ready)
        for match in _OTHER_SCREEN.finditer(ready):
            self._is_other_screen = match[1] == b"h"
        self._put(ready)
        if b"\x1b[" in ready:
            self._shown = ""

    def say(self, notice: str) -> None:
        """The notice stands in the last row soon, or at once on standard error."""
        if self._has_row:
            self._notice = safe(notice)
        else:
            end = "\r\n" if sys.stderr.isatty() else "\n"
            sys.stderr.write(f"vibeworkbench: {safe(notice)}{end}")
            sys.stderr.flush()

    def settle(self) -> None:
        """The last row says what there is to say. Called when no output waits, and now and then when some does."""
        now = monotonic()
        if not self._has_row or self._open or self._shown == self._notice or now - self._drawn_at < REDRAW_S:
            return
        self._shown, self._drawn_at = self._notice, now
        columns, rows = shutil.get_terminal_size()
        text = f" {self._name}: {self._shown}"[: columns - 1].ljust(columns - 1)
        self._put(b"\x1b7\x1b[%d;1H\x1b[0;7m%b\x1b[0m\x1b8" % (rows, text.encode()))

    def resized(self) -> None:
        """The row for notices is the last one again."""
        if self._has_row:
            self._put(b"\x1b7" + self._margins() + b"\x1b8")
            self._shown = ""

    def end(self) -> None:
        """This terminal is as it was before, with what was shown last still there."""
        if not sys.stdout.isatty():
            return
        if self._is_other_screen:
            self._put(b"\x1b[?1049l")
        if self._has_row:
            self._put(b"\x1b7\x1b[r\x1b[%d;1H\x1b[2K\x1b8" % shutil.get_terminal_size().lines)
        put_right()

    def _rows(self) -> int:
        return shutil.get_terminal_size().lines

    def _margins(self) -> bytes:
        return b"\x1b[1;%dr" % (self._rows() - 1)

    def _kept_within(self, match: re.Match[bytes]) -> bytes:
        last = self._rows() - 1
        top, bottom = int(match[1] or 1) or 1, int(match[2] or last) or last
        return b"\x1b[%d;%dr" % (top, min(bottom, last))

    def _put(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            with contextlib.suppress(BlockingIOError):
                view = view[os.write(self._out, view) :]
