"""Records become issues, and each record counts once, whatever scans see it."""

from __future__ import annotations

import asyncio

import pytest

from tests.logs.judging.staging import HOUR, NOON, watched
from tests.ops.staging import FULL, INCREMENTAL, request
from vibeworkbench.logs.model import Level
from vibeworkbench.ops.model import Period, Scope
from vibeworkbench.ops.scans.model import Status

ONE_SOURCE = request(Scope.incremental, sources=frozenset({"worker:fetcher"}))


@pytest.fixture
def path(tmp_path):
    """Where the state is."""
    return tmp_path / "state.sqlite"


async def test_errors_are_one_issue_that_counts_each_record_once(path):
    """A second scan with nothing new processes nothing, a full one counts nothing again."""
    async with watched(path) as here:
        await here.kept.put("fetcher", "cannot fetch page 1", "cannot fetch page 2")
        first = await here.scan(INCREMENTAL)
        assert (first.processed_logs, first.issues_filed, first.findings.total) == (2, 1, 1)
        issue = await here.issue()
        assert issue.count == 2
        assert issue.subject == "worker:fetcher"
        assert issue.title == "Worker fetcher: cannot fetch page <number> (new: 2 records)"
        again = await here.scan(INCREMENTAL)
        assert (again.processed_logs, again.findings.total) == (0, 0)
        full = await here.scan(FULL)
        assert (full.processed_logs, full.findings.total) == (2, 1)
        await here.kept.put("fetcher", "cannot fetch page 3")
        assert (await here.scan(INCREMENTAL)).processed_logs == 1
        assert (await here.issue()).count == 3


async def test_evidence_shows_the_records_and_the_way_to_them(path):
    """Samples, counts, instants, the hours, and the link."""
    async with watched(path) as here:
        await here.kept.put("fetcher", *((f"cannot fetch page {n}", NOON - 3 * HOUR) for n in range(5)))
        await here.kept.put("fetcher", "cannot fetch page 9")
        await here.scan(INCREMENTAL)
        evidence = (await here.issue()).evidence
        assert evidence["samples"] == ["cannot fetch page 9", "cannot fetch page 4", "cannot fetch page 3"]
        assert evidence["link"] == f"?template={evidence['templateId']}"
        assert evidence["sparkline"]["counts"][-4:] == [5, 0, 0, 1]
        assert (evidence["newRecords"], evidence["groupedBy"]) == (6, "template")
        assert evidence["firstAt"] == "2026-11-22T09:00:00+00:00"


async def test_records_that_arrive_late_count(path):
    """The order of arrival decides, not what the clocks of senders say."""
    async with watched(path) as here:
        await here.kept.put("fetcher", "cannot fetch page 1")
        await here.scan(INCREMENTAL)
        await here.kept.put("fetcher", ("cannot fetch page 2", NOON - 30 * HOUR), arrived=NOON)
        assert (await here.scan(INCREMENTAL)).processed_logs == 1
        assert (await here.issue()).count == 2


async def test_a_filtered_scan_reads_one_source_and_moves_its_cursor_only(path):
    """The other source's records are there for the next scan, the read ones are not."""
    async with watched(path) as here:
        await here.kept.put("fetcher", "cannot fetch page 1")
        await here.kept.put("parser", "cannot parse page 1")
        assert (await here.scan(ONE_SOURCE)).processed_logs == 1
        assert [each.subject for each in await here.issues()] == ["worker:fetcher"]
        await here.kept.put("fetcher", "cannot fetch page 2")
        assert (await here.scan(INCREMENTAL)).processed_logs == 2
        counts = {each.subject: each.count for each in await here.issues()}
        assert counts == {"worker:fetcher": 2, "worker:parser": 1}
        assert (await here.scan(ONE_SOURCE)).processed_logs == 0


async def test_a_source_that_never_spoke_is_said_to_be_missing(path):
    """It is no error: it may speak later."""
    async with watched(path) as here:
        scan = await here.scan(ONE_SOURCE)
        [run] = [each for each in scan.collectors if each.name == "worker"]
        assert (run.state, run.reason) == ("skipped", "no record of fetcher has come in")
        [other] = [each for each in (await here.scan(INCREMENTAL)).collectors if each.name == "build"]
        assert other.reason == "no record of any build has come in"


async def test_two_scans_at_once_count_once(path):
    """Whichever files first counts; the other leaves cursors and counts alone."""
    async with watched(path) as here:
        await here.kept.put("fetcher", *(f"cannot fetch page {n}" for n in range(20)))
        await here.kept.put("parser", "cannot parse page 1")
        await asyncio.gather(here.scan(FULL), here.scan(INCREMENTAL))
        counts = {each.subject: each.count for each in await here.issues()}
        assert counts == {"worker:fetcher": 20, "worker:parser": 1}
        await here.scan(INCREMENTAL)
        assert {each.subject: each.count for each in await here.issues()} == counts


@pytest.mark.parametrize("scopes", [(ONE_SOURCE, FULL), (FULL, ONE_SOURCE)])
async def test_a_narrow_and_a_wide_scan_at_once_count_once(path, scopes):
    """They share the cursor of the source, and that of all."""
    async with watched(path) as here:
        await here.kept.put("fetcher", "cannot fetch page 0")
        await here.scan(INCREMENTAL)
        await here.kept.put("fetcher", *(f"cannot fetch page {n}" for n in range(20)))
        await asyncio.gather(*(here.scan(each) for each in scopes))
        await here.scan(INCREMENTAL)
        assert (await here.issue()).count == 21


async def test_a_time_range_moves_no_cursor(path):
    """What it reports is counted by a later scan."""
    async with watched(path) as here:
        await here.kept.put("fetcher", ("cannot fetch page 1", NOON - 5 * HOUR), "cannot fetch page 2")
        period = Period(NOON - 6 * HOUR, NOON - 4 * HOUR)
        ranged = await here.scan(request(Scope.incremental, period=period))
        assert (ranged.status, ranged.findings.total) == (Status.completed, 1)
        later = await here.scan(INCREMENTAL)
        assert later.processed_logs == 2
        assert (await here.issue()).count == 2


async def test_a_quiet_error_resolves_and_reopens_on_later_records_only(path):
    """A full scan that sees the old records again keeps nothing open."""
    async with watched(path) as here:
        await here.kept.put("fetcher", "cannot fetch page 1")
        await here.scan(INCREMENTAL)
        here.stage.clock.now = NOON + 25 * HOUR
        assert (await here.scan(FULL)).issues_resolved == 1
        await here.kept.put("fetcher", ("cannot fetch page 2", NOON + 26 * HOUR))
        here.stage.clock.now = NOON + 27 * HOUR
        await here.scan(INCREMENTAL)
        issue = await here.issue()
        assert (issue.state, issue.count) == ("open", 2)


async def test_kinds_are_collectors_of_their_own(path):
    """A filter by the kind reads that kind."""
    async with watched(path) as here:
        await here.kept.put("fetcher", "cannot fetch page 1")
        await here.kept.put("wheel", "cannot build it", kind="build", level=Level.critical)
        scan = await here.scan(request(Scope.full, sources=frozenset({"build"})))
        assert scan.processed_logs == 1
        [issue] = await here.issues()
        assert (issue.subject, issue.severity) == ("build:wheel", "high")
