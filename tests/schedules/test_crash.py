"""``kill -9`` at every step of a fire: a real process is killed, and others go on."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from tests.schedules.staging import NOON, Clock, Server

ROOT = Path(__file__).parents[2]
WITHIN_THE_CLAIM = ["INSERT INTO schedule_slot", "UPDATE schedule", "INSERT INTO scan ", "INSERT INTO event", "COMMIT"]


def killed_at(folder: Path, step: str) -> None:
    """A worker was killed with SIGKILL at this step of the fire of one o'clock."""
    command = [sys.executable, "-m", "tests.schedules.crash_worker", str(folder), step]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "reached\n"
        worker.send_signal(signal.SIGKILL)
        assert worker.wait() == -signal.SIGKILL


@asynccontextmanager
async def surviving(folder: Path, clock: Clock, count: int) -> AsyncIterator[list[Server]]:
    """So many servers on the same data."""
    servers = [Server(folder, clock) for _ in range(count)]
    for server in servers:
        await server.start()
    yield servers
    for server in servers:
        await server.stop()


async def looked(servers: list[Server]) -> None:
    """Every server has looked at the clock, all at the same time, and what it started has ended."""
    await asyncio.gather(*(server.looked() for server in servers))


@pytest.mark.parametrize("step", WITHIN_THE_CLAIM)
async def test_a_slot_whose_server_was_killed_before_the_scan_was_claimed_is_made_up_once(
    tmp_path: Path, step: str
) -> None:
    """By one of the servers that live on, and by none of those that come later."""
    clock = Clock()
    async with surviving(tmp_path, clock, 2) as servers:
        killed_at(tmp_path, step)
        clock.now = NOON + timedelta(hours=1, minutes=10)
        await looked(servers)
        await looked(servers)
        assert [(each.trigger, each.status) for each in await servers[0].scans()] == [("schedule:hourly", "completed")]
    async with surviving(tmp_path, clock, 1) as servers:
        await looked(servers)
        assert await servers[0].triggers() == ["schedule:hourly"]
        assert (await servers[0].standing()).last.outcome == "completed"


async def test_a_slot_whose_server_was_killed_is_not_made_up_after_the_grace_time(tmp_path: Path) -> None:
    """A scan that is more than half an hour late was not what the schedule meant."""
    killed_at(tmp_path, "INSERT INTO scan ")
    clock = Clock(NOON + timedelta(hours=1, minutes=31))
    async with surviving(tmp_path, clock, 1) as servers:
        await looked(servers)
        assert await servers[0].triggers() == []


async def test_a_slot_whose_scan_was_cut_off_is_not_run_again_and_says_so(tmp_path: Path) -> None:
    """Its scan has failed, and that is what became of the slot; the next slot is run as ever."""
    killed_at(tmp_path, "look")
    clock = Clock(NOON + timedelta(hours=1, minutes=10))
    async with surviving(tmp_path, clock, 2) as servers:
        await looked(servers)
        (cut_off,) = await servers[0].scans()
        assert (cut_off.trigger, cut_off.status) == ("schedule:hourly", "failed")
        for server in servers:
            last = (await server.standing()).last
            assert (last.scan_id, last.outcome) == (cut_off.scan_id, "failed")
        clock.now = NOON + timedelta(hours=2)
        await looked(servers)
        assert await servers[0].triggers() == ["schedule:hourly"] * 2
        assert (await servers[0].standing()).last.outcome == "completed"
