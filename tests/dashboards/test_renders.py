"""Who renders when."""

from __future__ import annotations

import asyncio

import pytest

from vibeworkbench.dashboards.model import Progress
from vibeworkbench.dashboards.renders import Renders


class Work:
    """Renders that last until they are let go."""

    def __init__(self):
        self.begun = []
        self.ended = []
        self.begins = asyncio.Event()
        self.go = asyncio.Semaphore(0)

    async def __call__(self, name, told):
        """The render of a name."""
        self.begun.append(name)
        self.begins.set()
        told(Progress(1, 3))
        await self.go.acquire()

    async def under_way(self, count):
        """So many have begun."""
        while len(self.begun) < count:
            await self.begins.wait()
            self.begins.clear()


@pytest.fixture
async def work():
    return Work()


@pytest.fixture
async def renders(work):
    made = Renders(work, work.ended.append, 2)
    yield made
    await made.stop()


async def test_who_asks_before_it_begins_shares_it(renders, work):
    """Three wishes, one render."""
    tasks = {renders.ask("a") for _ in range(3)}
    assert len(tasks) == 1
    await work.under_way(1)
    work.go.release()
    await asyncio.wait(tasks)
    assert work.begun == work.ended == ["a"]


async def test_who_asks_meanwhile_gets_the_next_one(renders, work):
    """What a render under way has read may be older than the wish."""
    first = renders.ask("a")
    await work.under_way(1)
    second = renders.ask("a")
    assert second is renders.ask("a")
    assert second is not first
    work.go.release()
    await first
    await work.under_way(2)
    work.go.release()
    await second
    assert renders.progress_of("a") is None


async def test_only_some_are_under_way_at_once(renders, work):
    """The others wait, and say that they have not begun."""
    tasks = [renders.ask(name) for name in "abc"]
    await work.under_way(2)
    assert renders.progress_of("a") == Progress(1, 3)
    assert renders.progress_of("c") == Progress()
    work.go.release()
    await work.under_way(3)
    work.go.release()
    work.go.release()
    await asyncio.wait(tasks)
    assert sorted(work.ended) == ["a", "b", "c"]


async def test_a_dropped_one_leaves_nothing_behind(renders, work):
    """Neither the render under way nor the one that waits for it."""
    tasks = [renders.ask("a")]
    await work.under_way(1)
    tasks.append(renders.ask("a"))
    await renders.drop("a")
    assert all(task.cancelled() for task in tasks)
    assert renders.of("a") == []
    again = renders.ask("a")
    await work.under_way(2)
    work.go.release()
    await again


async def test_one_that_fails_does_not_stand_in_the_way(renders, work):
    """Its error is the asker's; the next one is rendered."""

    async def failing(name, told):
        raise RuntimeError(name)

    made = Renders(failing, work.ended.append, 1)
    with pytest.raises(RuntimeError):
        await made.ask("a")
    with pytest.raises(RuntimeError):
        await made.ask("a")
    assert work.ended == ["a", "a"]
