"""The kernels and terminals of the Jupyter server that this workbench runs in.

The server's extension passes two listers in ``LookOrder.server``; both may be plain functions or coroutine functions:

- ``kernels()`` → list of ``{id, name, executionState, lastActivityAt, connections, pid?, restarts?}``
- ``terminals()`` → list of ``{name, lastActivityAt}``

Instants are aware datetimes or ISO 8601 texts. ``restarts`` is the server's own count; without it a kernel that has
another pid than at the former look was restarted once. What looks have seen of this begins anew with the server.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import psutil

from vibeworkbench.ops.collectors import LookOrder
from vibeworkbench.ops.model import Look, LookState, Observation

Item = Mapping[str, Any]


class JupyterCollector:
    """Looks at this Jupyter server."""

    name = "jupyter"
    kinds: frozenset[str] = frozenset()
    type = "availability"

    def __init__(self) -> None:
        self._generations: dict[str, tuple[int, int]] = {}
        self._restarted_at_s: dict[str, list[float]] = {}

    async def look(self, order: LookOrder) -> Look:
        """Every kernel and terminal; skipped with the reason when no Jupyter server is around."""
        if "kernels" not in order.server and "terminals" not in order.server:
            return Look(self.name, LookState.skipped, reason="not running inside a Jupyter server")
        kernels = await _listed(order.server.get("kernels"))
        terminals = await _listed(order.server.get("terminals"))
        total = len(kernels) + len(terminals)
        resident = await asyncio.to_thread(_resident_bytes, kernels)
        at = datetime.now(UTC)
        self._note_restarts(kernels, order.settings.jupyter.restarts_within_s)
        seen = [self._kernel(kernel, resident, at) for kernel in kernels]
        seen += [_terminal(terminal, at) for terminal in terminals]
        seen += _counts(seen, order.settings.jupyter.idle_after_s, at)
        order.progress(total, total)
        return Look(self.name, LookState.ok, tuple(seen), records=total)

    def _note_restarts(self, kernels: Iterable[Item], within_s: float) -> None:
        """Afterwards it is known when each living kernel was restarted lately, as far as looks have seen it."""
        generations: dict[str, tuple[int, int]] = {}
        noted: dict[str, list[float]] = {}
        now_s = time.monotonic()
        for kernel in kernels:
            id_, pid, counted = str(kernel["id"]), int(kernel.get("pid") or 0), int(kernel.get("restarts") or 0)
            former_pid, former_count = self._generations.get(id_, (pid, counted))
            replaced = bool(pid and former_pid and pid != former_pid)
            fresh = [now_s] * max(counted - former_count, int(replaced))
            lately = [at_s for at_s in self._restarted_at_s.get(id_, []) if now_s - at_s < within_s]
            noted[id_] = [*lately, *fresh]
            generations[id_] = (pid or former_pid, counted)
        self._generations, self._restarted_at_s = generations, noted

    def _kernel(self, kernel: Item, resident: Mapping[str, int], at: datetime) -> Observation:
        state, id_ = str(kernel.get("executionState", "unknown")), str(kernel["id"])
        facts = {
            "id": id_,
            "name": kernel.get("name", ""),
            "idleS": _seconds_since(kernel.get("lastActivityAt"), at),
            "connections": kernel.get("connections", 0),
            "restarts": len(self._restarted_at_s[id_]),
            "residentBytes": resident.get(id_),
        }
        return Observation("kernel", f"kernel:{id_}", state, "state", at, facts)


async def _listed(lister: Callable[[], Any] | None) -> list[Item]:
    if lister is None:
        return []
    answer = lister()
    return list(await answer if inspect.isawaitable(answer) else answer)


def _terminal(terminal: Item, at: datetime) -> Observation:
    facts = {"name": terminal["name"], "idleS": _seconds_since(terminal.get("lastActivityAt"), at)}
    return Observation("terminal", f"terminal:{terminal['name']}", "running", "state", at, facts)


def _counts(seen: Iterable[Observation], idle_after_s: float, at: datetime) -> list[Observation]:
    """How many kernels and terminals there are, and how many of them have been idle for long."""
    listed: dict[str, list[Observation]] = {"kernel": [], "terminal": []}
    for one in seen:
        listed[one.metric].append(one)
    counts = []
    for metric, of_kind in listed.items():
        idle = [one for one in of_kind if one.value in ("idle", "running") and one.attributes["idleS"] >= idle_after_s]
        facts = {"idle": len(idle), "total": len(of_kind), "idleAfterS": idle_after_s}
        counts.append(Observation(f"{metric}s", f"jupyter:{metric}s", len(of_kind), "count", at, facts))
    return counts


def _seconds_since(instant: datetime | str | None, now: datetime) -> float:
    if instant is None:
        return 0.0
    moment = datetime.fromisoformat(instant) if isinstance(instant, str) else instant
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max((now - moment).total_seconds(), 0.0)


def _resident_bytes(kernels: Iterable[Item]) -> dict[str, int]:
    """Kernel id → resident memory of its process and their children, where it may be read. Runs in a thread."""
    found: dict[str, int] = {}
    for kernel in kernels:
        if kernel.get("pid"):
            try:
                own = psutil.Process(int(kernel["pid"]))
                family = [own, *own.children(recursive=True)]
                found[str(kernel["id"])] = own.memory_info().rss + sum(_rss(one) for one in family[1:])
            except psutil.Error:  # it ended meanwhile, or belongs to another user
                continue
    return found


def _rss(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
