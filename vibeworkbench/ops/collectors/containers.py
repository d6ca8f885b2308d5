"""Containers: those of this machine's engine, and those that agents elsewhere tell of.

The workbench passes what it knows in ``LookOrder.server["containers"]``: ``engine()`` says how this machine's engine
stands, ``await containers()`` what is known of each container.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from vibeworkbench.errors import Unavailable
from vibeworkbench.ops.collectors import LookOrder
from vibeworkbench.ops.model import Look, LookState, Observation

ENGINE = "engine:containers"


class ContainersCollector:
    """Looks at containers."""

    name = "containers"
    kinds: frozenset[str] = frozenset()
    type = "availability"

    async def look(self, order: LookOrder) -> Look:
        """The engine, if there is one, and every container; skipped where nobody knows of any."""
        facts = order.server.get("containers")
        if facts is None:
            return Look(self.name, LookState.skipped, reason="not running inside a workbench's server")
        at, engine = datetime.now(UTC), facts.engine()
        try:
            known = await facts.containers()
        except Unavailable as error:
            return Look(self.name, LookState.failed, reason=error.message)
        if not known and engine["state"] == "absent":
            return Look(self.name, LookState.skipped, reason=f"no containers: {engine['reason']}")
        seen = [_observation(each, at) for each in known]
        if engine["state"] != "absent":
            seen.append(Observation("engine", ENGINE, engine["state"], "state", at, {"reason": engine["reason"]}))
        order.progress(len(known), len(known))
        return Look(self.name, LookState.ok, tuple(seen), records=len(known))


def _observation(container: Mapping[str, Any], at: datetime) -> Observation:
    told = {name: value for name, value in container.items() if name != "seenAt"}
    return Observation("container", f"container:{container['name']}", container["state"], "state", at, told)
