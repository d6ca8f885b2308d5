"""The checks of containers."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from vibeworkbench.ops.checks import CheckContext
from vibeworkbench.ops.checks.containers import CHECKS, cpu, engine, memory
from vibeworkbench.ops.model import Look, LookState, Observation, Scope, Severity, Snapshot
from vibeworkbench.settings import OpsSettings

NOW = datetime(2026, 11, 28, tzinfo=UTC)
WELL = {
    "containerId": "c1",
    "name": "api",
    "health": "healthy",
    "exitCode": 0,
    "oomKilled": False,
    "restartsLately": 0,
    "cpuRatio": 0.1,
    "memoryRatio": 0.1,
    "memoryLimitBytes": 2**30,
    "silentS": 5.0,
}


def judged(state="running", active=frozenset(), **changes):
    """Check id → finding, of one container."""
    seen = Observation("container", "container:api", state, "state", NOW, {**WELL, **changes})
    snapshot = Snapshot(Scope.full, NOW, (Look("containers", LookState.ok, (seen,)),))
    context = CheckContext(OpsSettings(), active)
    return {each.check: each for one in CHECKS for each in one.judge(snapshot, context)}


@pytest.mark.parametrize(
    ("state", "changes"),
    [
        ("running", {}),
        ("running", {"cpuRatio": None, "memoryRatio": None, "exitCode": None, "health": "none"}),
        ("exited", {"exitCode": 0, "silentS": 1e6}),
        ("exited", {"exitCode": 143}),
        ("exited", {"exitCode": None}),
        ("exited", {"memoryRatio": 1.0, "cpuRatio": 1.0, "health": "unhealthy"}),
        ("running", {"exitCode": 1}),
        ("paused", {}),
        ("restarting", {"exitCode": 1, "restartsLately": 1}),
    ],
)
def test_what_is_well(state, changes):
    """Runs within its limits, or ended as somebody wanted it to."""
    assert judged(state, **changes) == {}


@pytest.mark.parametrize(
    ("state", "changes", "check", "title"),
    [
        ("exited", {"exitCode": 3}, "containers.exit", "Container api ended with exit code 3"),
        (
            "exited",
            {"exitCode": 137, "oomKilled": True},
            "containers.oom",
            "Container api was killed: its memory was used up",
        ),
        (
            "running",
            {"oomKilled": True},
            "containers.oom",
            "Container api was killed: its memory was used up, and runs again",
        ),
        ("running", {"health": "unhealthy"}, "containers.unhealthy", "Container api fails its health check"),
        ("running", {"restartsLately": 3}, "containers.restarts", "Container api was restarted 3 times within 1 h"),
        (
            "restarting",
            {"restartsLately": 8, "exitCode": 1},
            "containers.restarts",
            "Container api was restarted 8 times within 1 h, and ended with exit code 1",
        ),
        (
            "exited",
            {"restartsLately": 5, "exitCode": 1},
            "containers.restarts",
            "Container api was restarted 5 times within 1 h, and ended with exit code 1",
        ),
        ("running", {"memoryRatio": 0.95}, "containers.memory", "Container api uses 95.0 % of its 1.0 GiB of memory"),
        ("running", {"cpuRatio": 0.9}, "containers.cpu", "Container api uses 90.0 % of its processor limit"),
        (
            "running",
            {"silentS": 600.0},
            "containers.silent",
            "Container api ran when it was heard of last, 10 min ago",
        ),
    ],
)
def test_what_is_not(state, changes, check, title):
    """One finding, which says what."""
    found = judged(state, **changes)
    assert {name: each.title for name, each in found.items()} == {check: title}


def test_an_issue_clears_below_its_clear_threshold():
    """In between, the finding stays where there is an issue, and none begins."""
    for judging, field, between, clear in ((memory, "memoryRatio", 0.85, 0.79), (cpu, "cpuRatio", 0.8, 0.7)):
        active = frozenset({judging.finding("container:api", "").fingerprint})
        assert judged(active=active, **{field: between})
        assert judged(**{field: between}) == {}
        assert judged(active=active, **{field: clear}) == {}


def test_an_engine_that_does_not_answer():
    """Is a finding; one that is connected is none."""
    for state, count in (("failing", 1), ("connected", 0)):
        seen = Observation("engine", "engine:containers", state, "state", NOW, {"reason": "it is silent"})
        snapshot = Snapshot(Scope.full, NOW, (Look("containers", LookState.ok, (seen,)),))
        found = list(engine.judge(snapshot, CheckContext(OpsSettings())))
        assert len(found) == count
        assert all(each.title == "The container engine is not followed: it is silent" for each in found)
        assert all(each.severity is Severity.high for each in found)
