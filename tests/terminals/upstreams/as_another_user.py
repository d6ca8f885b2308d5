"""A holder and a workbench of one user, whoever that is; run by root it becomes nobody first.

    python as_another_user.py SOCKET DOOR

It imports all it needs while it may still read it, so the installation may be root's alone. Standard output tells the
user's number as the shell sees it, then how many bytes whoever holds the other door greets this user with. Then it
waits for a line, and ends the shell.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from pathlib import Path

from vibeworkbench.terminals.holder.door import Door
from vibeworkbench.terminals.holder.holder import Holder
from vibeworkbench.terminals.holder.ring import Ring
from vibeworkbench.terminals.holder.shell import Shell
from vibeworkbench.terminals.model import Size
from vibeworkbench.terminals.upstreams.held import HeldConnection

NOBODY = 65_534


def hold(path: Path) -> None:
    """A holder serves at ``path``; it opens to all, so that only who comes is judged."""
    door = Door(os.fsencode(path))
    path.chmod(0o666)
    if not os.fork():
        command = [b"/bin/sh", b"-c", b"id -u; read end"]
        shell = Shell.start(command, cwd=b"/", environment={b"PATH": b"/usr/bin:/bin"}, rows=24, cols=80)
        Holder(b"shell", shell, door, Ring(2**18), survive_s=0.0).run()
        os._exit(0)


async def converse(path: Path, door: Path) -> None:
    """The workbench of the same user comes in, and asks at the other door too."""
    connection = await HeldConnection.to(path)
    await connection.attach(0, Size())
    told = b""
    while b"\n" not in told:
        told += await connection.read()
    tell(told.decode().strip())
    with socket.socket(socket.AF_UNIX) as link:
        link.connect(os.fsencode(door))
        tell(str(len(link.recv(1))))
    sys.stdin.readline()
    await connection.close(end=True)


def tell(line: str) -> None:
    """Standard output has another line."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
    hold(Path(sys.argv[1]))
    asyncio.run(converse(*map(Path, sys.argv[1:])))
