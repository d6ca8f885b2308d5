"""``vibeworkbench terminal play``: a recording, as it was or faster."""

from __future__ import annotations

import shutil
import sys
import time

from vibeworkbench.cli.output import warn
from vibeworkbench.cli.terminal_screen import put_right
from vibeworkbench.client.terminal.cast import Cast, without_queries


def played(cast: Cast, *, speed: float, idle_limit_s: float | None) -> None:
    """The recording was shown; Ctrl-C ends it before.

    Args:
        cast: The recording.
        speed: So many times as fast.
        idle_limit_s: The longest pause; the recording's own limit when it is not given.
    """
    size = shutil.get_terminal_size()
    if sys.stdout.isatty() and (size.columns < cast.cols or size.lines < cast.rows):
        warn(f"it was recorded on {cast.cols} columns and {cast.rows} rows; here are {size.columns} and {size.lines}")
    limit_s = idle_limit_s if idle_limit_s is not None else cast.idle_limit_s
    shown_at_s, due = 0.0, time.monotonic()
    try:
        for event in cast.events:
            pause_s = event.at_s - shown_at_s
            shown_at_s = event.at_s
            due += (pause_s if limit_s is None else min(pause_s, limit_s)) / speed
            _wait(due - time.monotonic())
            if event.code == "o":
                sys.stdout.buffer.write(without_queries(event.text).encode())
    finally:
        put_right()


def _wait(seconds: float) -> None:
    """So long nothing happens, and what was written is seen."""
    if seconds > 0:
        sys.stdout.buffer.flush()
        time.sleep(seconds)
