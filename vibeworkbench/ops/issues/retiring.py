"""Which issues nobody will ever look at again, and why. Pure.

A trouble whose target, collector or check is gone cannot be found well by any look, and would stay open for ever. So it
is resolved with the reason: at once where a collector says what it no longer looks at (``Look.retired``), else by the
next full scan of all sources.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from vibeworkbench.ops.issues.model import Change, Issue, State, retired
from vibeworkbench.ops.issues.reconcile import ACTOR
from vibeworkbench.ops.model import Look


@dataclass(frozen=True, slots=True)
class Roster:
    """Who looks and who judges.

    Attributes:
        collectors: Names of the collectors that are on; ``None`` when one could not be loaded, whose name nobody knows.
        idle: Those of them that need targets and have none.
        checks: Ids of the checks that judge; ``None`` when some could not be loaded.
    """

    collectors: Collection[str] | None
    idle: Collection[str]
    checks: Collection[str] | None

    def lacks(self, issue: Issue) -> str:
        """Whom it takes to see the issue and who is gone; empty when all are there."""
        collector, check = _about(issue)
        if self.collectors is not None and collector not in self.collectors:
            return "its collector is switched off or no longer installed"
        if collector in self.idle:
            return "its collector has no targets any more"
        if self.checks is not None and check not in self.checks:
            return "its check is switched off or no longer installed"
        return ""


def _about(issue: Issue) -> tuple[str, str]:
    """The collector and the check that it takes to see the issue; those that a finding of the scan itself is about."""
    kind, _, name = issue.subject.partition(":")
    if issue.collector == "scan" and kind == "collector":
        return name, issue.check
    if issue.collector == "scan" and kind == "check":
        return issue.collector, name
    return issue.collector, issue.check


def retirements(
    known: Iterable[Issue],
    looks: Mapping[str, Look],
    *,
    roster: Roster | None,
    targets: Collection[str],
    now: datetime,
) -> tuple[Change, ...]:
    """The changes that resolve what nobody looks at any more.

    Args:
        known: Issues that a scan has neither found nor found well.
        looks: Its looks by collector.
        roster: Who looks and judges; ``None`` unless it was a full scan of all sources.
        targets: Everything that has a health: targets, and collectors that look without.
        now: When this is filed, aware UTC.
    """
    found = ((issue, _why(issue, looks, roster, targets)) for issue in known if issue.state is not State.resolved)
    return tuple(retired(issue, now, ACTOR, why) for issue, why in found if why)


def _why(issue: Issue, looks: Mapping[str, Look], roster: Roster | None, targets: Collection[str]) -> str:
    look = looks.get(issue.collector)
    if look is not None and (why := look.why_retired(issue.subject)):
        return why
    if roster is None:
        return ""
    if issue.target != issue.collector and issue.target not in targets:
        return "its target is no longer in the settings"
    return roster.lacks(issue)
