"""The files collector tells how real files are followed, and what is new in them."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.logs.following import followed
from vibeworkbench.logs.facts import LogFacts
from vibeworkbench.ops.collectors.files import FilesCollector
from vibeworkbench.ops.model import LookState, Scope
from vibeworkbench.settings import FilesTarget, TcpTarget


@pytest.fixture
def scanning(order_for, tmp_path):
    """Looks at these targets again and again, with the cursors of the look before."""

    @asynccontextmanager
    async def started(*targets, **settings):
        files = [target for target in targets if isinstance(target, FilesTarget)]
        async with followed(tmp_path / "data", files, **settings) as stage:
            cursors = {}

            async def look(scope=Scope.incremental):
                logs = LogFacts(stage.logs, stage.follower)
                order = order_for(*targets, scope=scope, cursors=cursors, server={"logs": logs})
                seen = await FilesCollector().look(order)
                cursors.update(seen.cursors)
                return seen

            yield look

    return started


def target(folder: Path, name: str = "app", **changes) -> FilesTarget:
    """A target over the logs of a folder."""
    return FilesTarget(name=name, glob=str(folder / f"{name}.log*"), **changes)


def facts_of(look, subject: str = "files:app"):
    """The attributes of a target's summary."""
    (seen,) = [one for one in look.observations if (one.metric, one.subject) == ("files.matched", subject)]
    return seen.attributes


async def test_an_incremental_scan_with_nothing_new_reads_nothing(scanning, tmp_path):
    """What was counted once is not counted again; a full scan looks at all of it."""
    (tmp_path / "app.log").write_text("2026-11-22 10:00:00,1 - app - ERROR - no\nINFO yes\n")
    async with scanning(target(tmp_path)) as look:
        first = await look()
        assert (first.state, first.records, set(first.cursors)) == (LookState.ok, 2, {"files:app"})
        second = await look()
        assert (second.state, second.records, second.cursors) == (LookState.ok, 0, {})
        with (tmp_path / "app.log").open("a") as file:
            file.write("INFO more\n")
        assert (await look()).records == 1
        assert (await look(Scope.full)).records == 3


async def test_targets_do_not_mix(scanning, tmp_path):
    """Each target has a cursor of its own; targets of other kinds are not ours."""
    (tmp_path / "app.log").write_text("ERROR 1\n")
    (tmp_path / "web.log").write_text("INFO 1\nINFO 2\n")
    async with scanning(target(tmp_path), target(tmp_path, "web"), TcpTarget(name="t", host="h", port=1)) as look:
        seen = await look()
        assert (seen.records, set(seen.cursors)) == (3, {"files:app", "files:web"})
        subjects = {one.subject for one in seen.observations if one.metric == "logs.template" and one.value}
        assert subjects == {"files:app", "files:web"}


@pytest.fixture
def closed(tmp_path):
    """A log that this user cannot read; what root cannot read either is memory that is not there."""
    path = tmp_path / "app.log.1"
    if os.geteuid() == 0:
        path.symlink_to("/proc/self/mem")
    else:
        path.write_text("ERROR 0\n")
        path.chmod(0)
    return path


async def test_a_file_that_may_not_be_read_leaves_the_look_partial(scanning, tmp_path, closed):
    """The other files are read, the file is named, and its target is not covered; the one beside it is."""
    (tmp_path / "app.log").write_text("ERROR 1\n")
    (tmp_path / "web.log").write_text("INFO 1\n")
    async with scanning(target(tmp_path), target(tmp_path, "web")) as look:
        seen = await look()
    assert (seen.state, seen.records, facts_of(seen)["refused"]) == (LookState.partial, 2, [closed.name])
    assert (seen.covers("files:app"), seen.covers("files:web")) == (False, True)
    assert seen.reason == "1 file may not be read"


async def test_too_many_files_are_bounded_and_said(scanning, tmp_path):
    """Of thousands of files the newest are read, and the number left out is reported."""
    for number in range(1200):
        (tmp_path / f"app.log.{number}").write_text("INFO 1\n")
    async with scanning(target(tmp_path, max_files=50)) as look:
        seen = await look()
    assert (seen.state, seen.records) == (LookState.partial, 50)
    assert facts_of(seen)["leftOut"] == 1150
    assert "1150 files beyond max_files" in seen.reason


async def test_a_glob_that_matches_nothing_is_no_error(scanning, tmp_path):
    """The target has 0 files, which a check judges."""
    async with scanning(target(tmp_path)) as look:
        seen = await look()
    assert (seen.state, seen.observations[0].value) == (LookState.ok, 0)


async def test_a_target_that_nobody_follows_is_not_covered(order_for, tmp_path):
    """As where another server has the warehouse: nothing is known of it, and that is said."""
    async with followed(tmp_path / "data", []) as stage:
        logs = LogFacts(stage.logs, stage.follower)
        order = order_for(target(tmp_path), server={"logs": logs})
        seen = await FilesCollector().look(order)
    assert (seen.state, seen.observations, seen.reason) == (LookState.partial, (), "not read now: app")


async def test_outside_of_a_server_it_is_skipped(order_for, tmp_path):
    """With the reason."""
    seen = await FilesCollector().look(order_for(target(tmp_path)))
    assert (seen.state, seen.reason) == (LookState.skipped, "not running inside a workbench's server")
