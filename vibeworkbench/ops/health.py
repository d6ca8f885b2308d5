"""Health scores, from 0 to 100, of each target and of the whole. Pure.

A target is what the settings and REST name (``http:shop``), or a collector that looks without targets (``host``). Its
score is 100 when it was looked at and has no unresolved issue. Each severity takes away a share of what is left: half
of its largest loss with the first issue, half of the rest with the next, so that one critical issue matters more than a
hundred hints. Muted issues count: a mute quiets the messages and mends nothing. The whole is the mean of the worst
target and the mean target: one dead target is seen among hundreds that are well.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from vibeworkbench.ops.model import Severity

LARGEST_LOSS_RATIO: Mapping[Severity, float] = {
    Severity.info: 0.02,
    Severity.low: 0.10,
    Severity.medium: 0.30,
    Severity.high: 0.60,
    Severity.critical: 0.90,
}
"""Share of a score that any number of issues of one severity can take."""


@dataclass(frozen=True, slots=True)
class TargetHealth:
    """How one target is: ``score`` 0 to 100, ``None`` when it was never looked at; ``worst`` of its ``issues``."""

    target: str
    score: int | None
    worst: Severity | None
    issues: int


@dataclass(frozen=True, slots=True)
class Health:
    """How the whole is; ``score`` is ``None`` when no target was ever looked at. Targets stand worst first."""

    score: int | None
    targets: tuple[TargetHealth, ...]


def score(counts: Mapping[Severity, int]) -> int:
    """The score, 0 to 100, of something with so many unresolved issues of each severity."""
    left = math.prod(
        1.0 - LARGEST_LOSS_RATIO[severity] * (1.0 - 0.5**count) for severity, count in counts.items() if count > 0
    )
    return round(100 * left)


def health(
    looked_at: Collection[str], targets: Collection[str], issues: Mapping[str, Mapping[Severity, int]]
) -> Health:
    """The health of everything.

    Args:
        looked_at: Targets that a look has covered at some time.
        targets: Targets that are to be looked at.
        issues: Target → number of unresolved issues of each severity.
    """
    known = {*looked_at, *targets, *issues}
    each = [_of(name, name in looked_at or name in issues, issues.get(name, {})) for name in known]
    each.sort(key=lambda one: (one.score is None, one.score, one.target))
    scores = [one.score for one in each if one.score is not None]
    whole = round((min(scores) + sum(scores) / len(scores)) / 2) if scores else None
    return Health(whole, tuple(each))


def _of(name: str, looked_at: bool, counts: Mapping[Severity, int]) -> TargetHealth:
    present = [severity for severity, count in counts.items() if count > 0]
    return TargetHealth(
        target=name,
        score=score(counts) if looked_at else None,
        worst=max(present, default=None),
        issues=sum(counts.values()),
    )


def target_of(subject: str, collector: str, targets: Collection[str]) -> str:
    """What an issue's subject counts for: the longest target whose part it is, else its collector.

    ``workspace:web/src/a.py:12`` is part of ``workspace:web``; ``http:shop2`` is no part of ``http:shop``.
    """
    if subject in targets:
        return subject
    ends = [index for index, sign in enumerate(subject) if sign in "/:"]
    return next((subject[:end] for end in reversed(ends) if subject[:end] in targets), collector)
