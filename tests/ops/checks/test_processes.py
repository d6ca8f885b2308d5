"""The checks of processes."""

from __future__ import annotations

from datetime import UTC, datetime

from vibeworkbench.ops.checks import CheckContext
from vibeworkbench.ops.checks.processes import cpu, memory, stuck, zombie_parent
from vibeworkbench.ops.model import Look, LookState, Observation, Scope, Snapshot
from vibeworkbench.settings import OpsSettings

NOW = datetime(2026, 11, 22, tzinfo=UTC)
FACTS = {
    "pid": 42,
    "name": "node",
    "user": "ada",
    "state": "S",
    "coresNow": 0.1,
    "coresSustained": 0.1,
    "sustainedS": 7200.0,
    "residentBytes": 2**30,
    "memoryRatio": 0.1,
    "stuckS": 0.0,
}


def judged(check, active=frozenset(), metric="process", value=0.1, **changes):
    """What one check thinks of one process."""
    seen = Observation(metric, "process:node:42", value, "cores", NOW, {**FACTS, **changes})
    snapshot = Snapshot(Scope.full, NOW, (Look("processes", LookState.ok, (seen,)),))
    return list(check.judge(snapshot, CheckContext(OpsSettings(), active)))


def test_one_process_that_holds_the_memory():
    """Speaks at half of the memory and clears below two fifths."""
    (finding,) = judged(memory, memoryRatio=0.5)
    assert finding.title == "Process node [42] of ada holds 1.0 GiB, 50.0 % of the memory"
    assert judged(memory, memoryRatio=0.45) == []
    active = frozenset({finding.fingerprint})
    assert judged(memory, active, memoryRatio=0.45)
    assert judged(memory, active, memoryRatio=0.39) == []


def test_a_process_that_is_busy_now_and_since_long():
    """Both intervals count, and the longer one has to be long enough."""
    (finding,) = judged(cpu, coresNow=1.0, coresSustained=0.95)
    assert finding.title == "Process node [42] of ada has used 0.95 cores for 2 h and uses 1.00 now"
    assert judged(cpu, coresNow=1.0, coresSustained=0.2) == []
    assert judged(cpu, coresNow=0.2, coresSustained=1.0) == []
    assert judged(cpu, coresNow=1.0, coresSustained=1.0, sustainedS=60.0) == []
    active = frozenset({finding.fingerprint})
    assert judged(cpu, active, coresNow=0.7, coresSustained=0.7)
    assert judged(cpu, active, coresNow=0.5, coresSustained=0.7) == []


def test_a_stuck_process():
    """A moment of uninterruptible sleep is normal; half a minute is not."""
    (finding,) = judged(stuck, stuckS=90.0)
    assert finding.title == "Process node [42] of ada has been in uninterruptible sleep for 1 min 30 s"
    assert judged(stuck, stuckS=0.5) == []


def test_a_parent_that_does_not_wait():
    """Speaks at five zombies and clears below two."""
    (finding,) = judged(zombie_parent, metric="process.zombies", value=5)
    assert finding.title == "Process node [42] of ada has not waited for 5 ended children"
    assert judged(zombie_parent, metric="process.zombies", value=3) == []
    active = frozenset({finding.fingerprint})
    assert judged(zombie_parent, active, metric="process.zombies", value=3)
    assert judged(zombie_parent, active, metric="process.zombies", value=1) == []
