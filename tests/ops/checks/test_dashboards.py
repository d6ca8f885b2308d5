"""The checks of published dashboards."""

from __future__ import annotations

from datetime import UTC, datetime

from vibeworkbench.ops.checks import CheckContext
from vibeworkbench.ops.checks.dashboards import overdue, render
from vibeworkbench.ops.model import Look, LookState, Observation, Scope, Snapshot
from vibeworkbench.settings import OpsSettings

NOW = datetime(2026, 11, 22, tzinfo=UTC)
FACTS = {"name": "shop", "renderedAt": NOW, "ageS": 7200.0, "overdue": False}


def judged(check, state, **changes):
    """What one check thinks of one dashboard."""
    seen = Observation("dashboard", "dashboard:shop", state, "state", NOW, {**FACTS, **changes})
    snapshot = Snapshot(Scope.full, NOW, (Look("dashboards", LookState.ok, (seen,)),))
    return [finding.title for finding in check.judge(snapshot, CheckContext(OpsSettings()))]


def test_a_render_that_failed_is_said_with_what_is_served_meanwhile():
    """The age of the page, or that there is none."""
    assert judged(render, "failed") == ["Dashboard shop could not be rendered; its page is 2 h old"]
    assert judged(render, "failed", ageS=None) == ["Dashboard shop could not be rendered; there is no page yet"]


def test_a_dashboard_that_is_ready_or_on_its_way_is_well():
    """Nothing is said of it."""
    for state in ("ready", "never"):
        assert judged(render, state) == judged(overdue, state) == []


def test_missed_renders_are_said_unless_the_render_failed():
    """One trouble is one issue."""
    assert judged(overdue, "ready", overdue=True) == [
        "Dashboard shop has missed two renders of its schedule; its page is 2 h old"
    ]
    assert judged(overdue, "failed", overdue=True) == []
