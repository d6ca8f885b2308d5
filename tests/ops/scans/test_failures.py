"""Scans that cannot run, storage that does not answer, and servers that end in mid-scan."""

from __future__ import annotations

import asyncio
import sqlite3
import threading

import pytest
import sqlalchemy as sa

from tests.databases import sqlite_only
from tests.ops.staging import FULL, INCREMENTAL, Lines, Mounts, full, staged
from vibeworkbench.errors import Unavailable, UpstreamFailed
from vibeworkbench.ops.model import Scope
from vibeworkbench.ops.records import issue, scan, source_cursor
from vibeworkbench.ops.scans.claims import claim
from vibeworkbench.ops.scans.model import Scan, Status
from vibeworkbench.ops.scans.owners import Owner, Watch
from vibeworkbench.ops.wire.issues import IssueQuery
from vibeworkbench.settings import HttpTarget, OpsSettings

QUICK = OpsSettings(lease_s=0.3)


@pytest.fixture
def path(tmp_path):
    """Where the database is."""
    return tmp_path / "state.db"


class Lock:
    """Another process's write lock on the database."""

    def __init__(self, path):
        self.connection = sqlite3.connect(path, isolation_level=None)

    def take(self):
        """It is held."""
        self.connection.execute("BEGIN IMMEDIATE")

    def release(self):
        """It is not."""
        self.connection.execute("ROLLBACK")
        self.connection.close()


async def the_end(stage, scan_id):
    """The recorded result of a scan, as soon as it is said."""
    heard = asyncio.Event()
    stage.database.listen(lambda events: heard.set())
    while True:
        heard.clear()
        said = [data for type_, data in stage.said() if type_ == "scan-result" and data["scanId"] == scan_id]
        if said:
            return said
        await heard.wait()


@sqlite_only
async def test_a_storage_that_is_locked_before_the_claim_fails_the_scan(path):
    """The failure is recorded as soon as the lock is gone."""
    async with staged(path, Mounts(), busy_timeout_s=0.05, settings=QUICK) as stage:
        lock = Lock(path)
        lock.take()
        with pytest.raises(UpstreamFailed) as failed:
            await stage.ops.scan(FULL)
        assert "another process holds its lock" in failed.value.message
        lock.release()
        [said] = await the_end(stage, failed.value.attributes["scanId"])
        assert said["status"] == "failed"
        assert [row["status"] for row in stage.rows(scan)] == ["failed"]
        assert (await stage.ops.scan(FULL)).status is Status.completed


@sqlite_only
async def test_a_storage_that_is_locked_at_the_end_files_nothing_by_halves(path):
    """The scan fails as a whole; the next one files and counts everything once."""
    lock, lines = Lock(path), Lines(["boom"] * 3)

    async def take(_order):
        lock.take()
        lines.before = None

    lines.before = take
    async with staged(path, lines, Mounts({"mount:/": 0.95}), busy_timeout_s=0.05, settings=QUICK) as stage:
        with pytest.raises(UpstreamFailed) as failed:
            await stage.ops.scan(FULL)
        assert (stage.rows(issue), stage.rows(source_cursor)) == ([], [])
        lock.release()
        assert len(await the_end(stage, failed.value.attributes["scanId"])) == 1
        assert (await stage.ops.scan(FULL)).issues_filed == 2
        counts = {one.check: one.count for one in (await stage.ops.issues(IssueQuery())).items}
        assert counts == {"mounts.full": 1, "lines.error": 3}


@sqlite_only
async def test_a_full_disk_fails_the_scan_and_the_next_one_works_when_there_is_room(path):
    """SQLite says "database or disk is full" in the middle of the transaction; nothing of it stays."""
    room = {"pages": 2**30}
    mounts = Mounts({f"mount:/{number}": 0.95 for number in range(3000)})
    async with staged(path, mounts, settings=QUICK) as stage:

        @sa.event.listens_for(stage.database.engine, "checkout")
        def _limit(connection, *_):
            connection.execute(f"PRAGMA max_page_count = {room['pages']}")

        room["pages"] = stage.database.read_now(lambda c: c.exec_driver_sql("PRAGMA page_count").scalar_one()) + 20
        with pytest.raises(UpstreamFailed) as failed:
            await stage.ops.scan(FULL)
        assert "the disk is full" in failed.value.message
        assert stage.rows(issue) == []
        room["pages"] = 2**30
        await the_end(stage, failed.value.attributes["scanId"])
        assert (await stage.ops.scan(FULL)).issues_filed == 3000


