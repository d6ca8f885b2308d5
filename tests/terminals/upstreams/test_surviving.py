"""Shells outlive the workbench, as long as they should and no longer."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from tests.patience import PATIENCE_S
from tests.terminals.upstreams.conformance import COUNTED, COUNTING, Dialogue, gone
from tests.terminals.upstreams.local_terminals import Making, holders
from vibeworkbench.errors import Conflict, NotFound, Unavailable
from vibeworkbench.terminals.holder import frames
from vibeworkbench.terminals.model import Exit, Seen
from vibeworkbench.terminals.upstreams.local import LocalSpec

ATTACHING = Path(__file__).with_name("attaching.py")


def killed_while_it_reads(directory: Path, line: str, bytes_read: int) -> tuple[str, bytes]:
    """The identity of the shell that a killed process had started, and what that process had read of it."""
    process = subprocess.Popen([sys.executable, ATTACHING, directory, line], stdout=subprocess.PIPE)
    stdout: IO[bytes] = process.stdout  # type: ignore[assignment]  # it is a pipe
    shell = stdout.readline().decode().strip()
    read = stdout.read(bytes_read)
    process.send_signal(signal.SIGKILL)
    read += stdout.read()
    stdout.close()
    assert process.wait(PATIENCE_S) == -signal.SIGKILL
    return shell, read


@pytest.mark.parametrize("knows", [True, False], ids=["what was read is known", "nothing is known"])
async def test_a_killed_workbench_loses_nothing(local: Making, mark: str, tmp_path: Path, knows: bool) -> None:
    """The shell prints on while nobody is there; whoever attaches next has every line once."""
    directory = tmp_path / f"{mark}killed"
    shell, read = killed_while_it_reads(directory, f"stty -onlcr; {COUNTING}", 100_000)
    assert len(read) < len(COUNTED)
    after = Dialogue(local(name="killed", directory=directory))
    await after.connect(seen=Seen(shell, len(read) if knows else 0))
    assert after.connection.offset == (len(read) if knows else 0)
    assert (read if knows else b"") + await after.rest() == COUNTED
    assert after.connection.exit == Exit(0)


async def test_an_exit_waits_for_somebody_to_hear_of_it(local: Making, mark: str) -> None:
    """A shell that ended while nobody was there tells what it printed and how it ended; then its holder goes."""
    upstream = local(LocalSpec(command=("/bin/sh", "-c", "read go; echo went; exit 5")), name="away")
    first = Dialogue(upstream)
    await first.connect()
    seen, pid = first.seen(), first.connection.hello.pid
    await first.say("go")
    await first.until(b"go")
    await first.connection.close(end=False)
    await gone(pid)
    second = Dialogue(local(name="away"))
    await second.connect(seen=seen)
    assert (await second.rest()).endswith(b"went\r\n")
    assert second.connection.exit == Exit(5)
    for holder in holders(mark):
        await gone(holder)
    third = Dialogue(local(name="away"))
    with pytest.raises(NotFound):
        await third.connect(seen=second.seen())


async def test_the_newest_attachment_wins(local: Making) -> None:
    """Who attached before is told once, and may then take the shell back."""
    upstreams = local(name="shared"), local(name="shared")
    first, second = map(Dialogue, upstreams)
    await first.connect()
    await first.prepare()
    await second.connect(seen=first.seen())
    await first.rest()
    assert first.connection.exit is None
    assert await second.ask("echo mine") == "mine"
    with pytest.raises(Conflict):
        await first.connect(seen=first.seen())
    await first.connect(seen=second.seen())
    assert await first.ask("echo mine again") == "mine again"
    await first.end()
    await second.end()


async def test_one_upstream_does_not_contend_with_itself(local: Making) -> None:
    """A room that connects anew before the old connection's end is known goes on."""
    upstream = local()
    first, second = Dialogue(upstream), Dialogue(upstream)
    await first.connect()
    await second.connect(seen=first.seen())
    await first.rest()
    assert first.connection.exit is None
    await second.prepare()
    await second.end()


async def test_a_holder_ends_when_nobody_came(local: Making, mark: str) -> None:
    """Shell and holder end ``survive_s`` after the last workbench left; what was there is said to be gone."""
    upstream = local(name="short", survive_s=0.0)
    shell = Dialogue(upstream)
    await shell.connect()
    await shell.connection.close(end=False)
    for pid in (*holders(mark), shell.connection.hello.pid):
        await gone(pid)
    with pytest.raises(NotFound):
        await shell.connect(seen=shell.seen())


async def test_a_holder_ends_with_its_socket(local: Making, mark: str, tmp_path: Path) -> None:
    """Whoever removes the data directory removes the shells: nobody could find them again."""
    shell = Dialogue(local(name="bare"))
    await shell.connect()
    (tmp_path / f"{mark}bare" / "shell.sock").unlink()
    assert await shell.rest() is not None
    await gone(shell.connection.hello.pid)


async def test_a_killed_holder_is_told(local: Making, mark: str) -> None:
    """The connection breaks, the shell is gone and said to be; a new one starts in spite of the socket left behind."""
    shell = Dialogue(local(name="shot"))
    await shell.connect()
    await shell.prepare()
    for pid in holders(mark):
        os.kill(pid, signal.SIGKILL)
        await gone(pid)
    await shell.rest()
    assert shell.connection.exit is None
    with pytest.raises(Unavailable):
        await shell.say("x")
    with pytest.raises(NotFound):
        await shell.connect(seen=shell.seen())
    await shell.connect()
    await shell.prepare()
    await shell.end()


async def test_nobody_attached_lets_the_program_run(local: Making, tmp_path: Path) -> None:
    """It prints more than is kept, to its end; the last bytes are there, with their offsets."""
    line = f"stty -onlcr; {COUNTING}; echo > {tmp_path}/done; read end"
    shell = Dialogue(local(LocalSpec(command=("/bin/sh", "-c", line)), ring_bytes=2**18))
    await shell.connect()
    seen = shell.seen()
    await shell.connection.close(end=False)
    async with asyncio.timeout(PATIENCE_S):
        while not (tmp_path / "done").exists():  # noqa: ASYNC110 - the program has no other way to tell
            await asyncio.sleep(0.01)
    await shell.connect(seen=seen)
    assert shell.connection.offset == len(COUNTED) - 2**18
    assert await shell.until(b"counted\n") == COUNTED[-(2**18) :]
    await shell.end()


async def test_garbage_ends_a_connection_and_no_shell(local: Making) -> None:
    """Who sends what is no frame is sent away; the shell goes on, and of a frame that broke off nothing was typed."""
    shell = Dialogue(local())
    await shell.connect()
    await shell.prepare()
    shell.connection._outgoing += frames.frame(frames.INPUT, b"echo never\n")[:-3]
    shell.connection._flush()
    await shell.reconnect()
    shell.connection._outgoing += b"\xff" * 100
    shell.connection._flush()
    assert await shell.rest() == b""
    await shell.connect(seen=shell.seen())
    assert await shell.ask("echo still here") == "still here"
    await shell.end()


async def test_a_cancelled_read_loses_nothing(local: Making) -> None:
    """Whoever stops waiting and waits again has every byte once."""
    shell = Dialogue(local())
    await shell.connect()
    await shell.prepare()
    await shell.say(COUNTING)
    while not shell.heard.endswith(b"counted\n"):
        reading = asyncio.create_task(shell.read())
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait([reading])
        if not shell.heard.endswith(b"counted\n"):
            await shell.read()
    assert bytes(shell.heard) == COUNTED
    await shell.end()
