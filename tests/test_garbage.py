"""Collections of reference cycles walk what is new, and forget no cycle for good."""

from __future__ import annotations

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


async def test_a_cycle_that_was_set_aside_is_found_when_much_was(collections: ShortCollections) -> None:
    """The hourly look changes nothing while little has come, and finds it when half as much again has."""
    set_aside_count = gc.get_freeze_count()
    ring = Ring()
    lost = weakref.ref(ring)
    gc.collect()
    del ring
    collections.look()
    assert lost() is not None
    kept = [[] for _ in range(set_aside_count)]
    gc.collect()
    collections.look()
    assert lost() is None
    assert len(kept) == set_aside_count


async def test_afterwards_python_collects_as_before() -> None:
    """Nothing stays set aside, no callback is left, and the thresholds are the old ones."""
    before = gc.get_threshold(), list(gc.callbacks)
    it = ShortCollections()
    it.start()
    it.stop()
    assert (gc.get_threshold(), list(gc.callbacks)) == before
    assert gc.get_freeze_count() == 0
