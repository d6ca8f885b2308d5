"""Where reading of a file has got to, and how its content is recognised again under another name or inode."""

from __future__ import annotations

import gzip
import hashlib
import os
import stat
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import msgspec

PRINT_BYTES = 256
_SETTLED_S = 2.0
_GZIP = b"\x1f\x8b"


class Mark(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The durable position in one file. Every record before it was delivered, none after it.

    ``head`` and ``tail`` are hashes of the first and of the last 256 bytes before ``offset`` (fewer at the start): the
    same content has them whatever the file is called now, and a file that was truncated and grew again has not.
    """

    id: str
    """Names this content for good, whatever file holds it: a mark replaces the earlier one of the same id."""
    path: str
    """Where it was last seen."""
    name: str
    """The file name under which it was first seen: rotated names begin like it."""
    device: int
    inode: int
    offset: int = 0
    """Bytes consumed; of the uncompressed content for gzip."""
    head: str = ""
    tail: str = ""
    size: int = 0
    """Size on disk when it was last read."""
    modified_ns: int = 0
    settled: bool = False
    """Whether its last change was so long before the reading that ``size`` and ``modified_ns`` prove it unchanged."""
    inside: bool = False
    """Whether ``offset`` lies within a line too long to wait for; what follows up to its end is left out."""
    ended: bool = False
    """Whether everything up to ``size`` was delivered."""
    gone_at_s: int = 0
    """Unix time of the first look that did not find it; 0 while it is there."""

    @property
    def identity(self) -> tuple[int, int]:
        """Device and inode."""
        return self.device, self.inode

    @property
    def place(self) -> tuple[str, int, int, int, str, str, bool]:
        """What of it must be durable, so that nothing is read twice; the rest only saves work."""
        return self.path, self.device, self.inode, self.offset, self.head, self.tail, self.inside


def mark_of(stored: Mapping[str, Any]) -> Mark | None:
    """The mark of what :func:`stored_form` gave; ``None`` when another version wrote it, which read otherwise."""
    try:
        return msgspec.convert(stored, Mark)
    except msgspec.ValidationError:
        return None


def stored_form(mark: Mark) -> dict[str, Any]:
    """The mark as a JSON-able object."""
    form: dict[str, Any] = msgspec.to_builtins(mark)
    return form


@dataclass(slots=True)
class OpenFile:
    """A file held open: its identity cannot change any more, whatever happens to its name.

    Attributes:
        path: The name it was opened by.
        status: What the kernel says about it.
        content: Its bytes, uncompressed.
        raw: Its bytes as they are on disk.
        packed: Whether it is gzip.
        opened_at_ns: The system clock when it was opened.
    """

    path: str
    status: os.stat_result
    content: BinaryIO
    raw: BinaryIO
    packed: bool
    opened_at_ns: int

    @property
    def identity(self) -> tuple[int, int]:
        """Device and inode."""
        return self.status.st_dev, self.status.st_ino

    def close(self) -> None:
        """Gives the file back."""
        self.content.close()
        self.raw.close()  # GzipFile leaves a file open that it was given

    def read_at(self, offset: int, count: int) -> bytes:
        """``count`` bytes from ``offset``, fewer at the end.

        Raises:
            EOFError: A gzip file that is not complete.
            OSError: It cannot be read, or is no gzip file after all.
        """
        self.content.seek(offset)
        return self.content.read(count)

    def holds(self, mark: Mark) -> bool:
        """Whether its content up to the mark is what was read then."""
        if not self.packed and self.status.st_size < mark.offset:
            return False
        count = min(PRINT_BYTES, mark.offset)
        try:
            return fingerprint(self.read_at(0, count)) == mark.head and self.print_before(mark.offset) == mark.tail
        except (EOFError, OSError, zlib.error):  # no complete gzip file, or a broken disk
            return False

    def print_before(self, offset: int) -> str:
        """The fingerprint of the last bytes before ``offset``."""
        count = min(PRINT_BYTES, offset)
        return fingerprint(self.read_at(offset - count, count))

    def mark(self, content: tuple[str, str], prints: tuple[bytes, bytes], offset: int, **state: bool) -> Mark:
        """The mark at ``offset`` of this file.

        Args:
            content: The content's id, and the name under which it was first seen.
            prints: The first and the last bytes before ``offset``, as many as are printed.
            offset: Where it is.
            state: ``inside`` and ``ended``.
        """
        return Mark(
            id=content[0],
            path=self.path,
            name=content[1],
            device=self.status.st_dev,
            inode=self.status.st_ino,
            offset=offset,
            head=fingerprint(prints[0]),
            tail=fingerprint(prints[1]),
            size=self.status.st_size,
            modified_ns=self.status.st_mtime_ns,
            settled=self.opened_at_ns - self.status.st_mtime_ns > _SETTLED_S * 1e9,
            **state,
        )


def fingerprint(content: bytes) -> str:
    """16 hexadecimal digits of the content."""
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def opened(path: str) -> OpenFile | None:
    """The regular file at ``path`` held open; ``None`` for whatever is no regular file (a pipe would block).

    Raises:
        OSError: It is gone, or may not be read.
    """
    at_ns = time.time_ns()
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        return None
    raw = os.fdopen(descriptor, "rb")
    try:
        packed = raw.read(2) == _GZIP
        raw.seek(0)
    except OSError:
        raw.close()
        raise
    content = cast(BinaryIO, gzip.GzipFile(fileobj=raw, mode="rb") if packed else raw)
    return OpenFile(path, status, content, raw, packed, at_ns)


def unchanged(mark: Mark, status: os.stat_result) -> bool:
    """Whether the file of the mark has nothing new for sure, told without opening it."""
    same = (mark.device, mark.inode, mark.size, mark.modified_ns) == (
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
    )
    return same and mark.settled and mark.ended
