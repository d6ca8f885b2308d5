"""What the warehouse knows of log sources, for those who judge them: one look at one instant of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from vibeworkbench.logs.judging.model import (
    HOURS,
    Asked,
    Seen,
    SilentSeen,
    SourceSeen,
    StartsSeen,
    TemplateSeen,
    ToldSeen,
)
from vibeworkbench.logs.judging.silence import says_start
from vibeworkbench.logs.sql import statement
from vibeworkbench.storage.warehouse import Connection

_SKEW = timedelta(hours=1)
"""Records of clocks that are ahead by less count for the newest hour; others say nothing of the present."""
_MINUTE_S, _HOUR_S = 60.0, 3600.0


def seen(asked: Asked) -> Callable[[Connection], Seen]:
    """What is to be seen of the kept logs, as a work for :meth:`Warehouse.read`."""
    return lambda connection: _Look(connection, asked).seen()


@dataclass(frozen=True, slots=True)
class _Look:
    connection: Connection
    asked: Asked

    def seen(self) -> Seen:
        """All of it."""
        until = self._rows("judged_until")[0][0]
        reading = self._reading(until)
        templates = tuple(map(_template, self._rows("judged_templates", reading)))
        sources = self._sources()
        speaking = [one.source for one in sources if self._silent_s(one) <= self.asked.recent_s]
        asked = self.asked
        silent = [one.source for one in sources if asked.silent_s < self._silent_s(one) <= asked.forget_s]
        return Seen(
            until=until,
            lines=sum(one.lines for one in templates),
            templates=templates,
            told=tuple(map(_told, self._rows("judged_told", reading))) if templates else (),
            series=self._series(templates),
            sources=sources,
            silent=tuple(self._silent(silent)),
            starts=tuple(self._starts(speaking)),
            crashed_s=self._crashed(speaking),
            heard_at=self._heard({one.source for one in templates if one.unseen}),
        )

    def _rows(self, name: str, parameters: Mapping[str, Any] | None = None) -> list[Any]:
        return self.connection.execute(statement(name), parameters or None).fetchall()

    def _reading(self, until: int) -> dict[str, Any]:
        asked = self.asked
        of_all = asked.names is None
        lowest = (
            asked.since
            if of_all
            else min((max(asked.since, asked.own.get(n, 0)) for n in asked.names or ()), default=0)
        )
        return {
            "kind": asked.kind,
            "names": self._names,
            "since": asked.since,
            "own_names": [*asked.own],
            "own_seqs": [*asked.own.values()],
            "lowest": 0 if asked.again else lowest,
            "again": asked.again,
            "until": until,
        }

    @property
    def _names(self) -> list[str] | None:
        return None if self.asked.names is None else sorted(self.asked.names)

    @property
    def _now(self) -> datetime:
        return self.asked.now.astimezone(UTC).replace(tzinfo=None)

    @property
    def _period(self) -> dict[str, Any]:
        return {
            "kind": self.asked.kind,
            "now": self._now,
            "begin": self._now - timedelta(hours=HOURS),
            "end": self._now + _SKEW,
        }

    def _silent_s(self, one: SourceSeen) -> float:
        return (self.asked.now - one.last_at).total_seconds()

    def _series(self, templates: Iterable[TemplateSeen]) -> dict[tuple[str, str], tuple[int, ...]]:
        wanted = sorted({(one.source, one.template_id) for one in templates if one.new})
        if not wanted:
            return {}
        names = {"sources": [source for source, _ in wanted], "templates": [template for _, template in wanted]}
        found: dict[tuple[str, str], list[int]] = {each: [0] * HOURS for each in wanted}
        for source, template_id, hours_ago, count in self._rows("judged_series", self._period | names):
            if hours_ago < HOURS:
                found[source, template_id][HOURS - 1 - hours_ago] += count
        return {each: tuple(counts) for each, counts in found.items()}

    def _sources(self) -> tuple[SourceSeen, ...]:
        hours: dict[str, tuple[list[int], list[int]]] = {}
        for source, hours_ago, lines, errors in self._rows("judged_hours", self._period | {"names": self._names}):
            by_hour = hours.setdefault(source, ([0] * HOURS, [0] * HOURS))
            if hours_ago < HOURS:
                by_hour[0][HOURS - 1 - hours_ago] += lines
                by_hour[1][HOURS - 1 - hours_ago] += errors
        nothing = ([0] * HOURS, [0] * HOURS)
        rows = self._rows("judged_sources", {"kind": self.asked.kind, "names": self._names})
        return tuple(
            SourceSeen(source, _aware(first_at), _aware(last_at), *map(tuple, hours.get(source, nothing)))
            for source, first_at, last_at in rows
        )

    def _silent(self, names: list[str]) -> Iterable[SilentSeen]:
        if not names:
            return
        given = {"kind": self.asked.kind, "silent": names}
        spoke: dict[str, list[float]] = {}
        for source, at_s in self._rows("judged_silent", given):
            spoke.setdefault(source, []).append(at_s)
        last = dict(self._rows("judged_last", given))
        for source in names:
            instants = spoke.get(source, [])
            yield SilentSeen(source, tuple(instants), tuple(_lasted(instants)), tuple(last.get(source, ())))

    def _starts(self, names: list[str]) -> Iterable[StartsSeen]:
        if not names:
            return
        recent = {"speaking": names, "recent": self._now - timedelta(seconds=self.asked.recent_s)}
        period = self._period
        del period["now"]
        for source, template_id, text, started_s, before in self._rows("judged_starts", period | recent):
            if says_start(text):
                yield StartsSeen(source, template_id, text, tuple(started_s), before)
        del period["end"]
        for source, started_s, before in self._rows("judged_instances", period | recent):
            yield StartsSeen(source, "", "a new instance spoke", tuple(started_s), before)

    def _heard(self, names: Collection[str]) -> dict[str, datetime]:
        if not names:
            return {}
        given = {"kind": self.asked.kind, "heard": sorted(names)}
        return {source: _aware(at) for source, at in self._rows("judged_heard", given)}

    def _crashed(self, names: list[str]) -> dict[str, tuple[float, ...]]:
        if not names:
            return {}
        recent = self._now - timedelta(seconds=self.asked.recent_s)
        given = {"kind": self.asked.kind, "speaking": names, "recent": recent, "end": self._now + _SKEW}
        return {source: tuple(at_s) for source, at_s in self._rows("judged_crashes", given)}


def _lasted(instants: list[float]) -> Iterable[float]:
    """How long each bucket lasts: old counts are kept by the hour, which shows where none lies between two hours."""
    whole_hours = 0
    for at_s in instants:
        if at_s % _HOUR_S:
            break
        whole_hours += 1
    for number, _ in enumerate(instants):
        yield _HOUR_S if number < whole_hours - 1 else _MINUTE_S


def _template(row: tuple[Any, ...]) -> TemplateSeen:
    source, template_id, text, is_error, level, lines, new, first_at, last_at, unseen, known_at, samples, arrived_at = (
        row
    )
    return TemplateSeen(
        source=source,
        template_id=template_id,
        text=text,
        is_error=is_error,
        level=level,
        lines=lines,
        new=new,
        first_at=_aware(first_at),
        last_at=_aware(last_at),
        unseen=unseen,
        known_at=_aware(known_at),
        samples=tuple(samples),
        arrived_at=_aware(arrived_at),
    )


def _told(row: tuple[Any, ...]) -> ToldSeen:
    source, template_id, level, message, fingerprint, name, said, stack, lines, new, first_at, last_at = row
    attributes = {
        "fingerprint": _decoded(fingerprint),
        "exception.type": name,
        "exception.message": said,
        "exception.stacktrace": stack,
    }
    told = {key: value for key, value in attributes.items() if value is not None}
    return ToldSeen(source, template_id, level, message, told, lines, new, _aware(first_at), _aware(last_at))


def _decoded(fingerprint: str | None) -> Any:
    """A fingerprint that is a list comes as its JSON."""
    if fingerprint is None or not fingerprint.startswith("["):
        return fingerprint
    try:
        return msgspec.json.decode(fingerprint)
    except msgspec.DecodeError:
        return fingerprint


def _aware(at: datetime) -> datetime:
    return at.replace(tzinfo=UTC)
