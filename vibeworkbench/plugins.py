"""Loading plugins by entry point. Built-ins come through the same door as strangers' plugins."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any


@dataclass(frozen=True, slots=True)
class PluginFailure:
    """A plugin that could not be loaded. ``error_type`` is a class name or a reason, never a message or a trace."""

    group: str
    name: str
    error_type: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the entry points of one group brought: ``(entry name, object)`` in the order of names, and what failed."""

    plugins: tuple[tuple[str, Any], ...]
    failures: tuple[PluginFailure, ...]


def loaded(group: str, entries: Iterable[EntryPoint] | None = None, disabled: Collection[str] = ()) -> Loaded:
    """What the entry points of ``group`` name, imported; one that cannot be imported is a value, not an exception.

    Args:
        group: Name of the entry-point group, for instance ``vibeworkbench.checks``.
        entries: The entry points to load; ``None`` takes those of the installed packages.
        disabled: Names of entry points to leave alone: these are not imported.
    """
    plugins: list[tuple[str, Any]] = []
    failures: list[PluginFailure] = []
    found = entry_points(group=group) if entries is None else entries
    for entry in sorted(found, key=lambda entry: (entry.name, entry.value)):
        if entry.name in disabled:
            continue
        try:
            plugins.append((entry.name, entry.load()))
        except Exception as error:  # noqa: BLE001 - border: a stranger's module may raise anything while it is imported
            failures.append(PluginFailure(group, entry.name, type(error).__name__))
    return Loaded(tuple(plugins), tuple(failures))
