"""The port of collectors, and how they are loaded. A collector looks; it has no opinion.

A collector is a class without constructor arguments, named by an entry point of the group ``vibeworkbench.collectors``.
It catches what it expects (a file that vanished, a refused connection) and turns it into observations; whatever else it
raises, and its time limit, are the scan service's business.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import EntryPoint
from typing import Any, Protocol, runtime_checkable

from vibeworkbench.ops.model import Look, Scope
from vibeworkbench.plugins import PluginFailure, loaded
from vibeworkbench.settings import OpsSettings, Target

GROUP = "vibeworkbench.collectors"
NAME_CHARACTERS = 64


@dataclass(frozen=True, slots=True)
class LookOrder:
    """What a collector is asked.

    Attributes:
        scope: How much to look at.
        targets: The targets of the collector's kinds, filtered; empty when it needs none.
        cursors: Source → the position that an earlier look of this collector returned in ``Look.cursors``.
        settings: The ops settings.
        started_at: When the scan began, aware UTC.
        deadline_s: Seconds after which the look is cancelled; a collector that can stop early does so before.
        server: Facts about the Jupyter server this runs in; empty outside of one. ``kernels`` and ``terminals`` are
            callables (see :mod:`vibeworkbench.ops.collectors.jupyter`), ``startedAt`` an aware datetime.
        progress: Called with ``(processed, total)`` records; cheap, at any time and from any thread.
        narrowed: Whether a filter took some targets away: what is true of these is not true of the whole.
        parts: Names of the parts that are looked at, of a collector that has some (:class:`Parted`); empty means all.
    """

    scope: Scope
    targets: tuple[Target, ...]
    cursors: Mapping[str, Mapping[str, Any]]
    settings: OpsSettings
    started_at: datetime
    deadline_s: float
    server: Mapping[str, Any] = field(default_factory=dict)
    progress: Callable[[int, int], None] = lambda processed, total: None
    narrowed: bool = False
    parts: frozenset[str] = frozenset()


@runtime_checkable
class Collector(Protocol):
    """Something that looks at one part of the world.

    Attributes:
        name: Stands in ``source`` filters and in ``Look.collector``; lower case.
        kinds: Kinds of targets it looks at; empty when it runs without targets.
        type: Kind of trouble that its findings are about, for instance ``capacity``.
    """

    name: str
    kinds: frozenset[str]
    type: str

    async def look(self, order: LookOrder) -> Look:
        """What is to be seen now. Blocking or CPU-bound work runs in a thread, not on the event loop."""
        ...


@runtime_checkable
class Parted(Protocol):
    """A collector without targets whose parts a ``source`` filter may name, as in ``worker:fetcher``.

    Attributes:
        part: What a part is, in words. Only a look can say which there are: the names come as ``LookOrder.parts``.
    """

    part: str


@dataclass(frozen=True, slots=True)
class Collectors:
    """The collectors that scans run, in the order of their names, and the plugins that could not be loaded."""

    collectors: tuple[Collector, ...]
    failures: tuple[PluginFailure, ...] = ()


def load_collectors(disabled: Collection[str] = (), entries: Iterable[EntryPoint] | None = None) -> Collectors:
    """One instance of every installed collector that is not disabled.

    Args:
        disabled: Names of collectors (their entry points' names) to leave out; these are not even imported.
        entries: The entry points to load; ``None`` takes those of the installed packages.
    """
    found = loaded(GROUP, entries, disabled)
    collectors: dict[str, Collector] = {}
    failures = list(found.failures)
    for name, factory in found.plugins:
        try:
            collector = factory()
        except Exception as error:  # noqa: BLE001 - border: a stranger's constructor may raise anything
            failures.append(PluginFailure(GROUP, name, type(error).__name__))
            continue
        if not isinstance(collector, Collector):
            failures.append(PluginFailure(GROUP, name, "no collector"))
        elif len(collector.name) > NAME_CHARACTERS:
            failures.append(PluginFailure(GROUP, name, f"a name of more than {NAME_CHARACTERS} characters"))
        elif collector.name in collectors:
            failures.append(PluginFailure(GROUP, name, f"second collector of the name {collector.name}"))
        elif collector.name not in disabled:
            collectors[collector.name] = collector
    return Collectors(tuple(collectors[name] for name in sorted(collectors)), tuple(failures))
