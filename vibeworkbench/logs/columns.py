"""Log records in columns, as they stand in the spool: cheap to write, and cheap to hand to the warehouse. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from vibeworkbench.logs.model import Record
from vibeworkbench.logs.window import hashed

PAYLOAD = "lines"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class FileMark(msgspec.Struct, frozen=True, array_like=True):
    """How far one file of a target was read; what was read up to there stands in the same frame.

    Attributes:
        target: The target's subject, for instance ``files:app``.
        path: The file, or any other name that the target's reader gives to a part of its reading.
        mark: The position as its reader has it, JSON-able; ``None`` when it is to be forgotten.
    """

    target: str
    path: str
    mark: Mapping[str, Any] | None


class Refusal(msgspec.Struct, frozen=True, array_like=True):
    """Records of one source that could not be taken.

    Attributes:
        kind: Where they came from.
        source: Who said them; empty when that could not be read.
        count: How many.
        sample: The beginning of one of them, and why it was refused.
    """

    kind: str
    source: str
    count: int
    sample: str


class Lines(msgspec.Struct, array_like=True):
    """Records in columns of the same length, with what belongs to them.

    Attributes:
        kind: Kinds.
        source: Sources.
        instance: Instances.
        stream: Streams.
        at_us: Unix microseconds at which they were said; ``None`` where the record does not tell.
        level: Levels, as numbers.
        message: Messages, still with their headers where they have some.
        attributes: JSON objects, or ``None``.
        id: The senders' ids, or empty.
        marks: Positions in the files from which the records were read.
        refused: What was refused beside them.
    """

    kind: list[str] = []
    source: list[str] = []
    instance: list[str] = []
    stream: list[str] = []
    at_us: list[int | None] = []
    level: list[int] = []
    message: list[str] = []
    attributes: list[str | None] = []
    id: list[str] = []
    marks: list[FileMark] = []
    refused: list[Refusal] = []

    def __len__(self) -> int:
        return len(self.message)

    def hashes(self) -> list[int]:
        """The hash of each record's id; 0 where it has none."""
        if not any(self.id):
            return [0] * len(self)
        columns = zip(self.kind, self.source, self.instance, self.id, strict=True)
        return [hashed(PAYLOAD, *parts) if parts[3] else 0 for parts in columns]

    def only(self, wanted: Sequence[bool]) -> Lines:
        """The records that are wanted, with all that belongs to them."""
        if all(wanted):
            return self
        kept = ([value for value, is_kept in zip(column, wanted, strict=True) if is_kept] for column in self._columns())
        lines = Lines(*kept)
        lines.marks, lines.refused = self.marks, self.refused
        return lines

    def _columns(self) -> tuple[list[Any], ...]:
        return (
            self.kind,
            self.source,
            self.instance,
            self.stream,
            self.at_us,
            self.level,
            self.message,
            self.attributes,
            self.id,
        )


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of records that were brought: ``accepted`` are on disk, ``duplicates`` were before."""

    accepted: int
    duplicates: int


def lines_of(records: Iterable[Record], marks: Iterable[FileMark] = ()) -> Lines:
    """Records in columns."""
    lines = Lines(marks=[*marks])
    for each in records:
        lines.kind.append(each.kind.value)
        lines.source.append(each.source)
        lines.instance.append(each.instance)
        lines.stream.append(each.stream)
        lines.at_us.append(None if each.timestamp is None else microseconds(each.timestamp))
        lines.level.append(int(each.level))
        lines.message.append(each.message)
        lines.attributes.append(msgspec.json.encode(each.attributes).decode() if each.attributes else None)
        lines.id.append(each.id)
    return lines


def microseconds(at: datetime) -> int:
    """Unix microseconds of an aware instant."""
    return (at - _EPOCH) // _MICROSECOND


def instant(us: int) -> datetime:
    """The aware UTC instant of Unix microseconds.

    Raises:
        OverflowError: There is no such instant.
    """
    return _EPOCH + us * _MICROSECOND


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Lines)


def encoded(lines: Lines) -> bytes:
    """The payload of a frame."""
    return _ENCODER.encode(lines)


def decoded(payload: bytes) -> Lines:
    """The records of a payload.

    Raises:
        msgspec.DecodeError: It is none.
    """
    return _DECODER.decode(payload)
