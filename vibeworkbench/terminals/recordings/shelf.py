"""All recordings of a server."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Self, TypeVar

from vibeworkbench.errors import InvalidInput, NotFound
from vibeworkbench.settings import TerminalSettings
from vibeworkbench.terminals.recordings import Kept, LastScreen, Recording, reading
from vibeworkbench.terminals.recordings.hiding import secret_values
from vibeworkbench.terminals.recordings.segments import Bounds, forget_before
from vibeworkbench.terminals.recordings.track import Track
from vibeworkbench.terminals.recordings.writer import Clock, DiskRecording, Writer

_DAY_S = 86_400.0
_ID = re.compile(r"[a-z0-9]{1,32}")


T = TypeVar("T")


class Recordings:
    """Begins recordings, reads them back, and forgets what is too old or too much."""

    def __init__(self, folder: Path, settings: TerminalSettings, environment: Mapping[str, str]) -> None:
        """Nothing runs yet.

        Args:
            folder: Holds a folder for each terminal; it may not be there yet.
            settings: How much is kept, and which variables hold secrets.
            environment: Where these variables stand.
        """
        self._folder = folder
        self._bounds = Bounds(bytes=settings.recording_bytes, age_s=settings.recording_days * _DAY_S)
        self._values = secret_values(environment[name] for name in settings.mask_env if name in environment)
        self._open: dict[str, DiskRecording] = {}
        self._writer = Writer(Clock(time.time()), self._forget_old)

    async def open(self) -> Self:
        """The writer runs, and what was too old is forgotten; from now on that happens every hour."""
        self._writer.start()
        await asyncio.wrap_future(self._writer.ask(self._forget_old))
        return self

    async def close(self) -> None:
        """All that came is written, and the writer has ended."""
        for recording in self._open.values():
            recording.close()
        await asyncio.to_thread(self._writer.stop)

    @property
    def problem(self) -> str:
        """What is wrong with one of those that are open, in words for people; empty where nothing is."""
        said = (f"recording of terminal {name}: {each.problem}" for name, each in self._open.items() if each.problem)
        return next(said, "")

    def of(self, terminal_id: str, *, title: str = "") -> Recording:
        """The recording of a terminal, which goes on where it ended if there is one.

        Args:
            terminal_id: Its terminal. An earlier recording of it is closed.
            title: Its name, for those who play the recording.
        """
        if terminal_id in self._open:
            self._open[terminal_id].close()
        self._open = {name: each for name, each in self._open.items() if not each.is_closed}
        track = Track(self._folder_of(terminal_id), self._bounds, self._values, title)
        recording = self._open[terminal_id] = DiskRecording(self._writer, terminal_id, track)
        return recording

    async def download(self, terminal_id: str) -> AsyncIterator[bytes]:
        """One asciicast v3 file of all that is kept, in pieces, up to now.

        Raises:
            NotFound: Nothing is kept.
        """
        with ExitStack() as stack:
            folder = self._folder_of(terminal_id)
            files = await self._asked(terminal_id, lambda: reading.opened(folder, stack))
            if not files:
                raise NotFound(f"there is no recording of terminal {terminal_id}")
            pieces = reading.whole(files)
            while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
                yield piece

    async def last_screen(self, terminal_id: str, limit_bytes: int) -> LastScreen | None:
        """The tail of the output, at most so much; ``None`` where nothing is kept."""
        folder = self._folder_of(terminal_id)
        return await self._asked(terminal_id, lambda: reading.last_screen(folder, limit_bytes))

    async def kept(self) -> list[Kept]:
        """Every recording on disk, by terminal."""
        return await asyncio.wrap_future(self._writer.ask(self._kept))

    async def forget(self, terminal_id: str) -> None:
        """Nothing is kept of the terminal; a recording of it that is still open is closed first."""
        if terminal_id in self._open:
            self._open.pop(terminal_id).close()
        folder = self._folder_of(terminal_id)
        await asyncio.wrap_future(self._writer.ask(lambda: forget_before(folder, float("inf"))))

    async def _asked(self, terminal_id: str, question: Callable[[], T]) -> T:
        """What the writer's thread answers once all that came before is in the files."""

        def answer() -> T:
            if (track := self._writer.tracks.get(terminal_id)) is not None:
                track.flush(self._writer.clock.now())
            return question()

        return await asyncio.wrap_future(self._writer.ask(answer))

    def _folder_of(self, terminal_id: str) -> Path:
        if _ID.fullmatch(terminal_id) is None:
            raise InvalidInput("a terminal's id is 1 to 32 of a-z and 0-9", field="terminalId")
        return self._folder / terminal_id

    def _folders(self) -> list[Path]:
        if not self._folder.is_dir():
            return []
        return sorted(each for each in self._folder.iterdir() if _ID.fullmatch(each.name) and each.is_dir())

    def _kept(self) -> list[Kept]:
        for track in self._writer.tracks.values():
            track.flush(self._writer.clock.now())
        return [kept for folder in self._folders() if (kept := reading.kept(folder)) is not None]

    def _forget_old(self) -> None:
        instant = self._writer.clock.now() - self._bounds.age_s
        for folder in self._folders():
            if (track := self._writer.tracks.get(folder.name)) is not None:
                track.forget_before(instant)
            else:
                forget_before(folder, instant)
