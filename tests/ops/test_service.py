"""Scans from the claim to the screen, on a real database."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec
import pytest

from tests.ops.staging import FULL, INCREMENTAL, Lines, Mounts, full, request, staged
from vibeworkbench.errors import Conflict, InvalidInput, NotFound
from vibeworkbench.ops.issues.model import Verb, Wish
from vibeworkbench.ops.model import Period, Severity
from vibeworkbench.ops.records import scan, source_cursor
from vibeworkbench.ops.scans.model import Status
from vibeworkbench.ops.wire.issues import IssueQuery
from vibeworkbench.ops.wire.scans import ScanQuery, scan_body
from vibeworkbench.settings import HttpTarget, OpsSettings


@pytest.fixture
def path(tmp_path):
    """Where the database is."""
    return tmp_path / "state.db"


async def the_issue(stage):
    """The one issue."""
    [one] = (await stage.ops.issues(IssueQuery())).items
    return one


async def test_trouble_is_one_issue_from_its_first_scan_to_its_end(path):
    """Filed, seen again, resolved by itself, and found again: one issue, every step said."""
    mounts = Mounts({"mount:/": 0.95, "mount:/srv": 0.2})
    async with staged(path, mounts) as stage:
        first = await stage.ops.scan(FULL)
        assert (first.issues_filed, first.findings.total, first.status) == (1, 1, Status.completed)
        second = await stage.ops.scan(FULL)
        assert (second.issues_filed, second.findings.total) == (0, 1)
        assert (await the_issue(stage)).count == 2
        mounts.seen["mount:/"] = 0.3
        third = await stage.ops.scan(INCREMENTAL)
        assert (third.issues_resolved, third.findings.total) == (1, 0)
        assert (await the_issue(stage)).state == "resolved"
        mounts.seen["mount:/"] = 0.95
        assert (await stage.ops.scan(FULL)).issues_filed == 1
        again = await stage.ops.one_issue((await the_issue(stage)).issue_id)
        assert (again.state, again.reopened_count, again.count) == ("open", 1, 3)
        assert [(line.came_from, line.to) for line in again.history] == [
            (None, "open"),
            ("open", "resolved"),
            ("resolved", "open"),
        ]
        assert stage.types() == [
            *["scan-start", "issue", "scan-result"],
            *["scan-start", "scan-result"],
            *["scan-start", "issue", "scan-result"],
            *["scan-start", "issue", "scan-result"],
        ]


async def test_a_scan_s_result_is_what_rest_answers(path):
    """The message and the answer are one body, and progress came before it."""
    async with staged(path, Mounts({"mount:/": 0.95})) as stage:
        ended = await stage.ops.scan(FULL)
        said = stage.said()
        answered = msgspec.to_builtins(await stage.ops.one_scan(ended.scan_id))
        assert said[-1] == ("scan-result", answered)
        assert answered == msgspec.to_builtins(scan_body(ended))
        assert [type_ for type_, _ in said][:2] == ["scan-start", "scan-progress"]
        progress = [data for type_, data in said if type_ == "scan-progress"][-1]
        assert progress["progress"]["processed"] == progress["progress"]["total"]


async def test_thresholds_clear_lower_than_they_speak(path):
    """A mount at 85 % is no trouble unless it was one."""
    mounts = Mounts({"mount:/": 0.85})
    async with staged(path, mounts) as stage:
        assert (await stage.ops.scan(FULL)).findings.total == 0
        mounts.seen["mount:/"] = 0.95
        await stage.ops.scan(FULL)
        mounts.seen["mount:/"] = 0.85
        assert (await stage.ops.scan(FULL)).issues_resolved == 0
        mounts.seen["mount:/"] = 0.75
        assert (await stage.ops.scan(FULL)).issues_resolved == 1


async def test_a_second_incremental_scan_processes_nothing(path):
    """Each record is read once, and counts once, whatever scans see it."""
    lines = Lines(["boom"] * 5)
    async with staged(path, lines) as stage:
        assert (await stage.ops.scan(INCREMENTAL)).processed_logs == 5
        assert (await stage.ops.scan(INCREMENTAL)).processed_logs == 0
        assert (await stage.ops.scan(FULL)).processed_logs == 5
        lines.lines.append("boom")
        assert (await stage.ops.scan(INCREMENTAL)).processed_logs == 1
        assert (await the_issue(stage)).count == 6


async def test_a_time_range_moves_no_cursor(path):
    """What it read is filed, and counted by the next scan without a range."""
    async with staged(path, Lines(["boom"] * 5)) as stage:
        now = stage.clock.now
        inside = Period(now - timedelta(hours=1), now + timedelta(hours=1))
        before = Period(now - timedelta(hours=2), now - timedelta(hours=1))
        assert (await stage.ops.scan(request(period=before))).findings.total == 0
        assert (await stage.ops.scan(request(period=inside))).findings.total == 1
        assert stage.rows(source_cursor) == []
        assert ((await the_issue(stage)).count, (await the_issue(stage)).state) == (0, "open")
        assert (await stage.ops.scan(INCREMENTAL)).processed_logs == 5
        assert (await the_issue(stage)).count == 5


async def test_two_scopes_at_once_count_each_record_once(path):
    """Whoever files first has the records; the other's cursor stays, and nothing is lost."""
    lines = Lines(["boom"] * 5)
    async with staged(path, lines) as stage:
        both_read = asyncio.Barrier(2)
        lines.before = lambda order: both_read.wait()
        await asyncio.gather(stage.ops.scan(FULL), stage.ops.scan(INCREMENTAL))
        assert (await the_issue(stage)).count == 5
        lines.before = None
        lines.lines.append("boom")
        await stage.ops.scan(INCREMENTAL)
        assert (await the_issue(stage)).count == 6


