"""What was seen of log sources, as counts and samples; what collectors take home and checks judge. Pure values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

HOURS = 8 * 24
"""Hours of counts that are looked at: a week of past, and a day of what may have come since the last look."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What of the kept logs is asked.

    Attributes:
        kind: Which kind of sources.
        now: The present instant, aware UTC.
        names: Which sources; ``None`` means all of the kind.
        since: The position up to which all sources were read before.
        own: Source → a later position up to which it was read before.
        again: Whether what was read before is looked at again.
        recent_s: How far back restarts are looked for.
        silent_s: Who spoke within this time is not silent.
        forget_s: Who did not speak within this time is gone.
    """

    kind: str
    now: datetime
    names: frozenset[str] | None = None
    since: int = 0
    own: Mapping[str, int] = field(default_factory=dict)
    again: bool = False
    recent_s: float = 3600.0
    silent_s: float = 900.0
    forget_s: float = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class TemplateSeen:
    """Records of one template and source, either the errors among them or the others.

    Attributes:
        source: Who said it.
        template_id: The template.
        text: Its text.
        is_error: Whether these are the error records.
        level: The worst level among them.
        lines: How many were looked at.
        new: How many of these no look has counted.
        first_at: The oldest of the new ones, else of all.
        last_at: The newest.
        unseen: Whether the source had never said it before the new ones, in all that is kept.
        known_at: When the source said it first.
        samples: The newest records, up to three.
        arrived_at: When the oldest of the new ones arrived.
    """

    source: str
    template_id: str
    text: str
    is_error: bool
    level: int
    lines: int
    new: int
    first_at: datetime
    last_at: datetime
    unseen: bool
    known_at: datetime
    samples: tuple[str, ...]
    arrived_at: datetime


@dataclass(frozen=True, slots=True)
class ToldSeen:
    """Records that may say more of their trouble than their template: with a stack, or with attributes about it."""

    source: str
    template_id: str
    level: int
    message: str
    attributes: Mapping[str, Any]
    lines: int
    new: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class SourceSeen:
    """A source, with its hours (oldest first, the newest ends now): all records, and errors."""

    source: str
    first_at: datetime
    last_at: datetime
    lines: tuple[int, ...]
    errors: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SilentSeen:
    """A source that does not speak now: the minutes (or hours) in which it spoke, and its last words."""

    source: str
    spoke_s: tuple[float, ...]
    lasted_s: tuple[float, ...]
    last_messages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StartsSeen:
    """Records of one template, or first records of new instances (``template_id`` empty), within the recent time."""

    source: str
    template_id: str
    text: str
    started_s: tuple[float, ...]
    before: int
    """How many came within the week before."""


@dataclass(frozen=True, slots=True)
class Seen:
    """All that was seen of the sources of one kind.

    Attributes:
        until: The position up to which they are read now.
        lines: Records that were looked at.
        templates: What they said.
        told: Which of it says more than its template.
        series: (source, template) → records by hour, oldest first, the newest hour ends now.
        sources: Who there is.
        silent: Who does not speak.
        starts: What may be starts.
        crashed_s: Source → instants of its recent errors, ascending.
        heard_at: Source → when its oldest kept record arrived; of sources with new templates.
    """

    until: int
    lines: int = 0
    templates: tuple[TemplateSeen, ...] = ()
    told: tuple[ToldSeen, ...] = ()
    series: Mapping[tuple[str, str], tuple[int, ...]] = field(default_factory=dict)
    sources: tuple[SourceSeen, ...] = ()
    silent: tuple[SilentSeen, ...] = ()
    starts: tuple[StartsSeen, ...] = ()
    crashed_s: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    heard_at: Mapping[str, datetime] = field(default_factory=dict)
