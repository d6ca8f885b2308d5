"""Whose shells and sockets these are: the user's that the server runs as, root or not."""

from __future__ import annotations

import asyncio
import os
import select
import sys
import tempfile
from asyncio.subprocess import PIPE
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.patience import PATIENCE_MS
from tests.terminals.upstreams.as_another_user import NOBODY
from vibeworkbench.errors import UpstreamFailed
from vibeworkbench.terminals.holder.door import Door
from vibeworkbench.terminals.upstreams.held import HeldConnection

SCRIPT = Path(__file__).with_name("as_another_user.py")
IS_ROOT = os.geteuid() == 0


@pytest.fixture
def folder() -> Iterator[Path]:
    """A directory that every user may use."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        yield Path(name)


@pytest.fixture
def door(folder: Path) -> Iterator[Door]:
    """A door of this process, open to whoever finds it."""
    door = Door(os.fsencode(folder / "door.sock"))
    (folder / "door.sock").chmod(0o666)
    yield door
    door.close()


def asked_at(door: Door) -> bool:
    """Whether somebody who has come may come in."""
    knock = select.poll()
    knock.register(door.fileno, select.POLLIN)
    assert knock.poll(PATIENCE_MS)
    visitor = door.visitor()
    if visitor is None:
        return False
    visitor.send(b"!")
    visitor.close()
    return True


async def test_a_shell_is_its_users(folder: Path, door: Door) -> None:
    """Holder, shell and workbench of one user work together; no other user's come in, nor are they believed."""
    path = folder / "shell.sock"
    process = await asyncio.create_subprocess_exec(
        sys.executable, SCRIPT, path, folder / "door.sock", stdin=PIPE, stdout=PIPE, cwd=SCRIPT.parents[3]
    )
    assert process.stdout is not None
    assert int(await process.stdout.readline()) == (NOBODY if IS_ROOT else os.geteuid())
    assert asked_at(door) is not IS_ROOT
    assert int(await process.stdout.readline()) == (0 if IS_ROOT else 1)
    if IS_ROOT:
        with pytest.raises(UpstreamFailed, match="another user"):
            await HeldConnection.to(path)
    await process.communicate(b"end\n")
    assert process.returncode == 0
    assert not await asyncio.to_thread(path.exists)
