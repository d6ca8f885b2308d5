"""Commands of ``vibeworkbench``, run in this process where they only ask a server, in one of their own otherwise.

Starting Python and importing the command line takes longer than most commands; what a process does beside (its signals,
its terminal, its exit) is what the tests with ``subprocess`` in tests/cli look at.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from typing import TextIO
from unittest import mock

from tests.patience import PATIENCE_S
from vibeworkbench.cli.app import run

COMMAND = [sys.executable, "-m", "vibeworkbench"]
OWN_PROCESS = frozenset({"serve", "start", "db", "agent", "doctor"})
"""Commands that change their process, or look at it."""


def ran(arguments: list[str], environment: Mapping[str, str], given: str = "") -> subprocess.CompletedProcess[str]:
    """What the command printed, and its exit code.

    Args:
        arguments: Of the command.
        environment: The whole environment.
        given: Its standard input.
    """
    if OWN_PROCESS & set(arguments[:3]):
        return subprocess.run(
            [*COMMAND, *arguments],
            check=False,
            capture_output=True,
            text=True,
            env=environment,
            input=given,
            timeout=PATIENCE_S,
        )
    with _stream() as said, _stream() as warned, _stream() as stdin:
        stdin.write(given)
        stdin.seek(0)
        with (
            mock.patch.dict(os.environ, environment, clear=True),
            mock.patch.object(sys, "stdin", stdin),
            redirect_stdout(said),
            redirect_stderr(warned),
        ):
            code = run(arguments)
        return subprocess.CompletedProcess(arguments, code, _text(said), _text(warned))


def _stream() -> TextIO:
    return tempfile.TemporaryFile("w+", encoding="utf-8")  # has a file descriptor, as commands expect


def _text(stream: TextIO) -> str:
    stream.seek(0)
    return stream.read()
