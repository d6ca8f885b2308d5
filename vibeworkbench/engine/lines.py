"""Log lines out of the Engine's two stream forms. Pure.

A container without a terminal sends frames: 8 bytes of header (stream, three zeros, size as a big-endian 32-bit number)
and the payload; one with a terminal sends raw bytes. With ``timestamps=1`` each message begins with its instant. A line
of more than 16 KiB comes in several messages of the same instant, of which only the last ends with a newline.

Source: Docker Engine API v1.47, ContainerAttach ("Stream format") and ContainerLogs; moby daemon/logger/copier.go
(16 KiB pieces, one timestamp for all of them).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from vibeworkbench.errors import UpstreamFailed

PIECE_BYTES = 16 * 2**10
"""Longest message of one log driver entry; a longer line is several of them."""
LINE_BYTES = 256 * 2**10
"""Longest line that is kept; the rest of a longer one is dropped."""
FRAME_BYTES = 8 * 2**20
"""No frame is larger: a header that says so is none, and the stream is of the other form."""

_HEADER = struct.Struct(">BxxxI")
_STREAMS = {0: "stdout", 1: "stdout", 2: "stderr", 3: "stderr"}
_STAMP = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d) ?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a container's output.

    Attributes:
        at_ns: Unix nanoseconds at which the Engine took it; 0 when the Engine did not say.
        stream: ``stdout`` or ``stderr``; a terminal has only the first.
        text: The line without its end.
    """

    at_ns: int
    stream: str
    text: str

    @property
    def at(self) -> datetime | None:
        """The instant, aware UTC, in microseconds; ``None`` when unknown."""
        return instant_of(self.at_ns) if self.at_ns else None


def instant_of(ns: int) -> datetime:
    """The aware UTC instant of Unix nanoseconds, rounded down to microseconds."""
    return _EPOCH + timedelta(microseconds=ns // 1000)


def nanoseconds_of(text: str) -> int:
    """Unix nanoseconds of an RFC 3339 instant; 0 for one that is none, or lies before 1970 (the Engine's "never")."""
    found = _STAMP.fullmatch(text.encode())
    return _ns(found) if found is not None else 0


def _ns(found: re.Match[bytes]) -> int:
    zone = found[3].decode().replace("Z", "+00:00")
    try:
        whole = datetime.fromisoformat(found[1].decode() + zone)
    except ValueError:  # month 13
        return 0
    fraction = int((found[2] or b"").ljust(9, b"0"))
    return max((whole - _EPOCH) // timedelta(seconds=1) * 10**9 + fraction, 0)


@dataclass(slots=True)
class _Open:
    """A line whose end has not come yet."""

    at_ns: int
    text: bytearray


class FramedLines:
    """Lines of a stream of frames."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._open: dict[str, _Open] = {}

    def feed(self, chunk: bytes) -> Iterator[Line]:
        """The lines that ``chunk`` completes.

        Raises:
            UpstreamFailed: These are no frames.
        """
        self._bytes += chunk
        while len(self._bytes) >= _HEADER.size:
            kind, size = _HEADER.unpack_from(self._bytes)
            if kind not in _STREAMS or self._bytes[1:4] != b"\0\0\0" or size > FRAME_BYTES:
                raise UpstreamFailed("the engine's log stream has no frames where they were expected")
            end = _HEADER.size + size
            if len(self._bytes) < end:
                return
            payload = bytes(self._bytes[_HEADER.size : end])
            del self._bytes[:end]
            yield from self._taken(_STREAMS[kind], payload)

    def rest(self) -> Iterator[Line]:
        """What the stream's end leaves open: lines that never got theirs."""
        for stream, begun in self._open.items():
            yield _line(begun.at_ns, stream, bytes(begun.text))
        self._open.clear()

    def _taken(self, stream: str, payload: bytes) -> Iterator[Line]:
        for piece in payload.splitlines(keepends=True) if payload.count(b"\n") > 1 else [payload]:
            at_ns, text = _stamped(piece)
            begun = self._open.get(stream)
            if begun is not None and at_ns not in (0, begun.at_ns):
                yield _line(begun.at_ns, stream, bytes(begun.text))
                begun = None
            if begun is None:
                begun = self._open[stream] = _Open(at_ns, bytearray())
            begun.text += text[: max(LINE_BYTES - len(begun.text), 0)]
            if text.endswith(b"\n"):
                del self._open[stream]
                yield _line(begun.at_ns, stream, bytes(begun.text))


class RawLines:
    """Lines of a terminal's stream."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._dropping = False

    def feed(self, chunk: bytes) -> Iterator[Line]:
        """The lines that ``chunk`` completes."""
        *whole, rest = (bytes(self._bytes) + chunk).split(b"\n")
        for number, line in enumerate(whole):
            if not (number == 0 and self._dropping):
                yield _raw(line)
        if whole:
            self._dropping = False
        if len(rest) > 2 * LINE_BYTES:  # shown up to its limit; what follows until its end is dropped
            if not self._dropping:
                yield _raw(rest)
            self._dropping, rest = True, b""
        self._bytes = bytearray(rest)

    def rest(self) -> Iterator[Line]:
        """What the stream's end leaves open."""
        if self._bytes and not self._dropping:
            yield _raw(bytes(self._bytes))
        self._bytes.clear()


def _raw(line: bytes) -> Line:
    at_ns, text = _stamped(line)
    stamp = line[: len(line) - len(text)]
    if stamp and len(text) > PIECE_BYTES:  # each piece has the stamp in front of it
        pieces, left = [text[:PIECE_BYTES]], text[PIECE_BYTES:]
        while left.startswith(stamp):
            left = left[len(stamp) :]
            pieces.append(left[:PIECE_BYTES])
            left = left[PIECE_BYTES:]
        text = b"".join(pieces) + left
    return _line(at_ns, "stdout", text)


def _stamped(message: bytes) -> tuple[int, bytes]:
    found = _STAMP.match(message)
    return (_ns(found), message[found.end() :]) if found is not None else (0, message)


def _line(at_ns: int, stream: str, text: bytes) -> Line:
    return Line(at_ns, stream, text[:LINE_BYTES].removesuffix(b"\n").removesuffix(b"\r").decode("utf-8", "replace"))


def lines_of(*, terminal: bool) -> FramedLines | RawLines:
    """The reader of a container's form of stream."""
    return RawLines() if terminal else FramedLines()
