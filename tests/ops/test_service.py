"""Scans from the claim to the screen, on a real database."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from functools import partial

import msgspec
import pytest

from tests.ops.staging import FULL, INCREMENTAL, Lines, Mounts, full, request, staged
from vibeworkbench.errors import Conflict, InvalidInput, NotFound
from vibeworkbench.ops.checks import check
from vibeworkbench.ops.issues.model import Verb, Wish
from vibeworkbench.ops.issues.records import act
from vibeworkbench.ops.model import Look, LookState, Period, Severity
from vibeworkbench.ops.records import issue, scan, source_cursor
from vibeworkbench.ops.room import HEALTH_PARTY
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


async def test_a_source_may_name_one_target(path):
    """Only it is looked at, and only its issues can resolve."""
    shop, blog = HttpTarget("shop", "http://shop"), HttpTarget("blog", "http://blog")
    probe = Mounts({"http:shop": 0.95, "http:blog": 0.95}, "mounts", frozenset({"http"}))
    async with staged(path, probe, settings=OpsSettings(targets=(shop, blog))) as stage:
        await stage.ops.scan(FULL)
        assert (await stage.ops.summary()).by_state["open"].count == 2
        probe.seen.clear()
        await stage.ops.scan(request(sources=frozenset({"mounts:shop"})))
        assert probe.orders[-1].targets == (shop,)
        states = {one.target: one.state for one in (await stage.ops.issues(IssueQuery())).items}
        assert states == {"http:shop": "resolved", "http:blog": "open"}


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


async def test_a_collector_that_raises_is_a_finding_and_the_scan_goes_on(path):
    """Its own issues stay, the others' are judged, and the finding resolves when it works again."""
    mounts, lines = Mounts({"mount:/": 0.95}), Lines(["boom"])

    async def fail(_order):
        raise ZeroDivisionError("a secret /path")

    async with staged(path, mounts, lines) as stage:
        await stage.ops.scan(FULL)
        mounts.before, mounts.seen = fail, {}
        ended = await stage.ops.scan(FULL)
        assert {run.name: (run.state, run.reason) for run in ended.collectors} == {
            "mounts": ("failed", "ZeroDivisionError"),
            "lines": ("ok", ""),
        }
        states = {one.check: one.state for one in (await stage.ops.issues(IssueQuery())).items}
        assert states == {"mounts.full": "open", "lines.error": "open", "scan.collector-failed": "open"}
        assert "secret" not in str(stage.said())
        mounts.before = None
        assert (await stage.ops.scan(FULL)).issues_resolved == 2


async def test_a_collector_that_hangs_is_a_finding_and_holds_nothing(path):
    """Neither one that waits for ever nor one that refuses to be cancelled; the lost one is not sent again."""
    never = asyncio.Event()

    async def refuse(_order):
        while not never.is_set():
            try:
                await never.wait()
            except asyncio.CancelledError:
                continue

    waiting, refusing = Mounts({"mount:/": 0.95}, before=lambda order: never.wait()), Lines(before=refuse)
    async with staged(path, waiting, refusing, settings=OpsSettings(collector_limit_s=0.05)) as stage:
        ended = await stage.ops.scan(FULL)
        assert {run.name: run.state for run in ended.collectors} == {"mounts": "timed_out", "lines": "timed_out"}
        subjects = {(one.check, one.subject) for one in (await stage.ops.issues(IssueQuery())).items}
        assert subjects == {
            ("scan.collector-timed-out", "collector:mounts"),
            ("scan.collector-timed-out", "collector:lines"),
        }
        again = await stage.ops.scan(FULL)
        assert again.collectors[1].reason == "its look of an earlier scan still hangs"
        never.set()


async def test_a_look_that_ends_when_it_is_called_back_counts_and_proves_nothing(path):
    """What it saw is judged; what it did not see is not well."""
    never = asyncio.Event()

    class Slow(Mounts):
        async def look(self, order):
            look = await super().look(order)
            try:
                await never.wait()
            except asyncio.CancelledError:
                return look
            return look

    slow = Slow({"mount:/": 0.95, "mount:/srv": 0.95})
    async with staged(path, slow, settings=OpsSettings(collector_limit_s=0.05)) as stage:
        await stage.ops.scan(FULL)
        del slow.seen["mount:/srv"]
        await stage.ops.scan(FULL)
        states = {one.subject: one.state for one in (await stage.ops.issues(IssueQuery())).items}
        assert states == {"mount:/": "open", "mount:/srv": "open", "collector:mounts": "open"}


