"""Judging the published dashboards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from vibeworkbench.ops.checks import CheckContext, check
from vibeworkbench.ops.checks.units import in_time
from vibeworkbench.ops.model import Finding, Severity, Snapshot

COLLECTOR = "dashboards"


def _page(facts: Mapping[str, Any]) -> str:
    return "there is no page yet" if facts["ageS"] is None else f"its page is {in_time(facts['ageS'])} old"


@check(
    id="dashboards.render",
    collector=COLLECTOR,
    type="availability",
    severity=Severity.medium,
    hint="Ask `vibeworkbench dashboards list` why, and mend the notebook: it is rendered again by itself.",
    tags={"dashboards"},
)
def render(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """The last render of a dashboard failed."""
    for seen in snapshot.observations("dashboard"):
        if seen.value == "failed":
            facts = seen.attributes
            title = f"Dashboard {facts['name']} could not be rendered; {_page(facts)}"
            yield render.finding(seen.subject, title, evidence=dict(facts))


@check(
    id="dashboards.overdue",
    collector=COLLECTOR,
    type="availability",
    severity=Severity.low,
    hint="Renders take longer than their schedule allows, or wait for each other: see [dashboards] in the settings.",
    tags={"dashboards"},
)
def overdue(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """A dashboard's page has missed two of its scheduled renders."""
    for seen in snapshot.observations("dashboard"):
        if seen.attributes["overdue"] and seen.value != "failed":
            facts = seen.attributes
            title = f"Dashboard {facts['name']} has missed two renders of its schedule; {_page(facts)}"
            yield overdue.finding(seen.subject, title, evidence=dict(facts))


CHECKS = (overdue, render)
