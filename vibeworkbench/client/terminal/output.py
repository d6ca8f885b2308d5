"""What came of a terminal and nobody has read yet: as it came, and as plain text in which patterns are looked for."""

from __future__ import annotations

import codecs
import re
from bisect import bisect_right

LOOK_BACK = 65_536
"""Longest match, in characters, once so many were searched in vain."""
UNREAD_CHARACTERS = 16 * 2**20
"""Most that waits to be read; the oldest goes first."""
COMPACTED = 2**20
"""What was read is kept no longer once it is so many characters."""
LONGEST_SEQUENCE = 4096
"""A sequence without an end that is longer is taken for text."""

_DROPPED = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"
    r"|\x1b[ -/]*[0-OQ-WYZ\\`-~]"
    r"|\r+(?=\n)"
    r"|[\x07\x0e\x0f]"
)
"""Source: ECMA-48 (5th edition, 1991), clause 5.4 and 5.6; the carriage return before a line feed is the tty's."""
_OPEN = re.compile(r"(?:\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b]*\x1b?|[ -/]*)?|\r+)\Z")


def plain(text: str) -> str:
    """``text`` without sequences that a terminal obeys, its lines ended by a line feed alone."""
    return _DROPPED.sub("", text)


class Output:
    """Unread output. ``forgotten`` counts the characters that nobody read in time."""

    def __init__(self, most: int = UNREAD_CHARACTERS) -> None:
        self.forgotten = 0
        self._most = most
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._raw, self._text, self._open = "", "", ""
        self._raw_at = self._text_at = self._searched = 0
        self._starts = [0]
        self._shifts = [0]

    def __len__(self) -> int:
        return len(self._raw) - self._raw_at

    def feed(self, data: bytes) -> None:
        """More came."""
        self._feed(self._decoder.decode(data))

    def unread(self, *, as_plain: bool) -> str:
        """Everything unread, which stays so."""
        return self._text[self._text_at :] if as_plain else self._raw[self._raw_at :]

    def take(self, *, as_plain: bool) -> str:
        """Everything unread, which is read now; as plain text all but a sequence that has no end yet."""
        if not as_plain:
            text = self._raw[self._raw_at :]
            self._read_to(len(self._raw), len(self._text))
            return text
        text = self._text[self._text_at :]
        self._read_to(len(self._raw) - len(self._open), len(self._text))
        return text

    def search(self, pattern: re.Pattern[str], *, as_plain: bool) -> tuple[re.Match[str], str] | None:
        """The first match in what is unread, and the text before it; both are read now.

        What was searched in vain is not searched again over more than ``LOOK_BACK`` characters when more has come.
        """
        text, start = (self._text, self._text_at) if as_plain else (self._raw, self._raw_at)
        match = pattern.search(text, max(start, self._searched - LOOK_BACK))
        if match is None:
            self._searched = len(text)
            return None
        before, end = text[start : match.start()], match.end()
        if as_plain:
            self._read_to(self._raw_place(end), end)
        else:
            self._read_to(end, self._text_place(end))
        return match, before

    def search_anew(self) -> None:
        """The next search looks at everything unread."""
        self._searched = 0

    # Before place ``_starts[i]`` of the plain text, ``_shifts[i]`` characters of the raw one are left out

    def _feed(self, text: str) -> None:
        self._raw += text
        text = self._open + text
        is_open = _OPEN.search(text)
        whole = text if is_open is None or len(is_open[0]) > LONGEST_SEQUENCE else text[: is_open.start()]
        self._open = text[len(whole) :]
        pieces, at, place = [], 0, len(self._text)
        for match in _DROPPED.finditer(whole):
            pieces.append(whole[at : match.start()])
            place += match.start() - at
            at = match.end()
            self._starts.append(place)
            self._shifts.append(self._shifts[-1] + len(match[0]))
        self._text += "".join((*pieces, whole[at:]))
        if len(self) > self._most:
            surplus = len(self) - self._most * 3 // 4
            self.forgotten += surplus
            self._read_to(self._raw_at + surplus, self._text_place(self._raw_at + surplus))

    def _raw_place(self, place: int) -> int:
        return place + self._shifts[bisect_right(self._starts, place) - 1]

    def _text_place(self, raw: int) -> int:
        index = (
            bisect_right(range(len(self._starts)), raw, key=lambda each: self._starts[each] + self._shifts[each]) - 1
        )
        following = self._starts[index + 1] if index + 1 < len(self._starts) else len(self._text)
        return min(raw - self._shifts[index], following)

    def _read_to(self, raw: int, text: int) -> None:
        """Everything before is read; now and then it is forgotten too."""
        raw = max(raw, self._raw_at)
        self._raw_at, self._text_at, self._searched = raw, text, 0
        if raw < len(self._raw) and raw < COMPACTED:
            return
        first = bisect_right(self._starts, text)
        shift = raw - text
        self._starts = [0, *(each - text for each in self._starts[first:])]
        self._shifts = [each - shift for each in self._shifts[first - 1 :]]
        self._raw, self._text = self._raw[raw:], self._text[text:]
        self._raw_at = self._text_at = 0
