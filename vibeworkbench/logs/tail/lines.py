"""Complete lines of an open file, counted by level, with a few samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from vibeworkbench.logs.headers.instants import instant_of
from vibeworkbench.logs.headers.levels import TRACE, UNKNOWN, level_of
from vibeworkbench.logs.tail.marks import OpenFile
from vibeworkbench.masking import masked

LINE_BYTES = 2**20
SAMPLES = 3
SAMPLE_CHARACTERS = 500
_CHUNK_BYTES = 2**18


@dataclass(slots=True)
class Tally:
    """Lines by level; of the levels that matter the first few, masked, and the first and last instant they name.

    ``now`` is the present, aware UTC, for dates without a year.
    """

    sampled: frozenset[str]
    now: datetime
    counts: Counter[str] = field(default_factory=Counter)
    samples: list[str] = field(default_factory=list)
    first_at: datetime | None = None
    last_at: datetime | None = None
    _failed: bool = False
    _trace: bool = False

    def add(self, line: bytes) -> None:
        """Counts one line; a Python traceback counts once, by its last line or by the error that announced it."""
        if b"\0" in line:
            line = line.lstrip(b"\0")  # the hole that a writer leaves after its file was truncated under it
        level = UNKNOWN if self._in_trace(line) else level_of(line)
        self.counts[level] += 1
        if not self._trace:
            self._failed = level in ("error", "critical", "fatal")
        if level in self.sampled:
            self._note(line, instant_of(line, self.now))

    def join(self, other: Tally) -> None:
        """Adds what another tally counted."""
        self.counts.update(other.counts)
        self.samples = [*self.samples, *other.samples][:SAMPLES]
        for at in (other.first_at, other.last_at):
            self._stretch(at)

    def _note(self, line: bytes, at: datetime | None) -> None:
        if len(self.samples) < SAMPLES:
            text = line[: SAMPLE_CHARACTERS * 8].decode("utf-8", "replace").strip()
            self.samples.append(masked(text)[:SAMPLE_CHARACTERS])
        self._stretch(at)

    def _stretch(self, at: datetime | None) -> None:
        if at is not None:
            self.first_at = min(self.first_at or at, at)
            self.last_at = max(self.last_at or at, at)

    def _in_trace(self, line: bytes) -> bool:
        """Whether the line belongs to a traceback and is not the one that counts for it."""
        if line.startswith(TRACE):
            self._trace = True
            return True
        if self._trace and line[:1] not in (b" ", b"\t", b"", b"\r"):
            self._trace = False
            return self._failed
        return self._trace


@dataclass(frozen=True, slots=True)
class Stretch:
    """How far a reading got: the offset after the last complete line.

    ``inside`` says that the offset lies within an overlong line that is counted already; ``ended`` that there was
    nothing more to read.
    """

    offset: int
    inside: bool
    ended: bool


def read_lines(
    source: OpenFile, tally: Tally, start: int, most_bytes: int, *, inside: bool, go_on: Callable[[], bool]
) -> Stretch:
    """Counts the complete lines from ``start`` on; the last line without an end is left for later.

    Args:
        source: The open file.
        tally: Takes the lines.
        start: Offset of the first byte.
        most_bytes: The first line that ends after this many bytes is the last one.
        inside: Whether ``start`` lies within a line that is counted already.
        go_on: Asked between chunks; ``False`` ends the reading early.

    Raises:
        EOFError: A gzip file that is not complete; what was counted is to be thrown away.
        OSError: It cannot be read.
    """
    source.content.seek(start)
    offset, rest = start, b""
    while offset - start < most_bytes and go_on():
        chunk = source.content.read(_CHUNK_BYTES)
        if not chunk:
            return Stretch(offset, inside, ended=True)
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            offset += len(line) + 1
            if inside:
                inside = False
            else:
                tally.add(line)
            if offset - start >= most_bytes:
                return Stretch(offset, inside, ended=False)
        if len(rest) > LINE_BYTES:
            if not inside:
                tally.add(rest)
            offset, rest, inside = offset + len(rest), b"", True
    return Stretch(offset, inside, ended=False)
