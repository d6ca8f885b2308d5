"""Collectors and checks that fail, hang or bring home nonsense cost the others nothing."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from tests.ops.staging import FULL, Lines, Mounts, full, staged
from vibeworkbench.ops.checks import check
from vibeworkbench.ops.model import Look, LookState, Severity
from vibeworkbench.ops.scans.model import Status
from vibeworkbench.ops.wire.issues import IssueQuery
from vibeworkbench.settings import OpsSettings


@pytest.fixture
def path(tmp_path):
    """Where the database is."""
    return tmp_path / "state.db"


async def the_issue(stage):
    """The one issue."""
    [one] = (await stage.ops.issues(IssueQuery())).items
    return one


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
