"""What a workbench and a holder say to each other: one byte of kind, four of length, the body. Pure.

A holder outlives the workbench that started it, and perhaps its version: a kind never changes its meaning, and the
first byte of ``HELLO`` says which kinds there are.
"""

from __future__ import annotations

import struct

VERSION = 1
OUTPUT_BYTES = 65_536
"""Longest body of an ``OUTPUT``."""
INPUT_BYTES = 4_096
"""Longest body of an ``INPUT``."""
INPUT_WINDOW_BYTES = 65_536
"""Input that may be on its way, sent and not yet told as ``TAKEN``."""

HELLO = 1
"""Holder, at once: ``HELLO_BODY``, then the shell's identity in ASCII."""
ATTACHED = 2
"""Holder: absolute offset at which the output begins (``OFFSET``)."""
OUTPUT = 3
"""Holder: bytes of the stream, in order and without gaps."""
TAKEN = 4
"""Holder: so many bytes of this connection's input has the program's terminal taken (``OFFSET``)."""
EXIT = 5
"""Holder, after all output: the shell's exit code (``CODE``)."""
REPLACED = 6
"""Holder: another connection has attached; nothing follows."""
ATTACH = 16
"""Workbench: the output is wanted from this offset on (``OFFSET``)."""
INPUT = 17
"""Workbench: bytes for the program."""
RESIZE = 18
"""Workbench: rows and columns (``SIZE``)."""
SIGNAL = 19
"""Workbench: a signal for the foreground's processes (``CODE``)."""
END = 20
"""Workbench: the shell and its processes shall end, and the holder with them."""
DONE = 21
"""Workbench: the exit is known; the holder is not needed any more."""

HEADER = struct.Struct("!BI")
HELLO_BODY = struct.Struct("!BIQQhHH")
"""Version, the shell's process, base and head of what is kept, exit code or -1, rows, columns."""
OFFSET = struct.Struct("!Q")
SIZE = struct.Struct("!HH")
CODE = struct.Struct("!H")


def frame(kind: int, body: bytes = b"") -> bytes:
    """One frame."""
    return HEADER.pack(kind, len(body)) + body


class BadFrame(Exception):
    """The other side sent what is no frame."""


class Frames:
    """Frames out of a stream that arrives in pieces.

    Args:
        longest: Longest body that the other side may send.
    """

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._buffer = bytearray(2 * (longest + HEADER.size))
        self._view = memoryview(self._buffer)
        self._start = 0
        self._end = 0

    def room(self) -> memoryview:
        """Where the next bytes shall be put; never empty once ``taken`` has given all there was."""
        if self._start == self._end:
            self._start = self._end = 0
        elif self._start and len(self._buffer) - self._end <= self._longest:
            rest = self._end - self._start
            self._view[:rest] = bytes(self._view[self._start : self._end])
            self._start, self._end = 0, rest
        return self._view[self._end :]

    def put(self, count: int) -> None:
        """So many bytes were put there."""
        self._end += count

    def more(self, kind: int, most: int) -> bytes:
        """The bodies of the next frames that are there as a whole, while they are of this kind and not too much.

        Args:
            kind: What is wanted.
            most: Bytes.
        """
        bodies = []
        while self._end - self._start >= HEADER.size:
            next_kind, length = HEADER.unpack_from(self._buffer, self._start)
            if next_kind != kind or length > most or (found := self.taken()) is None:
                break
            bodies.append(found[1])
            most -= length
        return b"".join(bodies)

    def taken(self) -> tuple[int, bytes] | None:
        """The next frame's kind and body; ``None`` while it is not there as a whole.

        Raises:
            BadFrame: Its length is no frame's.
        """
        if self._end - self._start < HEADER.size:
            return None
        kind, length = HEADER.unpack_from(self._buffer, self._start)
        if length > self._longest:
            raise BadFrame
        begin = self._start + HEADER.size
        if self._end < begin + length:
            return None
        self._start = begin + length
        return kind, bytes(self._view[begin : self._start])
