"""``kill -9`` at every step of the straight line: a real process is killed, and another one goes on."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ops.staging import FULL, Lines, Mounts, staged
from vibeworkbench.ops.records import health_sample, issue, issue_event, scan, source_cursor
from vibeworkbench.ops.wire.issues import IssueQuery
from vibeworkbench.storage.records import event

ROOT = Path(__file__).parents[2]
BEFORE_THE_CLAIM = ["INSERT INTO scan ", "INSERT INTO event"]
IN_BETWEEN = ["look", "UPDATE scan SET progress", "judge"]
IN_THE_FILING = [
    "UPDATE issue_revision",
    "INSERT INTO source_cursor",
    "INSERT INTO issue ",
    "INSERT INTO issue_event",
    "INSERT INTO looked_target",
    "INSERT INTO health_sample",
    "UPDATE scan SET scan_id",
    "UPDATE scan SET scan_id > INSERT INTO event",
]


def killed_at(path, step):
    """A worker was killed with SIGKILL at this step of its scan."""
    command = [sys.executable, "-m", "tests.ops.scans.crash_worker", str(path), step]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout.readline() == "reached\n"
        worker.send_signal(signal.SIGKILL)
        assert worker.wait() == -signal.SIGKILL


def is_whole(stage):
    """Every scan has its one start and its one end, and ``seq`` runs without a double."""
    starts = [data["scanId"] for type_, data in stage.said() if type_ == "scan-start"]
    ends = [data["scanId"] for type_, data in stage.said() if type_ == "scan-result"]
    recorded = [row["scan_id"] for row in stage.rows(scan) if row["status"] != "running"]
    assert sorted(starts) == sorted(ends) == sorted(recorded)
    places = [(row["room_id"], row["seq"]) for row in stage.rows(event)]
    assert len(set(places)) == len(places)


async def goes_on(stage):
    """A new scan runs at once, and every record counts once in the end."""
    await stage.ops.scan(FULL)
    counts = {one.check: one.count for one in (await stage.ops.issues(IssueQuery())).items}
    assert counts["lines.error"] == 5
    is_whole(stage)
    filed = [data for type_, data in stage.said() if type_ == "issue" and data["from"] is None]
    assert len(filed) == len(counts) == 2


@pytest.mark.parametrize("step", [*BEFORE_THE_CLAIM, *IN_BETWEEN, *IN_THE_FILING])
async def test_a_server_killed_before_the_commit_has_filed_nothing(tmp_path, step):
    """Its scan has failed as soon as the next server starts, nothing is half-filed, and that server scans at once."""
    path = tmp_path / "state.db"
    killed_at(path, step)
    async with staged(path, Mounts({"mount:/": 0.95}), Lines(["boom"] * 5)) as stage:
        assert [row["status"] for row in stage.rows(scan)] == ([] if step in BEFORE_THE_CLAIM else ["failed"])
        for table in (issue, issue_event, source_cursor, health_sample):
            assert stage.rows(table) == []
        is_whole(stage)
        await goes_on(stage)


async def test_a_server_killed_after_the_commit_has_filed_everything(tmp_path):
    """What was committed is there, with its messages, although nobody heard them live."""
    path = tmp_path / "state.db"
    killed_at(path, "committed")
    async with staged(path, Mounts({"mount:/": 0.95}), Lines(["boom"] * 5)) as stage:
        assert [row["status"] for row in stage.rows(scan)] == ["completed"]
        assert stage.types() == ["scan-start", "issue", "issue", "scan-result"]
        is_whole(stage)
        await goes_on(stage)