@pytest.mark.parametrize(
    "brought",
    [
        None,
        Look("another", LookState.ok),
        Look("mounts", LookState.ok, cursors={"a": {"b": object()}}),
        Look("mounts", LookState.ok, cursors={"a" * 600: {}}),
        Look("mounts", "ok"),
        Look("mounts", LookState.ok, None),
        Look("mounts", LookState.ok, (object(),)),
        Look("mounts", LookState.ok, records=2**70),
        Look("mounts", LookState.ok, records="7"),
        Look("mounts", LookState.ok, covered=frozenset({1})),
        Look("mounts", LookState.partial, reason="a file named \udc80"),
        Look("mounts", LookState.ok, retired={"mount:/": None}),
    ],
    ids=[
        "nothing",
        "another's",
        "no JSON",
        "long source",
        "state",
        "no observations",
        "odd observation",
        "too many",
        "records",
        "covered",
        "reason",
        "retired",
    ],
)
async def test_a_collector_that_brings_home_nonsense_has_failed(path, brought):
    """It is a finding, and the scan completes."""

    class Odd(Mounts):
        async def look(self, order):
            return brought

    async with staged(path, Odd()) as stage:
        ended = await stage.ops.scan(FULL)
        assert (ended.collectors[0].state, ended.findings.by_type) == ("failed", {"scan": 1})


async def test_a_scan_that_is_cancelled_ends_after_its_looks(path):
    """What a look puts away when it is called back is put away before the server has stopped."""
    inside, put_away, never = asyncio.Event(), [], asyncio.Event()

    async def tidy(_order):
        inside.set()
        try:
            await never.wait()
        finally:
            with suppress(TimeoutError):
                await asyncio.wait_for(never.wait(), 0.5)  # longer than anything else that a stop takes
            put_away.append(True)

    async with staged(path, Mounts(before=tidy)) as stage:
        await stage.ops.begin(FULL)
        await inside.wait()
        await stage.ops.stop()
        assert put_away


async def test_a_check_that_crashes_is_a_finding_and_resolves_nothing_of_its_own(path):
    """The other checks judge, and the crash resolves when it judges again."""
    crashing = False

    @check(id="mounts.fragile", collector="mounts", type="capacity", severity=Severity.low, hint="")
    def fragile(snapshot, context):
        yield from () if not crashing else [fragile.finding("x", 1 / 0)]

    @check(id="mounts.seen", collector="mounts", type="capacity", severity=Severity.low, hint="")
    def seen(snapshot, context):
        if crashing:
            raise RuntimeError
        yield seen.finding("mount:/", "seen")

    mounts = Mounts({"mount:/": 0.95})
    async with staged(path, mounts, checks=(full, fragile, seen)) as stage:
        await stage.ops.scan(FULL)
        crashing, mounts.seen = True, {}
        ended = await stage.ops.scan(FULL)
        assert ended.status is Status.completed
        states = {(one.check, one.subject): one.state for one in (await stage.ops.issues(IssueQuery())).items}
        assert states == {
            ("mounts.full", "mount:/"): "resolved",
            ("mounts.seen", "mount:/"): "open",
            ("scan.check-crashed", "check:mounts.fragile"): "open",
            ("scan.check-crashed", "check:mounts.seen"): "open",
        }
        crashing = False
        await stage.ops.scan(FULL)
        states = {one.subject: one.state for one in (await stage.ops.issues(IssueQuery(type=["scan"]))).items}
        assert set(states.values()) == {"resolved"}


