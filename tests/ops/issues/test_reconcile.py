"""What findings do to issues."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.ops.making import MINUTE, NOON, RULES, evidence, filed, finding, line, ok, seen_again
from vibeworkbench.ops.issues.model import State, Verb, Wish, acted
from vibeworkbench.ops.issues.reconcile import reconcile, rules_of
from vibeworkbench.ops.model import Look, LookState, Severity
from vibeworkbench.settings import OpsSettings

DAY = timedelta(days=1)


def resolved(issue, at=NOON):
    return acted(issue, Wish(Verb.resolve, "ada", resolution="cleaned up"), at).after


def muted(issue, until=NOON + DAY):
    return acted(issue, Wish(Verb.mute, "ada", until=until), NOON).after


def test_two_findings_of_one_fingerprint_are_one_issue():
    """Their occurrences add up, and the worst speaks for both."""
    [issue] = filed(finding(severity=Severity.low), finding(severity=Severity.critical, occurrences=4))
    assert (issue.count, issue.severity, issue.state) == (5, Severity.critical, State.open)


def test_a_second_look_counts_and_takes_over_what_is_newest():
    """Severity, title and last sight follow the newest finding; the first sight stays."""
    [issue] = filed(finding())
    change = seen_again(issue, finding(severity=Severity.critical, title="worse", evidence={"ratio": 1}))
    after = change.after
    assert (after.count, after.severity, after.title, after.evidence) == (2, Severity.critical, "worse", {"ratio": 1})
    assert (after.first_seen_at, after.last_seen_at) == (NOON, NOON + MINUTE)
    assert change.transition.note == "severity high → critical"


def test_a_second_look_that_finds_the_same_makes_no_history():
    """Only the sightings changed."""
    [issue] = filed(finding())
    assert seen_again(issue, finding()).transition is None


def test_sights_never_go_back_with_the_clock():
    """A clock that stepped back an hour leaves the last sight where it was."""
    [issue] = filed(finding())
    after = seen_again(issue, finding(), at=NOON - timedelta(hours=1)).after
    assert (after.last_seen_at, after.count) == (NOON, 2)


def test_a_look_that_covers_the_subject_and_finds_nothing_resolves():
    """The trouble is over, and the history says why."""
    [issue] = filed(finding())
    change = seen_again(issue)
    assert (change.after.state, change.after.resolution) == (State.resolved, "a look no longer finds it")


@pytest.mark.parametrize(
    ("looks", "judged"),
    [
        ({}, ("host.space",)),
        (ok("host"), ()),
        ({"host": Look("host", LookState.failed)}, ("host.space",)),
        ({"host": Look("host", LookState.timed_out)}, ("host.space",)),
        ({"host": Look("host", LookState.skipped)}, ("host.space",)),
        ({"host": Look("host", LookState.partial)}, ("host.space",)),
        ({"host": Look("host", LookState.ok, covered=frozenset({"mount:/srv"}))}, ("host.space",)),
        ({"host": Look("host", LookState.partial, covered=frozenset({"mount:/s*"}))}, ("host.space",)),
    ],
    ids=["filtered", "crashed", "failed", "timed out", "skipped", "partial", "elsewhere", "other prefix"],
)
def test_without_evidence_nothing_is_resolved(looks, judged):
    """Whoever did not look, or did not judge, proves nothing well."""
    [issue] = filed(finding())
    assert seen_again(issue, looks=looks, judged=judged) is None


def test_a_partial_look_resolves_what_it_covered():
    """The part that was looked at is known to be well."""
    [issue] = filed(finding())
    looks = {"host": Look("host", LookState.partial, covered=frozenset({"mount:*"}))}
    assert seen_again(issue, looks=looks).after.state is State.resolved


def test_what_is_found_again_after_its_resolution_reopens():
    """It is open, nobody's, and counted as a return."""
    [issue] = filed(finding())
    change = seen_again(resolved(issue), finding())
    assert (change.after.state, change.after.reopened_count, change.after.resolution) == (State.open, 1, None)
    assert change.after.count == 2


def test_what_stays_away_after_its_resolution_stays_resolved():
    """A quiet look is remembered, and nothing else happens."""
    [issue] = filed(finding())
    change = seen_again(resolved(issue))
    assert (change.after.state, change.transition) == (State.resolved, None)


def test_a_return_on_a_clock_that_stepped_back_reopens_all_the_same():
    """State troubles reopen by the order of looks, not of clocks."""
    [issue] = filed(finding())
    assert seen_again(resolved(issue), finding(), at=NOON - DAY).after.state is State.open


def test_a_muted_issue_stays_muted_whatever_is_seen():
    """Until its time, neither presence nor absence moves it."""
    [issue] = filed(finding())
    assert seen_again(muted(issue), finding()).after.state is State.muted
    assert seen_again(muted(issue)).after.state is State.muted


def test_after_its_mute_an_issue_that_is_still_there_returns_to_its_state():
    """A claimed issue is claimed again."""
    [issue] = filed(finding())
    claimed = acted(issue, Wish(Verb.claim, "ada"), NOON).after
    after = seen_again(muted(claimed), finding(), at=NOON + DAY).after
    assert (after.state, after.claimed_by, after.muted_until) == (State.in_progress, "ada", None)


