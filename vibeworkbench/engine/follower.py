"""Everything that a container engine has to tell, carried to one place: lines, use, states, what happened.

The workbench follows the engine of its own machine with it, and the agent that of another. It looks for the engine
until there is one, and comes back to it whenever it was away: lines are taken up where the last ones were kept, and
events since the last one are asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from vibeworkbench.engine.address import Address
from vibeworkbench.engine.client import Engine, Event
from vibeworkbench.engine.facts import Facts
from vibeworkbench.engine.lines import Line
from vibeworkbench.engine.position import Position
from vibeworkbench.engine.processes import Process, ended
from vibeworkbench.engine.stats import Cpu, Reading, cpu_percent
from vibeworkbench.errors import NotFound, WorkbenchError

LINES_AT_ONCE = 1000
GATHER_S = 0.1
"""How long lines are gathered before they are handed on together."""
ASKED_AT_ONCE = 8
LOOK_EVERY = 6
"""Of so many samples of a container one tells its processes, too."""
LONGEST_WAIT_S = 30.0
_TOLD = ("start", "restart", "die", "oom", "pause", "unpause", "health_status", "rename", "update", "destroy", "create")

log = logging.getLogger(__name__)
_Run = tuple[datetime | None, datetime | None]


@dataclass(frozen=True, slots=True)
class Use:
    """What a container uses.

    Attributes:
        reading: Its counters.
        cpu_percent: Processor use since the reading before, of one processor; ``None`` at the first one.
    """

    reading: Reading
    cpu_percent: float | None


class Sink(Protocol):
    """Where it is carried to. What a method was given is kept when it returns."""

    def mark_of(self, container_id: str) -> Mapping[str, Any] | None:
        """How far the container's log was kept; ``None`` when nothing of it was."""
        ...

    async def lines(self, facts: Facts, lines: Sequence[Line], mark: Mapping[str, Any]) -> None:
        """Lines of a container, and how far its log is then kept: both or neither."""
        ...

    async def standing(self, facts: Facts, use: Use | None) -> None:
        """How a container stands, and what it uses if it runs."""
        ...

    async def processes(self, facts: Facts, present: Sequence[Process], ended: Sequence[str]) -> None:
        """The processes of a container, and the numbers of those that have ended since the look before."""
        ...

    def events_from_ns(self) -> int:
        """Unix nanoseconds from which on events are not kept yet; 0 when the engine was never followed."""
        ...

    async def events_kept(self, from_ns: int) -> None:
        """Events from then on are not kept yet; told again after a crash, an earlier one is the same."""
        ...

    async def happened(self, facts: Facts, event: Event, *, is_past: bool) -> None:
        """Something happened to a container, which now stands as the facts say.

        Args:
            facts: Of now.
            event: What happened.
            is_past: It did while nobody followed the engine: how the container stood then, nobody knows any more.
        """
        ...

    async def gone(self, container_id: str) -> None:
        """There is no such container any more."""
        ...


@dataclass(frozen=True, slots=True)
class Pace:
    """How often and how far back an engine is looked at.

    Attributes:
        sample_interval_s: Between two readings of every container; its processes are looked at every sixth time.
        history_s: Of a container never read before, lines older than this are left where they are.
        timeout_s: Limit for each of the engine's answers.
        retry_s: First wait after a failure; each further one doubles it.
    """

    sample_interval_s: float = 10.0
    history_s: float = 3600.0
    timeout_s: float = 10.0
    retry_s: float = 0.5


