"""One form of a header: a pattern that Python's re and DuckDB's RE2 read alike, and what its groups mean."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache

from vibeworkbench.logs.headers.levels import HEADER_BYTES, known_level, level_of, value_named
from vibeworkbench.logs.headers.stamps import instant
from vibeworkbench.logs.model import Level

STAMP_GROUPS = frozenset({"y", "mo", "d", "h", "mi", "s", "f", "g", "z", "b", "ap", "ep"})
ATTRIBUTES = ("host", "component", "pid", "thread", "stream")


@dataclass(frozen=True, slots=True)
class Parsed:
    """A line taken apart.

    Attributes:
        timestamp: When it was said, aware UTC; ``None`` when its header does not tell.
        level: How serious its header says it is.
        message: What remains without the header.
        attributes: What else the header told: host, component, pid, thread.
        form: Which form it has; empty when none fits.
    """

    timestamp: datetime | None
    level: Level
    message: str
    attributes: Mapping[str, object] = field(default_factory=dict)
    form: str = ""


@lru_cache(maxsize=4096)
def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern, in the ASCII reading that RE2 has."""
    return re.compile(pattern, re.ASCII)


def level_named(word: str) -> Level:
    """The level that a word, a letter or nothing means."""
    return Level[known_level(word)]


def level_in(message: str) -> Level:
    """The level that a message itself tells, when its header does not: ``error: …``, the first line of a crash."""
    return Level[level_of(message[:HEADER_BYTES].encode("utf-8", "replace"))]


@lru_cache(maxsize=4096)
def level_word(word: str) -> Level:
    """The level that a header's word means, as ``sql.py`` hands it over: ``<13>`` of syslog, ``status 502`` of HTTP."""
    if word[:1] == "<":
        return SEVERITIES[int(word[1:-1]) & 7] if word != "<>" else Level.unknown
    if word.startswith("status "):
        return Level.unknown if word == "status " else Level.error if word[7:] >= "5" else Level.info
    return value_level(word)


def value_level(value: object) -> Level:
    """The level that a field's value means: a word, or a number of syslog's or bunyan's scale."""
    if value is None:
        return Level.unknown
    return Level[value_named(value)]


@dataclass(frozen=True)
class Form:
    """A header that stands before the message.

    Attributes:
        name: What it is called; a learned one is told by its columns.
        pattern: Matches the header, anchored at the start. Groups: those of a stamp, ``level``, ``priority`` (of
            syslog), and attributes.
        status: Matches the start of the message; its first group is a status of HTTP. Empty when there is none.
    """

    name: str
    pattern: str
    status: str = ""

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """The names of its groups, in order."""
        return tuple(compiled(self.pattern).groupindex)

    def parsed(self, line: str, now: datetime) -> Parsed | None:
        """The line taken apart; ``None`` when its header has another form."""
        if not (found := compiled(self.pattern).match(line)):
            return None
        parts = found.groupdict()
        attributes: dict[str, object] = {name: parts[name] for name in ATTRIBUTES if parts.get(name)}
        message = line[found.end() :]
        return Parsed(instant(parts, now), _level(parts) or self._by_status(message), message, attributes, self.name)

    def _by_status(self, message: str) -> Level:
        if not self.status or not (found := compiled(self.status).match(message)):
            return Level.unknown
        return Level.error if found[1] >= "5" else Level.info


def _level(parts: Mapping[str, str | None]) -> Level:
    if word := parts.get("level"):
        return level_named(word)
    if priority := parts.get("priority"):
        return SEVERITIES[int(priority) & 7]
    return Level.unknown


# Severity numbers of syslog, RFC 5424 section 6.2.1.
SEVERITIES = (
    Level.critical, Level.critical, Level.critical, Level.error, Level.warning, Level.notice, Level.info, Level.debug,
)  # fmt: skip
