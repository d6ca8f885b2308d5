"""The published dashboards of this server: whether their pages are what their notebooks say.

The workbench passes a lister in ``LookOrder.server["dashboards"]``: ``{name, state, renderedAt, overdue}`` of each.
Why a render failed is not among it: viewers read issues with their evidence, and nothing of notebooks.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from vibeworkbench.ops.collectors import LookOrder
from vibeworkbench.ops.model import Look, LookState, Observation


class DashboardsCollector:
    """Looks at the published dashboards."""

    name = "dashboards"
    kinds: frozenset[str] = frozenset()
    type = "availability"

    async def look(self, order: LookOrder) -> Look:
        """Every dashboard; skipped with the reason when nothing here publishes any."""
        lister = order.server.get("dashboards")
        if lister is None:
            return Look(self.name, LookState.skipped, reason="not running inside a workbench's server")
        at = datetime.now(UTC)
        seen = tuple(_observation(each, at) for each in lister())
        order.progress(len(seen), len(seen))
        return Look(self.name, LookState.ok, seen, records=len(seen))


def _observation(dashboard: Mapping[str, Any], at: datetime) -> Observation:
    rendered_at = dashboard["renderedAt"]
    facts = {
        "name": dashboard["name"],
        "overdue": dashboard["overdue"],
        "renderedAt": rendered_at,
        "ageS": None if rendered_at is None else max((at - rendered_at).total_seconds(), 0.0),
    }
    return Observation("dashboard", f"dashboard:{dashboard['name']}", dashboard["state"], "state", at, facts)
