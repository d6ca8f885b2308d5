"""What the snapshot of the ops room tells of schedules, for those who may only watch."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Literal

import msgspec

from vibeworkbench.schedules.model import Schedule, next_fire_at


class ScheduleSaid(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """One scan on a clock, and when it comes next."""

    name: str
    cron: str
    scope: Literal["full", "incremental"]
    timezone: str
    next_fire_at: datetime


def schedules_said(schedules: Iterable[Schedule], now: datetime) -> list[dict[str, Any]]:
    """The schedules in the order of their names, as JSON values; the next fire of each is the first after ``now``."""
    said = [
        ScheduleSaid(
            name=each.name,
            cron=each.cron,
            scope=each.scope.value,
            timezone=each.zone.key,
            next_fire_at=next_fire_at(each, now),
        )
        for each in sorted(schedules, key=lambda each: each.name)
    ]
    told: list[dict[str, Any]] = msgspec.to_builtins(said)
    return told