async def test_what_a_check_finds_can_always_be_stored(path):
    """Undecodable names, huge numbers and foreign objects are written as text."""

    @check(id="mounts.odd", collector="mounts", type="capacity", severity=Severity.low, hint="\udc80")
    def odd(snapshot, context):
        facts = {"name": "a\udcff\x00", "big": 2**70, "at": stage.clock.now, "set": {1}, 3: object, "nan": float("nan")}
        yield odd.finding("mount:/\udc80", "odd \x00", evidence=facts)

    async with staged(path, Mounts(), checks=(odd,)) as stage:
        assert (await stage.ops.scan(FULL)).issues_filed == 1
        found = await the_issue(stage)
        assert (found.subject, found.title) == ("mount:/\\udc80", "odd \\x00")
        assert found.evidence["big"] == str(2**70)
        assert (await stage.ops.scan(FULL)).issues_filed == 0


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


async def test_issues_of_targets_that_left_the_settings_are_resolved(path):
    """The next full scan says why; a scan of one source does not judge that."""
    probe = Mounts({"http:shop": 0.95}, "mounts", frozenset({"http"}))
    shop = OpsSettings(targets=(HttpTarget("shop", "http://shop"), HttpTarget("blog", "http://blog")))
    async with staged(path, probe, settings=shop) as stage:
        await stage.ops.scan(FULL)
        assert {one.target for one in (await stage.ops.health()).targets} == {"http:shop", "http:blog"}
    probe.seen.clear()
    probe.covered = frozenset()
    async with staged(path, probe, settings=OpsSettings(targets=(HttpTarget("blog", "http://blog"),))) as stage:
        await stage.ops.scan(INCREMENTAL)
        assert (await the_issue(stage)).state == "open"
        await stage.ops.scan(FULL)
        assert (await the_issue(stage)).resolution == "its target is no longer in the settings"
        assert {one.target for one in (await stage.ops.health()).targets} == {"http:blog"}


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


async def test_a_target_removed_in_mid_scan_gets_no_issue(path):
    """What was seen of it is not filed."""
    gate, inside = asyncio.Event(), asyncio.Event()

    async def wait(_order):
        inside.set()
        await gate.wait()

    probe = Mounts({"http:shop": 0.95}, "mounts", frozenset({"http"}), before=wait)
    async with staged(path, probe) as stage:
        added = await stage.ops.add_target(HttpTarget("shop", "http://shop"))
        begun = await stage.ops.begin(FULL)
        await inside.wait()
        await stage.ops.remove_target(added.target_id, "ada")
        gate.set()
        assert (await stage.ops.finished(begun.scan_id)).status is Status.completed
        assert stage.rows(issue) == []
        assert (await stage.ops.health()).targets == []


async def test_a_target_of_the_settings_hides_one_of_rest(path):
    """It is looked at once, as the settings say; removing the hidden one leaves its issues alone."""
    probe = Mounts({"http:shop": 0.95}, "mounts", frozenset({"http"}))
    async with staged(path, probe) as stage:
        hidden = await stage.ops.add_target(HttpTarget("shop", "http://rest"))
    fixed = HttpTarget("shop", "http://settings")
    async with staged(path, probe, settings=OpsSettings(targets=(fixed,))) as stage:
        await stage.ops.scan(FULL)
        assert probe.orders[-1].targets == (fixed,)
        await stage.ops.remove_target(hidden.target_id, "ada")
        assert (await the_issue(stage)).state == "open"


async def test_settings_with_targets_that_cannot_be_meant_are_refused(path):
    """Two of one name, or a name that could not be told from a part."""
    shop = HttpTarget("shop", "http://shop")
    for targets in ((shop, shop), (HttpTarget("a:b", "http://shop"),), (HttpTarget("shop", "shop"),)):
        with pytest.raises(InvalidInput):
            async with staged(path, settings=OpsSettings(targets=targets)):
                pass


async def test_a_collector_that_is_no_coroutine_or_ends_the_program_has_failed(path):
    """A plugin's mistakes stay its own."""

    class Sync(Mounts):
        def look(self, order):
            return Look(self.name, LookState.ok)

    class Exits(Lines):
        async def look(self, order):
            raise SystemExit

    async with staged(path, Sync(), Exits()) as stage:
        ended = await stage.ops.scan(FULL)
        assert [run.state for run in ended.collectors] == ["failed", "failed"]


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
