"""Log files found by a glob and tailed: lines by level, each counted as new exactly once.

A target's cursor (source ``files:NAME``) holds a mark for each file; see :mod:`vibeworkbench.logs.tail`. A full scan
counts what was read before again, as old; only new lines are occurrences.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from vibeworkbench.logs.headers.levels import UNKNOWN, known_level
from vibeworkbench.logs.tail.follow import Tail, TailOrder, TailResult
from vibeworkbench.logs.tail.marks import cursor_of, marks_of
from vibeworkbench.ops.collectors import LookOrder
from vibeworkbench.ops.model import Look, LookState, Observation, Scope
from vibeworkbench.settings import FilesTarget

# The look ends itself before its limit: what was read until then is kept, and the next scan goes on.
_SHARE_OF_DEADLINE = 0.7
_MOST_NAMES = 20


@dataclass(frozen=True, slots=True)
class Followed:
    """A target and what its files held."""

    target: FilesTarget
    result: TailResult

    @property
    def source(self) -> str:
        """Source of the cursor and subject of the observations."""
        return f"files:{self.target.name}"

    @property
    def records(self) -> int:
        """Lines read, new and old."""
        return self.result.new.counts.total() + self.result.old.counts.total()

    @property
    def whole(self) -> bool:
        """Whether every file of the target was looked at."""
        return self.result.in_time and not self.result.refused and not self.result.left_out


def error_levels(target: FilesTarget) -> frozenset[str]:
    """The levels that the target's settings call errors, in our spelling."""
    known = {word: known_level(word) for word in target.error_levels}
    return frozenset(level for word, level in known.items() if level != UNKNOWN or word == UNKNOWN)


class FilesCollector:
    """Looks at log files."""

    name = "files"
    kinds = frozenset({"files"})
    type = "error"

    async def look(self, order: LookOrder) -> Look:
        """New lines of every target's files by level; partial when some may not be read or time ran out."""
        targets = [target for target in order.targets if isinstance(target, FilesTarget)]
        until_s = time.monotonic() + order.deadline_s * _SHARE_OF_DEADLINE
        followed: list[Followed] = []
        for number, target in enumerate(targets):
            share_s = (until_s - time.monotonic()) / (len(targets) - number)
            one = await asyncio.to_thread(_followed, target, order, time.monotonic() + share_s)
            followed.append(one)
            read = sum(each.records for each in followed)
            order.progress(read, read)
        return self._look(followed)

    def _look(self, followed: Sequence[Followed]) -> Look:
        at = datetime.now(UTC)
        whole = all(one.whole for one in followed)
        return Look(
            self.name,
            LookState.ok if whole else LookState.partial,
            tuple(seen for one in followed for seen in observations(one, at)),
            None if whole else frozenset(one.source for one in followed if one.whole),
            sum(one.records for one in followed),
            {one.source: cursor_of(one.result.marks) for one in followed},
            reason="" if whole else _reason(followed),
        )


def _followed(target: FilesTarget, order: LookOrder, until_s: float) -> Followed:
    wanted = TailOrder(
        glob=target.glob,
        marks=marks_of(order.cursors.get(f"files:{target.name}", {})),
        sampled=error_levels(target),
        max_bytes=target.max_bytes,
        max_files=target.max_files,
        again=order.scope is Scope.full,
        until_s=until_s,
        now=datetime.now(UTC),
    )
    return Followed(target, Tail(wanted).result())


def _reason(followed: Sequence[Followed]) -> str:
    late = [one.target.name for one in followed if not one.result.in_time]
    closed = sum(len(one.result.refused) for one in followed)
    left_out = sum(one.result.left_out for one in followed)
    parts = [
        f"out of time at {', '.join(late)}" if late else "",
        f"{closed} {_files(closed)} may not be read" if closed else "",
    ]
    return "; ".join(
        part for part in (*parts, f"{left_out} {_files(left_out)} beyond max_files" if left_out else "") if part
    )


def _files(count: int) -> str:
    return "file" if count == 1 else "files"


def observations(followed: Followed, at: datetime) -> Iterator[Observation]:
    """Lines by level, and which files were matched, refused, skipped or left unfinished."""
    result, subject, name = followed.result, followed.source, followed.target.name
    errors = error_levels(followed.target)
    for level in sorted({*result.new.counts, *result.old.counts}):
        new, old = result.new.counts[level], result.old.counts[level]
        facts = {"target": name, "level": level, "new": new, "total": new + old, "error": level in errors}
        yield Observation("files.lines", subject, new, "count", at, facts)
    by_file = sorted(result.new_by_file.items(), key=lambda pair: -pair[1])[:_MOST_NAMES]
    facts = {
        "target": name,
        "errorsByFile": dict(by_file),
        "samples": list(result.new.samples),
        "firstAt": result.new.first_at.isoformat() if result.new.first_at else None,
        "lastAt": result.new.last_at.isoformat() if result.new.last_at else None,
        "refused": sorted(result.refused)[:_MOST_NAMES],
        "refusedCount": len(result.refused),
        "skipped": dict(sorted(result.skipped.items())[:_MOST_NAMES]),
        "leftOut": result.left_out,
        "behindBytes": result.behind_bytes,
    }
    yield Observation("files.matched", subject, result.files, "count", at, facts)
