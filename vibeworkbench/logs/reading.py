"""From the bodies that programs send to records in columns; what is wrong with one record costs only that one. Pure.

Slices are small, so that whoever shares the interpreter is never kept waiting for long.
"""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec

from vibeworkbench.errors import InvalidInput, LimitExceeded
from vibeworkbench.logs.columns import Lines, Refusal, microseconds
from vibeworkbench.logs.headers.forms import level_named
from vibeworkbench.logs.model import Kind, Level
from vibeworkbench.logs.wire import RecordBody, RefusedBody
from vibeworkbench.masking import masked
from vibeworkbench.settings import LogSettings
from vibeworkbench.web.decoding import decode_body, refusal

B = TypeVar("B")
T = TypeVar("T")

SLICE_BYTES = 256 * 2**10
RECORDS_AT_ONCE = 1000
LISTED = 1000
SAMPLE_CHARACTERS = 200
_SECONDS, _MILLISECONDS, _MICROSECONDS = 1e11, 1e14, 1e17
"""A number of this size or more is no number of seconds, milliseconds, microseconds since 1970."""
_YEAR_2262_US = 9_214_646_400_000_000
_RAWS = msgspec.json.Decoder(list[msgspec.Raw])
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


class _Source(msgspec.Struct):
    source: Any = None


_SOURCE = msgspec.json.Decoder(_Source)


class BodyReading(ABC, Generic[B, T]):
    """The records of one body, read slice by slice.

    Args:
        kind: What a record is.
    """

    def __init__(self, kind: type[B]) -> None:
        self.rejected: list[RefusedBody] = []
        self.omitted = 0
        self._index = 0
        self._strangers = 0
        self._kind_of_body = kind
        self._one = msgspec.json.Decoder(kind)
        self._many = msgspec.json.Decoder(list[kind])  # type: ignore[valid-type]

    @property
    def is_foreign(self) -> bool:
        """Whether there was something, and none of it was JSON."""
        return 0 < self._strangers == self._index

    @abstractmethod
    def begin(self) -> T:
        """Where the good records of a slice are kept."""

    @abstractmethod
    def wrong(self, body: B) -> tuple[str, str] | None:
        """What is wrong with a record that has the right shape: field and reason; otherwise it is kept."""

    def refused(self, raw: bytes | msgspec.Raw, field: str, reason: str) -> None:
        """A record is listed as rejected."""

    def several(self, raws: Sequence[bytes | msgspec.Raw]) -> T:
        """The good ones of some records, each a JSON text."""
        kept = self.begin()
        for start in range(0, len(raws), RECORDS_AT_ONCE):
            some = raws[start : start + RECORDS_AT_ONCE]
            try:
                bodies = self._many.decode(b"[" + b",".join(map(bytes, some)) + b"]")
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                bodies = []
            if len(bodies) == len(some):
                for body, raw in zip(bodies, some, strict=True):
                    self._judge(body, raw)
            else:
                for raw in some:
                    self._read(raw)
        return kept

    def lines(self, content: bytes) -> T:
        """The good ones of some whole lines, each a JSON text; empty lines do not count."""
        return self.several([line for line in content.split(b"\n") if line.strip()])

    def _read(self, raw: bytes | msgspec.Raw) -> None:
        try:
            body = self._one.decode(raw)
        except msgspec.ValidationError as error:
            refused = refusal(error, self._kind_of_body, "record")
            self._reject(raw, str(refused.attributes["field"]), str(refused.attributes["reason"]))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self._strangers += 1
            self._reject(raw, "record", "it is not JSON")
        else:
            self._judge(body, raw)

    def _judge(self, body: B, raw: bytes | msgspec.Raw) -> None:
        found = self.wrong(body)
        if found is not None:
            self._reject(raw, *found)
        else:
            self._index += 1

    def _reject(self, raw: bytes | msgspec.Raw, field: str, reason: str) -> None:
        if len(self.rejected) < LISTED:
            self.rejected.append(RefusedBody(self._index, field, reason))
        else:
            self.omitted += 1
        self._index += 1
        self.refused(raw, field, reason)


class Reading(BodyReading[RecordBody, Lines]):
    """The log records of one body.

    Args:
        kind: Where they come from.
        settings: Limits.
    """

    def __init__(self, kind: Kind, settings: LogSettings) -> None:
        super().__init__(RecordBody)
        self._kind = kind
        self._settings = settings
        self._lines = Lines()

    def begin(self) -> Lines:
        """Columns for the next records."""
        self._lines = Lines()
        return self._lines

    def wrong(self, body: RecordBody) -> tuple[str, str] | None:
        """What is wrong with a record; otherwise it stands in the columns."""
        level, at_us = level_number(body.level), unix_microseconds(body.timestamp)
        found = self._wrong(body, level, at_us)
        if found is not None:
            return found
        lines = self._lines
        lines.kind.append(self._kind.value)
        lines.source.append(body.source)
        lines.instance.append(body.instance)
        lines.stream.append(body.stream)
        lines.at_us.append(at_us)
        lines.level.append(level or 0)
        lines.message.append(body.message)
        lines.attributes.append(bytes(body.attributes).decode() if body.attributes else None)
        lines.id.append(body.id)
        return None

    def _wrong(self, body: RecordBody, level: int | None, at_us: int | None) -> tuple[str, str] | None:
        if level is None:
            return "level", "it names no level"
        if at_us is not None and not 0 <= at_us < _YEAR_2262_US:
            return "timestamp", "it is before 1970 or after 2261"
        limit = self._settings.message_bytes
        if len(body.message) * 4 > limit and len(body.message.encode()) > limit:
            return "message", f"it is longer than {limit} bytes"
        attributes = bytes(body.attributes) if body.attributes else b""
        if len(attributes) > self._settings.attributes_bytes:
            return "attributes", f"they are larger than {self._settings.attributes_bytes} bytes"
        if attributes and not attributes.startswith(b"{"):
            return "attributes", "they are no object"
        return None

    def refused(self, raw: bytes | msgspec.Raw, field: str, reason: str) -> None:
        """Its source is told of the record, with its beginning."""
        sample = masked(bytes(raw)[: 4 * SAMPLE_CHARACTERS].decode("utf-8", "replace"))[:SAMPLE_CHARACTERS]
        said = f"{field}: {reason}: {sample}"
        self._lines.refused.append(Refusal(self._kind.value, _source_of(raw), 1, said))


