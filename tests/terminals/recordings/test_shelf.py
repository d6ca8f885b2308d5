"""All recordings of a server: written by one thread that nobody waits for, read back, listed and forgotten."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.patience import PATIENCE_S
from vibeworkbench.errors import InvalidInput, NotFound
from vibeworkbench.settings import TerminalSettings
from vibeworkbench.terminals.model import Exit, Size
from vibeworkbench.terminals.recordings import NoRecording
from vibeworkbench.terminals.recordings.segments import Bounds, paths
from vibeworkbench.terminals.recordings.shelf import Recordings
from vibeworkbench.terminals.recordings.track import Track
from vibeworkbench.terminals.recordings.writer import WAITING_BYTES

SIZE = Size(24, 80)
SECRET = "correct horse battery"


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Opens the recordings of a folder; they are closed with the test."""
    found = []

    async def open_(folder: Path = tmp_path / "terminals", **settings: Any) -> Recordings:
        chosen = msgspec.structs.replace(TerminalSettings(), mask_env=("SECRET", "ABSENT"), **settings)
        found.append(await Recordings(folder, chosen, {"SECRET": SECRET}).open())
        return found[-1]

    yield open_
    for each in found:
        await each.close()


async def downloaded(recordings: Recordings, terminal_id: str) -> list[Any]:
    return [json.loads(line) for line in b"".join([p async for p in recordings.download(terminal_id)]).splitlines()]


def text_of(lines: list[Any]) -> str:
    return "".join(line[2] for line in lines[1:] if line[1] == "o")


async def test_a_recording_is_read_back_while_it_grows(opened):
    """What came before the question is in the answer, masked."""
    recordings = await opened()
    kept = recordings.of("abc", title="Build")
    kept.began("shell", SIZE)
    kept.output(f"it is {SECRET}\n".encode(), 0)
    kept.marked("ada drives, token=abcdef")
    header, *events = await downloaded(recordings, "abc")
    assert (header["version"], header["title"], header["term"]["rows"]) == (3, "Build", 24)
    assert [event[1:] for event in events] == [["o", "it is •••\n"], ["m", "ada drives, token=•••"]]
    kept.output(b"more\n", 28)
    kept.ended(Exit(0))
    assert (await downloaded(recordings, "abc"))[-2:] == [[pytest.approx(0, abs=60), "o", "more\n"], [0, "x", "0"]]
    assert (await recordings.last_screen("abc", 1_000)).output == "it is •••\nmore\n".encode()
    assert kept.problem == ""
    assert kept.lost_bytes == 0


async def test_a_flood_arrives_whole_or_is_counted(opened):
    """20 MB as fast as they can be handed over: what is not in the file is counted to the byte, marked and told."""
    recordings = await opened()
    kept = recordings.of("abc")
    kept.began("shell", SIZE)
    chunk, offset = b"".join(b"%011d\n" % number for number in range(5_000)), 0
    while offset < 20 * 10**6:
        kept.output(chunk, offset)
        offset += len(chunk)
    assert kept.lost_bytes == 0 or kept.problem
    kept.ended(Exit(0))
    lines = await downloaded(recordings, "abc")
    missing = sum(int(line[2].split()[0]) for line in lines[1:] if line[1] == "m")
    assert len(text_of(lines)) + missing == offset
    assert missing == kept.lost_bytes
    assert kept.waiting_bytes == 0


