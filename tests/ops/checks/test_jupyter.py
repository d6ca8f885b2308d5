"""The checks of this server's kernels and terminals."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from vibeworkbench.ops.checks import CheckContext
from vibeworkbench.ops.checks.jupyter import idle_many, kernel_dead, kernel_idle_memory, kernel_restarts
from vibeworkbench.ops.model import Look, LookState, Observation, Scope, Snapshot
from vibeworkbench.settings import OpsSettings

NOW = datetime(2026, 11, 22, tzinfo=UTC)
FACTS = {
    "id": "0123456789ab",
    "name": "python3",
    "idleS": 0.0,
    "connections": 1,
    "restarts": 0,
    "residentBytes": 2**20,
}


def judged(check, active=frozenset(), metric="kernel", subject="kernel:k", value: object = "idle", **changes):
    """What one check thinks of one kernel."""
    seen = Observation(metric, subject, value, "state", NOW, {**FACTS, **changes})
    snapshot = Snapshot(Scope.full, NOW, (Look("jupyter", LookState.ok, (seen,)),))
    return list(check.judge(snapshot, CheckContext(OpsSettings(), active)))


@pytest.mark.parametrize(("connections", "clients"), [(1, "1 client is"), (2, "2 clients are")])
def test_a_dead_kernel(connections, clients):
    """Says who is waiting for it."""
    (finding,) = judged(kernel_dead, value="dead", connections=connections)
    assert finding.title == f"Kernel python3 01234567 is dead; {clients} connected"
    assert judged(kernel_dead, value="busy") == []


def test_a_kernel_restarted_over_and_over():
    """Speaks at the third restart within the hour."""
    (finding,) = judged(kernel_restarts, restarts=3)
    assert finding.title == "Kernel python3 01234567 was restarted 3 times within 1 h"
    assert judged(kernel_restarts, restarts=2) == []


def test_an_idle_kernel_that_hoards_memory():
    """Long idle and large; a busy one, a fresh one or one of unknown size is left in peace."""
    (finding,) = judged(kernel_idle_memory, residentBytes=2**30, idleS=90_000.0)
    assert finding.title == "Kernel python3 01234567 holds 1.0 GiB and has been idle for 1 d 1 h"
    assert judged(kernel_idle_memory, residentBytes=2**30, idleS=60.0) == []
    assert judged(kernel_idle_memory, residentBytes=2**30, idleS=90_000.0, value="busy") == []
    assert judged(kernel_idle_memory, residentBytes=None, idleS=90_000.0) == []
    active = frozenset({finding.fingerprint})
    assert judged(kernel_idle_memory, active, residentBytes=800 * 2**20, idleS=90_000.0)
    assert judged(kernel_idle_memory, active, residentBytes=700 * 2**20, idleS=90_000.0) == []


@pytest.mark.parametrize("kind", ["kernels", "terminals"])
def test_many_idle_ones(kind):
    """Speaks at ten idle ones and clears below six."""
    of = {"metric": kind, "subject": f"jupyter:{kind}", "value": 12}
    (finding,) = judged(idle_many, idle=10, **of)
    assert finding.title == f"10 of 12 {kind} have been idle for more than 6 h"
    assert judged(idle_many, idle=9, **of) == []
    active = frozenset({finding.fingerprint})
    assert judged(idle_many, active, idle=6, **of)
    assert judged(idle_many, active, idle=5, **of) == []
