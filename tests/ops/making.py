"""Values that ops tests are made of."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from vibeworkbench.ops.issues.reconcile import Evidence, Rules, reconcile
from vibeworkbench.ops.model import Finding, Look, LookState, Severity

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
RULES = Rules(quiet=timedelta(hours=24), flap_start_ratio=0.30, flap_stop_ratio=0.20)


def finding(subject="mount:/", severity=Severity.high, **more):
    """A finding of check host.space about a subject."""
    facts = {"check": "host.space", "collector": "host", "type": "capacity", "title": f"{subject} is full"}
    return Finding(subject=subject, severity=severity, **{**facts, **more})


def line(occurrences=1, **more):
    """A finding about log records."""
    facts = {"check": "files.errors", "collector": "files", "type": "error", "resolves_by_absence": False}
    return finding("files:app", occurrences=occurrences, **{**facts, **more})


def ok(*collectors):
    """Looks that saw everything."""
    return {name: Look(name, LookState.ok) for name in collectors or ("host", "files")}


def evidence(*findings, looks=None, judged=("host.space", "files.errors"), revision=0, **more):
    """What a scan brought home; by default every collector looked and every check judged."""
    return Evidence(
        findings=findings,
        looks=ok() if looks is None else looks,
        judged=frozenset(judged),
        revision=revision,
        targets=more.pop("targets", {}),
        **more,
    )


def filed(*findings, at=NOON):
    """The issues of findings that were never seen before."""
    return [change.after for change in reconcile(evidence(*findings), [], RULES, at)]


def seen_again(issue, *findings, at=NOON + MINUTE, **more):
    """The change that a later scan makes to one issue, ``None`` when it makes none."""
    changes = reconcile(evidence(*findings, **more), [issue], RULES, at)
    return next((change for change in changes if change.after.fingerprint == issue.fingerprint), None)
