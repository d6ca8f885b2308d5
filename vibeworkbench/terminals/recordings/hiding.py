"""Output of a terminal as it may be kept: whole lines masked, unfinished ones as far as they begin no secret. Pure.

A line is masked as a whole however it was cut, because what was given of it already is remembered. Only lines that
show a sign of a secret are searched by the slower patterns that find where it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from vibeworkbench.masking import MASK, SUSPECT, secrets_in, well_known_at_the_beginning
from vibeworkbench.signs import Signs
from vibeworkbench.terminals.recordings.controls import (
    has_controls,
    joined,
    only_controls,
    parted,
    stripped,
    unfinished_from,
)
from vibeworkbench.terminals.recordings.decoding import readable

SHORTEST_VALUE = 6
LONGEST_LINE = 65_536
"""Longer ones are given in pieces, each masked with ``REMEMBERED`` characters of the piece before it."""

REMEMBERED = 16_384
_REACH = 1_024
"""Nothing that is no secret yet becomes one after so many characters: a URL's credentials are the longest."""

_SIGNS = Signs(SUSPECT.replace(r"\b", ""))  # what stands before a word may be a sequence
_KEY_BEGINS = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?!.*-----END)")
_KEY_GOES_ON = re.compile(r"\s*(?:[A-Za-z0-9+/=]*|[A-Za-z-]+: .*)\s*")
_KEY_ENDS = re.compile(r".*?-----END [A-Z ]*PRIVATE KEY-----")
_BEGINS = re.compile(
    r"(?:(?:gh[pousr]_|github_pat_|glpat-|sk-|xox[abeprs]-|A(?:KIA|SIA)|AIza|hf_|npm_|pypi-|eyJ)[\w.-]* ?"
    r"|(?i:[a-z][a-z0-9+.-]{0,30}://[^\s/@\"']*)"
    r"|(?i:bearer|basic)\s+[A-Za-z0-9._~+/=-]*)$"
)

Spans = list[tuple[int, int]]


def secret_values(values: Iterable[str]) -> tuple[str, ...]:
    """The lines of these values that can be told from other text, longest first."""
    lines = {line.strip() for value in values for line in value.splitlines()}
    return tuple(sorted((line for line in lines if len(line) >= SHORTEST_VALUE), key=lambda line: (-len(line), line)))


