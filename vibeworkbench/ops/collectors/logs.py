"""The log records that workers, builds and containers have sent, and the journal's.

Those of files belong to the targets that name the files: see :mod:`vibeworkbench.ops.collectors.files`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vibeworkbench.ops.collectors import LookOrder
from vibeworkbench.ops.collectors.log_looks import LogLook, log_look, position
from vibeworkbench.ops.model import Look, LookState


class _LogRecords:
    """Looks at the records of one kind of sources; its name is the kind, and a part of it is a source."""

    name: str
    kinds: frozenset[str] = frozenset()
    type = "error"
    part = "a source of log records"

    async def look(self, order: LookOrder) -> Look:
        """What every source says; skipped with the reason when there is none."""
        if "logs" not in order.server:
            return Look(self.name, LookState.skipped, reason="not running inside a workbench's server")
        names = order.parts or None
        seen = await log_look(order, self.name, names, position(order.cursors, self.name))
        if not seen.known and (names or not order.cursors):
            whom = ", ".join(sorted(names)) if names else f"any {self.name}"
            return Look(self.name, LookState.skipped, reason=f"no record of {whom} has come in")
        covered = None if names is None else frozenset(f"{self.name}:{name}" for name in names & seen.known)
        return Look(self.name, LookState.ok, seen.observations, covered, seen.records, self._cursors(order, seen))

    def _cursors(self, order: LookOrder, seen: LogLook) -> dict[str, Mapping[str, Any]]:
        """Where the next look goes on; a look at some sources names the common cursor too, and leaves it there."""
        here: Mapping[str, Any] = {"seq": seen.until}
        common: Mapping[str, Any] = {"seq": position(order.cursors, self.name)} if order.parts else here
        names = seen.spoke if not order.parts else order.parts & seen.known
        return {self.name: common} | {f"{self.name}:{name}": here for name in sorted(names)}


class WorkerLogs(_LogRecords):
    """Looks at what workers log."""

    name = "worker"


class BuildLogs(_LogRecords):
    """Looks at what builds log."""

    name = "build"


class ContainerLogs(_LogRecords):
    """Looks at what containers log."""

    name = "container"


class JournalLogs(_LogRecords):
    """Looks at what the system's journal has."""

    name = "journal"
