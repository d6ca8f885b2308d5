"""What is said about HTTP targets."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from vibeworkbench.ops.checks import CheckContext
from vibeworkbench.ops.checks.http import CHECKS, answer, slow
from vibeworkbench.ops.model import Look, LookState, Observation, Scope, Severity, Snapshot
from vibeworkbench.settings import OpsSettings

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def seen(value="up", **facts):
    """A snapshot with one probed target."""
    attributes = {
        "name": "shop",
        "url": "http://127.0.0.1:8000/",
        "method": "GET",
        "attempts": 1,
        "phasesMs": {"connect": 1.0},
        "totalMs": 41.2,
        "slowAfterMs": 2000.0,
        **facts,
    }
    observation = Observation("http.state", "http:shop", value, "state", NOW, attributes)
    return Snapshot(Scope.full, NOW, (Look("http", LookState.ok, (observation,)),))


def failing(kind, reason, phase="answer"):
    """The facts of a failure."""
    return {"failure": {"phase": phase, "kind": kind, "reason": reason}}


def judged(check, snapshot, active=frozenset()):
    """The findings of one check."""
    return list(check.judge(snapshot, CheckContext(OpsSettings(), active)))


def test_a_target_that_is_well_is_not_worth_a_word():
    assert judged(answer, seen()) == judged(slow, seen()) == []


def test_a_wrong_status_is_said_with_what_was_expected_how_long_it_took_and_where():
    (finding,) = judged(answer, seen("down", attempts=2, **failing("status", "answers 503 instead of 200")))
    assert finding.title == "shop answers 503 instead of 200 after 41 ms (http://127.0.0.1:8000/)"
    assert "service's log" in finding.hint
    assert (finding.subject, finding.severity, finding.type) == ("http:shop", Severity.high, "availability")
    assert finding.evidence["tries"] == "failed twice in a row"
    assert finding.evidence["phasesMs"] == {"connect": 1.0}


@pytest.mark.parametrize(
    ("kind", "phase", "reason", "title", "tries"),
    [
        ("refused", "connect", "refuses connections", "shop refuses connections (http://127.0.0.1:8000/)", "at once"),
        ("timeout", "body", "hung within 5 s", "shop hung within 5 s (http://127.0.0.1:8000/)", "no second try"),
    ],
)
def test_a_target_that_does_not_answer_is_said(kind, phase, reason, title, tries):
    (finding,) = judged(answer, seen("down", **failing(kind, reason, phase)))
    assert finding.title == title
    assert tries in finding.evidence["tries"]
    assert finding.hint


def test_one_outage_is_one_trouble_whichever_way_it_shows():
    (today,) = judged(answer, seen("down", **failing("refused", "refuses connections", "connect")))
    (later,) = judged(answer, seen("down", **failing("status", "answers 503 instead of 200")))
    assert today.fingerprint == later.fingerprint


def test_trouble_of_this_side_is_no_finding_about_the_target():
    assert judged(answer, seen("unknown", **failing("local", "too many open files", "connect"))) == []


def test_slowness_is_said_with_its_limit_and_clears_only_well_below_it():
    (finding,) = judged(slow, seen(totalMs=2300.0))
    assert finding.title == "shop took 2.3 s to answer, limit 2.0 s (http://127.0.0.1:8000/)"
    active = frozenset({finding.fingerprint})
    assert judged(slow, seen(totalMs=1700.0)) == []
    assert [one.fingerprint for one in judged(slow, seen(totalMs=1700.0), active)] == [finding.fingerprint]
    assert judged(slow, seen(totalMs=1500.0), active) == []


def test_what_is_down_is_not_slow():
    assert judged(slow, seen("down", totalMs=9000.0, **failing("timeout", "hung", "body"))) == []


def test_a_sweep_that_ran_out_of_time_is_said_and_one_that_did_not_is_not():
    sweep = next(one for one in CHECKS if one.id == "http.sweep")
    facts = {"probed": 50, "targets": 500, "reason": "the time ran out after 50 of 500 targets"}

    def swept(state):
        whole = Observation("http.sweep", "http-sweep", state, "state", NOW, facts)
        return Snapshot(Scope.full, NOW, (Look("http", LookState(state), (whole,)),))

    (finding,) = judged(sweep, swept("partial"))
    assert finding.title == "The http probes are incomplete: the time ran out after 50 of 500 targets"
    assert judged(sweep, swept("ok")) == judged(sweep, swept("timed_out")) == []
