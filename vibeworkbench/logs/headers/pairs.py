"""Lines that name their fields: JSON objects and logfmt (key=value). Which field is which is learned from the lines."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from vibeworkbench.logs.headers.forms import Parsed, level_named, value_level
from vibeworkbench.logs.headers.instants import instant_in
from vibeworkbench.logs.model import Level

# Names of fields, the commonest first: bunyan, pino, structlog, zap, ECS, GELF, OpenTelemetry, Docker, Serilog.
MESSAGES = (
    "message", "msg", "event", "log", "body", "Body", "short_message", "@m", "MESSAGE", "text", "textPayload", "@mt",
    "error",
)  # fmt: skip
TIMES = (
    "timestamp", "@timestamp", "time", "ts", "t", "datetime", "date", "Timestamp", "@t", "asctime", "eventTime",
    "created",
)  # fmt: skip
LEVELS = (
    "level", "severity", "lvl", "levelname", "loglevel", "log_level", "log.level", "severityText", "SeverityText", "@l",
    "Level", "s", "PRIORITY",
)  # fmt: skip
NESTED = {"log.level": ("log", "level"), "t.$date": ("t", "$date")}
MOST_FORMS = 6

_PAIR = re.compile(r"([A-Za-z_@][\w.@-]*)=(\"(?:[^\"\\]|\\.)*\"|[^\s\"]*)", re.ASCII)
_LOGFMT = re.compile(r"^[A-Za-z_@][\w.@-]*=(?:\"(?:[^\"\\]|\\.)*\"|[^\s\"]*)(?: +[A-Za-z_@][\w.@-]*=)", re.ASCII)


@dataclass(frozen=True, slots=True)
class JsonForm:
    """A JSON object whose fields hold message, instant and level.

    Attributes:
        message: Name of the field with the message.
        time: Name of the field with the instant; empty for none.
        level: Name of the field with the level; empty for none.
    """

    message: str
    time: str = ""
    level: str = ""

    @property
    def name(self) -> str:
        """What it is called."""
        return f"JSON: {', '.join(part for part in (self.time, self.level, self.message) if part)}"

    def parsed(self, line: str, now: datetime) -> Parsed | None:
        """The line taken apart; ``None`` when it is no object with this message."""
        if (fields := _object(line)) is None or self.message not in fields:
            return None
        message = fields.pop(self.message)
        at = instant_in(_taken(fields, self.time), now)
        level = value_level(_taken(fields, self.level))
        text = message if isinstance(message, str) else msgspec.json.encode(message).decode()
        return Parsed(at, level, text.rstrip("\n"), fields, self.name)


def _object(line: str) -> dict[str, Any] | None:
    if line.lstrip()[:1] != "{":
        return None
    try:
        fields = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeError):
        return None
    return fields if isinstance(fields, dict) else None


def _taken(fields: dict[str, Any], name: str) -> object:
    if not name:
        return None
    if name in fields:
        return fields.pop(name)
    outer, inner = NESTED.get(name, ("", ""))
    nested = fields.get(outer)
    return nested.get(inner) if isinstance(nested, dict) else None


def json_forms(lines: Sequence[str]) -> list[JsonForm]:
    """The forms of the JSON objects among the lines, in order of appearance."""
    found: dict[JsonForm, None] = {}
    for line in lines:
        if (fields := _object(line)) and (message := _first(fields, MESSAGES)):
            time, level = _first(fields, TIMES), _first(fields, LEVELS)
            found.setdefault(JsonForm(message, time if time != message else "", level if level != message else ""))
    return list(found)[:MOST_FORMS]


def _first(fields: Mapping[str, Any], names: Sequence[str]) -> str:
    for name in names:
        outer, inner = NESTED.get(name, ("", ""))
        nested = fields.get(outer)
        if name in fields or (isinstance(nested, dict) and inner in nested):
            return name
    return ""


@dataclass(frozen=True, slots=True)
class LogfmtForm:
    """Pairs ``key=value`` from the line's start on, with a message among them."""

    message: str
    time: str = ""
    level: str = ""

    @property
    def name(self) -> str:
        """What it is called."""
        return f"logfmt: {', '.join(part for part in (self.time, self.level, self.message) if part)}"

    def parsed(self, line: str, now: datetime) -> Parsed | None:
        """The line taken apart; ``None`` when it does not start with pairs, or has no such message."""
        if not _LOGFMT.match(line):
            return None
        fields: dict[str, Any] = {key: _unquoted(value) for key, value in _PAIR.findall(line)}
        if self.message not in fields:
            return None
        message = fields.pop(self.message)
        at = instant_in(fields.pop(self.time, None), now)
        word = fields.pop(self.level, "")
        return Parsed(at, level_named(word) if word else Level.unknown, message, fields, self.name)


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value[:1] == '"' else value


def logfmt_forms(lines: Sequence[str]) -> list[LogfmtForm]:
    """The forms of the logfmt lines among the lines, in order of appearance."""
    found: dict[LogfmtForm, None] = {}
    for line in lines:
        if _LOGFMT.match(line):
            fields = dict(_PAIR.findall(line))
            if message := _first(fields, MESSAGES):
                found.setdefault(LogfmtForm(message, _first(fields, TIMES), _first(fields, LEVELS)))
    return list(found)[:MOST_FORMS]
