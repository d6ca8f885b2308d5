"""All recordings of a server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Self

from vibeworkbench.errors import NotFound
from vibeworkbench.settings import TerminalSettings
from vibeworkbench.terminals.recordings import Kept, LastScreen, NoRecording, Recording


class Recordings:
    """Begins recordings, reads them back, and forgets what is too old or too much."""

    def __init__(self, folder: Path, settings: TerminalSettings, environment: Mapping[str, str]) -> None:
        """Args: the folder that holds them all (it may not be there yet), their limits, where ``mask_env`` looks."""
        self._folder = folder
        self._settings = settings
        self._environment = environment

    async def open(self) -> Self:
        """The writer runs, and what was too old is forgotten; from now on that happens every hour."""
        return self

    async def close(self) -> None:
        """All that came is written, and the writer has ended."""

    def of(self, terminal_id: str, *, title: str = "") -> Recording:
        """The recording of a terminal, which goes on where it ended if there is one.

        Args:
            terminal_id: Its terminal.
            title: Its name, for those who play the recording.
        """
        del terminal_id, title
        return NoRecording()

    async def download(self, terminal_id: str) -> AsyncIterator[bytes]:
        """One asciicast v3 file of all that is kept, in pieces, up to now.

        Raises:
            NotFound: Nothing is kept.
        """
        raise NotFound(f"there is no recording of terminal {terminal_id}")

    async def last_screen(self, terminal_id: str, limit_bytes: int) -> LastScreen | None:
        """The tail of the output, at most so much; ``None`` where nothing is kept."""
        del terminal_id, limit_bytes
        return None

    async def kept(self) -> list[Kept]:
        """Every recording on disk, by terminal."""
        return []

    async def forget(self, terminal_id: str) -> None:
        """Nothing is kept of the terminal; a recording of it that is still open writes nothing more."""
