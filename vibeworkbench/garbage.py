"""Python's collector of reference cycles, kept from stopping the event loop for long.

A full collection walks every object that holds others, and meanwhile nobody hears anything: 100 ms of CPU for what
JupyterLab has loaded, 200 ms and more when a thousand viewers come back at once. Here whatever survives a full
collection is set aside, so that the next one walks only what has come since. What is set aside is freed as ever when
nothing refers to it; only cycles among it wait for the thorough collection, which comes when much is set aside.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Mapping

MIDDLE_COLLECTIONS = 4
"""Collections of the middle generation before a full one: a third of Python's number, so that each has less to walk."""
LOOK_EVERY_S = 3600.0
GROWTH_RATIO = 1.5
"""How much more than after the last thorough collection may be set aside: with it, cycles that nobody finds end."""


class ShortCollections:
    """Full collections walk what is new, from ``start`` to ``stop``."""

    def __init__(self) -> None:
        self._thresholds = gc.get_threshold()
        self._next_look: asyncio.TimerHandle | None = None
        self._set_aside_count = 0
        """Objects that were set aside after the last thorough collection."""

    def start(self) -> None:
        """What is there now is collected and set aside; called on the event loop."""
        gc.set_threshold(*self._thresholds[:2], MIDDLE_COLLECTIONS)
        gc.callbacks.append(_set_aside)
        self.look()

    def stop(self) -> None:
        """Python collects as it did before."""
        if self._next_look is not None:
            self._next_look.cancel()
        gc.callbacks.remove(_set_aside)
        gc.set_threshold(*self._thresholds)
        gc.unfreeze()

    def look(self) -> None:
        """A thorough collection has been made, if much is set aside; the next look is in an hour."""
        if gc.get_freeze_count() >= GROWTH_RATIO * self._set_aside_count:
            gc.unfreeze()
            gc.collect()
            self._set_aside_count = gc.get_freeze_count()
        self._next_look = asyncio.get_running_loop().call_later(LOOK_EVERY_S, self.look)


def _set_aside(phase: str, about: Mapping[str, int]) -> None:
    if phase == "stop" and about["generation"] == 2:
        gc.freeze()
