"""A program on a pseudo-terminal, for stand-ins of servers that run programs."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.patience import PATIENCE_S

# A terminal becomes that of a session from inside only; between fork and exec no Python should run.
_START = (
    "import fcntl, os, signal, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    " signal.signal(signal.SIGPIPE, signal.SIG_DFL);"
    " signal.signal(signal.SIGHUP, signal.SIG_DFL);"  # the tests may run under nohup
    " os.execvp(sys.argv[1], sys.argv[1:])"
)


class PtyShell:
    """A program that is read only when somebody reads.

    Args:
        command: The program and its arguments.
        environment: Its variables.
        rows: Of its screen.
        cols: Of its screen.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], rows: int, cols: int) -> None:
        self._master, slave = pty.openpty()
        os.set_blocking(self._master, False)
        self._is_open = True
        self._waiting: set[asyncio.Future[None]] = set()
        self.resize(rows, cols)
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _START, *command],
            env={**os.environ, **environment},
            stdin=slave,
            stdout=slave,
            stderr=slave,
        )
        os.close(slave)

    async def read(self) -> bytes:
        """The next bytes; empty at the end."""
        while self._is_open:
            try:
                return os.read(self._master, 65_536)
            except BlockingIOError:
                await self._ready(asyncio.get_running_loop().add_reader, asyncio.get_running_loop().remove_reader)
            except OSError:  # EIO: nobody has the other side any more
                return b""
        return b""

    async def write(self, data: bytes) -> None:
        """The program's terminal has the bytes."""
        while data and self._is_open:
            try:
                data = data[os.write(self._master, data) :]
            except BlockingIOError:
                await self._ready(asyncio.get_running_loop().add_writer, asyncio.get_running_loop().remove_writer)
            except OSError:
                return

    async def _ready(self, watch: Callable[..., None], unwatch: Callable[[int], object]) -> None:
        ready = asyncio.get_running_loop().create_future()
        self._waiting.add(ready)
        watch(self._master, lambda: ready.done() or ready.set_result(None))
        try:
            await ready
        finally:
            self._waiting.discard(ready)
            if self._is_open:
                unwatch(self._master)

    def resize(self, rows: int, cols: int) -> None:
        """The program knows the size of its screen."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    async def ended(self) -> int:
        """The program's exit code, once it has ended."""
        code = await asyncio.to_thread(self.process.wait, PATIENCE_S)
        return 128 - code if code < 0 else code

    def kill(self) -> None:
        """The program and its group are gone, and so is its terminal."""
        self.hang_up(signal.SIGKILL)
        self.process.kill()  # it may have begun no session yet
        self.process.wait(PATIENCE_S)
        self.close()

    def hang_up(self, number: int = signal.SIGHUP) -> None:
        """All of the program's session have the signal: not every shell passes SIGHUP on to its jobs."""
        for each in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if os.getsid(int(each.name)) == self.process.pid:
                    os.kill(int(each.name), number)

    def close(self) -> None:
        """The terminal is gone; who uses it gets SIGHUP."""
        if self._is_open:
            self._is_open = False
            for watched in (asyncio.get_running_loop().remove_reader, asyncio.get_running_loop().remove_writer):
                watched(self._master)
            for ready in self._waiting:
                ready.done() or ready.set_result(None)
            os.close(self._master)
