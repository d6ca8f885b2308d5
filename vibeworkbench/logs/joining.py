"""Which lines belong together: a stack trace, an indented list, a message of several lines is one record. Pure.

Lines are bytes, as they stand in a file. What most lines are, a record of its own, is told by one search over the whole
content; only lines that look otherwise are looked at one by one.

A line goes on with the record before it when it
- is indented deeper than the record's first line;
- belongs to a trace that was begun: of Python (chained, too), Java, Node, Go, Rust, or their relatives;
- has no time of day where the lines of its source have one (see :func:`shape_of`).

A trace begins a record of its own, unless the line before it announces it: ``ERROR cannot fetch`` does, ``INFO ready``
does not, since what crashes while it says nothing bad has still crashed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

SAMPLE_BYTES = 2**15
"""How much of a source's beginning tells its shape."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where a record ends at the latest; what goes on after that is a record of its own."""

    lines: int = 1000
    bytes: int = 2**17


@dataclass(frozen=True, slots=True)
class Shape:
    """What the lines of one source are like: whether each record begins with a header that holds a time of day."""

    headed: bool = False


@dataclass(frozen=True, slots=True)
class Joined:
    """Records in their order, each without the end of its last line; ``kept`` is where the unfinished one begins."""

    records: list[bytes]
    kept: int


BOUNDS = Bounds()
_BLANK = b" \t\r\n"
_END = rb"[ \t\r]*(?:\n|\Z)"
_TIME = rb"[^\n]{0,48}?\d\d:\d\d"
_HEADER = re.compile(rb"(?![ \t])" + _TIME)
# How records begin among lines with a time of day: with one, or at least with a level.
_BEGIN = re.compile(
    rb"(?![ \t])(?:" + _TIME + rb"|[\[(<]?(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|CRITICAL|FATAL)\b)"
)
# Such lines have a time of day and are whole: access logs, JSON.
_WHOLE = re.compile(rb"\{|\S+ \S+ \S+ \[\d\d/[A-Z]")

# How traces begin. The strong ones stand below the line that announces them, wherever that is.
_STRONG = rb"Traceback \(most recent call last\)|goroutine \d+ \["
_PLACE = rb"(?:\S*\.[cm]?[jt]s|node:[\w/]+):\d+" + _END
_WEAK = (
    rb"panic: |fatal error: |thread '[^'\n]*' (?:\(\d+\) )?panicked|Exception in thread |Unhandled |Uncaught "
    rb"|[\w$.]*(?:Error|Exception)(?::[ \n]|" + _END + rb"|\()|" + _PLACE
)
_STRONG_OPENER = re.compile(_STRONG)
_OPENER = re.compile(rb"(?:" + _STRONG + rb"|" + _WEAK + rb")")
# These go on with whatever stands before them.
_LATER = (
    rb"Caused by:|Suppressed: |[Ss]tack (?:backtrace|trace):|Location:" + _END + rb"|#\d+ |created by |\.\.\. \d+ more"
    rb"|During handling of the above exception|The above exception was the direct cause"
)
_GOES_ON = re.compile(_LATER)
_SUSPECT = re.compile(rb"\n(?=[ \t\r\n\])}]|" + _STRONG + rb"|" + _WEAK + rb"|" + _LATER + rb")")
_SUSPECT_HEADED = re.compile(rb"\n(?=[ \t\r\n]|(?!" + _TIME + rb"))")
_BLANKS = re.compile(rb"(?:[ \t\r]*\n)*")

_FRAME = re.compile(rb"\s+(?:at |File \"|from |\.\.\. \d+ more|\d+: )")
_PYTHON_FRAME = re.compile(rb"\s+File \"[^\"]*\", line \d+")
_NODE_PLACE = re.compile(_PLACE)
_CARET = re.compile(rb"\s*[\^~]+\s*\Z")
_CLOSER = re.compile(rb"[\])}]+[,;]?\s*\Z")
_GROUP = re.compile(rb"[|+][ +-]")
_CHAINED = re.compile(rb"During handling of the above exception|The above exception was the direct cause")
_GO_BEGIN = re.compile(rb"panic: |fatal error: |goroutine \d+ \[")
_GO_LINE = re.compile(
    rb"goroutine \d+ \[|\[signal |exit status \d|runtime: |\[recovered|r\w{1,6} +0x|[cfegs]s +0x"
    rb"|\.\.\.additional frames|[^\s(]+\(.*\)(?: in goroutine \d+)?\s*\Z"
)
_RUST_BEGIN = re.compile(rb"thread '[^'\n]*' (?:\(\d+\) )?panicked")
_CALM = re.compile(rb"(?i)\b(?:info|debug|trace|notice|verbose)\b")
_ALARMED = re.compile(
    rb"(?i)err(?:or)?\b|exception|fail|fatal|crit|panic|warn|severe|unable|cannot|could not|abort|crash"
)
_ANNOUNCES = re.compile(rb"Task exception |future: ")


def shape_of(sample: bytes) -> Shape:
    """The shape of a source, told by some of its lines: headed when most lines that could be headers hold a time.

    Args:
        sample: Its beginning; lines that are cut off at its end do no harm.
    """
    begins = [record.split(b"\n", 1)[0] for record in joined(sample, Shape(), whole=True).records]
    able = [line for line in begins if line[:1] not in b" \t" and not _OPENER.match(line)]
    headers = sum(1 for line in able if _HEADER.match(line) and not _WHOLE.match(line))
    return Shape(headed=headers > 0 and headers * 2 >= len(able))


