"""The dashboards collector asks the lister that the workbench gives it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from vibeworkbench.ops.collectors.dashboards import DashboardsCollector
from vibeworkbench.ops.model import LookState


async def test_each_dashboard_is_seen_as_it_stands(order_for):
    """With the age of its page, where there is one."""
    at = datetime.now(UTC) - timedelta(hours=1)
    listed = [
        {"name": "shop", "state": "ready", "renderedAt": at, "overdue": False},
        {"name": "new", "state": "failed", "renderedAt": None, "overdue": True},
    ]
    look = await DashboardsCollector().look(order_for(server={"dashboards": lambda: listed}))
    assert (look.state, look.records) == (LookState.ok, 2)
    shop, new = look.observations
    assert (shop.subject, shop.value) == ("dashboard:shop", "ready")
    assert 3600 <= shop.attributes["ageS"] < 3700
    assert (new.value, new.attributes["ageS"], new.attributes["overdue"]) == ("failed", None, True)


async def test_without_a_workbench_there_is_nothing_to_see(order_for):
    """It says so, and resolves nothing."""
    assert (await DashboardsCollector().look(order_for(server={}))).state is LookState.skipped
