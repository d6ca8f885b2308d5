"""ttyd itself, where it is installed: what the stand-in claims of it is asked of the program, too."""

from __future__ import annotations

import asyncio
import re
import shutil

from tests.patience import PATIENCE_S

TTYD = shutil.which("ttyd")


class TtydProgram:
    """``ttyd --writable --credential name:password sh -i``.

    Args:
        credential: ``name:password``.
    """

    def __init__(self, credential: str) -> None:
        self._credential = credential
        self._port = 0
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Its root."""
        return f"http://127.0.0.1:{self._port}/"

    async def start(self) -> None:
        """It listens."""
        asked = ("--port", "0", "--interface", "127.0.0.1", "--writable", "--credential", self._credential)
        self._process = await asyncio.create_subprocess_exec(
            TTYD, *asked, "env", "PS1=$ ", "/bin/sh", "-i", stderr=asyncio.subprocess.PIPE
        )
        async with asyncio.timeout(PATIENCE_S):
            while not (found := re.search(rb"Listening on port: (\d+)", await self._process.stderr.readline())):
                assert self._process.returncode is None
        self._port = int(found[1])
        self._reading = asyncio.create_task(self._read())

    async def stop(self) -> None:
        """It is gone, with all shells."""
        self._process.terminate()
        await asyncio.wait_for(self._process.wait(), PATIENCE_S)
        await self._reading

    async def _read(self) -> None:
        while await self._process.stderr.read(65_536):
            pass
