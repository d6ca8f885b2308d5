"""Entries of the systemd journal, as ``journalctl -o json`` prints them, become records. Pure.

Source: systemd's JOURNAL EXPORT FORMATS, "Journal JSON Format"; systemd.journal-fields(7).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from vibeworkbench.logs.joining import Shape, joined
from vibeworkbench.logs.model import Kind, Level, Record

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Severities of syslog, RFC 5424 section 6.2.1.
_LEVELS = (
    Level.fatal, Level.critical, Level.critical, Level.error, Level.warning, Level.notice, Level.info, Level.debug,
)  # fmt: skip
_MESSAGE_CHARACTERS = 2**16


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the journal.

    Attributes:
        cursor: Its place, as journalctl takes it back.
        written_us: When it was written, Unix microseconds.
        source: The unit that wrote it, or else what it calls itself.
        instance: The process that did.
        message: What it says.
        level: How serious it says it is.
        attributes: Unit, identifier and transport, as far as it has them.
    """

    cursor: str
    written_us: int
    source: str
    instance: str
    message: str
    level: Level
    attributes: dict[str, object]


def entry_of(line: bytes) -> Entry | None:
    """The entry of one line of output; ``None`` for one that is none, or says nothing."""
    try:
        fields = msgspec.json.decode(line, type=dict[str, Any])
        cursor, written_us = str(fields["__CURSOR"]), int(fields["__REALTIME_TIMESTAMP"])
    except (msgspec.DecodeError, KeyError, TypeError, ValueError, UnicodeDecodeError):
        return None
    message = _text(fields.get("MESSAGE"))
    if not message.strip():
        return None
    unit, name = _text(fields.get("_SYSTEMD_UNIT")), _text(fields.get("SYSLOG_IDENTIFIER"))
    told = {"unit": unit, "identifier": name, "transport": _text(fields.get("_TRANSPORT"))}
    return Entry(
        cursor=cursor,
        written_us=written_us,
        source=_source(unit, name or _text(fields.get("_COMM"))),
        instance=_text(fields.get("_PID")) or _text(fields.get("SYSLOG_PID")),
        message=message[:_MESSAGE_CHARACTERS],
        level=_level(_text(fields.get("PRIORITY"))),
        attributes={key: value for key, value in told.items() if value},
    )


def _text(value: Any) -> str:
    """A field as text: what is no UTF-8 is printed as numbers, and a field that an entry has twice as a list."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value:
        if all(isinstance(each, int) and 0 <= each < 256 for each in value):
            return bytes(value).decode("utf-8", "replace")
        return _text(value[0])
    return ""


def _source(unit: str, name: str) -> str:
    """A service by its unit; what runs in somebody's session by its own name."""
    service = unit.removesuffix(".service")
    if service != unit and not service.startswith("user@"):
        return service
    return name or unit or "journal"


def _level(priority: str) -> Level:
    return _LEVELS[int(priority)] if priority in {"0", "1", "2", "3", "4", "5", "6", "7"} else Level.unknown


def records_of(entries: Sequence[Entry]) -> list[Record]:
    """The records of some entries: the lines that one process wrote one after the other may be one record."""
    by_writer: dict[tuple[str, str], list[Entry]] = {}
    for each in entries:
        by_writer.setdefault((each.source, each.instance), []).append(each)
    made = [record for written in by_writer.values() for record in _joined(written)]
    return sorted(made, key=lambda record: record.timestamp or _EPOCH)


def _joined(written: Sequence[Entry]) -> Iterator[Record]:
    lines: list[Entry] = []
    for each in written:
        if "\n" in each.message:
            yield from _of_lines(lines)
            lines = []
            yield _record([each], each.message)
        else:
            lines.append(each)
    yield from _of_lines(lines)


def _of_lines(lines: Sequence[Entry]) -> Iterator[Record]:
    content = "".join(f"{each.message}\n" for each in lines).encode("utf-8", "replace")
    at = 0
    for text in joined(content, Shape(), whole=True).records:
        count = text.count(b"\n") + 1
        yield _record(lines[at : at + count], text.decode())
        at += count


def _record(entries: Sequence[Entry], message: str) -> Record:
    first = entries[0]
    return Record(
        kind=Kind.journal,
        source=first.source,
        message=message,
        timestamp=_EPOCH + timedelta(microseconds=first.written_us),
        level=max(each.level for each in entries),
        instance=first.instance,
        attributes=first.attributes,
    )
