"""Followed files stand in the warehouse, each record once, whatever happens to files, disk and server meanwhile."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import random
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.logs.following import Stage, followed, following_process, kept
from tests.patience import PATIENCE_S
from vibeworkbench.logs.facts import LogFacts
from vibeworkbench.logs.tail.lines import Patience
from vibeworkbench.settings import FilesTarget

TRACE = 'Traceback (most recent call last):\n  File "a.py", line 1\n    f()\nValueError: no'


def target(folder: Path, name: str = "app", **changes: Any) -> FilesTarget:
    """A target over the logs of a folder."""
    return FilesTarget(name=name, glob=str(folder / f"{name}.log*"), **changes)


def numbered(start: int, count: int) -> list[str]:
    return [f"the cart number {number} was opened" for number in range(start, start + count)]


def append(path: Path, lines: list[str]) -> None:
    with path.open("a") as file:
        file.write("".join(f"{line}\n" for line in lines))


async def test_what_stands_in_files_is_kept_once(tmp_path: Path) -> None:
    """In its order, a trace as one record; what is appended follows, and a second look finds nothing."""
    log = tmp_path / "app.log"
    append(log, [*numbered(0, 3), TRACE])
    async with followed(tmp_path / "data", [target(tmp_path)]) as stage:
        assert await stage.messages() == [*numbered(0, 3), TRACE]
        append(log, numbered(3, 2))
        assert await stage.messages() == [*numbered(0, 3), TRACE, *numbered(3, 2)]
        assert len(await stage.messages()) == 6
        assert stage.follower.standing("app").result.files == 1


async def test_nobody_has_to_ask(tmp_path: Path) -> None:
    """Files are looked at about every second; what is said of them is said of what was kept."""
    append(tmp_path / "app.log", numbered(0, 3))
    async with followed(tmp_path / "data", [target(tmp_path)]) as stage, asyncio.timeout(PATIENCE_S):
        while await kept(stage.logs, "app") != numbered(0, 3):  # noqa: ASYNC110 - nobody is told of single lines
            await asyncio.sleep(0.05)


async def test_targets_come_and_go(tmp_path: Path) -> None:
    """A new one is read from its beginning; one that is away for a while goes on where it was."""
    append(tmp_path / "app.log", numbered(0, 3))
    append(tmp_path / "web.log", numbered(10, 2))
    async with followed(tmp_path / "data", [target(tmp_path)]) as stage:
        await stage.messages()
        stage.targets[:] = [target(tmp_path, "web")]
        assert await stage.messages("web") == numbered(10, 2)
        assert not stage.follower.standing("app").looked
        append(tmp_path / "app.log", numbered(3, 1))
        stage.targets.append(target(tmp_path))
        assert await stage.messages() == numbered(0, 4)
        assert stage.follower.behind_bytes() == {"app": 0, "web": 0}


async def test_a_restart_goes_on_where_it_was(tmp_path: Path) -> None:
    """Also when the file was rotated and compressed while nobody was there."""
    log = tmp_path / "app.log"
    append(log, numbered(0, 3))
    async with followed(tmp_path / "data", [target(tmp_path)]) as stage:
        await stage.messages()
    append(log, numbered(3, 2))
    (tmp_path / "app.log.1.gz").write_bytes(gzip.compress(log.read_bytes()))
    log.unlink()
    append(log, numbered(5, 2))
    async with followed(tmp_path / "data", [target(tmp_path)]) as stage:
        assert sorted(await stage.messages()) == numbered(0, 7)


async def test_the_last_record_waits_until_its_file_is_quiet(tmp_path: Path) -> None:
    """Whoever asks for all that is there gets it, too; the line that is still being written is waited for longer."""
    log = tmp_path / "app.log"
    log.write_text("ready\nTraceback (most recent call last):\n")
    async with followed(tmp_path / "data", [target(tmp_path)], Patience(0.5, 3600)) as stage:
        append(log, TRACE.splitlines()[1:])
        with log.open("a") as file:
            file.write("half")
        assert await stage.messages() == ["ready", TRACE]


async def test_a_large_file_is_read_bit_by_bit(tmp_path: Path) -> None:
    """Others have their turn meanwhile, and what is left is told."""
    append(tmp_path / "app.log", numbered(0, 5000))
    append(tmp_path / "web.log", numbered(0, 3))
    async with followed(tmp_path / "data", [target(tmp_path, max_bytes=20_000), target(tmp_path, "web")]) as stage:
        assert await stage.messages("web") == numbered(0, 3)
        assert await stage.messages() == numbered(0, 5000)
        assert stage.follower.behind_bytes()["app"] == 0


async def test_a_full_spool_holds_the_reading_and_loses_nothing(tmp_path: Path) -> None:
    """What does not fit is read again once the warehouse has taken what was before."""
    append(tmp_path / "app.log", numbered(0, 40_000))
    async with followed(tmp_path / "data", [target(tmp_path)], spool_bytes=2_500_000) as stage:
        async with asyncio.timeout(PATIENCE_S):
            while not await stage.follower.caught_up(30) or stage.follower.standing("app").reason:
                refused = True
        assert refused
        assert await stage.messages() == numbered(0, 40_000)


async def test_collectors_are_told_how_files_are_followed(tmp_path: Path) -> None:
    """After all that stands in them was read."""
    append(tmp_path / "app.log", numbered(0, 3))
    append(tmp_path / "app.log.1", numbered(3, 3))
    (tmp_path / "app.log.2").write_bytes(b"\x7fELF\0\0")
    async with followed(tmp_path / "data", [target(tmp_path, max_files=2)]) as stage:
        facts = LogFacts(stage.logs, stage.follower)
        os.utime(tmp_path / "app.log.1", (1000, 1000))
        assert await facts.files("app") == {
            "looked": True,
            "files": 3,
            "leftOut": 1,
            "refused": [],
            "skipped": {"app.log.2": "binary"},
            "behindBytes": 0,
            "reason": "",
        }
        assert (await facts.files("gone"))["looked"] is False
        assert await facts.drain() >= 3


async def test_a_server_without_the_warehouse_follows_nothing(tmp_path: Path) -> None:
    """Of two on one data directory, one follows; it says why the other does not."""
    append(tmp_path / "app.log", numbered(0, 3))
    async with followed(tmp_path / "data", []) as first, followed(tmp_path / "data", [target(tmp_path)]) as second:
        assert await second.follower.caught_up(30)
        assert second.follower.standing("app").reason
        assert await first.messages() == []


async def test_kill_9_in_the_middle_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    """A writer writes and rotates, readers are killed at any moment; in the end each line is there once."""
    log, data = tmp_path / "app.log", tmp_path / "data"
    chance, written = random.Random(7), 0
    for round_ in range(4):
        process = following_process(data, target(tmp_path, max_bytes=2**20))
        for _ in range(chance.randrange(5, 30)):
            append(log, numbered(written, 300))
            written += 300
            await asyncio.sleep(0.01)
            if chance.random() < 0.1:
                await asyncio.to_thread(rotate, log, round_)
        process.kill()
        process.join()
    async with followed(data, [target(tmp_path)]) as stage:
        assert sorted(await stage.messages()) == sorted(numbered(0, written))


def rotate(log: Path, number: int) -> None:
    """By renaming, or by copying and truncating, and then compressing."""
    archive = log.with_name(f"app.log.{time.time_ns()}")
    if number % 2:
        log.rename(archive)
    else:
        shutil.copy(log, archive)
        os.truncate(log, 0)
    if number % 3 == 0:
        subprocess.run(["gzip", archive.name], cwd=log.parent, check=True)


async def test_the_stage_is_what_it_seems(tmp_path: Path) -> None:
    """A follower that was stopped keeps nobody waiting."""
    async with followed(tmp_path / "data", []) as stage:
        assert isinstance(stage, Stage)
        await stage.follower.stop()
        assert not await stage.follower.caught_up(30)
        assert json.dumps(stage.follower.behind_bytes()) == "{}"
