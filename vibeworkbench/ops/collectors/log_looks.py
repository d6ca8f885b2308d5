"""Looking at the kept log records of one kind of sources: what is new since the cursors, and how it compares.

The workbench passes the service in ``LookOrder.server["logs"]``: ``drain()`` brings in what was acknowledged, and
``seen(asked)`` answers an :class:`Asked` with a :class:`Seen`; both are coroutine functions. A collector whose sources
are no targets has a cursor of its own (``worker``), up to which all of them are read, beside one for each source
(``worker:fetcher``): two scans that read records of one source both move its cursor, and only one of them counts.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from vibeworkbench.logs.judging.grouping import TEMPLATE, Group, group_of
from vibeworkbench.logs.judging.model import Asked, Seen, TemplateSeen, ToldSeen
from vibeworkbench.logs.judging.stacks import trace_of
from vibeworkbench.logs.masks import masked
from vibeworkbench.logs.model import Level
from vibeworkbench.ops.collectors import LookOrder
from vibeworkbench.ops.model import Observation, Scope

_SAMPLES = 3
_SAMPLE_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True)
class LogLook:
    """What a look at log records brought.

    Attributes:
        observations: Facts for the checks of logs.
        records: Records that were looked at.
        until: The position up to which they were read.
        spoke: Names of the sources with new records.
        known: Names of all sources there are.
    """

    observations: tuple[Observation, ...]
    records: int
    until: int
    spoke: frozenset[str]
    known: frozenset[str]


async def log_look(order: LookOrder, kind: str, names: Collection[str] | None, since: int) -> LogLook:
    """What the sources of a kind say.

    Args:
        order: What the collector is asked.
        kind: The kind.
        names: Which sources; ``None`` means all of the kind.
        since: The position up to which all of them were read, beside the cursors of the order.

    Raises:
        Unavailable: The warehouse cannot be used.
    """
    service, settings = order.server["logs"], order.settings.logs
    await service.drain()
    now = order.started_at
    asked = Asked(
        kind,
        now,
        names=None if names is None else frozenset(names),
        since=since,
        own=_own(order.cursors, kind),
        again=order.scope is Scope.full,
        recent_s=settings.restarts_within_s,
        silent_s=settings.silence_s,
        forget_s=settings.silence_forget_s,
    )
    seen: Seen = await service.seen(asked)
    order.progress(seen.lines, seen.lines)
    observations = await asyncio.to_thread(_observations, kind, seen, now)
    spoke = frozenset(one.source for one in seen.templates if one.new)
    return LogLook(observations, seen.lines, seen.until, spoke, frozenset(one.source for one in seen.sources))


def position(cursors: Mapping[str, Mapping[str, Any]], source: str) -> int:
    """The position of a cursor; 0 of one that is not there, or of another form."""
    seq = cursors.get(source, {}).get("seq", 0)
    return seq if isinstance(seq, int) else 0


def _own(cursors: Mapping[str, Mapping[str, Any]], kind: str) -> dict[str, int]:
    prefix = f"{kind}:"
    return {name.removeprefix(prefix): position(cursors, name) for name in cursors if name.startswith(prefix)}


# --- from what was seen to observations


def _observations(kind: str, seen: Seen, now: datetime) -> tuple[Observation, ...]:
    told, troubles = _Told(kind, seen, now), _Troubles(seen)
    return (
        *(told.of_trouble(one) for one in troubles.found()),
        *(told.of_template(one) for one in seen.templates if not one.is_error and one.new > troubles.traced(one)),
        *_of_states(kind, seen, now),
    )


@dataclass(slots=True)
class _Trouble:
    """Error records of one source and key."""

    source: str
    group: Group
    templates: Counter[str] = field(default_factory=Counter)
    new: int = 0
    lines: int = 0
    level: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    samples: list[str] = field(default_factory=list)

    def add(self, one: TemplateSeen | ToldSeen, lines: int, new: int, samples: Iterable[str]) -> None:
        """Some of the records of ``one`` are records of this trouble."""
        is_newer = self.last_at is None or one.last_at >= self.last_at
        self.templates[one.template_id] += max(new, 1)
        self.lines, self.new, self.level = self.lines + lines, self.new + new, max(self.level, one.level)
        self.first_at = min(self.first_at or one.first_at, one.first_at)
        self.last_at = max(self.last_at or one.last_at, one.last_at)
        known = [*samples, *self.samples] if is_newer else [*self.samples, *samples]
        self.samples = known[:_SAMPLES]


class _Troubles:
    """The error records by the trouble that they tell of: those with a stack by it, the others by their template."""

    def __init__(self, seen: Seen) -> None:
        self._seen = seen
        self._found: dict[tuple[str, str], _Trouble] = {}
        self._lines: Counter[tuple[str, str]] = Counter()
        self._new: Counter[tuple[str, str]] = Counter()
        self._traced: Counter[tuple[str, str]] = Counter()
        for one in seen.told:
            if one.level >= Level.error or one.attributes or trace_of(one.message) is not None:
                self._add_told(one)

    def _add_told(self, one: ToldSeen) -> None:
        group = group_of(one.message, one.template_id, one.attributes, masked)
        here = (one.source, one.template_id)
        if one.level >= Level.error:
            self._lines[here] += one.lines
            self._new[here] += one.new
        else:
            self._traced[here] += one.new
        self._of(one.source, group).add(one, one.lines, one.new, (one.message,))

    def _of(self, source: str, group: Group) -> _Trouble:
        return self._found.setdefault((source, group.key), _Trouble(source, group))

    def traced(self, one: TemplateSeen) -> int:
        """How many new records of a template say no level and are errors by their stack."""
        return self._traced[one.source, one.template_id]

    def found(self) -> list[_Trouble]:
        """All of them."""
        for one in self._seen.templates:
            here = (one.source, one.template_id)
            if one.is_error and one.lines > self._lines[here]:
                trouble = self._of(one.source, group_of("", one.template_id, {}, masked))
                trouble.add(one, one.lines - self._lines[here], one.new - self._new[here], one.samples)
        return [*self._found.values()]


class _Told:
    """Makes observations of what was seen."""

    def __init__(self, kind: str, seen: Seen, now: datetime) -> None:
        self._kind, self._seen, self._now = kind, seen, now
        self._known_at = {one.source: one.first_at for one in seen.sources}
        self._templates: dict[tuple[str, str], list[TemplateSeen]] = {}
        for one in seen.templates:
            self._templates.setdefault((one.source, one.template_id), []).append(one)

    def of_trouble(self, one: _Trouble) -> Observation:
        """Error records of one trouble."""
        main = one.templates.most_common(1)[0][0]
        templates = [each for template_id in one.templates for each in self._templates[one.source, template_id]]
        templates.sort(key=lambda each: each.template_id != main)
        facts = {
            "isError": True,
            "level": max(one.level, int(Level.error)),
            "key": one.group.key,
            "by": one.group.by,
            "title": one.group.title,
            "told": one.group.told,
            "frames": one.group.frames,
            "templates": sorted(one.templates),
            "lines": one.lines,
            "firstAt": one.first_at,
            "lastAt": one.last_at,
        }
        return self._observation(one.new, templates, facts, one.samples)

    def of_template(self, one: TemplateSeen) -> Observation:
        """Records of one template that are no errors."""
        facts = {
            "isError": False,
            "level": one.level,
            "key": f"{TEMPLATE}:{one.template_id}",
            "by": TEMPLATE,
            "title": "",
            "told": ("it is no error: its template decides",),
            "frames": (),
            "templates": [one.template_id],
            "lines": one.lines,
            "firstAt": one.first_at,
            "lastAt": one.last_at,
        }
        return self._observation(one.new, [one], facts, one.samples)

    def _observation(
        self, new: int, templates: Sequence[TemplateSeen], facts: dict[str, Any], samples: Iterable[str]
    ) -> Observation:
        main = templates[0]
        facts |= {
            "kind": self._kind,
            "source": main.source,
            "templateId": main.template_id,
            "text": main.text,
            "unseen": all(each.unseen for each in templates),
            "knownAt": min(each.known_at for each in templates),
            "sourceKnownAt": self._known_at.get(main.source, main.known_at),
            "heardAt": self._seen.heard_at.get(main.source),
            "arrivedAt": min(each.arrived_at for each in templates),
            "hours": self._seen.series.get((main.source, main.template_id), ()),
            "samples": [sample[:_SAMPLE_CHARACTERS] for sample in samples],
            "now": self._now,
        }
        return Observation("logs.template", f"{self._kind}:{main.source}", new, "count", self._now, facts)


def _of_states(kind: str, seen: Seen, now: datetime) -> Iterator[Observation]:
    for source in seen.sources:
        facts = {"kind": kind, "source": source.source, "firstAt": source.first_at, "lastAt": source.last_at}
        hours = {"lines": source.lines, "errors": source.errors}
        yield Observation("logs.source", f"{kind}:{source.source}", source.lines[-1], "count", now, facts | hours)
    for silent in seen.silent:
        facts = {
            "kind": kind,
            "source": silent.source,
            "spokeS": silent.spoke_s,
            "lastedS": silent.lasted_s,
            "lastMessages": [message[:_SAMPLE_CHARACTERS] for message in silent.last_messages],
        }
        yield Observation("logs.silent", f"{kind}:{silent.source}", len(silent.spoke_s), "count", now, facts)
    for starts in seen.starts:
        facts = {
            "kind": kind,
            "source": starts.source,
            "templateId": starts.template_id,
            "text": starts.text,
            "startedS": starts.started_s,
            "before": starts.before,
            "crashedS": seen.crashed_s.get(starts.source, ()),
        }
        yield Observation("logs.starts", f"{kind}:{starts.source}", len(starts.started_s), "count", now, facts)
