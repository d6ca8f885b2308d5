"""Collections of reference cycles walk what is new, and forget no cycle for good."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator

import pytest

from vibeworkbench.garbage import ShortCollections


class Ring:
    """Refers to itself."""

    def __init__(self) -> None:
        self.own = self


@pytest.fixture
async def collections() -> AsyncIterator[ShortCollections]:
    """Short ones, for one test."""
    it = ShortCollections()
    it.start()
    yield it
    it.stop()


async def test_a_full_collection_walks_only_what_came_since_the_last(collections: ShortCollections) -> None:
    """What has survived one is set aside."""
    kept = [[] for _ in range(10_000)]
    gc.collect()
    assert len(gc.get_objects()) < len(kept)
    assert gc.get_freeze_count() > len(kept)


async def test_a_new_cycle_is_collected(collections: ShortCollections) -> None:
    """One that nothing refers to any more is gone with the next full collection."""
    lost = weakref.ref(Ring())
    gc.collect()
    assert lost() is None


async def test_a_cycle_that_was_set_aside_waits_for_the_thorough_collection(collections: ShortCollections) -> None:
    """The daily one finds it."""
    ring = Ring()
    lost = weakref.ref(ring)
    gc.collect()
    del ring
    gc.collect()
    assert lost() is not None
    collections._collect_all()
    assert lost() is None


async def test_when_much_was_set_aside_the_thorough_collection_comes_at_once() -> None:
    """What cycles hold cannot grow for a day."""
    it = ShortCollections(most_set_aside=10_000)
    it.start()
    ring, gone = Ring(), asyncio.Event()
    lost = weakref.ref(ring, lambda _: gone.set())
    gc.collect()
    del ring
    kept = [[] for _ in range(20_000)]
    gc.collect()
    await gone.wait()
    assert lost() is None
    assert len(kept) == 20_000
    it.stop()


async def test_afterwards_python_collects_as_before() -> None:
    """Nothing stays set aside, no callback is left, and the thresholds are the old ones."""
    before = gc.get_threshold(), list(gc.callbacks)
    it = ShortCollections()
    it.start()
    it.stop()
    assert (gc.get_threshold(), list(gc.callbacks)) == before
    assert gc.get_freeze_count() == 0