async def test_severity_and_type_limit_what_is_reported_and_not_what_is_filed(path):
    """A filtered scan still files everything that it read."""
    async with staged(path, Mounts({"mount:/": 0.95}), Lines(["boom"])) as stage:
        ended = await stage.ops.scan(request(severities=frozenset({Severity.low}), types=frozenset({"error"})))
        assert (ended.findings.total, ended.issues_filed) == (0, 2)
        answered = await stage.ops.one_scan(ended.scan_id)
        assert answered.filters == {"severity": ["low"], "type": ["error"]}


async def test_a_source_limits_what_is_read_and_resolves_nothing_else(path):
    """The other collector does not look, and its issue stays."""
    mounts, lines = Mounts({"mount:/": 0.95}), Lines()
    async with staged(path, mounts, lines) as stage:
        await stage.ops.scan(FULL)
        mounts.seen.clear()
        ended = await stage.ops.scan(request(sources=frozenset({"lines"})))
        states = {run.name: run.state for run in ended.collectors}
        assert states == {"mounts": "skipped", "lines": "ok"}
        assert (len(mounts.orders), (await the_issue(stage)).state) == (1, "open")
        await stage.ops.scan(request(sources=frozenset({"mounts"})))
        assert (await the_issue(stage)).state == "resolved"


async def test_an_unknown_source_is_refused_with_the_known_ones(path):
    """And no scan was claimed."""
    settings = OpsSettings(targets=(HttpTarget("shop", "http://shop"),))
    async with staged(path, Mounts(), Mounts(name="http", kinds=frozenset({"http"})), settings=settings) as stage:
        with pytest.raises(InvalidInput) as refused:
            await stage.ops.scan(request(sources=frozenset({"https"})))
        assert refused.value.attributes["allowed"] == ["mounts", "http", "http:shop"]
        assert stage.rows(scan) == []


