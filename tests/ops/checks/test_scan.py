"""A scan's findings about itself, and how they resolve."""

from __future__ import annotations

from datetime import UTC, datetime

from vibeworkbench.ops.checks import CheckContext
from vibeworkbench.ops.checks.scan import CHECKS, crashed_check_finding, scan_look
from vibeworkbench.ops.model import Look, LookState, Scope, Severity, Snapshot
from vibeworkbench.plugins import PluginFailure
from vibeworkbench.settings import OpsSettings

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def judged(*looks, **facts):
    """The scan's look at these looks, and what its checks think of it."""
    own = scan_look(looks, taken_at=NOW, **{"check_ids": ["host.cpu"], **facts})
    snapshot = Snapshot(Scope.full, NOW, (*looks, own))
    return own, [found for check in CHECKS for found in check.judge(snapshot, CheckContext(OpsSettings()))]


def test_a_scan_that_went_well_finds_nothing_about_itself():
    """Looks that ended well, in part or were skipped are no trouble."""
    looks = (Look("host", LookState.ok), Look("files", LookState.partial), Look("jupyter", LookState.skipped))
    assert judged(*looks)[1] == []


def test_a_collector_that_failed():
    """Named with the reason that the service gives."""
    _, (finding,) = judged(Look("http", LookState.failed, reason="OSError"))
    assert (finding.check, finding.subject) == ("scan.collector-failed", "collector:http")
    assert finding.title == "Collector http failed: OSError"
    _, (finding,) = judged(Look("http", LookState.failed))
    assert finding.title == "Collector http failed"


def test_a_collector_that_ran_out_of_time():
    """Named with the time it had."""
    _, (finding,) = judged(Look("tls", LookState.timed_out, duration_ms=10_040.0))
    assert finding.title == "Collector tls was stopped after 10.0 s without finishing"


def test_a_plugin_that_could_not_be_loaded():
    """Named with its group and the kind of error, without a trace."""
    failure = PluginFailure("vibeworkbench.checks", "mine", "ImportError")
    _, (finding,) = judged(failures=[failure])
    assert finding.title == "Plugin mine of vibeworkbench.checks could not be loaded: ImportError"
    assert finding.evidence == {"group": "vibeworkbench.checks", "name": "mine", "errorType": "ImportError"}


def test_a_check_that_crashed():
    """A finding of the scan, resolved by the next scan in which that check judges."""
    finding = crashed_check_finding("host.cpu", "KeyError")
    assert (finding.collector, finding.severity) == ("scan", Severity.high)
    assert "KeyError" in finding.title
    own, _ = judged()
    assert own.covers(finding.subject)
    assert not own.covers("check:host.space")


def test_only_what_ran_is_covered():
    """A collector that was skipped leaves its trouble as it is; one that is switched off has none any more."""
    own, _ = judged(Look("host", LookState.ok), Look("http", LookState.skipped), disabled=["tls"])
    assert own.covers("collector:host")
    assert not own.covers("collector:http")
    assert own.covers("collector:tls")
    assert own.covers("plugin:vibeworkbench.checks:mine")
