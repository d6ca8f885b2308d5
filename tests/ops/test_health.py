"""Health scores."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vibeworkbench.ops.health import health, score, target_of
from vibeworkbench.ops.model import Severity

counts = st.dictionaries(st.sampled_from(Severity), st.integers(0, 1000))


def test_nothing_ever_looked_at_has_no_score():
    """Unknown is not well."""
    whole = health([], ["http:shop"], {})
    assert (whole.score, whole.targets[0].score) == (None, None)


def test_looked_at_and_without_issues_is_100():
    """All is well."""
    assert health(["host"], ["host"], {}).score == 100


def test_one_critical_issue_matters_more_than_a_hundred_hints():
    """The order of severities holds whatever the numbers."""
    assert score({Severity.critical: 1}) < score({Severity.info: 100})
    assert score({Severity.critical: 1}) == 55


def test_one_dead_target_is_seen_among_hundreds():
    """The whole is half the worst and half the mean."""
    names = [f"http:{number}" for number in range(500)]
    whole = health(names, names, {"http:7": {Severity.critical: 1}})
    assert whole.targets[0].target == "http:7"
    assert (whole.targets[0].worst, whole.targets[0].issues) == (Severity.critical, 1)
    assert whole.score == 77


def test_an_issue_of_something_without_a_look_shows_all_the_same():
    """The scan's own troubles, for instance."""
    [only] = health([], [], {"scan": {Severity.high: 1, Severity.low: 0}}).targets
    assert (only.target, only.score, only.worst) == ("scan", 70, Severity.high)


@given(counts, st.sampled_from(Severity))
def test_another_issue_never_helps(before, severity):
    """Scores stay within 0 and 100 and only fall."""
    after = {**before, severity: before.get(severity, 0) + 1}
    assert 0 <= score(after) <= score(before) <= 100


def test_a_subject_belongs_to_the_longest_target_that_it_is_part_of():
    """A prefix of letters is no part."""
    targets = {"http:shop", "workspace:web", "workspace:web/src"}
    assert target_of("http:shop", "http", targets) == "http:shop"
    assert target_of("http:shop2", "http", targets) == "http"
    assert target_of("workspace:web/src/a.py:12", "workspace", targets) == "workspace:web/src"
    assert target_of("workspace:web/lib/a.py:12", "workspace", targets) == "workspace:web"
    assert target_of("mount:/", "host", targets) == "host"
