"""The modes of a terminal, followed through its output without drawing it. Pure.

Source: ECMA-48 8.3; xterm, "XTerm Control Sequences" (ctlseqs); what a terminal in a browser knows of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import ClassVar

from vibeworkbench.terminals.screen.ground import ground_cut

ON_AT_FIRST = frozenset({b"7", b"25"})
"""Private modes that are on in a terminal that was just reset: wrapping, and the cursor's being seen."""
ALTERNATE = frozenset({b"47", b"1047", b"1049"})
EXCLUSIVE = (ALTERNATE, frozenset({b"9", b"1000", b"1002", b"1003"}), frozenset({b"1005", b"1006", b"1015", b"1016"}))
"""Of each group one is on at most: the second screen, what the mouse reports, and how."""
SOFT = frozenset({b"1", b"6", b"7", b"25"})
"""Private modes that a soft reset resets."""
MODES = 64
"""Most modes remembered: a program that sets all numbers there are costs no more."""

HURRIED_BYTES = 4_096
"""In a hurry, all is looked for in so many bytes at the end only."""

# Possessive throughout: colours, which are most of what there is, must fail at once.
_TRACKED = re.compile(
    rb"""\x1b(?:
      \[(?:
          (?P<ansi> [\d;]{1,64}+ [hl])
        | (?P<region> [\d;]{0,11}+ ) r
        | (?P<cursor> \d?+ ) \x20q
        | \? (?P<private> [\d;]{1,64}+ [hl])
        | (?P<soft> !p )
        | (?P<keys> >4 (?:;\d?+)?+ ) m
      )
    | (?P<charset> [()*+] [0-9A-Z<=>`])
    | (?P<keypad> [=>])
    | (?P<reset> c)
    | \] [02]; (?P<title> [^\x07\x1b]{0,512}+) (?:\x07|\x1b\\)
    )""",
    re.VERBOSE,
)
# Found by its rarest byte: five times as fast, and private modes are those that a screen cannot be without.
_PRIVATE = re.compile(rb"\?(?<=\x1b\[\?)(?P<private>[\d;]{1,64}+[hl])")


class Modes:
    """What modes a terminal is in after all that it was fed.

    Attributes:
        rest: Bytes fed that begin a sequence or a character: they are not in the modes yet.
    """

    def __init__(self) -> None:
        self.rest = b""
        self._reset()

    def _reset(self, _: bytes = b"") -> None:
        self._private: dict[bytes, bool] = {}
        """Private modes that are not as they are after a reset, in the order they were set."""
        self._ansi: dict[bytes, bool] = {}
        self._charsets: dict[bytes, bytes] = {}
        self._is_shifted = False
        self._keypad = False
        self._region = self._cursor = self._keys = self._title = b""

    @property
    def is_alternate(self) -> bool:
        """Whether the second screen is shown, which has no scrollback."""
        return not ALTERNATE.isdisjoint(self._private)

    def feed(self, data: bytes, *, hurried: bool = False) -> None:
        """The terminal has read ``data``.

        Args:
            data: Output that follows what was fed before.
            hurried: Time matters more than modes that programs set at their beginning and seldom else.
        """
        data = self.rest + data if self.rest else data
        end = ground_cut(data)
        middle = max(0, end - HURRIED_BYTES) if hurried else 0
        begin = data.find(b"\x1b", 0, end)
        if begin < 0:  # as in most of what is much
            begin = end
        for found in _PRIVATE.finditer(data, begin, middle):
            self._sets_private(found["private"])
        for found in _TRACKED.finditer(data, max(begin, middle), end):
            kind = found.lastgroup or ""
            self._ACT[kind](self, found[kind])
            if kind in {"reset", "soft"}:
                middle = found.end()
        shift = max(data.rfind(b"\x0e", middle, end), data.rfind(b"\x0f", middle, end))
        if shift >= 0:
            self._is_shifted = data[shift] == 0x0E
        self.rest = data[end:]

    def resized(self) -> None:
        """The screen got another size, which ends its scroll region."""
        self._region = b""

    def restored(self) -> bytes:
        """What brings a terminal that was just reset into these modes; it prints nothing."""
        return b"".join(self._restored())

    def _restored(self) -> Iterator[bytes]:
        if self._title:
            yield b"\x1b]0;%b\x07" % self._title
        for mode, is_on in self._private.items():
            yield b"\x1b[?%b%b" % (mode, b"h" if is_on else b"l")
        for mode in self._ansi:
            yield b"\x1b[%bh" % mode
        if self._region:
            yield b"\x1b[%br" % self._region
        for slot, charset in self._charsets.items():
            yield b"\x1b%b%b" % (slot, charset)
        if self._is_shifted:
            yield b"\x0e"
        if self._keypad:
            yield b"\x1b="
        if self._cursor:
            yield b"\x1b[%b q" % self._cursor
        if self._keys:
            yield b"\x1b[%bm" % self._keys

    def _sets_private(self, said: bytes) -> None:
        is_on = said.endswith(b"h")
        for mode in said[:-1].split(b";"):
            for group in EXCLUSIVE:
                if mode in group:
                    for other in group:
                        self._private.pop(other, None)
            self._private.pop(mode, None)
            if is_on != (mode in ON_AT_FIRST) and mode and len(self._private) < MODES:
                self._private[mode] = is_on

    def _sets_ansi(self, said: bytes) -> None:
        for mode in said[:-1].split(b";"):
            self._ansi.pop(mode, None)
            if said.endswith(b"h") and mode and len(self._ansi) < MODES:
                self._ansi[mode] = True

    def _resets_softly(self, _: bytes) -> None:
        for mode in SOFT:
            self._private.pop(mode, None)
        self._ansi.clear()
        self._charsets.clear()
        self._is_shifted = self._keypad = False
        self._region = b""

    def _sets_region(self, said: bytes) -> None:
        self._region = said if said.strip(b";0") else b""

    def _sets_cursor(self, said: bytes) -> None:
        self._cursor = said.lstrip(b"0")

    def _sets_keys(self, said: bytes) -> None:
        self._keys = said if said[-1:] in b"123" and b";" in said else b""

    def _sets_charset(self, said: bytes) -> None:
        self._charsets.pop(said[:1], None)
        if said[1:] != b"B":
            self._charsets[said[:1]] = said[1:]

    def _sets_keypad(self, said: bytes) -> None:
        self._keypad = said == b"="

    def _sets_title(self, said: bytes) -> None:
        self._title = said

    _ACT: ClassVar[Mapping[str, Callable[[Modes, bytes], None]]] = {
        "private": _sets_private,
        "ansi": _sets_ansi,
        "region": _sets_region,
        "cursor": _sets_cursor,
        "soft": _resets_softly,
        "keys": _sets_keys,
        "charset": _sets_charset,
        "keypad": _sets_keypad,
        "reset": _reset,
        "title": _sets_title,
    }
