"""Python's collector of reference cycles, kept from stopping the event loop for long.

A full collection walks every object that holds others, and meanwhile nobody hears anything: 100 ms of CPU for what
JupyterLab has loaded, 200 ms and more when a thousand viewers come back at once. Here whatever survives a full
collection is set aside, so that the next one walks only what has come since. What is set aside is freed as ever when
nothing refers to it; only cycles among it wait for the thorough collection, once a day.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Mapping

MIDDLE_COLLECTIONS = 4
"""Collections of the middle generation before a full one: a third of Python's number, so that each has less to walk."""
THOROUGH_EVERY_S = 86_400.0


class ShortCollections:
    """Full collections walk what is new, from ``start`` to ``stop``."""

    def __init__(self) -> None:
        self._thresholds = gc.get_threshold()
        self._thorough: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """What is there now is collected and set aside; called on the event loop."""
        gc.set_threshold(*self._thresholds[:2], MIDDLE_COLLECTIONS)
        gc.callbacks.append(self._set_aside)
        self._collect_all()

    def stop(self) -> None:
        """Python collects as it did before."""
        if self._thorough is not None:
            self._thorough.cancel()
        gc.callbacks.remove(self._set_aside)
        gc.set_threshold(*self._thresholds)
        gc.unfreeze()

    def _collect_all(self) -> None:
        gc.unfreeze()
        gc.collect()
        self._thorough = asyncio.get_running_loop().call_later(THOROUGH_EVERY_S, self._collect_all)

    @staticmethod
    def _set_aside(phase: str, about: Mapping[str, int]) -> None:
        if phase == "stop" and about["generation"] == 2:
            gc.freeze()
