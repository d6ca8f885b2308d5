"""Log files found by a glob: which of them are followed and how far, and what their new records say.

The server follows them all the time. The workbench passes what knows them as ``LookOrder.server["logs"]``, whose
``files(name)`` tells how the files of a target stand after what is in them was read; their records are looked at as
those of all other sources (:mod:`vibeworkbench.ops.collectors.log_looks`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from vibeworkbench.ops.collectors import LookOrder
from vibeworkbench.ops.collectors.log_looks import log_look
from vibeworkbench.ops.model import Look, LookState, Observation, subject_of
from vibeworkbench.settings import FilesTarget

_MOST_NAMES = 20
Followed = tuple[FilesTarget, Mapping[str, Any]]
"""A target, and how its files stand."""


class FilesCollector:
    """Looks at log files."""

    name = "files"
    kinds = frozenset({"files"})
    type = "error"

    async def look(self, order: LookOrder) -> Look:
        """Every target's files and new records; partial when some files may not be read or are left out."""
        logs = order.server.get("logs")
        if logs is None:
            return Look(self.name, LookState.skipped, reason="not running inside a workbench's server")
        targets = [target for target in order.targets if isinstance(target, FilesTarget)]
        followed = [(target, await logs.files(target.name)) for target in targets]
        seen = await log_look(order, self.name, {target.name for target in targets}, 0)
        at = datetime.now(UTC)
        stands = [_observation(target, facts, at) for target, facts in followed if facts["looked"]]
        whole = [subject_of(target) for target, facts in followed if _is_whole(facts)]
        is_whole = len(whole) == len(followed)
        return Look(
            self.name,
            LookState.ok if is_whole else LookState.partial,
            (*stands, *seen.observations),
            None if is_whole else frozenset(whole),
            seen.records,
            {f"{self.name}:{name}": {"seq": seen.until} for name in sorted(seen.spoke)},
            reason="" if is_whole else _reason(followed),
        )


def _is_whole(facts: Mapping[str, Any]) -> bool:
    """Whether every file of the target was looked at."""
    return facts["looked"] and not (facts["refused"] or facts["leftOut"] or facts["reason"])


def _reason(followed: Sequence[Followed]) -> str:
    not_read = [target.name for target, facts in followed if facts["reason"] or not facts["looked"]]
    closed = sum(len(facts["refused"]) for _, facts in followed)
    left_out = sum(facts["leftOut"] for _, facts in followed)
    parts = [f"not read now: {', '.join(not_read)}"] if not_read else []
    parts += [f"{closed} {_files(closed)} may not be read"] if closed else []
    parts += [f"{left_out} {_files(left_out)} beyond max_files"] if left_out else []
    return "; ".join(parts)


def _files(count: int) -> str:
    return "file" if count == 1 else "files"


def _observation(target: FilesTarget, facts: Mapping[str, Any], at: datetime) -> Observation:
    told = {
        "target": target.name,
        "refused": facts["refused"][:_MOST_NAMES],
        "refusedCount": len(facts["refused"]),
        "skipped": dict([*facts["skipped"].items()][:_MOST_NAMES]),
        "leftOut": facts["leftOut"],
        "behindBytes": facts["behindBytes"],
    }
    return Observation("files.matched", subject_of(target), facts["files"], "count", at, told)
