"""The files collector tails real files, rotated and truncated between looks."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from vibeworkbench.ops.collectors.files import FilesCollector, error_levels
from vibeworkbench.ops.model import LookState, Scope
from vibeworkbench.settings import FilesTarget, TcpTarget


@pytest.fixture
def scan(order_for):
    """Looks again and again, with the cursors of the look before."""
    cursors = {}

    async def look(*targets, scope=Scope.incremental, **facts):
        seen = await FilesCollector().look(order_for(*targets, scope=scope, cursors=cursors, **facts))
        cursors.update(seen.cursors)
        return seen

    return look


def target(folder: Path, name: str = "app", **changes) -> FilesTarget:
    """A target over the logs of a folder."""
    return FilesTarget(name=name, glob=str(folder / f"{name}.log*"), **changes)


def lines(look, subject: str = "files:app"):
    """Level → (new, total) of one target."""
    seen = [one for one in look.observations if (one.metric, one.subject) == ("files.lines", subject)]
    return {one.attributes["level"]: (one.value, one.attributes["total"]) for one in seen}


def facts_of(look, subject: str = "files:app"):
    """The attributes of a target's summary."""
    (seen,) = [one for one in look.observations if (one.metric, one.subject) == ("files.matched", subject)]
    return seen.attributes


async def test_an_incremental_scan_with_nothing_new_reads_nothing(scan, tmp_path):
    """What was read once is not read again."""
    (tmp_path / "app.log").write_text("2026-11-22 10:00:00,1 - app - ERROR - no\nINFO yes\n")
    first = await scan(target(tmp_path))
    assert (first.state, first.records, lines(first)) == (LookState.ok, 2, {"error": (1, 1), "info": (1, 1)})
    second = await scan(target(tmp_path))
    assert (second.state, second.records, lines(second)) == (LookState.ok, 0, {})


async def test_a_full_scan_sees_the_old_and_counts_the_new(scan, tmp_path):
    """Every line is a record of a full scan; only new ones are new."""
    log = tmp_path / "app.log"
    log.write_text("ERROR 1\nERROR 2\n")
    await scan(target(tmp_path))
    with log.open("a") as file:
        file.write("ERROR 3\n")
    full = await scan(target(tmp_path), scope=Scope.full)
    assert (full.records, lines(full)) == (3, {"error": (1, 3)})
    full = await scan(target(tmp_path), scope=Scope.full)
    assert (full.records, lines(full)) == (3, {"error": (0, 3)})


async def test_samples_are_few_masked_and_dated(scan, tmp_path):
    """Three lines are kept, without the secrets in them, and with the instants of the first and the last."""
    log = tmp_path / "app.log"
    log.write_text("".join(f"2026-11-22T10:00:0{n}Z ERROR login password=hunter{n}\n" for n in range(5)))
    facts = facts_of(await scan(target(tmp_path)))
    assert len(facts["samples"]) == 3
    assert "hunter" not in str(facts)
    assert (facts["firstAt"], facts["lastAt"]) == ("2026-11-22T10:00:00+00:00", "2026-11-22T10:00:04+00:00")
    assert facts["errorsByFile"] == {"app.log": 5}


async def test_targets_do_not_mix(scan, tmp_path):
    """Each target has a cursor and counts of its own; targets of other kinds are not ours."""
    (tmp_path / "app.log").write_text("ERROR 1\n")
    (tmp_path / "web.log").write_text("INFO 1\nINFO 2\n")
    seen = await scan(target(tmp_path), target(tmp_path, "web"), TcpTarget(name="t", host="h", port=1))
    assert set(seen.cursors) == {"files:app", "files:web"}
    assert (lines(seen), lines(seen, "files:web")) == ({"error": (1, 1)}, {"info": (2, 2)})


async def test_levels_of_the_settings_count_in_any_spelling(tmp_path):
    """``WARN`` means warning; a word that is no level means nothing."""
    assert error_levels(target(tmp_path, error_levels=("WARN", "err", "banana"))) == {"warning", "error"}
    assert error_levels(target(tmp_path, error_levels=("unknown",))) == {"unknown"}


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


async def test_a_file_that_may_not_be_read_leaves_the_look_partial(scan, tmp_path, closed):
    """The other files are read, the file is named, and its target is not covered; the one beside it is."""
    (tmp_path / "app.log").write_text("ERROR 1\n")
    (tmp_path / "web.log").write_text("INFO 1\n")
    seen = await scan(target(tmp_path), target(tmp_path, "web"))
    assert (seen.state, seen.records, facts_of(seen)["refused"]) == (LookState.partial, 2, [closed.name])
    assert (seen.covers("files:app"), seen.covers("files:web")) == (False, True)
    assert seen.reason == "1 file may not be read"


async def test_too_many_files_are_bounded_and_said(scan, tmp_path):
    """Of thousands of files the newest are read, and the number left out is reported."""
    for number in range(1200):
        (tmp_path / f"app.log.{number}").write_text("INFO 1\n")
    seen = await scan(target(tmp_path, max_files=50))
    assert (seen.state, seen.records) == (LookState.partial, 50)
    assert facts_of(seen)["leftOut"] == 1150
    assert "1150 files beyond max_files" in seen.reason


async def test_a_look_ends_itself_before_its_limit(scan, tmp_path):
    """With hardly any time nothing is lost: the look is partial, and a later one reads everything."""
    (tmp_path / "app.log").write_text("ERROR 1\n" * 1000)
    seen = await scan(target(tmp_path), deadline_s=1e-6)
    assert (seen.state, seen.records) == (LookState.partial, 0)
    assert "out of time at app" in seen.reason
    assert (await scan(target(tmp_path))).records == 1000


async def test_a_limit_of_bytes_goes_on_in_the_next_scan(scan, tmp_path):
    """Scan after scan reads on until all is read, each line once."""
    (tmp_path / "app.log").write_text("".join(f"ERROR number {number}\n" for number in range(1000)))
    counts, behind = [], []
    while not counts or counts[-1]:
        seen = await scan(target(tmp_path, max_bytes=5000))
        counts.append(seen.records)
        behind.append(facts_of(seen)["behindBytes"])
    assert sum(counts) == 1000
    assert behind == sorted(behind, reverse=True)


async def test_a_glob_that_matches_nothing_is_no_error(scan, tmp_path):
    """The target has 0 files, which a check judges."""
    seen = await scan(target(tmp_path))
    assert (seen.state, seen.observations[0].value) == (LookState.ok, 0)


async def test_unchanged_files_are_not_opened(scan, tmp_path):
    """A file that has rested since it was read costs one stat."""
    log = tmp_path / "app.log"
    log.write_text("ERROR 1\n")
    os.utime(log, (time.time() - 60, time.time() - 60))
    opened = []
    sys.addaudithook(lambda event, given: opened.append(str(given[0])) if event == "open" else None)  # stays for good
    await scan(target(tmp_path))
    assert str(log) in opened
    opened.clear()
    await scan(target(tmp_path))
    assert str(log) not in opened