class Hiding:
    """One terminal's output on its way.

    Attributes:
        hurried: Whether there is no time to find out where in a line a secret stands: the line is hidden whole then.
    """

    def __init__(self, values: Sequence[str]) -> None:
        """Args: what is a secret whatever it looks like."""
        self._values = tuple(values)
        self._line = ""
        self._given = 0
        self._mask_is_open = False
        self._in_key = False
        self.hurried = False

    @property
    def waiting(self) -> str:
        """What came and was not given yet."""
        return self._line[self._given :]

    def remember(self, text: str) -> None:
        """The unfinished line began with this, which was given long ago."""
        self._line = text[-REMEMBERED:]
        self._given = len(self._line)
        spans = self._spans(self._line)
        self._mask_is_open = bool(spans) and spans[-1][1] == self._given

    def add(self, text: str) -> str:
        """What may be kept now that this came: the lines that are whole."""
        line = self._line + text
        cut = line.rfind("\n") + 1
        shown = self._whole_lines(line[:cut]) if cut else ""
        self._line = line[cut:]
        if len(self._line) > LONGEST_LINE:
            shown += self.settled()
        return shown

    def settled(self) -> str:
        """What may be kept although its line is not whole: all that cannot be the beginning of a secret."""
        if self._in_key and not self._given:
            self._line = self._line[-LONGEST_LINE:]
            return ""
        stop = self._safe_until(self._line)
        if stop <= self._given:
            return ""
        shown = self._piece(self._line, self._given, stop)
        forgotten = max(0, min(len(self._line) - REMEMBERED, stop))
        self._line, self._given = self._line[forgotten:], stop - forgotten
        return shown

    def ended(self) -> str:
        """All that is left; nothing follows it."""
        shown = "".join(self._hidden_line(self._line, self._given, suspicious=True)) if self.waiting else ""
        self._line, self._given, self._mask_is_open, self._in_key = "", 0, False, False
        return shown

    def _whole_lines(self, text: str) -> str:
        begun = ""
        if self._given:  # only the first line is unlike the others: line by line, many take long
            end = text.index("\n") + 1
            begun, text = "".join(self._shown([text[: end - 1]])), text[end:]
        if not (self._in_key or self._suspicious([text])[0]):
            return begun + text
        return begun + "".join(self._shown(text.split("\n")[:-1]))

    def _shown(self, lines: list[str]) -> Iterator[str]:
        for line, suspicious in zip(lines, self._suspicious(lines), strict=True):
            given, self._given = self._given, 0
            if self._in_key or suspicious:
                yield from self._hidden_line(f"{line}\n", given, suspicious=suspicious)
            else:
                yield f"{line[given:]}\n"
            self._mask_is_open = False

    def _hidden_line(self, line: str, given: int, *, suspicious: bool) -> Iterator[str]:
        if self._in_key and not given:
            yield from self._key_line(line)
        elif self.hurried and suspicious and not given:
            self._in_key = _KEY_BEGINS.search(stripped(line)) is not None
            yield MASK + line[len(line.rstrip("\r\n")) :]
        else:
            spans = self._spans(line) if suspicious else []
            yield "".join(self._parts(line, given, len(line), spans))

    def _key_line(self, line: str) -> Iterator[str]:
        read = stripped(line)
        if (end := _KEY_ENDS.match(read)) is not None:
            self._in_key = False
            yield read[end.end() :]
        elif _KEY_GOES_ON.fullmatch(read) is None:
            self._in_key = False
            yield self._piece(line, 0, len(line))

    def _piece(self, line: str, begin: int, stop: int) -> str:
        spans = self._spans(line) if self._suspicious([line])[0] else []
        return "".join(self._parts(line, begin, stop, spans))

    def _parts(self, line: str, begin: int, stop: int, spans: Spans) -> Iterator[str]:
        at, was_open, self._mask_is_open = begin, self._mask_is_open, False
        for first, last in spans:
            if last <= at or first >= stop:
                continue
            yield line[at : max(first, at)]
            if not (first < begin and was_open):
                yield MASK
            yield only_controls(line[max(first, at) : min(last, stop)])
            at, self._mask_is_open = min(last, stop), last >= stop
        yield line[at:stop]

    def _spans(self, line: str) -> Spans:
        found: Spans = []
        whole = joined(line)
        found += [whole.span(at, at + length) for at in whole.starts[1:] if (length := _known(whole.text, at))]
        for reading in (whole, parted(line)) if has_controls(line) else (whole,):
            found += [reading.span(*span) for span in secrets_in(reading.text)]
            found += [reading.span(*span) for value in self._values for span in _places(value, reading.text)]
            self._in_key = self._in_key or _KEY_BEGINS.search(reading.text) is not None
        return _united(found)

    def _suspicious(self, texts: list[str]) -> list[bool]:
        read = [readable(stripped(text)) for text in texts]
        found = [False] * len(read)
        for number in _SIGNS.shown_in(read):
            found[number] = True
        if not self._values:
            return found
        return [known or any(value in text for value in self._values) for known, text in zip(found, read, strict=True)]

    def _safe_until(self, line: str) -> int:
        stop = unfinished_from(line)
        tail = max(self._given - _REACH, stop - 2 * _REACH, 0)
        reading = joined(line[tail:stop])
        begins = _BEGINS.search(reading.text, max(0, len(reading.text) - _REACH))
        starts = [begins.start()] if begins else []
        starts += [start for value in self._values if (start := _begun(value, reading.text)) is not None]
        return min([stop, *(tail + reading.origin(start) for start in starts)])


def _known(text: str, at: int) -> int:
    return well_known_at_the_beginning(text[at : at + _REACH])


def _places(value: str, text: str) -> Iterator[tuple[int, int]]:
    at = text.find(value)
    while at >= 0:
        yield at, at + len(value)
        at = text.find(value, at + len(value))


def _begun(value: str, text: str) -> int | None:
    longest = min(len(value) - 1, len(text))
    return next((len(text) - length for length in range(longest, 0, -1) if text.endswith(value[:length])), None)


def _united(spans: Spans) -> Spans:
    united: Spans = []
    for begin, end in sorted(spans):
        if united and begin <= united[-1][1]:
            united[-1] = united[-1][0], max(end, united[-1][1])
        else:
            united.append((begin, end))
    return united