def test_after_its_mute_an_issue_that_is_well_is_resolved():
    """The look says so, or with no new look the last one."""
    [issue] = filed(finding())
    assert seen_again(muted(issue), at=NOON + DAY).after.state is State.resolved
    quiet = seen_again(muted(issue)).after
    assert seen_again(quiet, looks={}, at=NOON + DAY).after.state is State.resolved


def test_after_its_mute_an_issue_nobody_looked_at_returns():
    """What was there last counts as being there."""
    [issue] = filed(finding())
    assert seen_again(muted(issue), looks={}, at=NOON + DAY).after.state is State.open


def test_old_records_refresh_nothing_and_prevent_a_resolution():
    """A finding of no new occurrences leaves an issue as it is."""
    [issue] = filed(finding())
    assert seen_again(issue, finding(occurrences=0, severity=Severity.info)) is None
    assert filed(line(occurrences=0)) == []


def test_records_that_another_scan_counts_are_filed_and_not_counted():
    """The issue is there at once, and its count comes with the scan whose cursor moves."""
    [change] = reconcile(evidence(line(7), uncounted=frozenset({"files"})), [], RULES, NOON)
    assert (change.after.count, change.after.state) == (0, State.open)
    assert seen_again(change.after, line(7)).after.count == 7
    assert seen_again(change.after, line(7), uncounted=frozenset({"files"})) is None


def test_a_log_issue_resolves_only_after_the_quiet_time():
    """Absence is the normal state of a log record."""
    [issue] = filed(line())
    assert seen_again(issue) is None
    assert seen_again(issue, at=NOON + DAY, looks=ok("host")) is None
    assert seen_again(issue, at=NOON + DAY, uncounted=frozenset({"files"})) is None
    change = seen_again(issue, at=NOON + DAY)
    assert (change.after.state, change.after.resolution) == (State.resolved, "no further records in the quiet time")


def test_a_log_issue_reopens_only_on_later_records():
    """What was written before the resolution and read after it is counted, and reopens nothing."""
    [issue] = filed(line())
    done = resolved(issue, NOON + 10 * MINUTE)
    early = seen_again(done, line(3, last_record_at=NOON + 9 * MINUTE), at=NOON + 11 * MINUTE).after
    assert (early.state, early.count, early.last_seen_at) == (State.resolved, 4, NOON + 9 * MINUTE)
    late = seen_again(done, line(3, last_record_at=NOON + 11 * MINUTE), at=NOON + 12 * MINUTE).after
    assert (late.state, late.reopened_count) == (State.open, 1)
    assert seen_again(done, line(3), at=NOON + 12 * MINUTE).after.state is State.open


def test_log_issues_take_their_times_from_their_records():
    """First and last record, and never the future."""
    first, last = NOON - DAY, NOON - MINUTE
    [issue] = filed(line(2, first_record_at=first, last_record_at=last))
    assert (issue.first_seen_at, issue.last_seen_at) == (first, last)
    [ahead] = filed(line(2, first_record_at=NOON + DAY, last_record_at=NOON + DAY))
    assert (ahead.first_seen_at, ahead.last_seen_at) == (NOON, NOON)


def test_evidence_older_than_a_change_moves_nothing():
    """What a person or another scan did while this scan was looking stands."""
    [issue] = filed(finding())
    touched = replace(issue, revision=5)
    assert seen_again(touched, revision=4).after.state is State.open
    done = replace(resolved(issue), revision=5)
    assert seen_again(done, finding(), revision=4).after.state is State.resolved
    assert seen_again(done, finding(), revision=5).after.state is State.open


def test_an_issue_counts_for_its_target_or_its_collector():
    """The target is what the evidence names for the subject."""
    [change] = reconcile(evidence(finding("http:shop"), targets={"http:shop": "http:shop"}), [], RULES, NOON)
    assert change.after.target == "http:shop"
    [other] = filed(finding())
    assert other.target == "host"


def test_a_flapping_issue_says_when_it_begins_and_when_it_stops():
    """Each flip is told too, marked as one, so that a screen shows the true state: there is at most one a scan."""
    [issue] = filed(finding())
    told = []
    for turn in range(1, 60):
        found = [finding()] if turn % 2 == 0 and turn < 20 else []
        change = seen_again(issue, *found, at=NOON + turn * MINUTE)
        if change is None:
            break
        if change.after.state is not issue.state:
            assert change.transition.to is change.after.state
        issue = change.after
        if change.transition is not None:
            told.append((issue.flapping, change.transition.note))
    began, ended = [index for index, one in enumerate(told) if "flapping" in one[1]]
    assert began < ended - 1
    assert all(flapping for flapping, _ in told[began:ended])
    assert told[ended] == (False, "no longer flapping")
    assert (issue.state, issue.looks) == (State.resolved, 0)


def test_rules_come_from_the_settings():
    """Quiet time and thresholds are settings."""
    assert rules_of(OpsSettings()) == RULES


def test_records_of_a_target_that_started_anew_count_once_and_reopen():
    """They hold what was counted before; of another target, or read on from a cursor, they add up."""
    [issue] = filed(line(3))
    before = resolved(issue)
    old = line(4, last_record_at=NOON - DAY)
    facts = {"targets": {"files:app": "files:app"}}
    after = seen_again(before, old, first_read=frozenset({"files:app"}), **facts).after
    assert (after.count, after.state, after.reopened_count) == (4, State.open, 1)
    after = seen_again(before, old, first_read=frozenset({"files:web"}), **facts).after
    assert (after.count, after.state) == (7, State.resolved)
