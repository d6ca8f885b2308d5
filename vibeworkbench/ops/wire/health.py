"""Health over the network."""

from __future__ import annotations

from datetime import datetime

from vibeworkbench.ops.health import Health
from vibeworkbench.ops.wire.types import Body, SeverityName, severity_name


class HealthQuery(Body, frozen=True):
    """Whose history: a target's, or without one that of the whole."""

    target: str = ""


class TargetHealthBody(Body, frozen=True):
    """How one target is."""

    target: str
    score: int | None
    worst: SeverityName | None
    issues: int


class HealthSampleBody(Body, frozen=True):
    """A score of the past."""

    at: datetime
    score: int | None


class HealthSaid(Body, frozen=True):
    """The ``health`` message: how everything is, targets worst first; a ``score`` is null before the first look."""

    score: int | None
    at: datetime
    targets: list[TargetHealthBody]


class HealthBody(HealthSaid, frozen=True):
    """How everything is and was; history oldest first."""

    history: list[HealthSampleBody]


def health_said(health: Health, at: datetime) -> HealthSaid:
    """How everything is, as the health room hears it."""
    targets = [
        TargetHealthBody(
            target=one.target,
            score=one.score,
            worst=None if one.worst is None else severity_name(one.worst),
            issues=one.issues,
        )
        for one in health.targets
    ]
    return HealthSaid(score=health.score, at=at, targets=targets)
