"""What is said about TCP targets."""

from __future__ import annotations

from datetime import UTC, datetime

from vibeworkbench.ops.checks import CheckContext
from vibeworkbench.ops.checks.tcp import connect
from vibeworkbench.ops.model import Look, LookState, Observation, Scope, Snapshot
from vibeworkbench.settings import OpsSettings

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def judged(value, **facts):
    """The findings about one port."""
    attributes = {
        "name": "db",
        "host": "10.0.0.7",
        "port": 5432,
        "attempts": 2,
        "phasesMs": {},
        "totalMs": 1.0,
        **facts,
    }
    observation = Observation("tcp.state", "tcp:db", value, "state", NOW, attributes)
    snapshot = Snapshot(Scope.full, NOW, (Look("tcp", LookState.ok, (observation,)),))
    return list(connect.judge(snapshot, CheckContext(OpsSettings())))


def test_an_open_port_is_not_worth_a_word():
    assert judged("up") == []


def test_a_closed_port_is_said_with_its_reason_and_a_hint():
    failure = {"phase": "connect", "kind": "refused", "reason": "refuses connections"}
    (finding,) = judged("down", failure=failure)
    assert finding.title == "db refuses connections (10.0.0.7:5432)"
    assert finding.hint.startswith("Nothing listens there.")
    assert finding.evidence["failure"] == failure
    assert finding.evidence["tries"] == "failed twice in a row"
