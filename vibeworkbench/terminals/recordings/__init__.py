"""Recordings of terminals: asciicast v3 on disk, masked before it is written, bounded, and read back.

A room tells its recording what happens, from the event loop, and never waits; ``shelf.Recordings`` has all of a server.

Source: https://docs.asciinema.org/manual/asciicast/v3/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from vibeworkbench.terminals.model import Exit, Size


class Recording(Protocol):
    """What is kept of one terminal. Nothing here waits or fails: the terminal goes on, whatever the disk does."""

    @property
    def problem(self) -> str:
        """Why output is being lost at present, in words for people; empty where all is well."""
        ...

    @property
    def lost_bytes(self) -> int:
        """Output that is not in the recording and should be."""
        ...

    def began(self, shell: str, size: Size) -> None:
        """What follows is the stream of this shell; where it is the one that was recorded last, it goes on there."""
        ...

    def output(self, data: bytes, offset: int) -> None:
        """The shell said this.

        Args:
            data: Bytes as they came.
            offset: Absolute offset of their first byte in the shell's stream. What is recorded already is left out;
                what is missing before it is counted and marked.
        """
        ...

    def resized(self, size: Size) -> None:
        """The screen has this size from now on."""
        ...

    def marked(self, label: str) -> None:
        """Something happened that a viewer of the recording wants to find: a hold, another driver, a lost upstream."""
        ...

    def ended(self, end: Exit) -> None:
        """The shell ended so."""
        ...

    def close(self) -> None:
        """Nothing follows, at least until the terminal is recorded anew; what came is on its way to the disk."""
        ...


class NoRecording:
    """A terminal that is not recorded."""

    problem = ""
    lost_bytes = 0

    def began(self, shell: str, size: Size) -> None:
        """Nothing happens."""

    def output(self, data: bytes, offset: int) -> None:
        """Nothing happens."""

    def resized(self, size: Size) -> None:
        """Nothing happens."""

    def marked(self, label: str) -> None:
        """Nothing happens."""

    def ended(self, end: Exit) -> None:
        """Nothing happens."""

    def close(self) -> None:
        """Nothing happens."""


@dataclass(frozen=True, slots=True)
class LastScreen:
    """What a terminal showed last.

    Attributes:
        output: The tail of its output, as a terminal takes it.
        size: Of its screen at the end.
    """

    output: bytes
    size: Size


@dataclass(frozen=True, slots=True)
class Kept:
    """A recording on disk.

    Attributes:
        terminal_id: Whose it is.
        bytes: On disk.
        duration_s: Of what is kept.
        began_at: Unix time of its first event.
        ended_at: Unix time of its last event.
    """

    terminal_id: str
    bytes: int
    duration_s: float
    began_at: float
    ended_at: float
