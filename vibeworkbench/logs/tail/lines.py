"""The records of an open file, read on from where the last reading got to.

The last record of a file may go on: it is left where it is until something else begins, or until the file was quiet
for a second. A line without an end waits longer, since only its writer knows what it will be.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from vibeworkbench.logs.joining import SAMPLE_BYTES, Shape, joined, shape_of
from vibeworkbench.logs.tail.marks import PRINT_BYTES, OpenFile

RECORD_BYTES = 2**17
"""What is kept of one record; a line beyond is cut, and not waited for."""
_CLOCK_S = 10.0
_CHUNK_BYTES = 2**18
_SHORT = 2**16
_CUT = " …"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a file is not written to before its last record, or a last line without an end, is taken for whole."""

    record_s: float = 1.0
    line_s: float = 10.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some records, and the state of the reading after them.

    Attributes:
        records: What was read, in order; texts whose last line has no end.
        offset: Where they end.
        inside: Whether that lies within an overlong line, of which the beginning is among the records.
        ended: Whether there is nothing more in the file.
        prints: The first and the last bytes before the offset.
    """

    records: list[str]
    offset: int
    inside: bool
    ended: bool
    prints: tuple[bytes, bytes]


def shape_at(source: OpenFile) -> Shape:
    """The shape that the file's beginning has.

    Raises:
        EOFError: A gzip file that is not complete.
        OSError: It cannot be read.
    """
    return shape_of(source.read_at(0, SAMPLE_BYTES).lstrip(b"\0"))


class Reader:
    """One reading of one file. Blocking; used once.

    Args:
        source: The open file.
        shape: What its lines are like.
        start: Offset of the first byte.
        inside: Whether that lies within a line whose beginning was delivered.
        patience: How long the last record is waited for.
    """

    def __init__(self, source: OpenFile, shape: Shape, start: int, *, inside: bool, patience: Patience) -> None:
        self._source = source
        self._shape = shape
        self._patience = patience
        self._head = source.read_at(0, PRINT_BYTES)
        begin = max(start - PRINT_BYTES, 0)
        self._before = source.read_at(begin, start - begin)
        self._offset = start
        self._inside = inside
        self._rest = b""
        self._records: list[str] = []
        self._started_at = start
        self.reached_end = False

    @property
    def waiting(self) -> bool:
        """Whether a record was left for later because it may go on."""
        return self.reached_end and b"\n" in self._rest

    def stretches(self, most_bytes: int, go_on: Callable[[], bool]) -> Iterator[Stretch]:
        """The records from ``start`` on, some at a time; the last stretch says how it ended, and may have none.

        Args:
            most_bytes: The record that passes this many bytes is about the last one.
            go_on: Asked between chunks; ``False`` ends the reading early.

        Raises:
            EOFError: A gzip file that is not complete.
            OSError: It cannot be read.
            zlib.error: The same, for gzip.
        """
        while self._offset - self._started_at < most_bytes and go_on():
            chunk = self._source.content.read(min(_CHUNK_BYTES, most_bytes))
            if not self._stands():
                break
            if not chunk:
                yield self._at_end()
                return
            self._take(self._rest + chunk)
            if self._records:
                yield self._stretch(ended=False)
        yield self._stretch(ended=False)

    def _stands(self) -> bool:
        """Whether what was read before is still there: a file may be cut, and grow again, while it is being read."""
        if self._source.packed:
            return True
        before = (self._before + self._rest)[-PRINT_BYTES:]
        start = self._offset + len(self._rest) - len(before)
        return os.pread(self._source.raw.fileno(), len(before), start) == before

    def _take(self, content: bytes) -> None:
        if self._inside:
            content = self._after_line(content)
        lines = content.rfind(b"\n") + 1
        if len(content) - lines > RECORD_BYTES:
            self._take_endless(content, lines)
            return
        found = joined(content[:lines], self._shape, whole=False)
        self._add(found.records)
        self._move(content, found.kept)

    def _after_line(self, content: bytes) -> bytes:
        end = content.find(b"\n") + 1
        self._inside = not end
        self._move(content, end or len(content))
        return self._rest

    def _take_endless(self, content: bytes, lines: int) -> None:
        """The last line is too long to wait for: its beginning counts, unless it is the hole that a truncation left."""
        self._add(joined(content[:lines], self._shape, whole=True).records)
        beginning = content[lines : lines + RECORD_BYTES + 1]
        self._add([beginning])
        self._inside = bool(content[lines:].strip(b"\0"))
        self._move(content, len(content))

    def _at_end(self) -> Stretch:
        """What is left over, as far as it is taken for whole by now."""
        self.reached_end = True
        quiet_s = self._quiet_s()
        lines = self._rest.rfind(b"\n") + 1
        upto = len(self._rest) if quiet_s >= self._patience.line_s else lines
        if quiet_s >= self._patience.record_s and upto:
            self._add(joined(self._rest[:upto], self._shape, whole=True).records)
            self._move(self._rest, upto)
        return self._stretch(ended=not self._rest)

    def _quiet_s(self) -> float:
        """For how long nothing was written; for ever in an archive, and by a clock that is wrong."""
        status = os.fstat(self._source.raw.fileno())
        quiet_s = (time.time_ns() - status.st_mtime_ns) / 1e9
        if self._source.packed or quiet_s < -_CLOCK_S:
            return math.inf
        quiet_s = max(quiet_s, 0.0)
        return quiet_s if status.st_size <= self._offset + len(self._rest) else -1.0

    def _add(self, records: list[bytes]) -> None:
        self._records += [text for each in records if (text := _text(each))]

    def _move(self, content: bytes, count: int) -> None:
        self._before = (self._before + content[max(count - PRINT_BYTES, 0) : count])[-PRINT_BYTES:]
        self._offset += count
        self._rest = content[count:]

    def _stretch(self, *, ended: bool) -> Stretch:
        records, self._records = self._records, []
        printed = min(PRINT_BYTES, self._offset)
        if len(self._head) < printed and not self._source.packed:  # the file was shorter when it was opened
            self._head = os.pread(self._source.raw.fileno(), PRINT_BYTES, 0)
        return Stretch(records, self._offset, self._inside, ended, (self._head[:printed], self._before))


def _text(record: bytes) -> str:
    """The record as text: without the hole that a writer leaves after its file was truncated, and not too long."""
    if b"\0" in record:
        record = record.replace(b"\0", b"").strip()
    text = record[:RECORD_BYTES].decode("utf-8", "replace")
    if len(record) <= _SHORT:
        return text
    # What is no UTF-8 takes three times its bytes.
    text = text if text.isascii() else text[:_SHORT]
    return text + _CUT if len(record) > RECORD_BYTES else text
