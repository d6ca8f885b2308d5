"""From a request on standard input to a holder of its own: started, reported, and on its own from then on."""

from __future__ import annotations

import gc
import os
import sys

from .door import Door
from .holder import Holder
from .ring import Ring
from .shell import CannotStart, Shell

STARTED = b"started"


def main() -> None:
    """A shell runs as standard input asks for, and standard output says so, or why not; the caller waits for neither.

    Standard input holds fields that end with NUL: identity, path of the socket, directory, rows, columns, seconds that
    it may be alone, bytes that it keeps, number of the command's words, these, then the environment. Neither arguments
    nor this process's environment show them to others.
    """
    fields = sys.stdin.buffer.read().split(b"\0")[:-1]
    if os.fork():
        os._exit(0)  # the caller needs to wait for no process that lives for days
    os.setsid()
    shell_id, path, cwd, rows, cols, survive_s, ring_bytes, words = fields[:8]
    command = fields[8 : 8 + int(words)]
    environment = dict(each.partition(b"=")[::2] for each in fields[8 + int(words) :])
    try:
        door = Door(path)
    except OSError as error:
        _report(f"door {error.errno}".encode())
        return
    try:
        shell = Shell.start(command, cwd=cwd, environment=environment, rows=int(rows), cols=int(cols))
    except CannotStart as error:
        door.close()
        _report(f"{error.step} {error.number}".encode())
        return
    os.chdir("/")
    _report(STARTED)
    gc.freeze()
    Holder(shell_id, shell, door, Ring(int(ring_bytes)), survive_s=float(survive_s)).run()


def _report(outcome: bytes) -> None:
    os.write(1, outcome)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    os.close(nowhere)
