"""Recordings read back from their files."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from vibeworkbench.terminals.recordings import Kept, LastScreen, asciicast
from vibeworkbench.terminals.recordings.segments import Segment, segments

PIECE_BYTES = 262_144
_CLEARED = "\x1bc"


@dataclass(frozen=True, slots=True)
class Opened:
    """A file of a recording up to the length that it had when it was opened."""

    file: BinaryIO
    segment: Segment

    def lines(self) -> Iterator[list[bytes]]:
        """Its lines without their ends, in pieces."""
        left, rest = self.segment.bytes, b""
        while left > 0 and (piece := self.file.read(min(PIECE_BYTES, left))):
            left -= len(piece)
            *lines, rest = (rest + piece).split(b"\n")
            yield lines


def opened(folder: Path, stack: ExitStack) -> list[Opened]:
    """Every file of a recording, oldest first; what is forgotten from now on can still be read."""
    found: list[Opened] = []
    for segment in segments(folder):
        try:
            found.append(Opened(stack.enter_context(segment.path.open("rb")), segment))
        except FileNotFoundError:
            continue
    return found


def whole(files: Iterable[Opened]) -> Iterator[bytes]:
    """One asciicast of them all: the first header, and every event; intervals go on from file to file."""
    with_header = True
    for each in files:
        for lines in each.lines():
            kept = [line for line in lines if asciicast.is_event(line) or (with_header and asciicast.is_header(line))]
            with_header = False
            if kept:
                yield b"\n".join(kept) + b"\n"


def last_screen(folder: Path, limit_bytes: int) -> LastScreen | None:
    """The tail of the output, at most so much."""
    found = list(segments(folder))
    if not found:
        return None
    parts: list[str] = []
    length = 0
    for text in _outputs_backwards(found):
        parts.append(text)
        length += len(text.encode())
        if length > limit_bytes or text == _CLEARED:
            break
    return LastScreen(_tail("".join(reversed(parts)), limit_bytes), found[-1].ends.size)


def _outputs_backwards(found: Sequence[Segment]) -> Iterator[str]:
    for segment in reversed(found):
        with segment.path.open("rb") as file:
            for line in _backwards(file, segment.bytes):
                event = asciicast.read_event(line)
                if event is not None and event[1] == asciicast.OUTPUT:
                    yield event[2]


def _backwards(file: BinaryIO, end: int) -> Iterator[bytes]:
    rest = b""
    while end > 0:
        begin = max(0, end - PIECE_BYTES)
        lines = (os.pread(file.fileno(), end - begin, begin) + rest).split(b"\n")
        yield from reversed(lines[1:])
        rest, end = lines[0], begin
    yield rest


def _tail(text: str, limit_bytes: int) -> bytes:
    output = text.encode()
    if len(output) <= limit_bytes:
        return output
    tail = output[len(output) - limit_bytes :]
    line = tail.find(b"\n") + 1
    return tail[line:] if line else tail.lstrip(bytes(range(0x80, 0xC0)))


def kept(folder: Path) -> Kept | None:
    """What is kept in the folder of a terminal; ``None`` where nothing is."""
    found = list(segments(folder))
    if not found:
        return None
    return Kept(
        terminal_id=folder.name,
        bytes=sum(each.bytes for each in found),
        duration_s=sum(each.ends.at - each.begins.at for each in found),
        began_at=found[0].begins.at,
        ended_at=found[-1].ends.at,
    )