async def test_a_bug_beside_the_line_is_a_failed_scan(path):
    """A plugin that breaks the service itself costs one scan, recorded and said without its words."""

    class Broken:
        id = "mounts.broken"
        broken = True

        @property
        def judged(self):
            if self.broken:
                raise LookupError("a secret /path")
            return frozenset({"nobody"})

    plugin = Broken()
    async with staged(path, Mounts(), checks=(full, plugin)) as stage:
        with pytest.raises(UpstreamFailed) as failed:
            await stage.ops.scan(FULL)
        assert failed.value.message == "the scan failed: an internal error (LookupError); see the server's log"
        assert stage.types() == ["scan-start", "scan-result"]
        assert "secret" not in str(stage.said())
        plugin.broken = False
        assert (await stage.ops.scan(FULL)).status is Status.completed


async def test_a_bug_before_the_claim_is_a_failed_scan(path):
    """It is recorded although it never ran."""

    class Broken(Mounts):
        async def look(self, order):
            self.kinds = None
            return await super().look(order)

    targets = (HttpTarget("shop", "http://shop"),)
    async with staged(path, Broken(), settings=OpsSettings(lease_s=0.3, targets=targets)) as stage:
        await stage.ops.scan(FULL)
        with pytest.raises(UpstreamFailed) as failed:
            await stage.ops.scan(FULL)
        [said] = await the_end(stage, failed.value.attributes["scanId"])
        assert (said["status"], said["reason"]) == (
            "failed",
            "an internal error (TypeError); see the server's log",
        )


async def test_a_server_that_stops_in_mid_scan_records_it(path):
    """The scan failed because the server stopped, who waited is told, and the next server scans."""
    inside, never = asyncio.Event(), asyncio.Event()

    async def wait(_order):
        inside.set()
        await never.wait()

    async with staged(path, Mounts(before=wait)) as stage:
        waiting = asyncio.create_task(stage.ops.scan(FULL))
        await inside.wait()
        await stage.ops.stop()
        with pytest.raises(Unavailable):
            await waiting
        [row] = stage.rows(scan)
        assert (row["status"], row["reason"]) == ("failed", "the server stopped")
        assert stage.said()[-1][1]["status"] == "failed"
        with pytest.raises(Unavailable):
            await stage.ops.scan(FULL)
    async with staged(path, Mounts()) as stage:
        assert (await stage.ops.scan(FULL)).status is Status.completed


class Claiming:
    """A claim that storage has taken and holds until the test says."""

    def __init__(self):
        self.loop, self.inside, self.gate = asyncio.get_running_loop(), asyncio.Event(), threading.Event()
        self.scan_id = ""

    def __call__(self, _transaction, scan_id):
        """Waits in the transaction of the claim."""
        self.scan_id = scan_id
        self.loop.call_soon_threadsafe(self.inside.set)
        self.gate.wait()


async def test_a_scan_whose_caller_leaves_while_it_is_claimed_is_carried_out(path):
    """A claim that is stored is never without somebody who ends the scan."""
    async with staged(path, Mounts({"mount:/": 0.95})) as stage:
        claiming = Claiming()
        asking = asyncio.create_task(stage.ops.begin(FULL, claiming))
        await claiming.inside.wait()
        asking.cancel()
        await asyncio.wait({asking})
        claiming.gate.set()
        [said] = await the_end(stage, claiming.scan_id)
        assert (said["status"], said["issuesFiled"]) == ("completed", 1)


async def test_a_server_that_stops_while_a_scan_is_claimed_records_its_end(path):
    """Whoever asked is told, and nothing is left running."""
    async with staged(path, Mounts()) as stage:
        claiming = Claiming()
        asking = asyncio.create_task(stage.ops.begin(FULL, claiming))
        await claiming.inside.wait()
        stopping = asyncio.create_task(stage.ops.stop())
        await asyncio.sleep(0)
        claiming.gate.set()
        await stopping
        assert [(row["status"], row["reason"]) for row in stage.rows(scan)] == [("failed", "the server stopped")]
        assert stage.types() == ["scan-start", "scan-result"]
        await asking


