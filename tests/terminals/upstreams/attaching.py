"""A process that opens a local terminal, types a line and repeats what it reads, until somebody kills it.

python attaching.py DIRECTORY LINE
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from vibeworkbench.settings import Settings, TerminalSettings
from vibeworkbench.terminals.model import Size
from vibeworkbench.terminals.upstreams import Place
from vibeworkbench.terminals.upstreams.local import LocalSpec, LocalUpstream


async def attached(directory: Path, line: str) -> None:
    """Standard output shows the identity of the shell on a line, then all that is read."""
    settings = Settings(terminals=TerminalSettings(survive_s=60.0))
    place = Place(directory.name, directory, directory.parent, settings)
    connection = await LocalUpstream(LocalSpec(command=("/bin/sh", "-c", line)), place).connect(Size(), None)
    os.write(1, connection.shell.encode() + b"\n")
    while data := await connection.read():
        os.write(1, data)


if __name__ == "__main__":
    asyncio.run(attached(Path(sys.argv[1]), sys.argv[2]))
