"""What is told of scans, issues and health, and how long it is kept."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial

import pytest

from tests.ops.staging import FULL, INCREMENTAL, Lines, Mounts, staged
from vibeworkbench.errors import InvalidInput, NotFound
from vibeworkbench.ops.issues.model import Verb, Wish
from vibeworkbench.ops.issues.records import act
from vibeworkbench.ops.records import health_sample, issue, scan
from vibeworkbench.ops.room import HEALTH_PARTY
from vibeworkbench.ops.wire.issues import IssueQuery
from vibeworkbench.ops.wire.scans import ScanQuery
from vibeworkbench.settings import OpsSettings


@pytest.fixture
def path(tmp_path):
    """Where the database is."""
    return tmp_path / "state.db"


async def the_issue(stage):
    """The one issue."""
    [one] = (await stage.ops.issues(IssueQuery())).items
    return one


async def test_health_is_unknown_then_follows_the_issues_and_is_told_when_it_changes(path):
    """History has a sample of each scan; the room hears of changes only."""
    mounts = Mounts({"mount:/": 0.95})
    async with staged(path, mounts) as stage:
        assert (await stage.ops.health()).score is None
        await stage.ops.scan(FULL)
        await stage.ops.scan(FULL)
        mounts.seen.clear()
        await stage.ops.scan(FULL)
        said = await stage.ops.health()
        assert (said.score, [one.score for one in said.history]) == (100, [70, 70, 100])
        assert [data["score"] for _, data in stage.said(HEALTH_PARTY)] == [70, 100]
        assert [one.score for one in (await stage.ops.health("mounts")).history] == [70, 70, 100]
        with pytest.raises(NotFound):
            await stage.ops.health("nobody")
        scores = stage.registry.get_sample_value("vibeworkbench_ops_health_score", {"target": ""})
        assert scores == 100


async def test_the_summary_counts_and_averages_by_state(path):
    """Count and mean severity of each state, and unresolved issues by severity."""
    async with staged(path, Mounts({"mount:/": 0.95}), Lines(["boom"])) as stage:
        assert (await stage.ops.summary()).by_state["open"].mean_severity is None
        await stage.ops.scan(FULL)
        summary = await stage.ops.summary()
        assert (summary.total, summary.by_state["open"].count) == (2, 2)
        assert summary.by_state["open"].mean_severity == 3.5
        assert summary.by_severity == {"critical": 0, "high": 1, "medium": 1, "low": 0, "info": 0}


async def test_lists_come_in_pages_that_hold_everything_once(path):
    """Worst first, newest first, with a cursor until there is no more."""
    mounts = Mounts({f"mount:/{number}": 0.95 for number in range(25)})
    async with staged(path, mounts, Lines(["boom"])) as stage:
        for _ in range(5):
            await stage.ops.scan(FULL)
        found, cursor = [], ""
        while cursor is not None:
            page = await stage.ops.issues(IssueQuery(limit=7, cursor=cursor))
            found += page.items
            cursor = page.next_cursor
        assert len({one.issue_id for one in found}) == len(found) == 26
        assert found[-1].severity == "medium"
        page = await stage.ops.scans(ScanQuery(limit=3))
        rest = await stage.ops.scans(ScanQuery(limit=3, cursor=page.next_cursor))
        assert (len(page.items), len(rest.items), rest.next_cursor) == (3, 2, None)
        assert len({one.scan_id for one in (*page.items, *rest.items)}) == 5
        for wrong in ("x", "W10", page.next_cursor + "!", page.next_cursor):
            with pytest.raises(InvalidInput):
                await stage.ops.issues(IssueQuery(cursor=wrong))


async def test_issues_are_chosen_by_state_severity_type_and_target(path):
    """Filters of one list mean any of them, filters together mean all."""
    async with staged(path, Mounts({"mount:/": 0.95}), Lines(["boom"])) as stage:
        await stage.ops.scan(FULL)
        chosen = {
            "mounts.full": IssueQuery(severity=["high", "low"]),
            "lines.error": IssueQuery(type=["error"], state=["open"]),
        }
        for check_id, query in chosen.items():
            assert [one.check for one in (await stage.ops.issues(query)).items] == [check_id]
        assert (await stage.ops.issues(IssueQuery(state=["resolved"]))).items == []
        assert [one.check for one in (await stage.ops.issues(IssueQuery(target=["lines"]))).items] == ["lines.error"]


async def test_a_late_member_gets_a_snapshot_of_everything(path):
    """Summary, health, the scan that runs, the last one, and what is not resolved, worst first."""
    gate, inside = asyncio.Event(), asyncio.Event()

    async def wait(order):
        order.progress(2, 8)
        inside.set()
        await gate.wait()

    mounts = Mounts({"mount:/": 0.95})
    async with staged(path, mounts, Lines(["boom"])) as stage:
        first = await stage.ops.scan(FULL)
        mounts.before = wait
        begun = await stage.ops.begin(FULL)
        await inside.wait()
        snapshot = await stage.database.read(lambda connection: stage.ops.snapshot(connection, "main"))
        assert [one["scanId"] for one in snapshot["running"]] == [begun.scan_id]
        assert snapshot["lastScan"]["scanId"] == first.scan_id
        assert [one["check"] for one in snapshot["issues"]] == ["mounts.full", "lines.error"]
        assert (snapshot["summary"]["total"], snapshot["health"]["score"]) == (2, 74)
        gate.set()


async def test_a_late_member_gets_the_changes_of_health_and_not_every_sample(path):
    """What a score was is known from its last change on; who may only watch has the same line as everybody."""
    mounts = Mounts()
    async with staged(path, mounts) as stage:
        for full in (False, False, True, True, False):
            mounts.seen = {"mount:/": 0.95 if full else 0.1}
            await stage.ops.scan(FULL)
        snapshot = await stage.database.read(lambda connection: stage.ops.snapshot(connection, "main"))
        assert [one["score"] for one in snapshot["health"]["history"]] == [100, 70, 100]
        assert [one.score for one in (await stage.ops.health()).history] == [100, 100, 70, 70, 100]


async def test_an_issue_is_told_with_what_only_rest_would_tell(path):
    """Subject, count and claim travel with the message: a viewer's row is complete without a request."""
    async with staged(path, Mounts({"mount:/": 0.95})) as stage:
        await stage.ops.scan(FULL)
        await stage.ops.act((await the_issue(stage)).issue_id, Wish(Verb.claim, "ada"))
        filed, claimed = [data for type_, data in stage.said() if type_ == "issue"]
        assert (filed["subject"], filed["count"], filed["claimedBy"]) == ("mount:/", 1, None)
        assert (claimed["claimedBy"], claimed["resolution"], claimed["mutedUntil"]) == ("ada", None, None)