@sqlite_only
async def test_a_failure_that_storage_cannot_record_yet_is_told_to_who_asks(path):
    """Whoever waits for the end of a scan is not told for ever that it runs; only as many are owed as are kept."""
    inside, gate = asyncio.Event(), asyncio.Event()

    async def wait(_order):
        inside.set()
        await gate.wait()

    settings = OpsSettings(lease_s=0.3, keep_scans=3)
    async with staged(path, Mounts(before=wait), busy_timeout_s=0.05, settings=settings) as stage:
        begun = await stage.ops.begin(FULL)
        await inside.wait()
        lock = Lock(path)
        lock.take()
        gate.set()
        assert (await stage.ops.finished(begun.scan_id)).status is Status.failed
        assert (await stage.ops.one_scan(begun.scan_id)).status == "failed"
        assert (await stage.ops.finished(begun.scan_id)).status is Status.failed
        for _ in range(5):
            with pytest.raises(UpstreamFailed):
                await stage.ops.begin(FULL)
        assert len(stage.ops.unrecorded) == 3
        lock.release()


def left_running(stage, owner, scope=Scope.full):
    """A scan that another server claimed."""
    left = Scan(f"{scope.value:0<32}", FULL if scope is Scope.full else INCREMENTAL, Status.running, stage.clock.now)
    stage.database.write_now(lambda transaction: claim(transaction, left, str(owner), lambda *_: False))
    return left.scan_id


async def test_a_scan_of_a_server_elsewhere_ends_when_its_beat_does(path):
    """Another machine's process ids say nothing; a lease without a beat does."""
    async with staged(path, Mounts(), settings=QUICK) as stage:
        scan_id = left_running(stage, Owner("elsewhere", 1, "1", "x"))
        [said] = await the_end(stage, scan_id)
        assert said["reason"] == "the server that ran it ended in mid-scan"
        assert (await stage.ops.scan(FULL)).status is Status.completed


async def test_a_scan_that_is_taken_for_dead_files_nothing_more(path):
    """A server that was away for too long (suspended, for instance) finds its scan ended by another one."""
    inside, gate = asyncio.Event(), asyncio.Event()

    async def wait(_order):
        inside.set()
        await gate.wait()

    async with staged(path, Mounts({"mount:/": 0.95}, before=wait)) as stage:
        begun = await stage.ops.begin(FULL)
        await inside.wait()
        ended = sa.update(scan).values(status="failed", reason="taken over")
        stage.database.write_now(lambda transaction: transaction.connection.execute(ended))
        gate.set()
        assert (await stage.ops.finished(begun.scan_id)).status is Status.failed
        assert stage.rows(issue) == []
        assert [row["reason"] for row in stage.rows(scan)] == ["taken over"]


def test_a_process_that_ended_is_known_to_be_gone():
    """By its id and start, on this machine only; a living one is not, and neither is one of another machine."""
    here = Owner.here()
    assert Owner.parsed(str(here)) == here
    assert not here.is_gone(here)
    assert Owner(here.machine, here.pid, "1", "x").is_gone(here)
    assert Owner(here.machine, 2**22 + 1, "1", "x").is_gone(here)
    assert not Owner("elsewhere", here.pid, "1", "x").is_gone(here)


def test_a_watch_asks_no_clock_that_steps():
    """A lease ends when one beat was seen for too long; a new beat begins it anew."""
    now = 0.0
    watch = Watch(Owner.here(), 15.0, lambda: now)
    other = str(Owner("elsewhere", 1, "1", "x"))
    assert not watch.is_dead("a", str(watch.here), 0)
    assert not watch.is_dead("a", other, 0)
    now = 15.0
    assert not watch.is_dead("a", other, 0)
    assert not watch.is_dead("a", other, 1)
    now = 31.0
    assert watch.is_dead("a", other, 1)
    watch.forget(frozenset({"b"}))
    assert not watch.is_dead("a", other, 1)
