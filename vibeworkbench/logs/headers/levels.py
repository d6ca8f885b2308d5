"""The level of one log line in the common formats: a heuristic on its header, no parsing of the message. Pure.

Known: JSON lines (bunyan, pino, structlog, ECS, GELF, OpenTelemetry, Docker's json-file), logfmt, syslog with priority,
Python logging, log4j and its relatives, nginx and Apache error and access logs, klog, and the first lines of crashes.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

UNKNOWN = "unknown"
HEADER_BYTES = 512
_ANSI = re.compile(rb"\x1b\[[0-9;]*m")

_NAMES = {
    "trace": "trace", "verbose": "trace", "v": "trace", "t": "trace", "finest": "trace", "finer": "trace",
    "debug": "debug", "dbg": "debug", "fine": "debug",
    "info": "info", "inf": "info", "information": "info", "informational": "info", "config": "info", "log": "info",
    "system": "info", "notice": "notice", "note": "notice",
    "warn": "warning", "warning": "warning", "wrn": "warning",
    "error": "error", "err": "error", "eror": "error", "severe": "error",
    "failure": "error",
    "critical": "critical", "crit": "critical", "alert": "critical", "emerg": "critical", "emergency": "critical",
    "fatal": "fatal", "panic": "fatal", "dpanic": "fatal", "ftl": "fatal",
    "c": "critical", "i": "info", "w": "warning", "e": "error", "f": "fatal", "d": "debug",
}  # fmt: skip
# Severity numbers of syslog, RFC 5424 section 6.2.1.
_SYSLOG = ("critical", "critical", "critical", "error", "warning", "notice", "info", "debug")
# Levels of bunyan and pino, https://github.com/trentm/node-bunyan#levels
_BUNYAN = {1: "trace", 2: "debug", 3: "info", 4: "warning", 5: "error", 6: "fatal"}

_WORDS = rb"trace|debug|info|notice|warn(?:ing)?|error|err|severe|crit(?:ical)?|alert|emerg|fatal|panic"
_PRIORITY = re.compile(rb"<(\d{1,3})>")
# klog (and glog): "E1122 10:00:00.1 1 main.go:2] ..."; tornado and Jupyter: "[E 2026-11-22 10:00:00.1 ServerApp] ..."
_LETTER = re.compile(rb"([IWEF])\d{4,8} \d\d:\d\d:\d\d|\[([DIWEC]) [\d-]* ?\d\d:\d\d:\d\d")
_LOGFMT = re.compile(rb"(?i)(?:^|[\s,;|])(?:level|lvl|severity|loglevel|log_level|levelname)=\"?([a-z]+)")
# A level word counts where headers have it: at the start of the line or soon after a time of day. A lower-case one must
# also be set off, because "an error occurred" is no level.
_START = re.compile(
    rb"[\s\[(<*|-]*(?:(?P<upper>[A-Z]{3,8})(?=[\s\])>:|,.\-/]|$)|(?P<lower>(?i:" + _WORDS + rb"))(?=[\]:]))"
)
_TIMED = re.compile(
    rb"\d\d:\d\d.{0,120}?(?:"
    rb"[\s\[(<|:,\-](?P<upper>" + _WORDS.upper() + rb")(?=[\s\])>|:,.\-]|$)"
    rb"|\[(?:[\w.-]+:)?(?P<bracket>(?i:" + _WORDS + rb"))\]"
    rb"|[\s|](?P<lower>(?i:" + _WORDS + rb")):)"
)
# Most lines name no level at all: one cheap search spares them the dear one.
_ANY_WORD = re.compile(rb"err|warn|inf|deb|fat|crit|trac|noti|seve|aler|emer|pani")
_ACCESS = re.compile(rb"\" (\d{3}) (?:\d+|-)(?:\s|$)")
_CRASH = re.compile(
    rb"Exception in thread|(?:[\w.]*\.)?\w*(?:Error|Exception): |Uncaught |Unhandled "
    rb"|thread '[^']*' (?:\(\d+\) )?panicked|Segmentation fault"
)
TRACE = b"Traceback (most recent call last):"


class _Record(msgspec.Struct):
    """The fields of a JSON line that can hold a level, or another line."""

    level: Any = None
    severity: Any = None
    lvl: Any = None
    levelname: Any = None
    loglevel: Any = None
    log_level: Any = None
    log: Any = None
    s: Any = None
    severity_text: Any = msgspec.field(default=None, name="severityText")
    otel_text: Any = msgspec.field(default=None, name="SeverityText")
    dotted: Any = msgspec.field(default=None, name="log.level")
    serilog: Any = msgspec.field(default=None, name="@l")
    upper: Any = msgspec.field(default=None, name="Level")


_RECORDS = msgspec.json.Decoder(_Record)
_JSON_LEVEL = re.compile(rb"\"(?:level|severity|lvl|levelname|loglevel|log_level|log\.level)\"\s*:\s*\"?(\w+)")


def known_level(word: str) -> str:
    """The level that a word means, in whatever spelling; ``unknown`` for a word that means none."""
    return _NAMES.get(word.strip().lower(), UNKNOWN)


def level_of(line: bytes) -> str:
    """The level of a line: trace, debug, info, notice, warning, error, critical, fatal, or unknown."""
    if line[:1] == b"{":
        return _json_level(line)
    header = line[:HEADER_BYTES]
    if b"\x1b" in header:
        header = _ANSI.sub(b"", header)
    return _header_level(header)


def _header_level(header: bytes) -> str:
    if priority := _PRIORITY.match(header):
        return _SYSLOG[int(priority[1]) & 7]
    if letter := _LETTER.match(header):
        return _NAMES[(letter[1] or letter[2]).decode().lower()]
    if b"=" in header and (pair := _LOGFMT.search(header)):
        return known_level(pair[1].decode())
    if (start := _START.match(header)) and (
        level := known_level((start["upper"] or start["lower"]).decode())
    ) != UNKNOWN:
        return level
    if _ANY_WORD.search(header.lower()) and (timed := _TIMED.search(header)):
        return known_level((timed["upper"] or timed["bracket"] or timed["lower"]).decode())
    if _CRASH.match(header):
        return "error"
    if access := _ACCESS.search(header):
        return "error" if access[1] >= b"500" else "info"
    return UNKNOWN


def _json_level(line: bytes) -> str:
    try:
        record = _RECORDS.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):  # cut off, or only JSON at first sight
        found = _JSON_LEVEL.search(line, 0, 4096)
        return value_named(found[1].decode()) if found else UNKNOWN
    said = (record.level, record.severity, record.lvl, record.levelname, record.loglevel, record.log_level)
    others = (record.severity_text, record.otel_text, record.dotted, record.serilog, record.upper, record.s)
    for value in (*said, *others):
        if value is not None and (level := value_named(value)) != UNKNOWN:
            return level
    if isinstance(record.log, dict):
        return value_named(record.log.get("level"))
    # What a container wrote: it shrinks with each level of nesting, so this ends.
    return level_of(record.log.encode("utf-8", "replace")) if isinstance(record.log, str) else UNKNOWN


def value_named(value: object) -> str:
    """The level that a field's value means: a word, or a number of syslog's or bunyan's scale; else ``unknown``."""
    if isinstance(value, str) and not (value.isdecimal() and len(value) <= 3):
        return known_level(value)
    if isinstance(value, int | str) and not isinstance(value, bool):
        number = int(value)
        return _SYSLOG[number] if 0 <= number < 8 else _BUNYAN.get(number // 10, UNKNOWN)
    return UNKNOWN