async def test_a_disk_that_stands_still_stops_nobody(opened, tmp_path):
    """While the writer hangs, output costs no memory past the limit; afterwards the recording goes on."""
    recordings = await opened()
    slow, kept = recordings.of("slow"), recordings.of("abc")
    released = threading.Event()
    slow._hand(released.wait)  # what a network file system does
    kept.began("shell", SIZE)
    line, offset = b"%s\n" % (b"x" * 65_535), 0
    for _ in range(3 * WAITING_BYTES // len(line)):
        kept.output(line, offset)
        offset += len(line)
    assert kept.waiting_bytes <= WAITING_BYTES + 65_536
    assert kept.problem == "the disk is slower than the terminal"
    assert recordings.problem == "recording of terminal abc: the disk is slower than the terminal"
    released.set()
    lines = await downloaded(recordings, "abc")
    kept.output(b"back\n", offset)
    lines = await downloaded(recordings, "abc")
    assert kept.problem == ""
    assert lines[-2][1:] == ["m", f"{kept.lost_bytes} bytes of output are not in the recording"]
    assert lines[-1][1:] == ["o", "back\n"]


async def test_recordings_are_listed(opened):
    """With what they take and how long they are."""
    recordings = await opened()
    for terminal_id in ("b", "a"):
        kept = recordings.of(terminal_id)
        kept.began("shell", SIZE)
        kept.output(b"hello\n", 0)
    found = await recordings.kept()
    assert [each.terminal_id for each in found] == ["a", "b"]
    assert all(each.bytes > 100 and 0 <= each.duration_s < PATIENCE_S for each in found)
    assert all(abs(each.ended_at - time.time()) < PATIENCE_S for each in found)


async def test_what_is_forgotten_is_gone(opened, tmp_path):
    """Also while its terminal goes on, which writes no more; recorded anew, it begins anew."""
    recordings = await opened()
    kept = recordings.of("abc")
    kept.began("shell", SIZE)
    kept.output(b"old\n", 0)
    await recordings.forget("abc")
    kept.output(b"still\n", 4)
    assert await recordings.kept() == []
    assert not (tmp_path / "terminals" / "abc").exists()
    with pytest.raises(NotFound):
        await downloaded(recordings, "abc")
    assert await recordings.last_screen("abc", 1_000) is None
    again = recordings.of("abc")
    again.began("shell", SIZE)
    again.output(b"new\n", 0)
    assert text_of(await downloaded(recordings, "abc")) == "new\n"


async def test_a_download_outlives_its_recording(opened):
    """What is forgotten while it is read is read to its end."""
    recordings = await opened()
    kept = recordings.of("abc")
    kept.began("shell", SIZE)
    kept.output(b"x" * 999_999 + b"\n", 0)
    pieces = recordings.download("abc")
    read = await anext(pieces)
    await recordings.forget("abc")
    read += b"".join([piece async for piece in pieces])
    assert len(text_of([json.loads(line) for line in read.splitlines()])) == 1_000_000


async def test_old_recordings_are_forgotten_at_the_start(opened, tmp_path):
    """Those of terminals that are long gone, and nothing else in the folder."""
    folder = tmp_path / "terminals"
    for name, age_s in (("old", 8 * 86_400), ("young", 6 * 86_400)):
        track = Track(folder / name, Bounds(bytes=2**26, age_s=7 * 86_400), (), "")
        track.began(time.time() - age_s, "shell", SIZE)
        track.output(time.time() - age_s, b"x\n", 0, hurried=False)
        track.close(time.time() - age_s)
    (folder / "README.txt").write_text("not ours")
    recordings = await opened(folder)
    assert [each.terminal_id for each in await recordings.kept()] == ["young"]
    assert sorted(each.name for each in folder.iterdir()) == ["README.txt", "young"]


async def test_a_terminal_id_is_no_path(opened):
    """Nothing outside the folder is read, written or forgotten."""
    recordings = await opened()
    for name in ("", "..", "a/b", "A", "x" * 33):
        with pytest.raises(InvalidInput):
            recordings.of(name)
        with pytest.raises(InvalidInput):
            await recordings.forget(name)


async def test_a_terminal_that_is_recorded_again_goes_on(opened):
    """The earlier recording of the same terminal is closed, and nothing is doubled."""
    recordings = await opened()
    for _ in range(2):
        kept = recordings.of("abc")
        kept.began("shell", SIZE)
        kept.output(b"one\ntwo\n", 0)
    lines = await downloaded(recordings, "abc")
    assert text_of(lines) == "one\ntwo\n"
    assert [line[2] for line in lines[1:] if line[1] == "m"] == ["recorded again"]


KILLED = """
import asyncio, os, sys
from pathlib import Path
from vibeworkbench.settings import TerminalSettings
from vibeworkbench.terminals.model import Size
from vibeworkbench.terminals.recordings.shelf import Recordings

async def main():
    recordings = await Recordings(Path(sys.argv[1]), TerminalSettings(), {}).open()
    kept = recordings.of("abc")
    kept.began("shell", Size())
    offset = 0
    while True:
        line = b"%015d\\n" % offset
        kept.output(line * 64, offset)
        offset += 64 * len(line)
        if offset == 2**18:
            await recordings.kept()
            print("ready", flush=True)
        await asyncio.sleep(0)

asyncio.run(main())
"""


def kill_in_a_flood(folder: Path) -> None:
    """A process that records in the folder was killed while it did."""
    with subprocess.Popen([sys.executable, "-c", KILLED, str(folder)], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"ready\n"
        os.kill(process.pid, signal.SIGKILL)


async def test_a_server_that_is_killed_loses_nothing_that_its_holder_says_again(opened, tmp_path):
    """Killed in the middle of a flood, the recording goes on without a lost or a doubled byte."""
    kill_in_a_flood(tmp_path / "terminals")
    path = paths(tmp_path / "terminals" / "abc")[-1]
    with path.open("ab") as file:
        file.write(b'[0.001, "o", "torn')
    recordings = await opened()
    kept = recordings.of("abc")
    kept.began("shell", SIZE)
    stream = b"".join(b"%015d\n" % offset * 64 for offset in range(0, 3 * 2**20, 1_024))
    for at in range(0, len(stream), 65_536):
        kept.output(stream[at : at + 65_536], at)
    kept.close()
    assert text_of(await downloaded(recordings, "abc")).encode() == stream


def test_no_recording_takes_everything():
    """A terminal that is not recorded is told the same things."""
    nothing = NoRecording()
    nothing.began("shell", SIZE)
    nothing.output(b"x", 0)
    nothing.resized(SIZE)
    nothing.marked("x")
    nothing.ended(Exit(0))
    nothing.close()
    assert (nothing.problem, nothing.lost_bytes) == ("", 0)
