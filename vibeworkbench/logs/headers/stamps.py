"""How instants are written: each way once, as a pattern that Python's re and DuckDB's RE2 read alike.

Named groups hold what an instant is made of: y mo d h mi s, f (fraction), z (zone), b (month's name), ap (AM, PM), and
ep (seconds since 1970). What is missing is decided in one place, ``instant``: a date without a year is the latest one
that is not more than a day ahead of the present, a time without a date likewise, a moment without a zone is meant in
the machine's. Numbers whose order no rule tells (``17/06/09``) are read in the order that fits all lines of the sample,
year first, then month first, then day first. An instant more than a day ahead, or before 1980, is a clock that is
wrong: then the line has none, and its arrival counts.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
AHEAD = timedelta(days=1)
OLDEST_YEAR = 1980  # a clock that was never set starts in 1970, and its lines are dated by their arrival

_B = r"(?P<b>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_Y, _MO, _D = r"(?P<y>(?:19|20)\d{2})", r"(?P<mo>\d{1,2})", r"(?P<d>\d{1,2})"
_CLOCK = r"(?P<h>\d{1,2}):(?P<mi>\d{1,2}):(?P<s>\d{1,2})"
_F = r"(?:[.,:](?P<f>\d{1,9}))?"
ZONE = r"(?P<z> ?(?:Z|UTC|GMT|[+-]\d{2}:?\d{2}))?"
_AP = r"(?: ?(?P<ap>[AP]M))?"


@dataclass(frozen=True, slots=True)
class Stamp:
    """One way to write an instant.

    Attributes:
        name: What it is called.
        pattern: Its pattern with the named groups.
        orders: Orders in which its numbers (groups y, mo, d) may stand; empty when there is but one.
    """

    name: str
    pattern: str
    orders: tuple[str, ...] = ()

    @property
    def dated(self) -> bool:
        """Whether it tells day and time of day, so that an instant comes of it."""
        return self.name not in ("date", "uptime")

    @property
    def blind(self) -> str:
        """The pattern as forms have it: it takes any digit, so that lines that differ in digits only have one form."""
        return _PARTICULAR.sub(lambda found: _ANY[found[0]], self.pattern)

    @property
    def worth(self) -> int:
        """Which of several instants of one line counts: the one whose zone, fraction and year are known."""
        if self.name == "epoch":
            return 6
        return 4 * self.dated + ("?P<y>" in self.pattern) + ("?P<f>" in self.pattern)

    def ordered(self, order: str) -> Stamp:
        """The same with its numbers read in an order, like ``dmy``."""
        parts = [{"y": "y", "m": "mo", "d": "d"}[letter] for letter in order]
        names = iter(parts)
        pattern = re.sub(r"\?P<(?:y|mo|d)>", lambda _: f"?P<{next(names)}>", self.pattern)
        return Stamp(self.name, pattern)


_ANY = {
    r"(?:19|20)\d{2}": r"\d{4}",
    r"1\d{9}": r"\d{10}",
    r"[01]\d": r"\d{2}",
    r"[0-2]\d": r"\d{2}",
    r"[0-3]\d": r"\d{2}",
    r"[0-5]\d": r"\d{2}",
}
_PARTICULAR = re.compile("|".join(map(re.escape, _ANY)))


def unnamed(pattern: str, but: Container[str] = ()) -> str:
    """A pattern without its named groups, but for some."""
    return re.sub(r"\(\?P<(\w+)>", lambda found: found[0] if found[1] in but else "(?:", pattern)


STAMPS = (
    Stamp("iso", rf"{_Y}[-/.]{_MO}[-/.]{_D}[T _-](?P<h>\d{{1,2}})[:.](?P<mi>\d{{2}})[:.](?P<s>\d{{2}}){_F}{ZONE}"),
    Stamp("day-month-year", rf"(?:[A-Z][a-z]{{2}}, )?{_D}[-/ ]{_B}[-/ ]{_Y}[: T]{_CLOCK}{_F}{ZONE}"),
    Stamp("asctime", rf"(?:[A-Z][a-z]{{2}} )?{_B} +{_D} {_CLOCK}{_F}(?: [A-Z]{{3,4}})? {_Y}"),
    Stamp("month-day-year", rf"{_B} {_D}, {_Y},? {_CLOCK}{_F}{_AP}"),
    Stamp("month-day", rf"(?:[A-Z][a-z]{{2}} )?{_B} +{_D} {_CLOCK}{_F}{_AP}"),
    Stamp("year-last", rf"{_MO}[-/.]{_D}[-/.]{_Y},?[ T]{_CLOCK}{_F}{_AP}{ZONE}", ("mdy", "dmy")),
    Stamp(
        "two-digit-year",
        rf"(?P<y>\d{{2}})[-/.](?P<mo>\d{{2}})[-/.](?P<d>\d{{2}})[ T]{_CLOCK}{_F}{_AP}",
        ("ymd", "mdy", "dmy"),
    ),
    Stamp("no-year", rf"(?P<mo>\d{{2}})[-/.](?P<d>\d{{2}})[ T]{_CLOCK}{_F}", ("md", "dm")),
    Stamp("compact-date", rf"{_Y}(?P<mo>[01]\d)(?P<d>[0-3]\d)[-_ T]?{_CLOCK}{_F}{ZONE}"),
    Stamp(
        "compact",
        rf"{_Y}(?P<mo>[01]\d)(?P<d>[0-3]\d)[-_ T]?(?P<h>[0-2]\d)(?P<mi>[0-5]\d)(?P<s>[0-5]\d)"
        rf"(?:[.,](?P<f>\d{{1,9}}))?{ZONE}",
    ),
    Stamp("six-six", r"(?P<y>\d{2})(?P<mo>[01]\d)(?P<d>[0-3]\d)[-_ T](?P<h>[0-2]\d)(?P<mi>[0-5]\d)(?P<s>[0-5]\d)"),
    Stamp(
        "year-or-not",
        rf"{_Y}?(?P<mo>[01]\d)(?P<d>[0-3]\d) (?P<h>[0-2]\d):(?P<mi>[0-5]\d):(?P<s>[0-5]\d)\.(?P<f>\d{{6}})",
    ),
    Stamp("epoch", r"(?P<ep>1\d{9})(?:[.,]?(?P<f>\d{9}|\d{6}|\d{3})|[.,](?P<g>\d{1,8}))?"),
    Stamp("date", rf"{_Y}[-/.]{_MO}[-/.]{_D}"),
    Stamp("clock", rf"{_CLOCK}{_F}{_AP}"),
    Stamp("clock-short", r"(?P<h>\d{1,2}):(?P<mi>\d{2}) ?(?P<ap>[AP]M)"),
    Stamp("uptime", r"\d{1,8}\.\d{3,9}s?"),
)
BY_NAME = {stamp.name: stamp for stamp in STAMPS}


def order_of(stamp: Stamp, texts: Iterable[str]) -> Stamp:
    """The stamp with its numbers in the first order that makes a date of every text, else in the first order."""
    texts = list(texts)
    for order in stamp.orders:
        ordered = stamp.ordered(order)
        pattern = re.compile(ordered.pattern, re.ASCII)
        if all((found := pattern.match(text)) and _is_day(found.groupdict()) for text in texts):
            return ordered
    return stamp.ordered(stamp.orders[0]) if stamp.orders else stamp


def _is_day(parts: Mapping[str, str | None]) -> bool:
    return 1 <= int(parts["mo"] or 0) <= 12 and 1 <= int(parts["d"] or 0) <= 31


def instant(parts: Mapping[str, str | None], now: datetime) -> datetime | None:
    """The instant that the groups of a stamp make, aware UTC; ``None`` when they make none.

    Args:
        parts: The groups of a match.
        now: The present, aware UTC.
    """
    try:
        moment = _epoch(parts) if parts.get("ep") else _calendar(parts, now)
    except (ValueError, OverflowError):  # a 31st of February: no date after all
        return None
    return moment if moment is not None and moment.year >= OLDEST_YEAR and moment <= now + AHEAD else None


def _epoch(parts: Mapping[str, str | None]) -> datetime:
    return datetime.fromtimestamp(int(parts["ep"] or 0), UTC) + timedelta(microseconds=_microseconds(parts))


def _microseconds(parts: Mapping[str, str | None]) -> int:
    return int((parts.get("f") or parts.get("g") or "0")[:6].ljust(6, "0"))


def _calendar(parts: Mapping[str, str | None], now: datetime) -> datetime | None:
    if not parts.get("h"):
        return None
    hour = int(parts["h"] or 0) % 12 + 12 * (parts["ap"] == "PM") if parts.get("ap") else int(parts["h"] or 0)
    second = min(int(parts.get("s") or 0), 59)  # a leap second
    clock = (hour, int(parts["mi"] or 0), second, _microseconds(parts))
    for year, month, day in _days(parts, now):
        moment = _utc(datetime(year, month, day, *clock), parts.get("z"))  # noqa: DTZ001 - see _utc
        if moment <= now + AHEAD:
            return moment
    return None


def _days(parts: Mapping[str, str | None], now: datetime) -> list[tuple[int, int, int]]:
    """The days that it can be, the likeliest first."""
    local = now.astimezone()
    if not parts.get("d"):
        return [(each.year, each.month, each.day) for each in (local, local - AHEAD)]
    month = MONTHS.index(parts["b"] or "") + 1 if parts.get("b") else int(parts["mo"] or 0)
    day = int(parts["d"] or 0)
    if year := parts.get("y"):
        century = 0 if len(year) == 4 else 2000 if int(year) < 69 else 1900
        return [(century + int(year), month, day)]
    return [(local.year, month, day), (local.year - 1, month, day)]


def _utc(moment: datetime, zone: str | None) -> datetime:
    """The instant of a moment in ``zone``; without a zone it is meant in the machine's."""
    zone = (zone or "").strip()
    if not zone:
        return moment.astimezone(UTC)
    if zone in ("Z", "UTC", "GMT"):
        return moment.replace(tzinfo=UTC)
    minutes = int(zone[1:3]) * 60 + int(zone[-2:])
    return moment.replace(tzinfo=UTC) - timedelta(minutes=minutes if zone[:1] == "+" else -minutes)