async def test_old_scans_and_issues_are_forgotten(path):
    """The settings say how many scans and how long resolved issues are kept."""
    mounts = Mounts({"mount:/": 0.95})
    async with staged(path, mounts, settings=OpsSettings(keep_scans=3, keep_resolved_days=10)) as stage:
        await stage.ops.scan(FULL)
        mounts.seen.clear()
        for _ in range(5):
            stage.clock.now += timedelta(days=3)
            await stage.ops.scan(FULL)
        assert len(stage.rows(scan)) == 3
        assert stage.rows(issue) == []
        assert len((await stage.ops.health()).history) == 3


async def test_the_newest_scan_is_the_last_claimed_however_often_the_clock_steps_back(path):
    """Lists, the last scan, what is forgotten, and the history of health go by the order of claims."""
    mounts = Mounts()
    async with staged(path, mounts, settings=OpsSettings(keep_scans=4)) as stage:
        claimed = []
        for number in range(7):
            mounts.seen = {f"mount:/{one}": 0.95 for one in range(number)}
            claimed.append((await stage.ops.scan(FULL)).scan_id)
            stage.clock.now -= timedelta(days=1)
        page = await stage.ops.scans(ScanQuery(limit=3))
        rest = await stage.ops.scans(ScanQuery(limit=3, cursor=page.next_cursor))
        newest_first = claimed[:2:-1]
        assert [one.scan_id for one in (*page.items, *rest.items)] == newest_first
        assert rest.next_cursor is None
        snapshot = await stage.database.read(lambda connection: stage.ops.snapshot(connection, "main"))
        assert snapshot["lastScan"]["scanId"] == newest_first[0]
        assert [one["scan_id"] for one in stage.rows(health_sample)] == claimed[3:]
        scores = [one.score for one in (await stage.ops.health()).history]
        assert scores == sorted(scores, reverse=True)


async def test_the_history_of_an_issue_that_stands_for_years_is_bounded(path):
    """Its newest lines are told, its old ones forgotten; how it was filed is always known."""
    async with staged(path, Mounts({"mount:/": 0.95}), settings=OpsSettings(keep_resolved_days=10)) as stage:
        await stage.ops.scan(FULL)
        issue_id = (await the_issue(stage)).issue_id
        for verb in (Verb.acknowledge, Verb.reopen) * 300:
            stage.database.write_now(partial(act, issue_id=issue_id, wish=Wish(verb, "ada"), now=stage.clock.now))
        history = (await stage.ops.one_issue(issue_id)).history
        assert (len(history), history[-1].to) == (500, "open")
        stage.clock.now += timedelta(days=11)
        await stage.ops.scan(FULL)
        [line] = (await stage.ops.one_issue(issue_id)).history
        assert (line.came_from, line.to) == (None, "open")


async def test_a_list_of_scans_can_be_limited(path):
    """By scope and status."""
    async with staged(path, Mounts()) as stage:
        full_one, other = await stage.ops.scan(FULL), await stage.ops.scan(INCREMENTAL)
        assert [one.scan_id for one in (await stage.ops.scans(ScanQuery(scope=["full"]))).items] == [full_one.scan_id]
        both = (await stage.ops.scans(ScanQuery(status=["completed"]))).items
        assert {one.scan_id for one in both} == {full_one.scan_id, other.scan_id}
        for lookup in (stage.ops.finished, stage.ops.one_scan):
            with pytest.raises(NotFound):
                await lookup("0" * 32)
