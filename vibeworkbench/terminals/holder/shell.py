"""A program on a pseudo terminal, in a session of its own."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import struct
import termios
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import NoReturn

AGAIN = -1
"""Nothing to be read or written now."""
READ_BYTES = 4_096
"""A terminal gives no more at once, however much is asked for."""


class CannotStart(Exception):
    """The program did not start.

    Args:
        step: ``cwd``, ``exec`` or ``pty``: what failed.
        number: The system's reason (``errno``).
    """

    def __init__(self, step: str, number: int) -> None:
        super().__init__(step, number)
        self.step = step
        self.number = number


class Shell:
    """A running program and its terminal's other side.

    Args:
        pid: The program, which leads its session and its process group.
        terminal: File descriptor of the pseudo terminal's master side; not blocking.
        other: Of its other side, held open lest the master ends while the program lives and has closed its own.
    """

    def __init__(self, pid: int, terminal: int, other: int) -> None:
        self.pid = pid
        self.terminal = terminal
        self._other = other
        self.rows = 0
        self.cols = 0

    @classmethod
    def start(
        cls, command: Sequence[bytes], *, cwd: bytes, environment: Mapping[bytes, bytes], rows: int, cols: int
    ) -> Shell:
        """The program runs; its terminal has this size.

        Raises:
            CannotStart: There is no such program or directory, or it may not be used.
        """
        try:
            terminal, other = os.openpty()
        except OSError as error:
            raise CannotStart("pty", error.errno or errno.EIO) from error
        _set_size(other, rows, cols)
        hears, tells = os.pipe()
        pid = os.fork()
        if not pid:
            _become(command, cwd, environment, other, tells)
        os.close(tells)
        with os.fdopen(hears, "rb") as pipe:
            told = pipe.read()
        if told:
            os.close(terminal)
            os.close(other)
            os.waitpid(pid, 0)
            step, _, number = told.decode().partition(" ")
            raise CannotStart(step, int(number))
        os.set_blocking(terminal, False)
        shell = cls(pid, terminal, other)
        shell.rows, shell.cols = rows, cols
        return shell

    def read(self, room: list[memoryview]) -> int:
        """So many bytes were put into ``room``; ``AGAIN`` when there are none now, 0 when none will follow.

        Source: pty(7): once no process has the terminal open any more, its master side answers ``EIO``.
        """
        try:
            return os.readv(self.terminal, room)
        except BlockingIOError:
            return AGAIN
        except OSError:
            return 0

    def write(self, data: bytes | memoryview) -> int:
        """So many bytes have been taken; ``AGAIN`` when the program must read first, 0 when none reads any more."""
        try:
            return os.write(self.terminal, data)
        except BlockingIOError:
            return AGAIN
        except OSError:
            return 0

    def resize(self, rows: int, cols: int) -> None:
        """The terminal has this size, and its programs were told."""
        self.rows, self.cols = rows, cols
        with suppress(OSError):  # the program has ended
            _set_size(self.terminal, rows, cols)

    def exit_code(self) -> int | None:
        """The program's exit code, 128 + n where signal n ended it; ``None`` while it runs.

        Once there is one, this is not asked again.
        """
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if not pid:
            return None
        os.close(self._other)
        code = os.waitstatus_to_exitcode(status)
        return code if code >= 0 else 128 - code

    def groups(self) -> set[int]:
        """The process groups that the program and the terminal's foreground are."""
        try:
            foreground = os.tcgetpgrp(self.terminal)
        except OSError:
            foreground = 0
        return {group for group in (self.pid, foreground) if group > 1}

    def session(self) -> set[int]:
        """Every process group of the program's session.

        Source: proc_pid_stat(5): the fields after the name in parentheses are state, parent, group, session.
        """
        found = self.groups()
        for name in os.listdir("/proc") if os.path.isdir("/proc/self") else ():
            if name.isdigit():
                try:
                    with open(f"/proc/{name}/stat", "rb") as file:
                        fields = file.read().rpartition(b")")[2].split()
                except OSError:
                    continue  # it has ended
                if int(fields[3]) == self.pid:
                    found.add(int(fields[2]))
        return found


def send(groups: set[int], number: int) -> set[int]:
    """Each process group got the signal; returns those in which there still was a process."""
    there = set()
    for group in groups:
        try:
            os.killpg(group, number)
            there.add(group)
        except ProcessLookupError:
            continue
        except PermissionError:
            there.add(group)  # it became somebody else's: sudo
    return there


def _set_size(terminal: int, rows: int, cols: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))


def _become(
    command: Sequence[bytes], cwd: bytes, environment: Mapping[bytes, bytes], terminal: int, tells: int
) -> NoReturn:
    """This process becomes the program, or says why not and ends."""
    step = "pty"
    try:
        os.setsid()
        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
        for number in (0, 1, 2):
            os.dup2(terminal, number)
        step = "cwd"
        os.chdir(cwd)
        step = "exec"
        _forget_signals()
        os.execvpe(command[0], list(command), environment)  # noqa: S606 - the shell is what is wanted
    except OSError as error:
        os.write(tells, f"{step} {error.errno or errno.EIO}".encode())
    finally:
        os._exit(127)


def _forget_signals() -> None:
    """Every signal means what it means by default: the server may have been started with some ignored."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        try:
            signal.signal(number, signal.SIG_DFL)
        except (OSError, ValueError):
            continue  # one that the C library keeps for itself
