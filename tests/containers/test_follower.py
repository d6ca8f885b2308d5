"""The follower: what an engine tells arrives once, whatever becomes of the engine, and of whoever keeps it."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.patience import PATIENCE_S
from vibeworkbench.engine.address import Address
from vibeworkbench.engine.follower import LINES_AT_ONCE, Follower, Pace, _batches
from vibeworkbench.engine.lines import Line
from vibeworkbench.engine.processes import MOST, processes_of
from vibeworkbench.errors import Unavailable

PACE = Pace(sample_interval_s=0.05, retry_s=0.01, timeout_s=5.0)


class Kept:
    """Keeps what it is given, and refuses lines while ``is_away``."""

    def __init__(self):
        self.texts, self.marks, self.samples, self.events, self.removed = [], {}, [], [], []
        self.processes_told, self.is_away = [], False
        self.event_ns, self.missed = 0, []
        self.changed = asyncio.Condition()

    async def notify(self):
        async with self.changed:
            self.changed.notify_all()

    async def until(self, asked):
        async with asyncio.timeout(PATIENCE_S), self.changed:
            await self.changed.wait_for(asked)

    def mark_of(self, container_id):
        return self.marks.get(container_id)

    async def lines(self, facts, lines, mark):
        if self.is_away:
            raise Unavailable("The disk is full.")
        self.texts += [line.text for line in lines]
        self.marks[facts.container_id] = mark
        await self.notify()

    async def standing(self, facts, use):
        self.samples.append((facts.name, facts.state, None if use is None else use.cpu_percent))
        await self.notify()

    async def processes(self, facts, present, ended):
        self.processes_told.append((facts.name, {each.pid: each for each in present}, ended))
        await self.notify()

    def events_from_ns(self):
        return self.event_ns

    async def events_kept(self, from_ns):
        self.event_ns = from_ns

    async def happened(self, facts, event, *, is_past):
        self.events.append((facts.name, event.action))
        self.missed += [event.action] if is_past else []
        await self.notify()

    async def gone(self, container_id):
        self.removed.append(container_id)
        await self.notify()


@pytest.fixture
async def followed(engine_server):
    """What is kept of the engine, and the follower."""
    kept = Kept()
    follower = Follower(find=lambda: Address(socket=str(engine_server.path)), sink=kept, pace=PACE)
    running = asyncio.create_task(follower.run())
    yield kept, follower
    running.cancel()
    await asyncio.wait({running})


async def test_all_that_an_engine_tells(engine_server, followed):
    """Lines, use, events, new containers and removed ones."""
    kept, follower = followed
    api = engine_server.add("api", cpu_ns=0)
    await engine_server.log(api, (time.time_ns(), "stdout", "one"))
    await kept.until(lambda: "one" in kept.texts)
    await kept.until(lambda: ("api", "running", 0.0) in kept.samples)
    api.cpu_ns, api.system_ns = api.cpu_ns + 10**9, api.system_ns + 4 * 10**9
    await kept.until(lambda: ("api", "running", 100.0) in kept.samples)
    await engine_server.happen(api, "exec_start: ls", time.time_ns())
    await engine_server.happen(api, "oom", time.time_ns())
    await kept.until(lambda: kept.events)
    assert kept.events == [("api", "oom")]
    web = engine_server.add("web", status="exited", exit_code=1)
    await engine_server.log(web, (time.time_ns(), "stderr", "last words"))
    await kept.until(lambda: "last words" in kept.texts)
    assert ("web", "exited", None) in kept.samples
    del engine_server.containers[web.container_id]
    await kept.until(lambda: kept.removed == [web.container_id])
    assert (follower.state, follower.reason) == ("connected", "")


@pytest.mark.parametrize("plain_ps", [False, True])
async def test_the_processes_of_a_container(engine_server, followed, plain_ps):
    """Also where ps knows only its own columns; those that are no more have ended, and all end with the container."""
    kept, _ = followed
    engine_server.plain_ps = plain_ps
    api = engine_server.add("api")
    await kept.until(lambda: kept.processes_told)
    name, present, ended = kept.processes_told[0]
    assert (name, sorted(present), ended) == ("api", ["4711", "4722"], [])
    worker = present["4722"]
    assert (worker.parent, worker.user, worker.name, worker.command) == ("4711", "shop", "gunicorn", "gunicorn: worker")
    told = (worker.cpu_percent, worker.memory_bytes, worker.threads, worker.state, worker.elapsed_s)
    assert told == ((None, None, None, "", None) if plain_ps else (12.5, 40960 * 1024, 8, "sleeping", 3590))
    del api.running[1]
    await kept.until(lambda: kept.processes_told[-1][2] == ["4722"])
    api.status = "exited"
    await kept.until(lambda: kept.processes_told[-1] == ("api", {}, ["4711"]))


def test_of_very_many_processes_the_largest_are_told():
    """What is no number is not told, and what is no process neither."""
    rows = [[str(number), "root", str(number)] for number in range(MOST + 50)]
    found = processes_of({"Titles": ["PID", "USER", "RSS"], "Processes": [*rows, ["", "root", "1"]]})
    assert [each.memory_bytes for each in found] == [1024 * number for number in range(MOST + 49, 49, -1)]
    (odd,) = processes_of({"Titles": ["PID", "%CPU", "RSS"], "Processes": [["1", "a.b", "-"]]})
    assert (odd.cpu_percent, odd.memory_bytes) == (None, None)


async def test_a_restarted_engine_and_a_broken_stream(engine_server, followed):
    """Each line once, in order; events from before the restart do not come again."""
    kept, _ = followed
    api = engine_server.add("api")
    for number in range(30):
        if number == 10:
            await kept.until(lambda: len(kept.texts) == 10)
            await engine_server.stop()
            await engine_server.start()
        if number == 20:
            engine_server.drop_after = 100
            await engine_server.happen(api, "restart", time.time_ns())
        await engine_server.log(api, (time.time_ns(), "stdout", str(number)))
    await kept.until(lambda: len(kept.texts) >= 30)
    assert kept.texts == [str(number) for number in range(30)]
    assert kept.events == [("api", "restart")]


async def test_what_happens_while_nobody_follows_is_told_later(engine_server):
    """Each event once, and as one of the past; what is older than what may be known is not asked for."""
    kept = Kept()

    async def follow():
        follower = Follower(find=lambda: Address(socket=str(engine_server.path)), sink=kept, pace=PACE)
        running = asyncio.create_task(follower.run())
        await kept.until(lambda: kept.event_ns and kept.samples)
        return running

    async def leave(running):
        running.cancel()
        await asyncio.wait({running})
        kept.samples.clear()

    api = engine_server.add("api")
    await leave(await follow())  # nothing happened, and from when on that is known
    await engine_server.happen(api, "die", time.time_ns(), exitCode="3")
    running = await follow()
    await kept.until(lambda: kept.events == [("api", "die")])
    assert kept.missed == ["die"]
    await engine_server.happen(api, "start", time.time_ns())
    await kept.until(lambda: ("api", "start") in kept.events)
    await leave(running)

    kept.event_ns -= int(2 * PACE.history_s * 1e9)
    await engine_server.happen(api, "oom", time.time_ns() - int(1.5 * PACE.history_s * 1e9))
    await engine_server.happen(api, "die", time.time_ns(), exitCode="3")
    running = await follow()
    await kept.until(lambda: kept.events[-1] == ("api", "die"))
    await leave(running)
    assert kept.events.count(("api", "oom")) == 0
    assert kept.missed[-1] == "die"

    kept.event_ns += int(PACE.history_s * 1e9)  # the clock went back
    running = await follow()
    await engine_server.happen(api, "start", time.time_ns())
    await kept.until(lambda: kept.events[-1] == ("api", "start"))
    await leave(running)


async def test_a_run_that_nobody_saw_running_is_read(engine_server, followed):
    """A crash loop's runs last some milliseconds each: what every one of them said is kept."""
    kept, _ = followed
    crash = engine_server.add("crash", status="exited", exit_code=1)
    for number in range(4):
        crash.started_ns, crash.finished_ns = time.time_ns(), time.time_ns() + 1
        await engine_server.log(crash, (time.time_ns(), "stderr", f"boom {number}"))
        await engine_server.happen(crash, "start", time.time_ns())
        await kept.until(lambda: len(kept.texts) > number)  # noqa: B023 - it is waited for here
    assert kept.texts == [f"boom {number}" for number in range(4)]