def records_of(body: bytes) -> tuple[list[msgspec.Raw], bool]:
    """The records of a JSON body, still as text, and whether it is ``{"records": [...]}`` and not one record itself.

    Raises:
        InvalidInput: It is no JSON object, or has something beside its records.
    """
    parts: dict[str, msgspec.Raw] = decode_body(body, dict[str, msgspec.Raw])
    if "records" not in parts:
        return [msgspec.Raw(body)], False
    for name in parts:
        if name != "records":
            raise InvalidInput(f"{name}: there is no such field.", field=name, reason="there is no such field")
    try:
        return _RAWS.decode(parts["records"]), True
    except msgspec.DecodeError:
        raise InvalidInput("records: this is no list.", field="records", reason="no list") from None


def _source_of(raw: bytes | msgspec.Raw) -> str:
    try:
        source = _SOURCE.decode(raw).source
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    return source if isinstance(source, str) and 0 < len(source) <= 256 and source.isprintable() else ""


def level_number(said: str | int | None) -> int | None:
    """The number of a level; ``None`` when the word means none."""
    if said is None or said == "":
        return 0
    if isinstance(said, int):
        return said
    name = said.strip().lower()
    number = _LEVELS.get(name)
    return number if number is not None else int(level_named(name)) or None


_LEVELS = {each.name: int(each) for each in Level}


def unix_microseconds(said: datetime | float | None) -> int | None:
    """Unix microseconds of an instant, without an offset UTC, or of a number of seconds or smaller units since 1970."""
    if said is None:
        return None
    if isinstance(said, datetime):
        return microseconds(said if said.tzinfo is not None else said.replace(tzinfo=UTC))
    if said < _SECONDS:
        return int(said * 1e6)
    if said < _MILLISECONDS:
        return int(said * 1e3)
    return int(said) if said < _MICROSECONDS else int(said / 1e3)


class Unpacking:
    """The content of a body, unpacked and cut at line ends, never more than a slice of it at a time.

    Args:
        encoding: ``gzip``, or empty.
        limit_bytes: Size of the content, unpacked, beyond which it is refused.
        line_bytes: Size of a line, beyond which it is refused.
    """

    def __init__(self, encoding: str, limit_bytes: int, line_bytes: int) -> None:
        if encoding not in {"", "identity", "gzip"}:
            allowed = ["gzip", "identity"]
            said = f"Content-Encoding: {encoding} is not understood."
            raise InvalidInput(said, field="Content-Encoding", reason="unknown", allowed=allowed)
        self._zip = zlib.decompressobj(wbits=31) if encoding == "gzip" else None
        self._limit_bytes = limit_bytes
        self._line_bytes = line_bytes
        self._size_bytes = 0
        self._rest = bytearray()

    def whole(self, content: bytes) -> bytes:
        """All of a body, unpacked.

        Raises:
            LimitExceeded: It is too large.
            InvalidInput: It is not what its encoding says.
        """
        unpacked = b"".join(self._unpacked(content))
        self._check_end()
        return unpacked

    def lines(self, chunk: bytes) -> Iterator[bytes]:
        """Whole lines that are there with this chunk.

        Raises:
            LimitExceeded: The content, or one line, is too large.
            InvalidInput: It is not what its encoding says.
        """
        for part in self._unpacked(chunk):
            self._rest += part
            if len(self._rest) >= SLICE_BYTES:
                yield from self._whole_lines()

    def _whole_lines(self) -> Iterator[bytes]:
        end = self._rest.rfind(b"\n") + 1
        if end:
            content = bytes(self._rest[:end])
            del self._rest[:end]
            yield content
        elif len(self._rest) > self._line_bytes:
            limit = self._line_bytes
            raise LimitExceeded(f"A line is larger than {limit} bytes.", field="body", limit_bytes=limit)

    def last(self) -> bytes:
        """What is left when the body has ended.

        Raises:
            InvalidInput: It has not ended as its encoding says.
        """
        self._check_end()
        return bytes(self._rest)

    def _check_end(self) -> None:
        if self._zip is not None and not self._zip.eof:
            raise _not_gzip()

    def _unpacked(self, content: bytes) -> Iterator[bytes]:
        unpacker = self._zip
        while content:
            if unpacker is None:
                part, content = content, b""
            else:
                if unpacker.eof:  # members may follow one another (RFC 1952, 2.2)
                    unpacker = self._zip = zlib.decompressobj(wbits=31)
                try:
                    part = unpacker.decompress(content, SLICE_BYTES)
                except zlib.error:
                    raise _not_gzip() from None
                content = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
            self._size_bytes += len(part)
            if self._size_bytes > self._limit_bytes:
                limit = self._limit_bytes
                raise LimitExceeded(f"The body is larger than {limit} bytes.", field="body", limit_bytes=limit)
            yield part


def _not_gzip() -> InvalidInput:
    return InvalidInput("The body is not gzip.", field="body", reason="not gzip")
