"""Running a program within bounds: time, output, environment; and nothing of it left behind."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

OUTPUT_BYTES = 64 * 2**20
"""Most that a program's output may have; a program that writes a larger file is stopped by the system."""
ERROR_BYTES = 4096
"""How much of the end of its error output is kept."""
_GRACE_S = 5.0
"""How long a killed program may take to be gone; only one stuck in the kernel takes longer."""

# A limit on written files, a low priority, then the program itself in the place of the shell.
_BOUNDED = f'ulimit -f {OUTPUT_BYTES // 512}; exec nice -n 10 "$@"'
_KEPT_VARIABLES = ("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "XDG_CONFIG_HOME", "SYSTEMROOT")


@dataclass(frozen=True, slots=True)
class Ran:
    """How a program ended: ``code`` as the system gave it (negative: a signal), None when its time ran out."""

    code: int | None
    output: bytes
    errors: str


def plain_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """An environment without this server's secrets: a few harmless variables, plain text output, and ``extra``."""
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return {**kept, "LC_ALL": "C.UTF-8", "NO_COLOR": "1", "TERM": "dumb", **extra}


async def ran(command: Sequence[str], *, folder: Path, environment: Mapping[str, str], timeout_s: float) -> Ran:
    """The program has run in a session of its own and is gone, with all that it started in its process group.

    Its output goes to unnamed files, not pipes: nobody that inherited a pipe can keep us waiting.
    """
    with TemporaryFile() as output, TemporaryFile() as errors:
        process = await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", _BOUNDED, "sh", *command),
            cwd=folder,
            env=dict(environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=True,
        )
        code: int | None = None
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    code = await process.wait()
        finally:
            await _gone(process)
        return await asyncio.to_thread(_read, code, output, errors)


async def _gone(process: asyncio.subprocess.Process) -> None:
    """Nothing of the process group runs any more."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(TimeoutError):
        async with asyncio.timeout(_GRACE_S):
            await process.wait()


def _read(code: int | None, output: IO[bytes], errors: IO[bytes]) -> Ran:
    """What was written."""
    output.seek(0)
    errors.seek(max(0, errors.seek(0, os.SEEK_END) - ERROR_BYTES))
    return Ran(code, output.read(OUTPUT_BYTES), errors.read().decode(errors="replace"))
