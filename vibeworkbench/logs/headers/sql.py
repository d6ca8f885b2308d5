"""Forms as SQL: what ``Form.parsed`` says of one line, DuckDB says of a million. The patterns are the same ones.

Each function makes an expression over a column of lines; no text of a line ever becomes part of a statement.

Source: RE2 syntax, https://github.com/google/re2/wiki/Syntax; DuckDB, functions ``regexp_extract`` and ``try_cast``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from vibeworkbench.logs.headers.forms import ATTRIBUTES, Form
from vibeworkbench.logs.headers.pairs import NESTED, JsonForm, LogfmtForm
from vibeworkbench.logs.headers.stamps import (
    AHEAD,
    BY_NAME,
    MONTHS,
    OLDEST_YEAR,
    STAMPS,
    ZONE,
    Stamp,
    unnamed,
)

AnyForm = Form | JsonForm | LogfmtForm
_ORDERED = sorted(
    (stamp.ordered(order) if order else stamp for stamp in STAMPS for order in stamp.orders or ("",)),
    key=lambda stamp: -len(stamp.pattern),
)


def stamp_of(form: Form) -> Stamp | None:
    """How the form writes its instant; ``None`` when it is written like none of those that are known."""
    return next((stamp for stamp in _ORDERED if stamp.blind in form.pattern), None)


NONE = "NULL"
NONE_STEP = "NULL::INTERVAL"
NO_INSTANT = "NULL::TIMESTAMP"
_TAG = r"[A-Za-z_@][\w.@-]*"
_VALUE = r"(?:\"(?:[^\"\\]|\\.)*\"|[^\s\"]*)"


@dataclass(frozen=True, slots=True)
class Columns:
    """Expressions over the column of lines and, but for ``groups``, the structs that ``groups`` makes.

    Attributes:
        groups: Further columns: structs of groups.
        message: The message.
        said_at: The instant, naive UTC, or NULL; not bounded yet, and in the latest year or on the latest day that the
            present allows for.
        step: What an instant beyond the present is earlier by, as the line does not tell year or day; or NULL.
        level: A word that ``level_word`` understands, or NULL.
        attributes: A JSON object, or NULL.
    """

    groups: tuple[str, ...]
    message: str
    said_at: str
    step: str
    level: str
    attributes: str


def bounded(said_at: str, step: str, now: datetime) -> str:
    """An instant of ``Columns``, with its step taken, or NULL when a clock is wrong."""
    latest = f"TIMESTAMP '{now.astimezone(UTC).replace(tzinfo=None) + AHEAD}'"
    stepped = f"(CASE WHEN {said_at} > {latest} THEN {said_at} - {step} ELSE {said_at} END)"
    return f"(CASE WHEN {said_at} >= TIMESTAMP '{OLDEST_YEAR}-01-01' AND {stepped} <= {latest} THEN {stepped} END)"


def fits(form: AnyForm, line: str) -> str:
    """Whether the line has the form."""
    if isinstance(form, Form):
        return f"regexp_matches({line}, {quoted(form.pattern)})"
    if isinstance(form, JsonForm):
        found = f"json_exists({line}, {quoted(_path(form.message))})"
        return f"(CASE WHEN starts_with(ltrim({line}), '{{') AND json_valid({line}) THEN {found} ELSE false END)"
    found = f"regexp_matches({line}, {quoted(rf'^(?:{_TAG}={_VALUE} +)*{re.escape(form.message)}=')})"
    return f"(regexp_matches({line}, {quoted(rf'^{_TAG}={_VALUE} +{_TAG}=')}) AND {found})"


def columns(form: AnyForm, line: str, now: datetime, zone: str) -> Columns:
    """What a line of the form holds.

    Args:
        form: The form; the line must have it.
        line: The column of lines.
        now: The present, aware UTC.
        zone: The machine's time zone by its IANA name.
    """
    clock = _Clock(now, zone)
    if isinstance(form, Form):
        return _header(form, line, clock)
    return _json(form, line, clock) if isinstance(form, JsonForm) else _logfmt(form, line, clock)


@cache
def timed(form: Form) -> str:
    """The form's pattern with its instant in a group ``ts``, the zone beside it."""
    stamp = stamp_of(form)
    if stamp is None:
        return form.pattern
    core = stamp.blind.removesuffix(ZONE)
    return form.pattern.replace(core, f"(?P<ts>{core})", 1)


