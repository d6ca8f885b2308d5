"""When a log line says it was written. Pure but for the machine's time zone, which lines without one are meant in."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_HEADER_BYTES = 512
_ISO = re.compile(
    rb"(?<!\d)(\d{4})[-/](\d\d)[-/](\d\d)[T _](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?\s?(Z|UTC|[+-]\d\d:?\d\d)?"
)
_ACCESS = re.compile(rb"(\d\d)/([A-Z][a-z]{2})/(\d{4}):(\d\d):(\d\d):(\d\d) ([+-]\d{4})")
_SYSLOG = re.compile(rb"(?:<\d{1,3}>)?([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d)\s")
_EPOCH = re.compile(rb"\"?(?:ts|time|timestamp|@timestamp|t)\"?\s*[:=]\s*\"?(\d{10})(\d{3})?(?:\d{6})?(\.\d+)?\b")
_MONTHS = {name: number for number, name in enumerate(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)}


def instant_of(line: bytes, now: datetime) -> datetime | None:
    """The first instant in the line's header, aware UTC; ``None`` when there is none or it cannot be.

    Args:
        line: The line.
        now: The present, aware UTC: a date without a year is the latest one that is not in its future.
    """
    header = line[:_HEADER_BYTES]
    try:
        return _iso(header) or _access(header) or _epoch(header) or _syslog(header, now)
    except (ValueError, OverflowError):  # a 31st of February: no date after all
        return None


def _iso(header: bytes) -> datetime | None:
    if not (found := _ISO.search(header)):
        return None
    *numbers, fraction, zone = found.groups()
    microsecond = int((fraction or b"0")[:6].ljust(6, b"0"))
    year, month, day, hour, minute, second = (int(number) for number in numbers)
    return _utc(datetime(year, month, day, hour, minute, min(second, 59), microsecond), zone)  # noqa: DTZ001 - see _utc


def _access(header: bytes) -> datetime | None:
    if not (found := _ACCESS.search(header)) or found[2] not in _MONTHS:
        return None
    hour, minute, second = int(found[4]), int(found[5]), int(found[6])
    moment = datetime(int(found[3]), _MONTHS[found[2]], int(found[1]), hour, minute, min(second, 59))  # noqa: DTZ001
    return _utc(moment, found[7])


def _epoch(header: bytes) -> datetime | None:
    if not (found := _EPOCH.search(header)):
        return None
    fraction_s = int(found[2]) / 1000 if found[2] else float(found[3] or 0)
    return datetime.fromtimestamp(int(found[1]) + fraction_s, UTC)


def _syslog(header: bytes, now: datetime) -> datetime | None:
    if not (found := _SYSLOG.match(header)) or found[1] not in _MONTHS:
        return None
    day, hour, minute, second = (int(number) for number in found.groups()[1:])
    for year in (now.year, now.year - 1):
        moment = _utc(datetime(year, _MONTHS[found[1]], day, hour, minute, min(second, 59)), None)  # noqa: DTZ001
        if moment <= now + timedelta(days=1):
            return moment
    return None


def _utc(moment: datetime, zone: bytes | None) -> datetime:
    """The instant of a moment in ``zone``; without a zone it is meant in the machine's."""
    if zone is None:
        return moment.astimezone(UTC)
    if zone in (b"Z", b"UTC"):
        return moment.replace(tzinfo=UTC)
    minutes = int(zone[1:3]) * 60 + int(zone[-2:])
    return moment.replace(tzinfo=UTC) - timedelta(minutes=minutes if zone[:1] == b"+" else -minutes)