async def test_a_reader_whose_lines_nobody_takes_can_be_ended():
    """An engine that was killed while its lines waited to be kept was never looked for again."""
    made = 0

    async def endless():
        nonlocal made
        while True:
            made += 1
            yield Line(made, "stdout", "x")

    batches = _batches(endless())
    async with asyncio.timeout(PATIENCE_S):
        taken = len(await anext(batches))
        while made <= taken + 2 * LINES_AT_ONCE:  # noqa: ASYNC110 - until no more fit
            await asyncio.sleep(0)
        await batches.aclose()


async def test_a_keeper_that_is_away_gets_the_lines_later(engine_server, followed):
    """From where it kept the last ones."""
    kept, _ = followed
    api = engine_server.add("api")
    await engine_server.log(api, (time.time_ns(), "stdout", "one"))
    await kept.until(lambda: kept.texts == ["one"])
    kept.is_away = True
    await engine_server.log(api, (time.time_ns(), "stdout", "two"))
    count = len(kept.samples)
    await kept.until(lambda: len(kept.samples) > count + 6)
    kept.is_away = False
    await engine_server.log(api, (time.time_ns(), "stdout", "three"))
    await kept.until(lambda: len(kept.texts) == 3)
    assert kept.texts == ["one", "two", "three"]


async def test_an_engine_that_is_unwell_or_absent(engine_server, followed):
    """Is told with the reason, and followed as soon as it is well."""
    kept, follower = followed
    engine_server.add("api")
    engine_server.fail = True
    while follower.state != "failing":
        await asyncio.wait({asyncio.ensure_future(asyncio.Event().wait())}, timeout=0.01)
    assert "the engine is unwell" in follower.reason
    engine_server.fail = False
    await kept.until(lambda: kept.samples)
    absent = Follower(find=lambda: Address(absent="no socket"), sink=kept, pace=PACE)
    running = asyncio.create_task(absent.run())
    await asyncio.wait({running}, timeout=0.05)
    assert (absent.state, absent.reason) == ("absent", "no socket")
    running.cancel()
    await asyncio.wait({running})


async def test_an_engine_that_answers_what_nobody_foresaw(engine_server, followed):
    """Is failing, and asked again."""
    kept, follower = followed
    api = engine_server.add("api")
    await kept.until(lambda: kept.samples)
    api.restarts = "many"
    while follower.state != "failing":
        await asyncio.wait({asyncio.ensure_future(asyncio.Event().wait())}, timeout=0.01)
    assert follower.reason == "its answer was not understood"
    api.restarts = 5
    count = len(kept.samples)
    await kept.until(lambda: len(kept.samples) > count)
    assert follower.state == "connected"
