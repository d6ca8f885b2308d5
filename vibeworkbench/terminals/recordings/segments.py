"""The files of one recording: pieces of bounded size, each of them a file that plays.

Only the writer's thread writes. Nothing is synced: the end of the process at any moment loses nothing that was
written; after a power cut the kernel's last half minute may be missing. What is torn then is cut off at the next start,
back to the last line that says how far the file is.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from vibeworkbench.terminals.recordings import asciicast
from vibeworkbench.terminals.recordings.asciicast import Position

SUFFIX = ".cast"
SEGMENTS = 8
"""A recording that has all the bytes and days that it may have is in so many files."""

_TAIL_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is kept of a recording.

    Attributes:
        bytes: Most of all its files.
        age_s: Most that its oldest event is ago.
    """

    bytes: int
    age_s: float


@dataclass(frozen=True, slots=True)
class Segment:
    """One file.

    Attributes:
        path: Where it is.
        bytes: Its length, up to the end of a line.
        begins: What stands in it first.
        ends: What stands in it last.
    """

    path: Path
    bytes: int
    begins: Position
    ends: Position


class Segments:
    """The files of one terminal's recording."""

    def __init__(self, folder: Path, bounds: Bounds) -> None:
        """Args: the folder of this recording (made when something is written), and how much may stand in it."""
        self._folder = folder
        self._bounds = bounds
        self._fd: int | None = None
        self._bytes = 0
        self._number = 0
        self._began_at = 0.0

    def has_room(self, length: int) -> bool:
        """Whether so many bytes more belong into the open file."""
        return self._fd is not None and self._bytes + length <= self._bounds.bytes // SEGMENTS

    def is_old(self, now: float) -> bool:
        """Whether what comes next would keep the file's beginning from being forgotten in time."""
        return self._fd is not None and now - self._began_at > self._bounds.age_s / SEGMENTS

    def resume(self) -> Position | None:
        """Where the recording ended; the last file is mended and goes on. ``None`` where nothing is kept."""
        for path in reversed(paths(self._folder)):
            self._number = max(self._number, int(path.stem))
            found = mended(path)
            if found is not None:
                self._open(path, os.O_APPEND)
                self._bytes, self._began_at = found.bytes, found.begins.at
                return found.ends
        return None

    def begin(self, header: bytes, position: Position) -> None:
        """A new file has these first lines, and what is too much was forgotten.

        Raises:
            OSError: It could not be written.
        """
        self.close()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._number += 1
        path = self._folder / f"{self._number:04d}{SUFFIX}"
        self._open(path, os.O_CREAT | os.O_EXCL | os.O_APPEND)
        self._bytes, self._began_at = 0, position.at
        try:
            self.append(header + asciicast.comment(position))
        except OSError:
            self.close()
            path.unlink()
            raise
        self._keep_within()

    def append(self, lines: bytes) -> None:
        """The lines stand in the file, all or none.

        Raises:
            OSError: They could not be written.
        """
        assert self._fd is not None  # noqa: S101 - begin() or resume() was called
        left = memoryview(lines)
        try:
            while left:
                left = left[os.write(self._fd, left) :]
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._fd, self._bytes)
            raise
        self._bytes += len(lines)

    def close(self) -> None:
        """No file is open."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def forget_before(self, instant: float) -> None:
        """What began earlier is gone, the open file too: the next event begins a new one."""
        if self._fd is not None and self._began_at < instant:
            self.close()
        forget_before(self._folder, instant)

    def forget(self) -> None:
        """Nothing is left."""
        self.close()
        forget_before(self._folder, float("inf"))

    def _open(self, path: Path, flags: int) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW | flags, 0o600)
        os.fchmod(self._fd, 0o600)

    def _keep_within(self) -> None:
        """The new file may grow to its full size without the recording passing its bounds."""
        room = self._bounds.bytes - self._bounds.bytes // SEGMENTS
        for path in reversed(paths(self._folder)[:-1]):
            room -= path.stat().st_size
            if room < 0:
                path.unlink()


def paths(folder: Path) -> list[Path]:
    """The files of a recording, oldest first."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return sorted((each for each in folder.iterdir() if is_segment(each)), key=lambda path: int(path.stem))
    return []


def is_segment(path: Path) -> bool:
    """Whether the name is one that we give."""
    return path.suffix == SUFFIX and path.stem.isdecimal()


def segments(folder: Path) -> Iterator[Segment]:
    """What the files of a recording hold, oldest first; damaged ones are left out."""
    for path in paths(folder):
        with suppress(FileNotFoundError):
            if (found := read(path)) is not None:
                yield found


def read(path: Path) -> Segment | None:
    """What a file holds; ``None`` where it does not say how far it is."""
    with path.open("rb") as file:
        first = file.readline(_TAIL_BYTES)
        begins = asciicast.read_position(file.readline(_TAIL_BYTES))
        if begins is None or not asciicast.is_header(first.rstrip(b"\n")):
            return None
        for end, line in _lines_backwards(file.fileno()):
            if (ends := asciicast.read_position(line)) is not None:
                return Segment(path, end, begins, ends)
    return None


def mended(path: Path) -> Segment | None:
    """The file ends with the last line that says how far it is; one that has none is gone."""
    found = read(path)
    if found is None:
        path.unlink()
    elif path.stat().st_size > found.bytes:
        os.truncate(path, found.bytes)
    return found


def _lines_backwards(fd: int) -> Iterator[tuple[int, bytes]]:
    """The offset after each whole line, and the line, from the last one on."""
    begin, rest, is_last = os.fstat(fd).st_size, b"", True
    while begin > 0:
        length = min(_TAIL_BYTES, begin)
        begin -= length
        block = os.pread(fd, length, begin) + rest
        lines = block.split(b"\n")
        end = begin + len(block)
        for line in reversed(lines[1:]):
            if not is_last:
                yield end + 1, line
            is_last = False
            end -= len(line) + 1
        rest = lines[0]
    if not is_last:
        yield len(rest) + 1, rest


def forget_before(folder: Path, instant: float) -> None:
    """Files that began earlier are gone, damaged ones too, and so is the folder if nothing else is in it."""
    for path in paths(folder):
        with suppress(FileNotFoundError):
            found = read(path)
            if found is None or found.begins.at < instant:
                path.unlink()
    with suppress(OSError):
        folder.rmdir()
