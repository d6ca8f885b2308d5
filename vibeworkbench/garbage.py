"""Python's collector of reference cycles, kept from stopping the event loop for long.

A full collection walks every object that holds others, and meanwhile nobody hears anything: 100 ms of CPU for what
JupyterLab has loaded, 200 ms and more when a thousand viewers come back at once. Here whatever survives a full
collection is set aside, so that the next one walks only what has come since. What is set aside is freed as ever when
nothing refers to it; only cycles among it wait for the thorough collection, once a day or when much was set aside.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Mapping

MIDDLE_COLLECTIONS = 4
"""Collections of the middle generation before a full one: a third of Python's number, so that each has less to walk."""
THOROUGH_EVERY_S = 86_400.0
MOST_SET_ASIDE = 500_000
"""Objects that are set aside, some thousands of viewers, until a thorough collection does not wait for its hour."""


class ShortCollections:
    """Full collections walk what is new, from ``start`` to ``stop``.

    Args:
        most_set_aside: Objects that may be set aside before a thorough collection comes at once.
    """

    def __init__(self, most_set_aside: int = MOST_SET_ASIDE) -> None:
        self._most_set_aside = most_set_aside
        self._thresholds = gc.get_threshold()
        self._thorough: asyncio.TimerHandle | None = None
        self._set_aside_count = 0

    def start(self) -> None:
        """What is there now is collected and set aside; called on the event loop."""
        self._loop = asyncio.get_running_loop()
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
        gc.callbacks.remove(self._set_aside)  # which counts what is new
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        gc.callbacks.append(self._set_aside)
        self._set_aside_count = 0
        self._plan(THOROUGH_EVERY_S)

    def _plan(self, in_s: float) -> None:
        if self._thorough is not None:
            self._thorough.cancel()
        self._thorough = self._loop.call_later(in_s, self._collect_all)

    def _set_aside(self, phase: str, about: Mapping[str, int]) -> None:
        if phase != "stop" or about["generation"] != 2:
            return
        before = self._set_aside_count
        self._set_aside_count += len(gc.get_objects(generation=2))
        gc.freeze()
        if before <= self._most_set_aside < self._set_aside_count and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._plan, 0.0)  # any thread's allocation may have begun the collection
