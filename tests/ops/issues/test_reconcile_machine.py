"""Issues under any sequence of scans, people, and steps of the clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.ops.making import NOON, RULES, evidence, finding
from vibeworkbench.errors import Conflict
from vibeworkbench.ops.issues.model import PERSONS_VERBS, TABLE, State, Verb, Wish, acted
from vibeworkbench.ops.issues.reconcile import reconcile
from vibeworkbench.ops.model import Look, LookState, Severity

SUBJECTS = ["mount:/", "mount:/srv", "files:app"]
findings = st.lists(
    st.builds(
        lambda subject, severity, occurrences: finding(
            subject,
            severity,
            occurrences=occurrences,
            collector="files" if subject.startswith("files") else "host",
            resolves_by_absence=not subject.startswith("files"),
        ),
        st.sampled_from(SUBJECTS),
        st.sampled_from(Severity),
        st.integers(0, 3),
    ),
    max_size=5,
)
covers = st.one_of(st.none(), st.frozensets(st.sampled_from([*SUBJECTS, "mount:*"])))


class Issues(RuleBasedStateMachine):
    """The issues of one server, and beside them what they should have counted."""

    @initialize()
    def begin(self):
        """Nothing was ever found."""
        self.issues, self.counted, self.now, self.revision = {}, {}, NOON, 0

    @rule(step=st.integers(-3600, 100_000))
    def the_clock_steps(self, step):
        """Forward, and at times back."""
        self.now += timedelta(seconds=step)

    @rule(
        found=findings,
        states=st.tuples(st.sampled_from(LookState), st.sampled_from(LookState)),
        covered=covers,
        judged=st.booleans(),
        behind=st.integers(0, 2),
        uncounted=st.booleans(),
    )
    def a_scan_files(self, found, states, covered, judged, behind, uncounted):
        """Any findings, with any evidence."""
        looks = {
            name: Look(name, state, covered=covered) for name, state in zip(["host", "files"], states, strict=True)
        }
        later = frozenset({"files"}) if uncounted else frozenset()
        brought = evidence(
            *found,
            looks=looks,
            judged=["host.space"] if judged else [],
            revision=max(0, self.revision - behind),
            uncounted=later,
        )
        changes = reconcile(brought, self.issues.values(), RULES, self.now)
        self.revision += 1
        assert len({change.after.fingerprint for change in changes}) == len(changes)
        for one in found:
            if one.collector not in later:
                self.counted[one.fingerprint] = self.counted.get(one.fingerprint, 0) + one.occurrences
        for change in changes:
            self._follow(change)
            if change.before and change.after.state is State.resolved is not change.before.state:
                self._proven(change.before, brought)

    def _proven(self, issue, brought):
        assert issue.revision <= brought.revision
        assert issue.fingerprint not in {one.fingerprint for one in brought.findings}
        mute_was_over = issue.state is State.muted
        covered = issue.check in brought.judged and brought.looks[issue.collector].covers(issue.subject)
        assert covered or (mute_was_over and not issue.looks & 1)
        if not issue.resolves_by_absence:
            assert self.now - issue.last_seen_at >= RULES.quiet

    def _follow(self, change):
        before, after = change.before, change.after
        if before is None:
            assert after.fingerprint not in self.issues
        else:
            assert after.last_seen_at >= before.last_seen_at
            assert after.first_seen_at == before.first_seen_at
            assert after.state_changed_at >= before.state_changed_at
            moved = after.state is not before.state
            assert not moved or any(after.state in ends for (start, _), ends in TABLE.items() if start is before.state)
            assert not moved or (change.transition.came_from, change.transition.to) == (before.state, after.state)
        self.issues[after.fingerprint] = replace(after, revision=self.revision)

    @rule(subject=st.sampled_from(SUBJECTS), verb=st.sampled_from(PERSONS_VERBS))
    def a_person_acts(self, subject, verb):
        """Whatever the state allows."""
        for issue in [each for each in self.issues.values() if each.subject == subject]:
            until = self.now + timedelta(hours=1) if verb is Verb.mute else None
            try:
                change = acted(issue, Wish(verb, "ada", resolution="done", until=until), self.now)
            except Conflict:
                assert (issue.state, verb) not in TABLE
            else:
                self.revision += 1
                self._follow(change)

    @invariant()
    def counts_are_the_sums_of_occurrences(self):
        """Of every issue there is; what has no issue had no new occurrence."""
        for fingerprint, count in getattr(self, "counted", {}).items():
            issue = self.issues.get(fingerprint)
            assert (0 if issue is None else issue.count) == count

    @invariant()
    def the_fields_agree_with_the_state(self):
        """Mutes have an end, resolutions a reason, and only claimed or formerly claimed issues an owner."""
        for issue in getattr(self, "issues", {}).values():
            assert (issue.state is State.muted) == (issue.muted_until is not None)
            assert (issue.state is State.resolved) == (issue.resolution is not None)
            assert issue.claimed_by is None or issue.state is not State.open


Issues.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestIssues = Issues.TestCase
