"""Following files while the server runs: what is written to them stands in the spool about a second later, once.

A round looks at every target: a thread reads (:mod:`vibeworkbench.logs.tail`), and what it read is kept together with
the marks up to which it was read. A mark counts when what stands before it is on disk; whatever happens before that,
the next reading begins at the mark before. So a full spool, a killed server and a failing disk cost time, and no line.

Only a server that has the warehouse follows: it knows the marks, and of several servers on one data directory only one
has it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from vibeworkbench.errors import Unavailable
from vibeworkbench.logs.columns import FileMark, Lines
from vibeworkbench.logs.model import Kind
from vibeworkbench.logs.service import Logs
from vibeworkbench.logs.tail.follow import Tail
from vibeworkbench.logs.tail.lines import Patience
from vibeworkbench.logs.tail.looks import Delivery, Memory, TailOrder, TailResult
from vibeworkbench.logs.tail.marks import Mark, mark_of, stored_form
from vibeworkbench.settings import FilesTarget

WAKE_S = 1.0
"""How often files are looked at that nobody asks for."""
PASS_S = 2.0
"""How long one target is read before the others have their turn."""
ASKED_WAKE_S = 0.1
"""The same while somebody waits for what is on disk."""
STOP_S = 5.0
_MOST_REMEMBERED = 20_000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Standing:
    """How following a target stands.

    Attributes:
        result: What the last reading found; without marks and files before the first one.
        looked: Whether there was one.
        reason: Why nothing is read now; empty when all is well.
    """

    result: TailResult
    looked: bool
    reason: str


@dataclass(slots=True)
class _Followed:
    """A target, its marks as far as they are kept, ``None`` when they are to be asked for, and what came of it."""

    target: FilesTarget
    marks: list[Mark] | None = None
    memory: Memory = field(default_factory=Memory)
    result: TailResult = field(default_factory=TailResult)
    looked: bool = False
    reason: str = ""

    @property
    def subject(self) -> str:
        return f"{Kind.files}:{self.target.name}"

    @property
    def has_more(self) -> bool:
        """Whether there is something to read at once."""
        return not self.reason and (self.result.behind_bytes > 0 or not self.result.in_time)

    @property
    def is_caught_up(self) -> bool:
        """Whether everything was read, but for what cannot be."""
        return bool(self.reason) or (self.looked and not self.has_more and not self.result.waiting)


class Follower:
    """Reads the files of all ``files`` targets, again and again.

    Args:
        logs: Where records and marks are kept.
        targets: The files targets of now.
        patience: How long the last record of a file is waited for.
    """

    def __init__(
        self, *, logs: Logs, targets: Callable[[], Awaitable[Sequence[FilesTarget]]], patience: Patience
    ) -> None:
        self._logs = logs
        self._targets = targets
        self._patience = patience
        self._followed: dict[str, _Followed] = {}
        self._task: asyncio.Task[None] | None = None
        self._stopped = asyncio.Event()
        self._wanted = asyncio.Event()
        self._began = self._ended = 0
        self._round = asyncio.Condition()
        self._waiting = 0

    async def start(self) -> None:
        """Files are followed."""
        self._stopped.clear()
        self._task = asyncio.create_task(self._follow(), name="follower")

    async def stop(self) -> None:
        """No file is read any more; what was read is kept, with its marks."""
        self._stopped.set()
        self._wanted.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=STOP_S)
            self._task.cancel()
            await asyncio.wait({self._task})

    @property
    def alive(self) -> bool:
        """Whether files are followed."""
        return self._task is not None and not self._task.done()

    # What is asked

    def standing(self, name: str) -> Standing:
        """How following the target of this name stands."""
        followed = self._followed.get(name)
        if followed is None:
            return Standing(TailResult(), looked=False, reason="")
        return Standing(followed.result, followed.looked, followed.reason)

    def behind_bytes(self) -> dict[str, int]:
        """Name of each target → bytes of its files that are not read yet."""
        return {name: each.result.behind_bytes for name, each in self._followed.items()}

    async def caught_up(self, limit_s: float) -> bool:
        """What was on disk when this was called is kept; false when that took too long.

        A record that may go on is waited for until its file was quiet. One that goes on all the time is no reason to
        wait any longer.
        """
        asked_at = time.monotonic()
        self._waiting += 1
        try:
            async with asyncio.timeout(limit_s):
                while self.alive:
                    began_s = time.monotonic() - asked_at
                    await self._next_round()
                    if self._is_caught_up(is_patient=began_s < self._patience.record_s + ASKED_WAKE_S):
                        return True
        except TimeoutError:
            pass
        finally:
            self._waiting -= 1
        return False

    def _is_caught_up(self, *, is_patient: bool) -> bool:
        if is_patient:
            return all(each.is_caught_up for each in self._followed.values())
        return not any(each.has_more for each in self._followed.values())

    async def _next_round(self) -> None:
        """A round that began after this was called has ended."""
        number = self._began + 1
        self._wanted.set()
        async with self._round:
            await self._round.wait_for(lambda: self._ended >= number or not self.alive)

    # The loop

    async def _follow(self) -> None:
        try:
            while not self._stopped.is_set():
                self._wanted.clear()
                self._began += 1
                await self._go_round()
                self._ended = self._began
                async with self._round:
                    self._round.notify_all()
                await self._rest()
        finally:
            async with self._round:
                self._round.notify_all()

    async def _rest(self) -> None:
        if any(each.has_more for each in self._followed.values()):
            return
        if self._waiting:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), ASKED_WAKE_S)
        else:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wanted.wait(), WAKE_S)

    async def _go_round(self) -> None:
        try:
            wanted = {each.name: each for each in await self._targets()}
        except Unavailable as error:
            log.warning("follower: targets cannot be read now: %s", error.message)
            return
        for name in self._followed.keys() - wanted.keys():
            del self._followed[name]
        for name, target in wanted.items():
            followed = self._followed.setdefault(name, _Followed(target))
            followed.target = target
            if not self._stopped.is_set():
                await self._look(followed)

    async def _look(self, followed: _Followed) -> None:
        """Whatever happens to one target, the others are looked at."""
        try:
            if followed.marks is None:
                kept = await self._logs.marks(followed.subject)
                followed.marks = [mark for form in kept.values() if (mark := mark_of(form)) is not None]
            marks, followed.marks = followed.marks, None  # until the reading has ended, only the store knows them
            result = await self._read(followed, marks)
            if result is not None:
                followed.marks, followed.result, followed.looked, followed.reason = result.marks, result, True, ""
        except Unavailable as error:
            self._note(followed, error.message)
        except Exception as error:  # border: the background loop outlives any failure of one target
            log.exception("follower: %s cannot be read; it is tried again", followed.subject)
            self._note(followed, f"an error: {type(error).__name__}")

    @staticmethod
    def _note(followed: _Followed, reason: str) -> None:
        if followed.reason != reason:
            log.warning("follower: %s is not read now: %s", followed.subject, reason)
        followed.reason = reason

    async def _read(self, followed: _Followed, marks: list[Mark]) -> TailResult | None:
        """What a reading found, all of it kept; ``None`` when the server stopped meanwhile."""
        tail = Tail(self._order(followed, marks))
        deliveries = tail.deliveries()
        try:
            while (delivery := await asyncio.to_thread(next, deliveries, None)) is not None:
                await self._logs.take(_lines(followed, delivery))
                if self._stopped.is_set():
                    return None
        finally:
            await asyncio.shield(asyncio.to_thread(_close, deliveries))
        return tail.result

    def _order(self, followed: _Followed, marks: list[Mark]) -> TailOrder:
        memory, target = followed.memory, followed.target
        if len(memory.shapes) + len(memory.skipped) + len(memory.strange) > _MOST_REMEMBERED:
            followed.memory = memory = Memory()
        return TailOrder(
            glob=target.glob,
            marks=marks,
            memory=memory,
            max_bytes=target.max_bytes,
            max_files=target.max_files,
            until_s=time.monotonic() + PASS_S,
            now_s=int(time.time()),
            patience=self._patience,
        )


def _close(deliveries: Generator[Delivery, None, None]) -> None:
    """The files of an unfinished reading are closed."""
    with suppress(ValueError):  # a thread that was left alone still reads; it closes them
        deliveries.close()


def _lines(followed: _Followed, delivery: Delivery) -> Lines:
    count = len(delivery.records)
    marks = delivery.marks.items()
    return Lines(
        kind=[Kind.files.value] * count,
        source=[followed.target.name] * count,
        instance=[delivery.path] * count,
        stream=[""] * count,
        at_us=[None] * count,
        level=[0] * count,
        message=delivery.records,
        attributes=[None] * count,
        id=[""] * count,
        marks=[FileMark(followed.subject, name, stored_form(mark) if mark else None) for name, mark in marks],
    )
