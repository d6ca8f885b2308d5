"""Collectors look at the world, at the same time, each within its limit; none of them can hold a scan."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from vibeworkbench.errors import InvalidInput
from vibeworkbench.ops.collectors import Collector, LookOrder, Parted
from vibeworkbench.ops.model import Look, LookState, kind_of, subject_of
from vibeworkbench.ops.scans.storable import unfit
from vibeworkbench.ops.scans.threads import threads_noted
from vibeworkbench.settings import OpsSettings, Target, WorkspaceTarget

log = logging.getLogger(__name__)

GRACE_S = 1.0
"""How long a cancelled look may take to put things away before it is left alone."""


@dataclass(frozen=True, slots=True)
class Errand:
    """One collector and the targets or parts it is to look at; ``narrowed`` when a filter took some of them away."""

    collector: Collector
    targets: tuple[Target, ...] = ()
    narrowed: bool = False
    skipped: str = ""
    parts: frozenset[str] = frozenset()

    def limit_s(self, settings: OpsSettings) -> float:
        """Seconds it may take: the usual limit, for code health the sum of its tools' limits."""
        tools_s = sum(len(one.tools) * one.timeout_s for one in self.targets if isinstance(one, WorkspaceTarget))
        return max(settings.collector_limit_s, tools_s)


def errands(collectors: Iterable[Collector], targets: Sequence[Target], sources: Collection[str]) -> tuple[Errand, ...]:
    """One errand for each collector, also for those that have nothing to look at.

    Args:
        collectors: All that are installed and on.
        targets: All targets.
        sources: Names of collectors, ``collector:target name``, and ``collector:part`` of those that have parts; empty
            means everything.

    Raises:
        InvalidInput: A source is unknown; ``allowed`` lists the known ones.
    """
    collectors = (*collectors,)
    mine = {one.name: tuple(each for each in targets if kind_of(each) in one.kinds) for one in collectors}
    parted = {one.name for one in collectors if isinstance(one, Parted)}
    known = [*mine, *(f"{name}:{each.name}" for name, theirs in mine.items() for each in theirs)]
    for source in sources:
        if source not in known and source.partition(":")[0] not in parted:
            raise _unknown(source, known)
    return tuple(_errand(collector, mine[collector.name], sources) for collector in collectors)


def _unknown(source: str, known: Sequence[str]) -> InvalidInput:
    collector, colon, name = source.partition(":")
    theirs = [each for each in known if each.startswith(f"{collector}:")]
    if colon and collector in known:
        there_are = f"there are: {', '.join(theirs)}" if theirs else "there is none"
        message, allowed = f"filters.source: there is no {collector} target {name}; {there_are}", theirs
    else:
        message, allowed = f"filters.source: there is no source {source!r}", [*known]
    return InvalidInput(message, field="filters.source", reason="unknown source", allowed=allowed)


def _errand(collector: Collector, targets: tuple[Target, ...], sources: Collection[str]) -> Errand:
    if collector.kinds and not targets:
        return Errand(collector, skipped="it has no targets")
    if not sources or collector.name in sources:
        return Errand(collector, targets)
    wanted = tuple(each for each in targets if f"{collector.name}:{each.name}" in sources)
    named = {part for name, _, part in (each.partition(":") for each in sources) if name == collector.name}
    parts = frozenset(named) if isinstance(collector, Parted) else frozenset[str]()
    narrowed = Errand(collector, wanted, narrowed=True, parts=parts)
    return narrowed if wanted or parts else Errand(collector, skipped="filtered out")


@dataclass(frozen=True, slots=True)
class Looking:
    """What all collectors of one scan are told.

    Attributes:
        order: The order without what differs between collectors (targets, cursors, deadline, progress).
        cursors: Collector → source → position.
        until: ``time.monotonic()`` at which every look is over.
        progress: Told of each collector's name and its records processed and total.
        ended: Told of each look that is over.
    """

    order: LookOrder
    cursors: Mapping[str, Mapping[str, Mapping[str, Any]]]
    until: float
    progress: Callable[[str, int, int], None]
    ended: Callable[[Look], None]


@dataclass(frozen=True, slots=True)
class _Lost:
    """A look that was left alone: its task, and the threads in which it worked."""

    task: asyncio.Task[Look]
    threads: Sequence[threading.Thread]

    @property
    def hangs(self) -> bool:
        """Whether some of it still has not ended."""
        return not self.task.done() or any(thread.is_alive() for thread in self.threads)


