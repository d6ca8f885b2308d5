"""Settings of terminals."""

from __future__ import annotations

from typing import Annotated

import msgspec

from vibeworkbench.settings.parts import Count, Positive, Section


class TerminalSettings(Section, frozen=True):
    """Shared terminals."""

    shell: tuple[str, ...] = ()
    """Command of a local terminal that names none; empty means the login shell of the server's user."""
    terminals: Count = 50
    """Most terminals at the same time."""
    members: Count = 500
    """Most members of one terminal."""
    ring_bytes: Annotated[int, msgspec.Meta(ge=2**18)] = 4 * 2**20
    """Output of one terminal kept in memory, from which members that come back continue without loss."""
    input_bytes: Count = 2**20
    """Input that may wait for a program that does not read; more is refused."""
    free_after_s: Positive = 10.0
    """A driver who has typed nothing for this long is one no more."""
    hold_s: Positive = 600.0
    """How long a program is held when nobody says."""
    attempts: Count = 10
    """Attempts to reach an upstream again before the terminal is given up."""
    survive_s: Annotated[float, msgspec.Meta(ge=0.0)] = 86_400.0
    """How long a local shell lives on without a workbench; 0 ends it when the server stops in order."""
    recording: bool = True
    """Whether terminals are recorded unless they say otherwise."""
    recording_bytes: Count = 64 * 2**20
    """Most of one terminal's recording on disk; the oldest is forgotten first."""
    recording_days: Positive = 7.0
    """Recordings older than this are forgotten."""
    mask_env: tuple[str, ...] = ()
    """Names of the server's environment variables whose values never stand in a recording; well-known shapes of
    secrets never do."""
