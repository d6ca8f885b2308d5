"""What becomes an issue, with what severity; and how one trouble stays one issue."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.logs.judging import traces
from tests.logs.judging.staging import HOUR, NOON, watched
from tests.ops.staging import FULL, INCREMENTAL, request
from vibeworkbench.logs.model import Level
from vibeworkbench.ops.model import Scope

MINUTE = timedelta(minutes=1)
DAY = 24 * HOUR


@pytest.fixture
def path(tmp_path):
    """Where the state is."""
    return tmp_path / "state.sqlite"


def hourly(text, days, each=2):
    """Records of the days before, some in each hour."""
    hours = range(days * 24, 0, -1)
    return [(f"{text} {n}", NOON - hour * HOUR + n * MINUTE) for hour in hours for n in range(1, each + 1)]


async def test_a_crash_is_one_issue_with_its_stack_and_a_rerun_adds_to_it(path, tmp_path):
    """Whatever its first line and its message say."""
    async with watched(path) as here:
        await here.kept.put("job", "Job 7 failed\n" + traces.python(tmp_path / "a", "7"))
        assert (await here.scan(INCREMENTAL)).issues_filed == 1
        again = "Sorry\n" + traces.python(tmp_path / "b", "8", above="\n\n")
        await here.kept.put("job", again, level=Level.critical)
        assert (await here.scan(INCREMENTAL)).issues_filed == 0
        issue = await here.issue()
        assert (issue.count, issue.severity) == (2, "high")
        assert issue.title.startswith("Worker job: RuntimeError: no configuration in page <number> in work (")
        evidence = issue.evidence
        assert evidence["groupedBy"] == "stack:1"
        assert evidence["frames"][:2] == ["RuntimeError:", "job.py work"]
        assert evidence["grouping"][0] == "a python stack trace: 2 exceptions, 7 frames"
        assert evidence["samples"] == [again]


async def test_a_stack_without_a_level_is_an_error_and_counts_once(path, tmp_path):
    """A worker that prints its trace and nothing else; its first line is no news besides."""
    async with watched(path, warm_up_s=1.0) as here:
        await here.kept.put("job", *hourly("page", 3), level=Level.info)
        await here.scan(INCREMENTAL)
        here.stage.clock.now = NOON + HOUR
        await here.kept.put("job", traces.node(tmp_path, "7"), level=Level.unknown)
        await here.scan(INCREMENTAL)
        issue = await here.issue()
        assert (issue.count, issue.severity, issue.evidence["groupedBy"]) == (1, "medium", "stack:1")


async def test_two_stacks_of_one_template_are_two_issues(path, tmp_path):
    """The log call is the same, the trouble is not."""
    async with watched(path) as here:
        for crash in (traces.python(tmp_path, "7"), traces.python(tmp_path, "deep", "0")):
            await here.kept.put("job", f"Job failed\n{crash}")
        assert (await here.scan(INCREMENTAL)).issues_filed == 2


async def test_a_fingerprint_joins_what_looks_different(path):
    """Templates apart, one issue, which names them both."""
    async with watched(path) as here:
        for message in ("disk is full", "cannot write"):
            await here.kept.put("job", message, attributes={"fingerprint": ["disk", 1], "request": message})
        await here.scan(INCREMENTAL)
        issue = await here.issue()
        assert (issue.count, len(issue.evidence["templates"])) == (2, 2)


async def test_a_spike_is_a_transition_of_the_errors_own_issue(path):
    """It goes up a severity while it lasts, and comes down with the next records after."""
    async with watched(path) as here:
        await here.kept.put("fetcher", *hourly("cannot fetch page", 7))
        await here.scan(INCREMENTAL)
        assert (await here.issue()).severity == "medium"
        burst = [(f"cannot fetch page {n}", NOON + n * timedelta(seconds=5)) for n in range(200)]
        await here.kept.put("fetcher", *burst)
        here.stage.clock.now = NOON + 30 * MINUTE
        await here.scan(INCREMENTAL)
        issue = await here.issue()
        assert (issue.severity, issue.count) == ("high", 7 * 24 * 2 + 200)
        assert issue.title.startswith("Worker fetcher: cannot fetch page <number> (20")
        assert issue.title.endswith(" records within an hour, usually 2)")
        assert issue.evidence["spike"]["count"] >= 200
        assert "severity medium → high" in [each.note for each in issue.history]
        here.stage.clock.now = NOON + 3 * HOUR
        await here.kept.put("fetcher", ("cannot fetch page 1", NOON + 3 * HOUR))
        await here.scan(INCREMENTAL)
        assert (await here.issue()).severity == "medium"


async def test_an_error_that_never_was_and_comes_in_masses_is_new_and_a_spike(path):
    """Its source has a past, in which it said nothing of the kind."""
    async with watched(path) as here:
        await here.kept.put("fetcher", *hourly("fetched page", 7), level=Level.info)
        await here.scan(INCREMENTAL)
        await here.kept.put("fetcher", *(f"cannot fetch page {n}" for n in range(50)))
        await here.scan(INCREMENTAL)
        assert (await here.issue()).severity == "high"


async def test_a_spike_of_what_is_no_error_is_an_issue_of_its_own(path):
    """One severity above what something new of its level would be."""
    async with watched(path) as here:
        await here.kept.put("fetcher", *hourly("slow page", 7), level=Level.warning)
        await here.scan(INCREMENTAL)
        assert await here.issues() == []
        await here.kept.put("fetcher", *(f"slow page {n}" for n in range(200)), level=Level.warning)
        await here.scan(INCREMENTAL)
        assert (await here.issue()).severity == "medium"


async def test_new_templates_wait_for_the_warm_up_unless_they_are_errors(path):
    """At first everything is new; later a new warning is told once, and never a debug line."""
    async with watched(path) as here:
        await here.kept.put("fetcher", *hourly("fetched page", 3), level=Level.info)
        await here.scan(INCREMENTAL)
        await here.kept.put("fetcher", "page moved", level=Level.warning)
        await here.scan(INCREMENTAL)
        assert await here.issues() == []
        here.stage.clock.now = later = NOON + 25 * HOUR
        for level, message in ((Level.warning, "slow page"), (Level.info, "idle"), (Level.debug, "cache hit")):
            await here.kept.put("fetcher", (message, later), level=level)
        await here.kept.put("fetcher", ("page moved", later), level=Level.warning)
        await here.scan(INCREMENTAL)
        told = {each.title: each.severity for each in await here.issues()}
        assert told == {
            "Worker fetcher: slow page (for the first time)": "low",
            "Worker fetcher: idle (for the first time)": "info",
        }
        await here.kept.put("fetcher", ("slow page", later), level=Level.warning)
        assert (await here.scan(INCREMENTAL)).findings.total == 0


async def test_another_version_does_not_flood(path):
    """Of hundreds of new templates a scan tells the most frequent."""
    async with watched(path, new_templates=3) as here:
        await here.kept.put("fetcher", *hourly("fetched page", 3), level=Level.info)
        await here.scan(INCREMENTAL)
        here.stage.clock.now = NOON + 25 * HOUR
        new = [f"{'x' * n} is new" for n in range(1, 30)]
        await here.kept.put("fetcher", *new, new[4], new[4], level=Level.info)
        await here.scan(INCREMENTAL)
        titles = [each.title for each in await here.issues()]
        assert len(titles) == 3
        assert "Worker fetcher: xxxxx is new (for the first time)" in titles


async def test_a_rise_of_the_error_ratio_is_a_state(path):
    """It resolves when the newest hour is as usual again."""
    async with watched(path) as here:
        await here.kept.put("fetcher", *hourly("fetched page", 7, each=20), level=Level.info)
        await here.kept.put("fetcher", *hourly("cannot fetch page", 7, each=1))
        await here.kept.put("fetcher", *((f"fetched page {n}", NOON - MINUTE) for n in range(60)), level=Level.info)
        await here.kept.put("fetcher", *((f"cannot fetch page {n}", NOON - MINUTE) for n in range(40)))
        await here.scan(INCREMENTAL)
        issue = await here.issue("logs.error-ratio")
        assert issue.severity == "high"
        assert "usually 4.76%" in issue.title
        assert issue.evidence["timesAtLeast"] > 2.0
        here.stage.clock.now = NOON + 2 * HOUR
        assert (await here.scan(INCREMENTAL)).issues_resolved == 1


async def test_silence_is_a_state_and_builds_are_never_silent(path):
    """Who spoke every minute for two days is missed, and not any more when it speaks again."""
    async with watched(path) as here:
        minutes = [("beat", NOON - n * MINUTE) for n in range(2 * 24 * 60, 20, -1)]
        await here.kept.put("fetcher", *minutes, level=Level.info)
        await here.kept.put("wheel", *minutes, level=Level.info, kind="build")
        await here.scan(INCREMENTAL)
        issue = await here.issue("logs.silence")
        assert (issue.subject, issue.severity, issue.type) == ("worker:fetcher", "medium", "availability")
        assert issue.title.startswith("Worker fetcher: silent for ")
        narrow = request(Scope.incremental, sources=frozenset({"worker:other"}))
        assert (await here.scan(narrow)).issues_resolved == 0
        await here.kept.put("fetcher", ("beat", NOON), level=Level.info)
        assert (await here.scan(INCREMENTAL)).issues_resolved == 1


async def test_who_says_that_it_ends_is_not_missed(path):
    """Its last words are read."""
    async with watched(path) as here:
        await here.kept.put("job", *(("beat", NOON - n * MINUTE) for n in range(2 * 24 * 60, 31, -1)), level=Level.info)
        await here.kept.put("job", ("job finished", NOON - 30 * MINUTE), level=Level.info)
        await here.scan(FULL)
        assert await here.issues("logs.silence") == []


async def test_a_crash_loop_is_found_at_a_new_source(path):
    """Starts with errors between them."""
    async with watched(path) as here:
        for n in range(6, 0, -1):
            at = NOON - n * 8 * MINUTE
            await here.kept.put("job", (f"Starting worker {n}", at), level=Level.info)
            await here.kept.put("job", ("no such table", at + MINUTE))
        await here.scan(INCREMENTAL)
        issue = await here.issue("logs.restarts")
        assert issue.title.startswith("Worker job: a crash loop: 6 starts within ")
        assert (issue.severity, issue.evidence["errorsBetween"]) == ("high", 5)
        here.stage.clock.now = NOON + 2 * HOUR
        assert (await here.scan(INCREMENTAL)).issues_resolved == 1


async def test_new_instances_that_fail_one_after_the_other_are_a_crash_loop(path):
    """Each process speaks as an instance of its own, and says nothing of starting."""
    async with watched(path) as here:
        for n in range(6):
            at = NOON - (50 - 8 * n) * MINUTE
            await here.kept.put("job", ("hello", at), level=Level.info, instance=f"pid {n}")
            await here.kept.put("job", ("no such table", at + MINUTE), instance=f"pid {n}")
        await here.scan(INCREMENTAL)
        assert (await here.issue("logs.restarts")).evidence["starts"] == 6