@dataclass(frozen=True, slots=True)
class Moment:
    """Expressions for the instant that a header tells.

    Attributes:
        usual: The instant, where it is written in the commonest way of its kind; NULL otherwise.
        any: The instant, however it is written. Its patterns take long to get ready, though few lines need them.
        step: What an instant beyond the present is earlier by; or NULL.
    """

    usual: str
    any: str
    step: str

    @property
    def either(self) -> str:
        """The instant."""
        return self.any if NO_INSTANT in (self.usual, self.any) else f"coalesce({self.usual}, {self.any})"


def told_at(form: Form, now: datetime, zone: str) -> Moment:
    """The instant of a form from columns ``g.ts`` and ``g.z``: what its groups ``ts`` and ``z`` hold.

    Args:
        form: The form.
        now: The present, aware UTC.
        zone: The machine's time zone by its IANA name.
    """
    return _Clock(now, zone).told(stamp_of(form), set(form.groups))


def quoted(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def _header(form: Form, line: str, clock: _Clock) -> Columns:
    have = set(form.groups)
    level = "g.level" if "level" in have else "'<' || g.priority || '>'" if "priority" in have else NONE
    message = f"substr({line}, length(g.head) + 1)"
    if form.status:
        level = f"'status ' || regexp_extract({message}, {quoted(form.status)}, 1)"
    own = [name for name in ATTRIBUTES if name in have]
    header = f"^(?P<head>{timed(form).removeprefix('^')})"
    first = {"head", "ts", "z", "level", "priority"}
    moment = clock.told(stamp_of(form), have)
    groups = [f"{_groups(header, first, line)} AS g"]
    if own:
        groups.append(f"{_groups(form.pattern, set(own), line)} AS a")
    return Columns(tuple(groups), message, moment.either, moment.step, level, _object(own))


def _groups(pattern: str, wanted: set[str], text: str) -> str:
    """The struct of a pattern's wanted groups; few of them are much cheaper than many."""
    pattern = unnamed(pattern, wanted)
    names = ", ".join(map(quoted, re.compile(pattern).groupindex))
    return f"regexp_extract({text}, {quoted(pattern)}, [{names}])"


def _object(names: Sequence[str]) -> str:
    if not names:
        return NONE
    pairs = "".join(
        f" || CASE WHEN a.{name} = '' THEN '' ELSE ',\"{name}\":' || to_json(a.{name}) END" for name in names
    )
    return f"nullif('{{' || substr('' {pairs}, 2) || '}}', '{{}}')"


def _path(name: str) -> str:
    outer, inner = NESTED.get(name, ("", ""))
    return f'$."{outer}"."{inner}"' if outer else f'$."{name}"'


def _json(form: JsonForm, line: str, clock: _Clock) -> Columns:
    names = [name for name in (form.message, form.time, form.level) if name]
    paths = ", ".join(quoted(_path(name)) for name in names)
    spent = "{" + ", ".join(f'"{name}": null' for name in names if name not in NESTED) + "}"

    def at(name: str) -> str:
        return f"g[{names.index(name) + 1}]" if name else NONE

    return Columns(
        (f"json_extract_string({line}, [{paths}]) AS g",),
        f"coalesce(rtrim({at(form.message)}, chr(10)), '')",
        clock.value(at(form.time)),
        NONE_STEP,
        at(form.level),
        f"nullif(json_merge_patch({line}, {quoted(spent)})::VARCHAR, '{{}}')",
    )


def _logfmt(form: LogfmtForm, line: str, clock: _Clock) -> Columns:
    def at(name: str) -> str:
        if not name:
            return NONE
        found = f"regexp_extract({line}, {quoted(rf'(?:^| ){re.escape(name)}=({_VALUE})')}, 1)"
        plain = f"regexp_replace({found}[2:-2], '\\\\(.)', '\\1', 'g')"
        return f"(CASE WHEN starts_with({found}, '\"') THEN {plain} ELSE {found} END)"

    spent = "|".join(re.escape(name) for name in (form.message, form.time, form.level) if name)
    rest = rf"(?:^| )(?:{spent})={_VALUE}"
    return Columns(
        (),
        at(form.message),
        clock.value(at(form.time)),
        NONE_STEP,
        at(form.level),
        f"json_object('pairs', trim(regexp_replace({line}, {quoted(rest)}, '', 'g')))",
    )


_STRPTIME = {
    "asctime": ("%a %b %d %H:%M:%S %Y", "%a %b %d %H:%M:%S.%f %Y"),
    "day-month-year": ("%d/%b/%Y:%H:%M:%S", "%d %b %Y %H:%M:%S"),
    "six-six": ("%y%m%d %H%M%S",),
    "compact": ("%Y%m%d%H%M%S", "%Y%m%d %H%M%S", "%Y%m%dT%H%M%S"),
    "compact-date": ("%Y%m%d %H:%M:%S", "%Y%m%d-%H:%M:%S"),
}
"""The commonest ways to write some stamps."""


class _Clock:
    """Instants as SQL."""

    def __init__(self, now: datetime, zone: str) -> None:
        self._local = now.astimezone()
        self._zone = zone

    def told(self, stamp: Stamp | None, have: set[str]) -> Moment:
        """The instant that a header tells."""
        if stamp is None or not stamp.dated:
            return Moment(NO_INSTANT, NO_INSTANT, NONE_STEP)
        if stamp.name == "epoch":
            digits = "rpad(left(translate(substr(g.ts, 11), '.,', ''), 6), 6, '0')"
            usual = f"make_timestamp(try_cast(left(g.ts, 10) AS BIGINT) * 1000000 + try_cast({digits} AS BIGINT))"
            return Moment(usual, NO_INSTANT, NONE_STEP)
        is_sure = "y" in have and not stamp.blind.startswith(r"(?P<y>\d{4})?")
        step = NONE_STEP if is_sure else "INTERVAL 1 YEAR" if "d" in have else "INTERVAL 1 DAY"
        core = stamp.blind.removesuffix(ZONE)
        names = set(re.compile(core).groupindex)
        parts = re.sub(r"\bg\.", lambda _: f"({_groups(f'^{core}', names, 'g.ts')}).", self._parts(core, names))
        usual = self._usual(stamp)
        return Moment(self._zoned(usual, have) if usual else NO_INSTANT, self._zoned(parts, have), step)

    def _usual(self, stamp: Stamp) -> str:
        year, day = f"{self._local:%Y}", f"{self._local:%Y-%m-%d}"
        point = "replace(g.ts, ',', '.')"
        if stamp.name in _STRPTIME:
            return f"try_strptime(g.ts, [{', '.join(map(quoted, _STRPTIME[stamp.name]))}])"
        if stamp.name == "two-digit-year" and stamp.pattern.startswith("(?P<y>"):
            moment = "try_cast('20' || replace(left(g.ts, 8), '/', '-') || substr(g.ts, 9) AS TIMESTAMP)"
            return f"(CASE WHEN g.ts < '69' THEN {moment} END)"
        if stamp.name == "no-year" and stamp.pattern.startswith("(?P<mo>"):
            return f"try_cast('{year}-' || replace(left(g.ts, 5), '.', '-') || substr(g.ts, 6) AS TIMESTAMP)"
        return {
            "iso": f"try_cast({point} AS TIMESTAMP)",
            "clock": f"try_cast('{day} ' || {point} AS TIMESTAMP)",
            "month-day": f"try_strptime('{year} ' || g.ts, '%Y %b %d %H:%M:%S')",
        }.get(stamp.name, "")

    def _parts(self, pattern: str, have: set[str]) -> str:
        """The instant that single groups make, in the machine's zone or in none."""
        if "ep" in have:
            fraction = " || ".join(f"g.{name}" for name in ("f", "g") if name in have)
            whole = "CAST(g.ep AS BIGINT) * 1000000"
            return f"make_timestamp({whole} + CAST(rpad(left({fraction}, 6), 6, '0') AS BIGINT))"
        month = f"((instr('{''.join(MONTHS)}', g.b) + 2) // 3)" if "b" in have else "g.mo"
        day = f"{month} || '-' || g.d" if "d" in have else f"'{self._local:%m-%d}'"
        hour = "(CAST(g.h AS INTEGER) % 12 + CASE g.ap WHEN 'PM' THEN 12 ELSE 0 END)" if "ap" in have else "g.h"
        if "ap" in have:
            hour = f"(CASE WHEN g.ap = '' THEN CAST(g.h AS INTEGER) ELSE {hour} END)"
        second = "(CASE WHEN g.s = '60' THEN '59' ELSE g.s END)" if "s" in have else "'00'"
        fraction = " || '.' || left(g.f, 6)" if "f" in have else ""
        year = self._year(pattern, have)
        text = f"{year} || '-' || {day} || ' ' || {hour} || ':' || g.mi || ':' || {second}{fraction}"
        return f"try_cast({text} AS TIMESTAMP)"

    def _year(self, pattern: str, have: set[str]) -> str:
        if "y" not in have:
            return f"'{self._local:%Y}'"
        if r"(?P<y>\d{2})" in pattern:
            return "(CASE WHEN g.y < '69' THEN '20' ELSE '19' END || g.y)"
        return f"coalesce(nullif(g.y, ''), '{self._local:%Y}')"

    def _zoned(self, moment: str, have: set[str]) -> str:
        local = moment if self._zone == "UTC" else f"timezone('UTC', timezone({quoted(self._zone)}, {moment}))"
        if "z" not in have:
            return local
        minutes = "(CAST(trim(g.z)[2:3] AS INTEGER) * 60 + CAST(right(g.z, 2) AS INTEGER))"
        sign = "(CASE trim(g.z)[1:1] WHEN '-' THEN 1 ELSE -1 END)"
        shift = f"to_minutes({sign} * {minutes})"
        is_utc = "trim(g.z) IN ('Z', 'UTC', 'GMT')"
        if local == moment:
            return f"({moment} + CASE WHEN {is_utc} OR g.z = '' THEN to_minutes(0) ELSE {shift} END)"
        return f"(CASE WHEN g.z = '' THEN {local} WHEN {is_utc} THEN {moment} ELSE {moment} + {shift} END)"

    def value(self, text: str) -> str:
        """The instant that a field's text tells: ISO, or seconds (milli-, micro-, nanoseconds) since 1970."""
        if text == NONE:
            return NO_INSTANT
        epoch, iso = BY_NAME["epoch"].pattern, BY_NAME["iso"].pattern
        return (
            f"(CASE WHEN right({text}, 1) = 'Z' THEN try_cast({text} AS TIMESTAMP) "
            f"WHEN regexp_full_match({text}, {quoted(epoch)}) THEN {self._extracted(text, epoch)} "
            f"ELSE {self._extracted(text, iso)} END)"
        )

    def _extracted(self, text: str, pattern: str) -> str:
        names = set(re.compile(pattern).groupindex)
        groups = _groups(f"^{pattern}", names, text)
        return re.sub(r"\bg\.", lambda _: f"({groups}).", self._zoned(self._parts(pattern, names), names))