@dataclass(slots=True)
class Lookout:
    """Sends collectors out, and remembers those that did not come back."""

    _lost: dict[str, _Lost] = field(default_factory=dict)

    async def looks(self, wanted: Iterable[Errand], looking: Looking) -> tuple[Look, ...]:
        """What every collector saw, in the order of the errands; no later than ``looking.until`` and the grace.

        Cancelling this cancels every look, and waits as long for them.
        """
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._look(errand, looking)) for errand in wanted]
        return tuple(task.result() for task in tasks)

    async def _look(self, errand: Errand, looking: Looking) -> Look:
        name, began = errand.collector.name, time.monotonic()
        if errand.skipped:
            return Look(name, LookState.skipped, reason=errand.skipped)
        if (lost := self._lost.get(name)) is not None and lost.hangs:
            look = Look(name, LookState.timed_out, reason="its look of an earlier scan still hangs")
        else:
            look = await self._bounded(errand, looking)
        look = replace(look, duration_ms=(time.monotonic() - began) * 1000)
        looking.ended(look)
        return look

    async def _bounded(self, errand: Errand, looking: Looking) -> Look:
        name = errand.collector.name
        limit_s = max(0.0, min(errand.limit_s(looking.order.settings), looking.until - time.monotonic()))
        order = replace(
            looking.order,
            targets=errand.targets,
            cursors=looking.cursors.get(name, {}),
            deadline_s=limit_s,
            progress=lambda processed, total: looking.progress(name, processed, total),
            narrowed=errand.narrowed,
            parts=errand.parts,
        )
        with threads_noted() as threads:
            task = asyncio.create_task(_looked(errand.collector, order), name=f"look {name}")
        task.add_done_callback(_seen)
        try:
            await asyncio.wait({task}, timeout=limit_s)
        except asyncio.CancelledError:
            await self._called_back(name, _Lost(task, threads))
            raise
        if task.done():
            return _brought(task, errand)
        await self._called_back(name, _Lost(task, threads))
        return _too_late(task, errand, limit_s)

    async def _called_back(self, name: str, lost: _Lost) -> None:
        lost.task.cancel()
        await asyncio.wait({lost.task}, timeout=GRACE_S)
        if not lost.task.done():
            log.error("collector %s does not end when it is cancelled; it is left alone", name)
        if lost.hangs:
            self._lost[name] = lost


async def _looked(collector: Collector, order: LookOrder) -> Look:
    try:
        return await collector.look(order)
    except SystemExit as error:  # a plugin may end its look, not this server
        raise RuntimeError("the collector called for the server's exit") from error


def _seen(task: asyncio.Task[Look]) -> None:
    if not task.cancelled():
        task.exception()  # retrieved, so that asyncio does not report it a second time


def _brought(task: asyncio.Task[Look], errand: Errand) -> Look:
    name = errand.collector.name
    if task.cancelled():
        return Look(name, LookState.failed, reason="it was cancelled from within")
    if (error := task.exception()) is not None:
        log.error("collector %s failed", name, exc_info=error)
        return Look(name, LookState.failed, reason=type(error).__name__)
    look = task.result()
    if (reason := unfit(look, name)) is not None:
        log.error("collector %s: %s", name, reason)
        return Look(name, LookState.failed, reason=reason)
    return _as_narrow(look, errand)


def _as_narrow(look: Look, errand: Errand) -> Look:
    """The look, which covers no more than the targets that it was sent to."""
    if not errand.narrowed or look.covered is not None:
        return look
    subjects = [subject_of(target) for target in errand.targets]
    return replace(look, covered=frozenset(form for one in subjects for form in (one, f"{one}/*", f"{one}:*")))


def _too_late(task: asyncio.Task[Look], errand: Errand, limit_s: float) -> Look:
    """What a look brought that ended only when it was called back: it counts, and proves nothing well."""
    reason = f"it did not finish within {limit_s:.3g} s"
    if task.done() and not task.cancelled() and task.exception() is None:
        look = _brought(task, errand)
        if look.state is not LookState.failed:
            return replace(look, state=LookState.timed_out, reason=reason)
    return Look(errand.collector.name, LookState.timed_out, reason=reason)


def covers_target(look: Look, subject: str) -> bool:
    """Whether a look has covered a target: as a whole, or what is part of it."""
    return any(look.covers(form) for form in (subject, f"{subject}/", f"{subject}:"))