async def test_one_scope_runs_once(path):
    """The second is told which scan runs; another scope is not in the way."""
    gate, inside = asyncio.Event(), asyncio.Event()

    async def wait(_order):
        inside.set()
        await gate.wait()

    mounts = Mounts(before=wait)
    async with staged(path, mounts) as stage:
        begun = await stage.ops.begin(FULL)
        await inside.wait()
        with pytest.raises(Conflict) as refused:
            await stage.ops.scan(FULL)
        assert refused.value.attributes["scanId"] == begun.scan_id
        other = await stage.ops.begin(INCREMENTAL)
        running = await stage.ops.scans(ScanQuery(status=["running"]))
        assert {one.scan_id for one in running.items} == {begun.scan_id, other.scan_id}
        gate.set()
        assert (await stage.ops.finished(begun.scan_id)).status is Status.completed
        assert (await stage.ops.finished(other.scan_id)).status is Status.completed
        assert (await stage.ops.finished(begun.scan_id)).status is Status.completed


async def test_servers_on_one_database_never_scan_one_scope_at_once(path):
    """The claim holds over all of them, and none takes the other for dead."""
    gate, inside = asyncio.Event(), asyncio.Event()

    async def wait(_order):
        inside.set()
        await gate.wait()

    async with staged(path, Mounts(before=wait)) as one, staged(path, Mounts()) as other:
        begun = await one.ops.begin(FULL)
        await inside.wait()
        with pytest.raises(Conflict):
            await other.ops.scan(FULL)
        gate.set()
        assert (await one.ops.finished(begun.scan_id)).status is Status.completed
        assert (await other.ops.scan(FULL)).status is Status.completed


async def test_many_who_start_at_once_start_one(path):
    """Exactly one of ten gets the claim."""
    gate = asyncio.Event()

    async def wait(_order):
        await gate.wait()

    async with staged(path, Mounts(before=wait)) as stage:
        begun = await asyncio.gather(*(stage.ops.begin(FULL) for _ in range(10)), return_exceptions=True)
        assert sum(isinstance(one, Conflict) for one in begun) == 9
        gate.set()


async def test_people_move_issues_and_everybody_hears_it(path):
    """Each step is one message and one line of history, with who and why."""
    async with staged(path, Mounts({"mount:/": 0.95})) as stage:
        await stage.ops.scan(FULL)
        issue_id = (await the_issue(stage)).issue_id
        await stage.ops.act(issue_id, Wish(Verb.acknowledge, "ada", "seen"))
        claimed = await stage.ops.act(issue_id, Wish(Verb.claim, "ada"))
        assert (claimed.state, claimed.claimed_by) == ("in_progress", "ada")
        with pytest.raises(Conflict):
            await stage.ops.act(issue_id, Wish(Verb.claim, "bob"))
        done = await stage.ops.act(issue_id, Wish(Verb.resolve, "bob", resolution="made space"))
        assert [(line.to, line.actor, line.note) for line in done.history] == [
            ("open", "scan", ""),
            ("acknowledged", "ada", "seen"),
            ("in_progress", "ada", ""),
            ("resolved", "bob", "made space"),
        ]
        said = [(data["from"], data["to"], data["actor"]) for type_, data in stage.said() if type_ == "issue"]
        assert said[1:] == [
            ("open", "acknowledged", "ada"),
            ("acknowledged", "in_progress", "ada"),
            ("in_progress", "resolved", "bob"),
        ]
        with pytest.raises(NotFound):
            await stage.ops.act("0" * 32, Wish(Verb.claim, "ada"))


async def test_of_two_who_claim_at_once_one_gets_it(path):
    """On two servers with one database."""
    async with staged(path, Mounts({"mount:/": 0.95})) as one, staged(path, Mounts()) as other:
        await one.ops.scan(FULL)
        issue_id = (await the_issue(one)).issue_id
        wishes = [
            stage.ops.act(issue_id, Wish(Verb.claim, f"{name}{number}"))
            for number in range(5)
            for name, stage in (("ada", one), ("bob", other))
        ]
        outcomes = await asyncio.gather(*wishes, return_exceptions=True)
        [won] = [outcome for outcome in outcomes if not isinstance(outcome, Conflict)]
        lost = [outcome.attributes["claimedBy"] for outcome in outcomes if isinstance(outcome, Conflict)]
        assert lost == [won.claimed_by] * 9


