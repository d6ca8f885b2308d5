"""What is said about certificates."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from vibeworkbench.ops.checks import CheckContext
from vibeworkbench.ops.checks.tls import connect, expiry, trust
from vibeworkbench.ops.model import Look, LookState, Observation, Scope, Severity, Snapshot
from vibeworkbench.settings import OpsSettings

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def judged(check, value="up", active=frozenset(), **facts):
    """The findings of one check about one certificate."""
    attributes = {
        "name": "shop",
        "host": "shop.test",
        "port": 443,
        "serverName": "shop.test",
        "warnDays": 21.0,
        "criticalDays": 7.0,
        "daysLeft": 90.0,
        "problem": "",
        "attempts": 1,
        "phasesMs": {},
        "totalMs": 1.0,
        **facts,
    }
    observation = Observation("tls.state", "tls:shop", value, "state", NOW, attributes)
    snapshot = Snapshot(Scope.full, NOW, (Look("tls", LookState.ok, (observation,)),))
    return list(check.judge(snapshot, CheckContext(OpsSettings(), active)))


def test_a_good_certificate_is_not_worth_a_word():
    assert judged(connect) == judged(expiry) == judged(trust) == []


@pytest.mark.parametrize(
    ("days_left", "severity", "words"),
    [
        (20.0, Severity.medium, "expires in 20 days"),
        (6.0, Severity.high, "expires in 6 days"),
        (0.5, Severity.high, "expires in 12 hours"),
        (-3.0, Severity.critical, "expired 3 days ago"),
    ],
)
def test_the_nearer_the_end_the_more_it_matters(days_left, severity, words):
    (finding,) = judged(expiry, daysLeft=days_left)
    assert (finding.severity, finding.title) == (severity, f"The certificate of shop {words} (shop.test:443)")


def test_an_expiring_certificate_is_well_again_a_day_beyond_the_warning():
    (finding,) = judged(expiry, daysLeft=20.9)
    active = frozenset({finding.fingerprint})
    assert judged(expiry, daysLeft=21.5) == []
    assert len(judged(expiry, daysLeft=21.5, active=active)) == 1
    assert judged(expiry, daysLeft=22.5, active=active) == []


def test_a_certificate_that_is_not_trusted_is_said_beside_its_age():
    (finding,) = judged(trust, problem="self-signed certificate", serverName="www.test", daysLeft=-3.0)
    assert (
        finding.title == "The certificate of shop is not trusted: self-signed certificate (shop.test:443 as www.test)"
    )
    assert finding.evidence["problem"] == "self-signed certificate"


def test_a_target_without_handshake_is_said_once_and_not_judged_further():
    failure = {"phase": "connect", "kind": "refused", "reason": "refuses connections"}
    (finding,) = judged(connect, "down", failure=failure)
    assert finding.title == "shop refuses connections (shop.test:443)"
    assert judged(expiry, "down", failure=failure) == judged(trust, "down", failure=failure) == []
