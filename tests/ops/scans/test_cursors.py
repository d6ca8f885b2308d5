"""How far logs were read goes with their target, and a target that comes back starts anew."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.ops.staging import FULL, INCREMENTAL, staged
from vibeworkbench.ops.checks import check
from vibeworkbench.ops.model import Look, LookState, Observation, Severity, subject_of
from vibeworkbench.ops.records import source_cursor
from vibeworkbench.ops.wire.issues import IssueQuery
from vibeworkbench.settings import FilesTarget, OpsSettings

OLD = "2026-11-20 10:00:00,000 - app - ERROR - no\n"


@dataclass
class Reading:
    """Reads the lines of files on; what the test wants happens when it has looked, and is not done yet."""

    after: list = field(default_factory=list)
    name = "files"
    kinds = frozenset({"files"})
    type = "error"

    async def look(self, order):
        """How many lines are new, and up to where each target was read."""
        cursors, seen = {}, []
        for target in order.targets:
            subject = subject_of(target)
            text = Path(target.glob.rstrip("*")).read_text()  # noqa: ASYNC240 - three lines
            new = text[order.cursors.get(subject, {}).get("at", 0) :].count("\n")
            seen.append(Observation("lines", subject, new, "count", order.started_at))
            cursors[subject] = {"at": len(text)}
        look = Look(self.name, LookState.ok, tuple(seen), None, sum(one.value for one in seen), cursors)
        for happen in self.after:
            await happen()
        self.after.clear()
        return look


@check(id="files.lines", collector="files", type="error", severity=Severity.medium, hint="")
def lines(snapshot, context):
    """Every new line is an occurrence."""
    for seen in snapshot.observations("lines"):
        if seen.value:
            at = datetime(2026, 11, 20, 10, tzinfo=UTC)
            found = lines.finding(seen.subject, "new lines", occurrences=seen.value, resolves_by_absence=False)
            yield replace(found, first_record_at=at, last_record_at=at)


@pytest.fixture
def logs(tmp_path):
    """Name → target over a log of three old error lines."""
    targets = {}
    for name in ("app", "web"):
        (tmp_path / f"{name}.log").write_text(OLD * 3)
        targets[name] = FilesTarget(name, str(tmp_path / f"{name}.log*"))
    return targets


def stage_of(tmp_path, collector, *targets):
    """Ops with these targets in its settings. Nothing is quiet for long enough to resolve."""
    settings = OpsSettings(targets=targets, log_quiet_s=10 * 86400.0)
    return staged(tmp_path / "state.db", collector, checks=(lines,), settings=settings)


async def issues(stage):
    """Target → state and count of its issue."""
    return {one.target: (one.state, one.count) for one in (await stage.ops.issues(IssueQuery())).items}


def sources(stage):
    """What has a cursor."""
    return {row["source"] for row in stage.rows(source_cursor)}


async def test_a_deleted_target_that_is_added_again_starts_anew(tmp_path, logs):
    """Its logs are read from their beginning, its issue is open again, and no line of it counts twice."""
    async with stage_of(tmp_path, Reading(), logs["web"]) as stage:
        app = await stage.ops.add_target(logs["app"])
        await stage.ops.scan(INCREMENTAL)
        assert await issues(stage) == {"files:app": ("open", 3), "files:web": ("open", 3)}
        await stage.ops.remove_target(app.target_id, "ada")
        assert sources(stage) == {"files:web"}
        assert await issues(stage) == {"files:app": ("resolved", 3), "files:web": ("open", 3)}
        await stage.ops.add_target(logs["app"])
        assert (await stage.ops.scan(INCREMENTAL)).issues_filed == 1
        assert await issues(stage) == {"files:app": ("open", 3), "files:web": ("open", 3)}
        with (tmp_path / "app.log").open("a") as log:
            log.write(OLD)
        await stage.ops.scan(FULL)
        assert await issues(stage) == {"files:app": ("open", 4), "files:web": ("open", 3)}


async def test_a_renamed_target_leaves_nothing_under_its_old_name(tmp_path, logs):
    """What is added under that name starts anew; a target that only changes goes on."""
    async with stage_of(tmp_path, Reading()) as stage:
        app = await stage.ops.add_target(logs["app"])
        await stage.ops.scan(INCREMENTAL)
        changed = FilesTarget("app", logs["app"].glob, max_files=7)
        await stage.ops.replace_target(app.target_id, changed, "ada")
        assert sources(stage) == {"files:app"}
        await stage.ops.replace_target(app.target_id, FilesTarget("other", changed.glob), "ada")
        assert sources(stage) == set()


async def test_a_target_that_left_the_settings_is_forgotten_by_the_next_full_scan(tmp_path, logs):
    """Until then it goes on where it was, as after a slip in the file; then it starts anew."""
    both = (logs["app"], logs["web"])
    async with stage_of(tmp_path, Reading(), *both) as stage:
        await stage.ops.scan(FULL)
    async with stage_of(tmp_path, Reading(), logs["web"]) as stage:
        await stage.ops.scan(INCREMENTAL)
        assert sources(stage) == {"files:app", "files:web"}
        await stage.ops.scan(FULL)
        assert sources(stage) == {"files:web"}
    async with stage_of(tmp_path, Reading(), *both) as stage:
        await stage.ops.scan(INCREMENTAL)
        assert await issues(stage) == {"files:app": ("open", 3), "files:web": ("open", 3)}


async def test_cursors_of_collectors_that_are_off_stay(tmp_path, logs):
    """These may be switched on again, and their targets are there."""
    async with stage_of(tmp_path, Reading(), logs["web"]) as stage:
        await stage.ops.scan(FULL)
    async with staged(tmp_path / "state.db", settings=OpsSettings(targets=(logs["web"],))) as stage:
        await stage.ops.scan(FULL)
        assert sources(stage) == {"files:web"}


async def test_a_target_deleted_in_mid_scan_leaves_no_cursor(tmp_path, logs):
    """And the records of the others count in that scan."""
    collector = Reading()
    async with stage_of(tmp_path, collector, logs["web"]) as stage:
        app = await stage.ops.add_target(logs["app"])
        collector.after.append(lambda: stage.ops.remove_target(app.target_id, "ada"))
        await stage.ops.scan(FULL)
        assert sources(stage) == {"files:web"}
        assert await issues(stage) == {"files:web": ("open", 3)}


async def test_what_a_scan_read_before_its_target_started_anew_counts_once(tmp_path, logs):
    """Deleted, added and read again, all while a slower scan was reading new lines."""
    collector = Reading()
    async with stage_of(tmp_path, collector) as stage:
        app = await stage.ops.add_target(logs["app"])
        await stage.ops.scan(FULL)

        async def start_anew():
            await stage.ops.remove_target(app.target_id, "ada")
            await stage.ops.add_target(logs["app"])
            collector.after.clear()
            await stage.ops.scan(INCREMENTAL)

        with (tmp_path / "app.log").open("a") as log:
            log.write(OLD)
        collector.after.append(start_anew)
        await stage.ops.scan(FULL)
        assert await issues(stage) == {"files:app": ("open", 4)}
