"""What a look at one workspace tells: observations, what they cover, what nobody looks at any more, and the cursor."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from vibeworkbench.ops.collectors.tool_looks import CONCLUSIVE, GONE, NOT_INSTALLED, OK, TROUBLED, ToolLook, shown_path
from vibeworkbench.ops.collectors.workspace_tools import TOOLS
from vibeworkbench.ops.model import Observation
from vibeworkbench.settings import WorkspaceTarget

_TOOL_NAMES = ("markers", *TOOLS)
_INSTALLED = "installed"
"""Key in the cursor of the tools that have brought a result before, so that one that vanishes is missed."""


@dataclass(frozen=True, slots=True)
class WorkspaceLook:
    """What was seen of one workspace.

    Attributes:
        observations: About the tree, the tools, and what they found.
        covered: Subjects whose absence means something.
        retired: Subjects that nobody looks at any more → why.
        files: Tracked files that were looked at; 0 for a workspace that stands where it stood.
        cursor: Where it stands, once everything was seen, and which tools it has; None when nothing new was seen.
        troubles: What was not seen and why.
        unchanged: Whether it stands where it stood.
    """

    observations: tuple[Observation, ...] = ()
    covered: frozenset[str] = frozenset()
    retired: Mapping[str, str] = field(default_factory=dict)
    files: int = 0
    cursor: Mapping[str, Any] | None = None
    troubles: tuple[str, ...] = ()
    unchanged: bool = False


def position_of(cursor: Mapping[str, Any]) -> dict[str, Any]:
    """Where the workspace stood when everything was last seen, without what is remembered beside it."""
    return {name: value for name, value in cursor.items() if name != _INSTALLED}


def remembered_tools(cursor: Mapping[str, Any]) -> frozenset[str]:
    """The tools that have brought a result before."""
    return frozenset(cursor.get(_INSTALLED, ()))


def told(
    target: WorkspaceTarget,
    looks: Mapping[str, ToolLook],
    files: int,
    position: Mapping[str, Any],
    remembered: Collection[str],
) -> WorkspaceLook:
    """The tools' looks as observations and coverage.

    Args:
        target: The workspace.
        looks: What each tool of it brought.
        files: Number of its tracked files.
        position: Where it stands.
        remembered: Tools that have brought a result before.
    """
    subject, now = f"workspace:{target.name}", datetime.now(UTC)
    looks = {name: _missed(look) if name in remembered else look for name, look in looks.items()}
    tree = Observation("workspace.tree", subject, "ok", "state", now, {"name": target.name, "files": files})
    conclusive = [name for name, look in looks.items() if look.state in CONCLUSIVE]
    troubles = tuple(f"{target.name}: {name} {look.reason}" for name, look in looks.items() if look.state in TROUBLED)
    installed = {name for name, look in looks.items() if look.state == OK} & set(TOOLS)
    installed |= {name for name in looks if name in remembered}
    return WorkspaceLook(
        observations=(tree, *(one for name, look in looks.items() for one in _seen(target.name, name, look, now))),
        covered=frozenset({subject, *(form for name in conclusive for form in _forms(subject, name))}),
        retired={form: why for name, why in _unasked(looks) for form in _forms(subject, name)},
        files=files,
        cursor={**({} if troubles else position), _INSTALLED: sorted(installed)},
        troubles=troubles,
    )


def _missed(look: ToolLook) -> ToolLook:
    """The look of a tool that was there before."""
    return replace(look, state=GONE) if look.state == NOT_INSTALLED else look


def _forms(subject: str, tool: str) -> tuple[str, str]:
    """The subjects of a tool: itself, and everything that it finds."""
    return f"{subject}:{tool}", f"{subject}:{tool}:*"


def _unasked(looks: Mapping[str, ToolLook]) -> Iterator[tuple[str, str]]:
    """The tools that nobody asks any more, and why."""
    for name in _TOOL_NAMES:
        if name not in looks:
            yield name, f"{name} is not among the workspace's tools any more"
        elif looks[name].state in (NOT_INSTALLED, GONE):
            yield name, f"{name} is not installed any more"


def _seen(workspace: str, tool: str, look: ToolLook, now: datetime) -> Iterator[Observation]:
    """One tool's state, its problems by file and rule, and markers by file."""
    subject = f"workspace:{workspace}:{tool}"
    own = {"name": workspace, "tool": tool}
    facts = {**own, "reason": look.reason, "tookMs": look.took_ms}
    yield Observation("workspace.tool", subject, look.state, "state", now, facts)
    for group in look.groups:
        file = shown_path(group.file)
        first = [{"line": one.line, "message": one.message[:500]} for one in group.first]
        facts = {**own, "file": file, "rule": group.rule, "level": group.level, "first": first}
        yield Observation("workspace.problems", f"{subject}:{file}", group.count, "count", now, facts)
    for path, markers in (look.marked or {}).items():
        file = shown_path(path)
        facts = {**own, "file": file, "markers": [asdict(marker) for marker in markers]}
        yield Observation("workspace.markers", f"{subject}:{file}", len(markers), "count", now, facts)