def joined(content: bytes, shape: Shape, *, whole: bool, bounds: Bounds = BOUNDS) -> Joined:
    """The records of ``content``, blank lines between them left out.

    Args:
        content: Lines, each with its end; the first one begins a record.
        shape: What the source's lines are like.
        whole: Whether nothing more belongs to the last record; else it is kept, unless it has reached its bounds.
        bounds: Where a record ends at the latest.
    """
    records: list[bytes] = []
    suspect = _SUSPECT_HEADED if shape.headed else _SUSPECT
    size, written = len(content), len(content.rstrip(_BLANK))
    content = content[: _line_end(content, written)] if written else b""
    at, end = _after_blanks(content, 0), len(content)
    while at < end:
        first = at
        if not _OPENER.match(content, at):
            found = suspect.search(content, at)
            first = max(at, content.rfind(b"\n", at, found.start() if found else end) + 1)
            records += content[at:first].split(b"\n")[:-1]
        extent = _extent(content, first, shape, bounds)
        if extent.following == end and not extent.closed and not whole:
            return Joined(_without_returns(records, content), first)
        records.append(content[first : extent.stop])
        at = _after_blanks(content, extent.following)
    return Joined(_without_returns(records, content), size)


def _after_blanks(content: bytes, at: int) -> int:
    found = _BLANKS.match(content, at)
    return found.end() if found else at


def _without_returns(records: list[bytes], content: bytes) -> list[bytes]:
    # Each by itself: whether one loses its end must not hang on which others were read with it.
    return [each.rstrip(b"\r") for each in records] if b"\r" in content else records


@dataclass(frozen=True, slots=True)
class _Extent:
    """Where a record's text stops, where what follows it begins, and whether anything could still go on with it."""

    stop: int
    following: int
    closed: bool


def _extent(content: bytes, first: int, shape: Shape, bounds: Bounds) -> _Extent:
    """How far the record reaches whose first line begins at ``first``."""
    end = len(content)
    stop = _line_end(content, first)
    record = _Open(shape, content[first:stop])
    lines, begin = 1, min(stop + 1, end)
    while begin < end:
        line_end = _line_end(content, begin)
        line = content[begin:line_end]
        if lines >= bounds.lines or line_end - first > bounds.bytes:
            return _Extent(stop, begin, closed=True)
        if not line.strip(_BLANK):
            record.blank = True
        elif record.takes(line):
            stop = line_end
        else:
            return _Extent(stop, begin, closed=True)
        lines, begin = lines + 1, min(line_end + 1, end)
    return _Extent(stop, end, closed=False)


def _line_end(content: bytes, begin: int) -> int:
    found = content.find(b"\n", begin)
    return len(content) if found < 0 else found


@dataclass(slots=True)
class _Open:
    """A record whose end is looked for, and what its lines so far let one expect of the next."""

    shape: Shape
    last: bytes
    blank: bool = False
    _indent: int = field(init=False)
    _fragment: bool = field(init=False)
    _named: bool = False
    _traced: bool = False
    _chained: bool = False
    _node: bool = False
    _go: bool = False
    _rust: int = 0

    def __post_init__(self) -> None:
        self._indent = _indent_of(self.last)
        self._fragment = _FRAME.match(self.last) is not None
        self._note(self.last)

    def takes(self, line: bytes) -> bool:
        """Whether the line goes on with this record, which then has it. It is not blank."""
        inner = _indent_of(line) > self._indent or (self._fragment and line[:1] in b" \t")
        if not inner and not self._takes_outer(line[min(self._indent, _indent_of(line)) :]):
            return False
        if inner:
            self._note(line)
        self.last, self.blank = line, False
        return True

    def _note(self, line: bytes) -> None:
        """Remembers what the line lets one expect: after Python's frames the exception, after a caret any line."""
        stripped = line[self._indent :]
        if _NODE_PLACE.match(stripped):
            self._named = self._node = True
        if _STRONG_OPENER.match(stripped) or _PYTHON_FRAME.match(line) or _CARET.match(line):
            self._named, self._traced, self._chained = True, True, False
        self._go = self._go or _GO_BEGIN.match(stripped) is not None
        self._rust = 3 if _RUST_BEGIN.match(stripped) else self._rust
        self._node = self._node or _FRAME.match(line) is not None or _CARET.match(line) is not None

    def _takes_outer(self, line: bytes) -> bool:
        """The same for a line that is not indented."""
        if self._named and not (self.shape.headed and _BEGIN.match(line) and not _OPENER.match(line)):
            self._named = False
            return True
        if _GOES_ON.match(line):
            self._chained = _CHAINED.match(line) is not None
            return True
        if _CLOSER.match(line):
            return self.last[:1] in b" \t"
        if self._indent and _GROUP.match(line):
            return True
        if self._go and _GO_LINE.match(line):
            return True
        if self._rust and not (self.shape.headed and _BEGIN.match(line)):
            return self._takes_rust(line)
        if _OPENER.match(line):
            return self._takes_opener(line)
        if self._node and line.startswith(b"Node.js v"):
            return True
        return self.shape.headed and not _BEGIN.match(line)

    def _takes_rust(self, line: bytes) -> bool:
        self._rust = self._rust - 1 if not line.startswith(b"note: ") else 0
        return True

    def _takes_opener(self, line: bytes) -> bool:
        strong = _STRONG_OPENER.match(line) is not None
        below = not self.blank and not self._traced and (strong or self.shape.headed)
        announced = self._chained or (below and self._announces())
        if announced:
            self._note(line)
        return announced

    def _announces(self) -> bool:
        """Whether the last line tells of trouble, so that a trace below it is part of the same."""
        line = self.last[:400]
        if _WHOLE.match(line) or _CALM.search(line, 0, 80):
            return False
        return _ALARMED.search(line) is not None or _ANNOUNCES.match(line) is not None


def _indent_of(line: bytes) -> int:
    return len(line) - len(line.lstrip(b" \t"))