async def test_what_a_person_did_while_a_scan_looked_stands(path):
    """The scan saw the trouble before the resolution, so it does not reopen it."""
    gate, inside = asyncio.Event(), asyncio.Event()

    async def wait(_order):
        inside.set()
        await gate.wait()

    mounts = Mounts({"mount:/": 0.95})
    async with staged(path, mounts) as stage:
        await stage.ops.scan(FULL)
        issue_id = (await the_issue(stage)).issue_id
        mounts.before = wait
        begun = await stage.ops.begin(FULL)
        await inside.wait()
        await stage.ops.act(issue_id, Wish(Verb.resolve, "ada", resolution="made space"))
        gate.set()
        await stage.ops.finished(begun.scan_id)
        assert (await the_issue(stage)).state == "resolved"
        mounts.before = None
        await stage.ops.scan(FULL)
        assert (await the_issue(stage)).state == "open"


async def test_a_mute_ends_by_itself(path):
    """Without a scan, soon after its time."""
    async with staged(path, Mounts({"mount:/": 0.95}), settings=OpsSettings(lease_s=0.06)) as stage:
        await stage.ops.scan(FULL)
        issue_id = (await the_issue(stage)).issue_id
        until = stage.clock.now + timedelta(hours=1)
        assert (await stage.ops.act(issue_id, Wish(Verb.mute, "ada", until=until))).state == "muted"
        heard = asyncio.Event()
        stage.database.listen(lambda events: heard.set())
        stage.clock.now = until
        await heard.wait()
        assert (await the_issue(stage)).state == "open"
        assert stage.said()[-1][1]["note"] == "the mute is over and it is still there"


async def test_a_clock_that_steps_back_does_no_harm(path):
    """Scans end after they began, issues are last seen when they were, lists keep their order of claims."""
    mounts = Mounts({"mount:/": 0.95})
    async with staged(path, mounts) as stage:
        await stage.ops.scan(FULL)
        seen_at = (await the_issue(stage)).last_seen_at

        async def step_back(_order):
            stage.clock.now -= timedelta(hours=1)

        mounts.before = step_back
        ended = await stage.ops.scan(FULL)
        assert ended.completed_at >= ended.started_at
        found = await the_issue(stage)
        assert (found.last_seen_at, found.count) == (seen_at, 2)
        stage.clock.now -= timedelta(days=2)
        mounts.seen.clear()
        mounts.before = None
        assert (await stage.ops.scan(FULL)).issues_resolved == 1


async def test_issues_that_nobody_looks_at_any_more_are_resolved(path):
    """A check that was switched off, a collector that has no targets or is gone: the next full scan says so."""
    probe = Mounts({"probes": 0.95}, "mounts", frozenset({"http"}))
    shop = OpsSettings(targets=(HttpTarget("shop", "http://shop"),))
    cases = (
        ((probe,), (), shop, "its check is switched off or no longer installed"),
        ((probe,), (full,), None, "its collector has no targets any more"),
        ((), (full,), None, "its collector is switched off or no longer installed"),
    )
    for collectors, checks, settings, reason in cases:
        async with staged(path, probe, settings=shop) as stage:
            await stage.ops.scan(FULL)
            assert (await the_issue(stage)).state == "open"
        async with staged(path, *collectors, checks=checks, settings=settings) as stage:
            await stage.ops.scan(INCREMENTAL)
            assert (await the_issue(stage)).state == "open"
            assert (await stage.ops.scan(FULL)).issues_resolved == 1
            assert (await the_issue(stage)).resolution == reason


async def test_a_collector_is_told_when_it_looks_at_some_of_its_targets(path):
    """What is true of these is not true of the whole."""
    probe = Mounts(kinds=frozenset({"http"}))
    both = OpsSettings(targets=(HttpTarget("shop", "http://shop"), HttpTarget("blog", "http://blog")))
    async with staged(path, probe, settings=both) as stage:
        await stage.ops.scan(FULL)
        await stage.ops.scan(request(sources=frozenset({"mounts"})))
        await stage.ops.scan(request(sources=frozenset({"mounts:shop"})))
    assert [order.narrowed for order in probe.orders] == [False, False, True]