class Follower:
    """One engine, followed.

    Args:
        find: Tells the engine's address, each time that one is wanted.
        sink: Where all goes.
        pace: How often.
        clock_ns: Unix nanoseconds.
    """

    def __init__(
        self, *, find: Callable[[], Address], sink: Sink, pace: Pace, clock_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self.state, self.reason = "absent", "not looked for yet"
        self._find = find
        self._sink = sink
        self._pace = pace
        self._clock_ns = clock_ns
        self._following: dict[str, tuple[_Run, asyncio.Task[None]]] = {}
        self._readings: dict[str, Cpu] = {}
        self._known: set[str] = set()
        self._looks: dict[str, int] = {}
        self._present: dict[str, list[str]] = {}
        self._event_ns = 0
        self._failures = 0

    async def run(self) -> None:
        """The engine is followed until this is cancelled."""
        while True:
            address = self._find()
            if address.absent:
                self.state, self.reason = "absent", address.absent
            else:
                await self._attend(address)
            self._failures += 1
            await asyncio.sleep(self._wait_s())

    def _wait_s(self) -> float:
        most_s = min(self._pace.retry_s * 2.0 ** min(self._failures, 16), LONGEST_WAIT_S)
        return random.uniform(most_s / 2, most_s)  # noqa: S311 - no secret: a wait

    async def _attend(self, address: Address) -> None:
        try:
            async with Engine(address, self._pace.timeout_s) as engine, asyncio.TaskGroup() as group:
                await engine.version()
                self.state, self.reason = "connected", ""
                group.create_task(self._events(engine, group))
                group.create_task(self._samples(engine, group))
        except* WorkbenchError as errors:
            self.state, self.reason = "failing", str(_first(errors))
            log.warning("containers: %s", self.reason)
        except* Exception:  # border: an engine may answer what nobody foresaw, and is asked again
            self.state, self.reason = "failing", "its answer was not understood"
            log.exception("containers: the engine's answer was not understood")
        finally:
            self._following.clear()

    # What happens

    async def _events(self, engine: Engine, group: asyncio.TaskGroup) -> None:
        now_ns = self._clock_ns()
        kept_ns = self._event_ns or self._sink.events_from_ns()
        if not kept_ns:
            await self._sink.events_kept(now_ns)
        oldest_ns = now_ns - int(self._pace.history_s * 1e9)
        self._event_ns = min(max(kept_ns or now_ns, oldest_ns), now_ns)  # no later than now, if the clock went back
        async with aclosing(engine.events(self._event_ns)) as events:
            async for event in events:
                if event.at_ns >= self._event_ns and event.action.startswith(_TOLD):
                    self._event_ns = event.at_ns + 1
                    await self._tell(engine, group, event, is_past=event.at_ns < now_ns)
                    await self._sink.events_kept(self._event_ns)
        raise _EngineEndedError("the container engine has ended the stream of events")

    async def _tell(self, engine: Engine, group: asyncio.TaskGroup, event: Event, *, is_past: bool) -> None:
        facts = await self._facts(engine, event.container_id)
        if facts is not None:
            await self._sink.happened(facts, event, is_past=is_past)
            self._follow(engine, group, facts)

    async def _facts(self, engine: Engine, container_id: str) -> Facts | None:
        try:
            return await engine.inspect(container_id)
        except NotFound:
            await self._forget(container_id)
            return None

    async def _forget(self, container_id: str) -> None:
        self._known.discard(container_id)
        for known in (self._readings, self._looks, self._present):
            known.pop(container_id, None)
        await self._sink.gone(container_id)

    # What is used

    async def _samples(self, engine: Engine, group: asyncio.TaskGroup) -> None:
        while True:
            listed = await engine.containers()
            for missing in self._known.difference(listed):
                await self._forget(missing)
            self._known.update(listed)
            limit = asyncio.Semaphore(ASKED_AT_ONCE)
            await asyncio.gather(*(self._sample(engine, group, each, limit) for each in listed))
            self._failures = 0
            await asyncio.sleep(self._pace.sample_interval_s)

    async def _sample(
        self, engine: Engine, group: asyncio.TaskGroup, container_id: str, limit: asyncio.Semaphore
    ) -> None:
        async with limit:
            facts = await self._facts(engine, container_id)
            if facts is None:
                return
            with contextlib.suppress(NotFound):
                use = await self._use(engine, facts) if facts.is_running else None
                await self._sink.standing(facts, use)
                await self._look(engine, facts)
                self._follow(engine, group, facts)

    async def _look(self, engine: Engine, facts: Facts) -> None:
        """Its processes are told now and then; when it has ended, so have they."""
        name = facts.container_id
        look = self._looks[name] = self._looks.get(name, -1) + 1
        if facts.is_running and look % LOOK_EVERY:
            return
        try:
            present = await engine.top(name) if facts.is_running else []
        except NotFound:
            raise
        except WorkbenchError as error:  # it has just ended, or its engine has no ps: all else is told
            log.info("containers: the processes of %s: %s", facts.name, error.message)
            return
        gone = ended(self._present.get(name, ()), present)
        self._present[name] = [each.pid for each in present]
        if present or gone:
            await self._sink.processes(facts, present, gone)
        if not facts.is_running:
            self._looks.pop(name)

    async def _use(self, engine: Engine, facts: Facts) -> Use:
        reading = await engine.stats(facts.container_id)
        before = self._readings.get(facts.container_id)
        self._readings[facts.container_id] = reading.cpu
        return Use(reading, None if before is None else cpu_percent(before, reading.cpu))

    # What is said

    def _follow(self, engine: Engine, group: asyncio.TaskGroup, facts: Facts) -> None:
        """The log is followed if it is not already; of each run, and once of each end, it is read to its end.

        A run may be over before anybody has seen that it began, so that it is known by its instants, not by the state.
        """
        run = (facts.started_at, facts.finished_at)
        known, reading = self._following.get(facts.container_id, (None, None))
        if reading is None or (reading.done() and (facts.is_running or run != known)):
            following = self._read(engine, facts)
            try:
                self._following[facts.container_id] = run, group.create_task(following)
            except RuntimeError:  # the group is ending: the engine has gone in this moment
                following.close()

    async def _read(self, engine: Engine, facts: Facts) -> None:
        mark = self._sink.mark_of(facts.container_id)
        position = Position(mark, self._clock_ns() - int(self._pace.history_s * 1e9))
        try:
            async with aclosing(_batches(engine.logs(facts, position.since))) as batches:
                async for batch in batches:
                    lines = [line for line in batch if position.takes(line)]
                    if lines:
                        await _whole(self._sink.lines(facts, lines, position.mark()))
        except NotFound:
            return
        except WorkbenchError as error:  # the engine itself may be well: the next sample tries again
            log.warning("containers: the log of %s: %s", facts.name, error.message)
            self._following.pop(facts.container_id, None)


class _EngineEndedError(WorkbenchError):
    """The engine went away in good order."""


async def _whole(keeping: Any) -> None:
    """What was begun is brought to its end, also when whoever waits is cancelled: lines and mark never part."""
    task = asyncio.ensure_future(keeping)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


async def _batches(lines: AsyncIterator[Line]) -> AsyncGenerator[list[Line], None]:
    """Lines that came within a moment, together."""
    waiting: asyncio.Queue[Line | None] = asyncio.Queue(2 * LINES_AT_ONCE)

    async def pump() -> None:
        try:
            async for line in lines:
                await waiting.put(line)
        except asyncio.CancelledError:  # nobody takes lines any more: a full queue would never take the end either
            raise
        except BaseException:
            await waiting.put(None)
            raise
        await waiting.put(None)

    pumping = asyncio.create_task(pump())
    try:
        while (first := await waiting.get()) is not None:
            batch, ended = await _gathered(first, waiting)
            yield batch
            if ended:
                break
        await pumping
    finally:
        pumping.cancel()
        await asyncio.wait({pumping})


async def _gathered(first: Line, waiting: asyncio.Queue[Line | None]) -> tuple[list[Line], bool]:
    batch = [first]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(GATHER_S):
            while len(batch) < LINES_AT_ONCE:
                line = await waiting.get()
                if line is None:
                    return batch, True
                batch.append(line)
    return batch, False


def _first(errors: BaseExceptionGroup[Any]) -> BaseException:
    found = errors.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found
