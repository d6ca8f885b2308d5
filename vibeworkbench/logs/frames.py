"""What stands in a file of the spool: frames, each with its length and checksum. Pure.

A frame is ``magic (4 bytes) | length of the body (4) | CRC-32 of the body (4) | body``, numbers little-endian; the body
is a MessagePack array of payload kind, arrival, hashed ids, payload and number of records.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

import msgspec

MAGIC = b"\xf5VW\x01"
HEADER = struct.Struct("<4sII")


class Frame(msgspec.Struct, frozen=True, array_like=True):
    """One thing that arrived, whole.

    Attributes:
        kind: Which payload it is, for instance ``lines``: says who puts it into the warehouse.
        received_us: When it arrived, Unix microseconds.
        ids: Hashes of its records' ids, 8 bytes each (see :mod:`vibeworkbench.logs.window`).
        payload: The rest, as its kind says.
        records: How many records it has; 0 in what an earlier version has written.
    """

    kind: str
    received_us: int
    ids: bytes
    payload: bytes
    records: int = 0


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Frame)


def encoded(frame: Frame) -> bytes:
    """The frame as it stands in a file."""
    body = _ENCODER.encode(frame)
    return HEADER.pack(MAGIC, len(body), zlib.crc32(body)) + body


def frame_at(content: bytes, offset: int) -> tuple[Frame, int] | None:
    """The whole and undamaged frame that begins at ``offset``, and where it ends; ``None`` if there is none."""
    if offset + HEADER.size > len(content):
        return None
    magic, length, checksum = HEADER.unpack_from(content, offset)
    start = offset + HEADER.size
    if magic != MAGIC or start + length > len(content):
        return None
    body = content[start : start + length]
    if zlib.crc32(body) != checksum:
        return None
    try:
        return _DECODER.decode(body), start + length
    except msgspec.DecodeError:  # a body with the right checksum that another version has written
        return None


def frames_in(content: bytes, offset: int = 0) -> Iterator[tuple[int, Frame, int]]:
    """Every undamaged frame from ``offset`` on, as ``(start, frame, end)``; damaged stretches are stepped over."""
    while True:
        found = frame_at(content, offset)
        if found is None:
            offset = content.find(MAGIC, offset + 1)
            if offset < 0:
                return
            continue
        yield offset, *found
        offset = found[1]
