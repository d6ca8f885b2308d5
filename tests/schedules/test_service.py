"""Schedules start real scans: each slot once, by one server, whatever the clock does."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path

import pytest

from tests.schedules.staging import HOURLY, NOON, Clock, Gate, Server
from vibeworkbench.errors import Conflict, NotFound, Unavailable
from vibeworkbench.ops.model import ScanRequest, Scope
from vibeworkbench.schedules.model import schedules_from
from vibeworkbench.schedules.service import Schedules
from vibeworkbench.settings import ScheduleSettings, StorageSettings


@pytest.fixture
async def running() -> AsyncIterator[Callable[..., object]]:
    """What starts servers on a folder and a clock; they stop with the test."""
    started: list[Server] = []

    async def start(*args: object, **kwargs: object) -> Server:
        server = Server(*args, **kwargs)
        started.append(server)
        await server.start()
        return server

    yield start
    for server in started:
        await server.stop()


@asynccontextmanager
async def gate_open(gate: Gate) -> AsyncIterator[None]:
    """Within, the gate's scan runs; afterwards it may end."""
    await gate.looking.wait()
    yield
    gate.opened.set()


async def test_a_schedule_that_was_never_seen_has_missed_nothing(running, tmp_path: Path) -> None:
    """A new server at 12:20 does not make up the scan of 12:00; it says when the next one is."""
    server = await running(tmp_path, Clock(NOON + timedelta(minutes=20)))
    await server.looked()
    assert await server.triggers() == []
    standing = await server.standing()
    assert (standing.next_fire_at, standing.last) == (NOON + timedelta(hours=1), None)


async def test_who_may_only_watch_is_told_the_next_fires(running, tmp_path: Path) -> None:
    """In the snapshot of the ops room, as JSON: what the list over REST says of when they come."""
    server = await running(tmp_path, Clock(NOON + timedelta(minutes=20)))
    [told] = server.schedules.said()
    assert told == {
        "name": HOURLY.name,
        "cron": HOURLY.cron,
        "scope": HOURLY.scope,
        "timezone": "UTC",
        "nextFireAt": (NOON + timedelta(hours=1)).isoformat().replace("+00:00", "Z"),
    }


async def test_a_slot_is_run_once(running, tmp_path: Path) -> None:
    """However often the clock is looked at, and what became of it can be read."""
    clock = Clock()
    server = await running(tmp_path, clock)
    clock.now += timedelta(hours=1)
    for _ in range(3):
        await server.looked()
    assert await server.triggers() == ["schedule:hourly"]
    last = (await server.standing()).last
    assert (last.at, last.outcome) == (clock.now, "completed")
    assert (await server.ops.one_scan(last.scan_id)).status == "completed"


async def test_two_servers_on_one_database_run_a_slot_once(running, tmp_path: Path) -> None:
    """Who claims the slot runs it; the other one knows that it is done."""
    clock = Clock()
    servers = [await running(tmp_path, clock) for _ in range(2)]
    for hour in range(1, 4):
        clock.now = NOON + timedelta(hours=hour)
        await asyncio.gather(*(server.looked() for server in servers))
    assert await servers[0].triggers() == ["schedule:hourly"] * 3


async def test_missed_slots_are_made_up_once_within_the_grace_time(running, tmp_path: Path) -> None:
    """A server that was away for five hours runs one scan if the last slot is young, else none."""
    clock = Clock()
    first = await running(tmp_path, clock)
    await first.stop()
    clock.now = NOON + timedelta(hours=5, minutes=31)
    late = await running(tmp_path, clock)
    await late.looked()
    assert await late.triggers() == []
    clock.now = NOON + timedelta(hours=6, minutes=29)
    await late.looked()
    assert await late.triggers() == ["schedule:hourly"]


async def test_a_clock_that_is_set_back_repeats_no_slot_and_loses_none(running, tmp_path: Path) -> None:
    """Slots claimed by a clock that was ahead are not run again; those in between are run when they come."""
    clock = Clock()
    server = await running(tmp_path, clock)
    clock.now = NOON + timedelta(hours=100)
    await server.looked()
    clock.now = NOON + timedelta(hours=1)
    await server.looked()
    clock.now = NOON + timedelta(hours=1, minutes=1)
    await server.looked()
    assert await server.triggers() == ["schedule:hourly"] * 2
    clock.now = NOON + timedelta(hours=100, minutes=1)
    await server.looked()
    assert await server.triggers() == ["schedule:hourly"] * 2


