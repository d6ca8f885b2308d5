"""Issues that nobody will look at again do not stay open for ever."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.ops.making import MINUTE, NOON, filed, finding, line
from vibeworkbench.ops.issues.model import State
from vibeworkbench.ops.issues.retiring import Roster, retirements
from vibeworkbench.ops.model import Look, LookState

ALL = Roster(
    collectors={"host", "files", "http", "scan"}, idle=(), checks={"host.space", "files.errors", "scan.failed"}
)


def why(issue, *, looks=(), roster=ALL, targets=("host", "files:app")):
    """Why an issue is retired; empty when it is not."""
    by_name = {look.collector: look for look in looks}
    changes = retirements([issue], by_name, roster=roster, targets=targets, now=NOON + MINUTE)
    return changes[0].after.resolution if changes else ""


def test_what_somebody_looks_at_stays():
    [issue] = filed(finding())
    assert why(issue) == ""


@pytest.mark.parametrize(
    ("roster", "reason"),
    [
        (replace(ALL, collectors={"files"}), "its collector is switched off or no longer installed"),
        (replace(ALL, checks={"files.errors"}), "its check is switched off or no longer installed"),
        (replace(ALL, idle={"host"}), "its collector has no targets any more"),
    ],
)
def test_an_issue_without_collector_check_or_targets_is_retired_with_the_reason(roster, reason):
    [issue] = filed(finding())
    assert why(issue, roster=roster) == reason


def test_an_issue_of_a_target_that_is_gone_is_retired():
    [issue] = [replace(each, target="files:app") for each in filed(line())]
    assert why(issue) == ""
    assert why(issue, targets=("host",)) == "its target is no longer in the settings"


def test_where_plugins_could_not_be_loaded_nobody_is_missed():
    """The one that is missing may be the one that could not be loaded."""
    [issue] = filed(finding())
    assert why(issue, roster=Roster(collectors=None, idle=(), checks=None)) == ""


@pytest.mark.parametrize(
    ("subject", "reason"),
    [
        ("collector:host", ""),
        ("collector:gone", "its collector is switched off or no longer installed"),
        ("collector:http", "its collector has no targets any more"),
        ("check:host.space", ""),
        ("check:gone.check", "its check is switched off or no longer installed"),
        ("plugin:group:name", ""),
    ],
)
def test_what_a_scan_says_about_collectors_and_checks_goes_with_them(subject, reason):
    [issue] = filed(finding(subject, check="scan.failed", collector="scan"))
    assert why(issue, roster=replace(ALL, idle={"http"})) == reason


def test_only_a_full_scan_of_all_sources_says_who_is_missing():
    [issue] = filed(finding())
    assert why(issue, roster=None, targets=()) == ""


def test_a_collector_says_what_it_no_longer_looks_at():
    """At once, also about log records, for which absence alone proves nothing."""
    for issue in filed(finding("host:a:b"), line(), finding("host:ab")):
        look = Look(issue.collector, LookState.partial, retired={"host:a:*": "tool gone", "files:app": "file gone"})
        expected = {"host:a:b": "tool gone", "files:app": "file gone", "host:ab": ""}[issue.subject]
        assert why(issue, looks=[look], roster=None) == expected
        failed = replace(look, state=LookState.failed)
        assert why(issue, looks=[failed], roster=None) == "", "a look that failed says nothing"


def test_muted_issues_are_retired_and_resolved_ones_stay_as_they_are():
    [issue] = filed(finding())
    muted = replace(issue, state=State.muted, muted_until=NOON + 9 * MINUTE, muted_from=State.open)
    gone = replace(ALL, checks=())
    [change] = retirements([muted], {}, roster=gone, targets=("host",), now=NOON + MINUTE)
    assert (change.after.state, change.after.muted_until) == (State.resolved, None)
    assert (change.transition.actor, change.transition.came_from) == ("scan", State.muted)
    assert retirements([replace(issue, state=State.resolved)], {}, roster=gone, targets=(), now=NOON) == ()
