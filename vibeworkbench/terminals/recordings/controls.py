"""Text of a terminal as it reads: without the sequences that colour and move it. Pure.

A secret may stand between sequences (``foo ESC[31mghp_…``) or hold some (``ghp_ ESC[31m…``); no single reading shows
both, so there are two. What a program paints piece by piece, out of order, reads as no text at all and is not found.

Source: ECMA-48 5.3-5.6 (escape, control and string sequences)
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

import numpy as np

CONTROL = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # a control sequence
    r"|\x1b[\]PX^_]|\x1b\\|\x07"  # around a string, whose content is text that a person may see: a title, an address
    r"|\x1b[ -/]*[0-~]"  # any other escape sequence
    r"| \r(?!\n)"  # where a line editor goes on in the next row
    r"|[\x00-\x06\x08\x0e-\x1f\x7f]"
)
_SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_UNFINISHED = re.compile(r"(?:\x1b\[[0-?]*[ -/]*|\x9b[0-?]*[ -/]*|\x1b[ -/]*)$")
_STRINGS = ("\x1b]", "\x1bP", "\x1bX", "\x1b^", "\x1b_", "\x1b\\", "\x07")
_SIGNS = ("\x1b", "\x08", "\x9b", "\x07", "\x00")
_LONGEST = 256
_LONG = 16_384
"""In longer text two characters are found sooner by numpy."""


def has_controls(text: str) -> bool:
    """Whether anything may stand in the text's way."""
    return any(sign in text for sign in _SIGNS) or _has_wraps(text)


def _has_wraps(text: str) -> bool:
    """Whether a line editor may have gone on in the next row."""
    if len(text) < _LONG or not text.isascii():
        return " \r" in text
    codes = np.frombuffer(text.encode(), np.uint8)
    return bool(((codes[1:] == ord("\r")) & (codes[:-1] == ord(" "))).any())


def stripped(text: str) -> str:
    """The text with every sequence left out."""
    if not has_controls(text):
        return text
    if "\x1b[" in text:  # nearly all of them, and a pattern that begins with constant characters is quick
        text = _SEQUENCE.sub("", text)
    return CONTROL.sub("", text) if has_controls(text) else text


def only_controls(text: str) -> str:
    """The sequences with the text left out."""
    return "".join(CONTROL.findall(text))


def unfinished_from(text: str) -> int:
    """Where the sequence begins that ends after the text; the text's length where there is none."""
    begin = max(0, len(text) - _LONGEST)
    found = _UNFINISHED.search(text, begin)
    return found.start() if found else len(text)


@dataclass(frozen=True, slots=True)
class Reading:
    """A text that reads, and where its characters come from.

    Attributes:
        text: What it reads.
        starts: Where in it pieces begin that stood apart in the terminal's text.
    """

    text: str
    starts: tuple[int, ...]
    _origins: tuple[int, ...]

    def origin(self, index: int) -> int:
        """Where in the terminal's text this character stands."""
        piece = bisect_right(self.starts, index) - 1
        return self._origins[piece] + index - self.starts[piece]

    def span(self, begin: int, end: int) -> tuple[int, int]:
        """Where the characters from ``begin`` up to ``end`` stand."""
        return self.origin(begin), self.origin(end - 1) + 1


def joined(text: str) -> Reading:
    """What stands before a sequence and what stands after it are one word; strings are lines of their own."""
    pieces, starts, origins, length, at = [], [0], [0], 0, 0
    for control in CONTROL.finditer(text):
        kept = text[at : control.start()] + ("\n" if control.group() in _STRINGS else "")
        pieces.append(kept)
        length += len(kept)
        at = control.end()
        starts.append(length)
        origins.append(at)
    return Reading("".join([*pieces, text[at:]]), tuple(starts), tuple(origins))


def parted(text: str) -> Reading:
    """What stands before a sequence and what stands after it are words of their own."""
    return Reading(CONTROL.sub(lambda control: " " * len(control.group()), text), (0,), (0,))
