"""When a log line, or a field of one, says it was written. Pure but for the machine's time zone."""

from __future__ import annotations

import re
from datetime import datetime

from vibeworkbench.logs.headers.stamps import BY_NAME, instant

_HEADER_BYTES = 512
_SEARCHED = tuple(
    re.compile(r"(?<![\d.])" + BY_NAME[name].pattern + r"(?!\d)", re.ASCII)
    for name in ("iso", "day-month-year", "asctime", "month-day-year")
)
_FIELD = re.compile(
    r"\"?(?:ts|time|timestamp|@timestamp|t)\"?\s*[:=]\s*\"?" + BY_NAME["epoch"].pattern + r"(?!\d)", re.ASCII
)
_SYSLOG = re.compile(r"(?:<\d{1,3}>)?" + BY_NAME["month-day"].pattern + r"(?=\s)", re.ASCII)
_EPOCH = re.compile(BY_NAME["epoch"].pattern + "$", re.ASCII)


def instant_of(line: bytes, now: datetime) -> datetime | None:
    """The first instant in the line's header, aware UTC; ``None`` when there is none or it cannot be.

    Args:
        line: The line.
        now: The present, aware UTC: a date without a year is the latest one that is not in its future.
    """
    header = line[:_HEADER_BYTES].decode("utf-8", "replace")
    for found in (*(pattern.search(header) for pattern in _SEARCHED), _FIELD.search(header), _SYSLOG.match(header)):
        if found:
            return instant(found.groupdict(), now)
    return None


def instant_in(value: object, now: datetime) -> datetime | None:
    """The instant that a field's value tells: a text, or seconds (milli-, micro-, nanoseconds) since 1970."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = format(value, "f") if isinstance(value, float) else str(value)
    if found := _EPOCH.match(text):
        return instant(found.groupdict(), now)
    return instant_of(text.encode(), now)
