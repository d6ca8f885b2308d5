"""Following the systemd journal where there is one: ``journalctl`` prints it; a place in it is a mark like a file's.

What stands in a trace is written as one entry for each line; what one process writes within a moment is joined.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from vibeworkbench.errors import Unavailable
from vibeworkbench.logs.columns import FileMark
from vibeworkbench.logs.model import Kind
from vibeworkbench.logs.service import Logs
from vibeworkbench.logs.tail.journal import Entry, entry_of, records_of

TARGET, PLACE = Kind.journal.value, "host"
PROGRAM = "journalctl"
FIRST_ENTRIES = 1000
"""How many entries are read of a journal that was never read before, the newest."""
QUIET_S = 0.3
"""How long the journal is silent before what it said is taken for whole."""
MOST_ENTRIES = 2000
AGAIN_S = 30.0
"""How long is waited before a journalctl that ended is started again."""
_CHUNK_BYTES = 2**18

log = logging.getLogger(__name__)


class Journal:
    """Reads the journal of this machine on.

    Args:
        logs: Where records and the mark are kept; its settings may say that no journal is followed.
        again_s: How long is waited before a journalctl that ended is started again.
    """

    def __init__(self, *, logs: Logs, again_s: float = AGAIN_S) -> None:
        self._logs = logs
        self._again_s = again_s
        self._task: asyncio.Task[None] | None = None
        self._process: asyncio.subprocess.Process | None = None
        self.state = "not followed"
        """``following``, or why it is not."""

    async def start(self) -> None:
        """The journal is followed if there is one; where there is none, ``state`` says so."""
        if self._logs.settings.journal == "off":
            return
        if shutil.which(PROGRAM) is None:
            self._note("there is no journalctl on this machine")
            return
        self._task = asyncio.create_task(self._follow(), name="journal")

    async def stop(self) -> None:
        """Journalctl has ended; what it said is kept, or will be read again."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def _note(self, state: str) -> None:
        if state != self.state:
            log.info("journal: %s", state)
        self.state = state

    async def _follow(self) -> None:
        while True:
            try:
                await self._read_on()
            except Unavailable as error:
                self._note(f"it waits: {error.message}")
            except OSError as error:
                self._note(f"journalctl cannot be started: {error.strerror}")
            except Exception:  # border: the background loop outlives any failure
                log.exception("journal: it cannot be read; it is tried again")
            await asyncio.sleep(self._again_s)

    async def _read_on(self) -> None:
        if not await _output(PROGRAM, "--output=json", "--no-pager", "--quiet", "--lines=1"):
            self._note("the journal is empty, or this server's user may not read it")
            return
        mark = (await self._logs.marks(TARGET)).get(PLACE, {})
        process = await asyncio.create_subprocess_exec(
            PROGRAM, *_arguments(mark), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        try:
            self._note("following")
            assert process.stdout is not None  # noqa: S101 - it was asked for
            await self._keep_all(process.stdout, 0 if mark.get("cursor") else int(mark.get("writtenUs", 0)))
            said = (await process.stderr.read(2**16) if process.stderr else b"").decode("utf-8", "replace").strip()
            self._note(f"journalctl ended: {said.splitlines()[-1] if said else 'without a word'}")
            if mark.get("cursor") and "cursor" in said:  # the journal no longer has the entry: its time must do
                await self._logs.ingest([], [FileMark(TARGET, PLACE, {"writtenUs": mark["writtenUs"]})])
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _keep_all(self, output: asyncio.StreamReader, after_us: int) -> None:
        """Everything that is printed is kept, a quiet moment after it."""
        rest, pending = b"", list[Entry]()
        while True:
            try:
                async with asyncio.timeout(QUIET_S if pending else None):
                    chunk = await output.read(_CHUNK_BYTES)
            except TimeoutError:
                chunk = None
            if chunk:
                *lines, rest = (rest + chunk).split(b"\n")
                entries = (entry for line in lines if (entry := entry_of(line)) is not None)
                pending += [entry for entry in entries if entry.written_us > after_us]
            if pending and (not chunk or len(pending) >= MOST_ENTRIES):
                await self._keep(pending)
                pending = []
            if chunk == b"":
                return

    async def _keep(self, entries: list[Entry]) -> None:
        last = entries[-1]
        mark = FileMark(TARGET, PLACE, {"cursor": last.cursor, "writtenUs": last.written_us})
        await self._logs.ingest(records_of(entries), [mark])


async def _output(*command: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    return (await process.communicate())[0]


def _arguments(mark: Mapping[str, Any]) -> list[str]:
    always = ["--output=json", "--no-pager", "--quiet", "--follow"]
    if cursor := mark.get("cursor"):
        return [*always, "--no-tail", f"--after-cursor={cursor}"]
    if written_us := mark.get("writtenUs"):
        return [*always, "--no-tail", f"--since=@{int(written_us) // 1_000_000}"]
    return [*always, f"--lines={FIRST_ENTRIES}"]
