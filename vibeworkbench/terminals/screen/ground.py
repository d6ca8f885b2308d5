"""Where a stream may be cut: a terminal that starts to read there sees whole characters and whole sequences. Pure."""

from __future__ import annotations

import re

STRING_BYTES = 65_536
"""A string sequence (a title, a picture) longer than this is taken for one whose end got lost."""

# A control sequence may hold C0 controls, which are obeyed at once; CAN, SUB and ESC end it.
_WHOLE = re.compile(
    rb"""\x1b(?:
      \[ [\x00-\x17\x19\x1c-\x1f\x20-\x3f]* [\x18\x1a\x40-\x7e]              # CSI
    | \] [^\x07\x18\x1a\x1b]* [\x07\x18\x1a]                                 # OSC
    | [PX^_] [^\x18\x1a\x1b]* [\x18\x1a]                                     # DCS, SOS, PM, APC; ESC \ ends all of them
    | [\x00-\x17\x19\x1c-\x1f\x20-\x2f]* [\x18\x1a\x30-\x4f\x51-\x57\x59\x5a\x5c\x60-\x7e]
    )""",
    re.VERBOSE,
)
_STRING = re.compile(rb"\x1b[PX^_\]][^\x18\x1a\x1b]*\Z")


def ground_cut(data: bytes) -> int:
    """How many of the bytes end between sequences and characters; the rest begins one.

    Args:
        data: Output that begins between two.

    Source: ECMA-48 5.4 and 5.6; Williams, "A parser for DEC's ANSI-compatible video terminals" (vt100.net).
    """
    # Whatever came before it, an ESC begins a sequence anew: the last one alone decides.
    last = data.rfind(b"\x1b")
    if last < 0 or len(data) - last > STRING_BYTES or _WHOLE.match(data, last):
        return len(data) - broken_tail(data)
    if last == len(data) - 1:  # it may be half of the end of a string
        opening = data.rfind(b"\x1b", max(0, last - STRING_BYTES), last)
        if opening >= 0 and _STRING.match(data, opening, last) and not _WHOLE.match(data, opening, last):
            return opening
    return last


def broken_tail(data: bytes) -> int:
    """How many bytes at the end belong to a UTF-8 character that is not complete: 0 to 3.

    Source: RFC 3629 3.
    """
    for back in range(1, min(4, len(data) + 1)):
        byte = data[-back]
        if byte < 0x80:
            return 0
        if byte >= 0xC0:
            length = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4 if byte < 0xF5 else 1
            return back if back < length else 0
    return 0
