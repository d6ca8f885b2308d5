"""``kill -9`` at every step between the door and the warehouse's file: counted."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.logs.crash_worker import BATCH, SETTINGS, STEPS
from tests.logs.staging import opened

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.timeout(600)


def brought(directory: Path, step: str, first: int, kill_after: int | None = None) -> list[int]:
    """The batches that a worker says are acknowledged before it dies."""
    command = [sys.executable, "-m", "tests.logs.crash_worker", str(directory), step, str(first)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        acknowledged = []
        for line in worker.stdout:
            acknowledged.append(int(line))
            if len(acknowledged) == kill_after:
                worker.kill()
        worker.wait()
    assert worker.returncode == -signal.SIGKILL
    return acknowledged


async def test_what_was_acknowledged_is_there_once(tmp_path: Path) -> None:
    """Killed at each step in turn, on one data directory; who was not answered sends again, with the same ids."""
    first = 0
    for step in (*STEPS, "-"):
        acknowledged = brought(tmp_path, step, first, kill_after=7 if step == "-" else None)
        assert acknowledged == [*range(first, first + len(acknowledged))]
        first += len(acknowledged)
    async with opened(tmp_path, SETTINGS) as site:
        messages = Counter(await site.messages())
    # Of the last batch, nobody knows whether it arrived, until it is sent again.
    last = {f"{first}-{each}" for each in range(BATCH)}
    wanted = {f"{number}-{each}" for number in range(first) for each in range(BATCH)}
    assert wanted <= messages.keys() <= wanted | last
    assert set(messages.values()) == {1}