async def test_a_schedule_first_seen_by_a_clock_years_ahead_is_not_dead(running, tmp_path: Path) -> None:
    """Once the clock is right, the next slot is run."""
    clock = Clock(NOON + timedelta(days=3650))
    server = await running(tmp_path, clock)
    clock.now = NOON
    await server.looked()
    clock.now = NOON + timedelta(hours=1)
    await server.looked()
    assert await server.triggers() == ["schedule:hourly"]


async def test_a_schedule_whose_times_were_changed_has_missed_nothing(running, tmp_path: Path) -> None:
    """At 12:20 somebody writes ``15 * * * *``: the scan of 12:15 was never planned."""
    clock = Clock()
    await (await running(tmp_path, clock)).stop()
    clock.now = NOON + timedelta(minutes=20)
    changed = ScheduleSettings(name="hourly", cron="15 * * * *", scope="full")
    server = await running(tmp_path, clock, changed)
    await server.looked()
    assert await server.triggers() == []
    clock.now = NOON + timedelta(minutes=75)
    await server.looked()
    assert await server.triggers() == ["schedule:hourly"]


async def test_a_slot_whose_scope_is_being_scanned_is_skipped_and_says_so(running, tmp_path: Path) -> None:
    """Scans of one scope never overlap; the scan in the way is named."""
    clock, gate = Clock(), Gate()
    server = await running(tmp_path, clock, gates=(gate,))
    begun = await server.ops.begin(ScanRequest(Scope.full, "rest:ada"))
    async with gate_open(gate):
        clock.now += timedelta(hours=1)
        await server.schedules.fire_due()
        last = (await server.standing()).last
        assert (last.outcome, last.scan_id) == ("skipped: already running", begun.scan_id)
    await server.ops.finished(begun.scan_id)


async def test_a_slot_that_storage_refused_is_made_up_once_storage_answers(running, tmp_path: Path) -> None:
    """However often it is tried meanwhile, one scan is said to have failed; then one completes."""
    clock = Clock()
    server = await running(tmp_path, clock, storage=StorageSettings(busy_timeout_s=0.01))
    clock.now += timedelta(hours=1)
    with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for _ in range(3):
            await server.looked()
        other.execute("ROLLBACK")
    await server.ops.scan(ScanRequest(Scope.incremental, "rest:ada"))
    await server.looked()
    ended = sorted((each.trigger, each.status) for each in await server.scans())
    slot = "schedule:hourly"
    assert ended == [("rest:ada", "completed"), (slot, "completed"), (slot, "failed")]
    assert (await server.standing()).last.outcome == "completed"


async def test_a_stopping_server_leaves_its_slot_to_others(running, tmp_path: Path) -> None:
    """What becomes due while a server stops is run by the next one."""
    clock = Clock()
    stopping, other = [await running(tmp_path, clock) for _ in range(2)]
    clock.now += timedelta(hours=1)
    await stopping.ops.stop()
    with pytest.raises(Unavailable):
        await stopping.schedules.fire_due()
    await other.looked()
    assert await other.triggers() == ["schedule:hourly"]


async def test_a_scan_started_by_hand_is_told_like_any_other(running, tmp_path: Path) -> None:
    """It runs at once, its outcome is seen while and after it runs, and a second one is refused."""
    gate = Gate()
    server = await running(tmp_path, Clock(), gates=(gate,))
    scan_id = await server.schedules.run("hourly", "ada")
    async with gate_open(gate):
        last = (await server.standing()).last
        assert (last.scan_id, last.outcome) == (scan_id, "running")
        with pytest.raises(Conflict):
            await server.schedules.run("hourly", "ada")
    await server.schedules.settled()
    last = (await server.standing()).last
    assert (last.scan_id, last.outcome) == (scan_id, "completed")
    assert await server.triggers() == ["schedule:hourly:ada"]


async def test_an_unknown_schedule_is_not_found(running, tmp_path: Path) -> None:
    """The refusal lists those that there are."""
    server = await running(tmp_path, Clock())
    with pytest.raises(NotFound) as error:
        await server.schedules.run("nightly", "ada")
    assert error.value.attributes["allowed"] == ["hourly"]


async def test_the_clock_wakes_by_itself(tmp_path: Path) -> None:
    """The running loop starts what becomes due, without anybody asking."""
    clock, gate = Clock(), Gate()
    server = Server(tmp_path, clock, gates=(gate,))
    server.schedules = Schedules(
        database=server.database, ops=server.ops, schedules=schedules_from([HOURLY]), clock=clock, recheck_s=0.01
    )
    await server.rooms.start()
    await server.ops.start()
    await server.schedules.start()
    assert server.schedules.alive
    clock.now += timedelta(hours=1)
    async with gate_open(gate):
        pass
    await server.stop()
    assert not server.schedules.alive
