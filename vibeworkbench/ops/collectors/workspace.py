"""Code health of a workspace: a git work tree named in the settings, of which only tracked files are looked at.

Every tool has subjects of its own (``workspace:web:ruff:src/a.py``), so that one that fails or is missing takes nothing
from what the others cover. An incremental look skips a workspace that stands where it stood.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar

from vibeworkbench.ops.collectors import LookOrder
from vibeworkbench.ops.collectors.git_tree import GitTree, TreeUnreadable
from vibeworkbench.ops.collectors.tool_looks import ToolLook, tool_look
from vibeworkbench.ops.collectors.workspace_looks import WorkspaceLook, position_of, remembered_tools, told
from vibeworkbench.ops.collectors.workspace_tools import Asked
from vibeworkbench.ops.model import Look, LookState, Observation, Scope
from vibeworkbench.settings import WorkspaceTarget

DEADLINE_SHARE = 0.95
"""Share of a look's limit after which no tool goes on."""


@dataclass(frozen=True, slots=True)
class Clock:
    """How much time is left for everything, and what to tell after each step."""

    ends_at_s: float
    stepped: Callable[[], None]

    def left_s(self, most_s: float) -> float:
        """Seconds for the next step: at most ``most_s``."""
        return min(most_s, self.ends_at_s - time.monotonic())


class WorkspaceCollector:
    """Reads markers and asks the tools that each workspace has installed, one after the other."""

    name: ClassVar[str] = "workspace"
    kinds: ClassVar[frozenset[str]] = frozenset({"workspace"})
    type: ClassVar[str] = "code"

    async def look(self, order: LookOrder) -> Look:
        """What the tools find in each workspace; incremental: in those that changed."""
        began = time.perf_counter()
        targets = [target for target in order.targets if isinstance(target, WorkspaceTarget)]
        steps = iter(range(1, sum(len(target.tools) for target in targets) + 1))
        total = sum(len(target.tools) for target in targets)
        clock = Clock(
            time.monotonic() + order.deadline_s * DEADLINE_SHARE, lambda: order.progress(next(steps, total), total)
        )
        seen = {f"workspace:{target.name}": await _seen(target, order, clock) for target in targets}
        state, reason = _ending(tuple(seen.values()))
        return Look(
            collector=self.name,
            state=state,
            observations=tuple(one for look in seen.values() for one in look.observations),
            covered=frozenset().union(*(look.covered for look in seen.values())),
            records=sum(look.files for look in seen.values()),
            cursors={source: look.cursor for source, look in seen.items() if look.cursor is not None},
            duration_ms=(time.perf_counter() - began) * 1e3,
            reason=reason,
            retired={subject: why for look in seen.values() for subject, why in look.retired.items()},
        )


def _ending(looks: Sequence[WorkspaceLook]) -> tuple[LookState, str]:
    """How the whole look ended, and why not well."""
    troubles = [trouble for look in looks for trouble in look.troubles]
    if troubles:
        return (LookState.partial if any(look.covered for look in looks) else LookState.failed), "; ".join(troubles)
    if looks and all(look.unchanged for look in looks):
        return LookState.skipped, "no workspace has changed since the last look"
    return LookState.ok, ""


async def _seen(target: WorkspaceTarget, order: LookOrder, clock: Clock) -> WorkspaceLook:
    """The look at one workspace."""
    subject, folder = f"workspace:{target.name}", _folder_of(target)
    tree = GitTree(folder, max(0.1, clock.left_s(target.timeout_s)))
    try:
        position = {**await tree.position(), "tools": ",".join(target.tools)}
        cursor = order.cursors.get(subject, {})
        if order.scope is Scope.incremental and position_of(cursor) == position:
            return WorkspaceLook(unchanged=True)
        files = await tree.files()
    except TreeUnreadable as error:
        facts = {"name": target.name, "reason": str(error)}
        seen = Observation("workspace.tree", subject, "unreadable", "state", datetime.now(UTC), facts)
        return WorkspaceLook((seen,), troubles=(f"{target.name} {error}",))
    scratch = await asyncio.to_thread(TemporaryDirectory, prefix="vibeworkbench-", ignore_cleanup_errors=True)
    try:
        looks = await _tools_asked(target, Asked(folder, files, Path(scratch.name)), clock)
    finally:
        await asyncio.to_thread(scratch.cleanup)
    return told(target, looks, len(files), position, remembered_tools(cursor))


def _folder_of(target: WorkspaceTarget) -> Path:
    """The folder of a workspace; ``~`` is the home of the server's user."""
    return Path(target.path).expanduser()


async def _tools_asked(target: WorkspaceTarget, asked: Asked, clock: Clock) -> dict[str, ToolLook]:
    """Each tool's look. One at a time: the machine has other things to do."""
    looks: dict[str, ToolLook] = {}
    for name in target.tools:
        looks[name] = await tool_look(name, asked, clock.left_s(target.timeout_s))
        clock.stepped()
    return looks
