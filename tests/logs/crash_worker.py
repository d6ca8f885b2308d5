"""Brings records in batches and is killed in the middle: ``python -m tests.logs.crash_worker DIRECTORY STEP FIRST``.

Says the number of each batch as soon as it is acknowledged. ``STEP`` is where it kills itself; ``-`` is nowhere.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.logs.staging import opened, record
from vibeworkbench.logs.records import LineKeeper
from vibeworkbench.logs.spool import Spool
from vibeworkbench.settings import LogSettings
from vibeworkbench.storage.warehouse import Warehouse

BATCH = 20
STEPS: dict[str, tuple[Any, str, bool]] = {
    "written": (os, "fdatasync", True),
    "synced": (os, "fdatasync", False),
    "stored": (LineKeeper, "store", False),
    "committed": (Warehouse, "write_now", False),
    "folded": (Spool, "forget", True),
    "forgetting": (Spool, "_keep_ids", False),
    "forgotten": (Spool, "forget", False),
}
"""Step → the function at whose nth call it dies, and whether before the function does its work."""
SETTINGS = LogSettings(segment_bytes=3000, drain_interval_s=3600.0)


def die() -> None:
    """As ``kill -9`` does it."""
    os.kill(os.getpid(), signal.SIGKILL)


def dying(work: Callable[..., Any], is_before: bool, calls: int) -> Callable[..., Any]:
    """The function, which dies with the process at that call."""
    left = [calls]

    def called(*arguments: Any) -> Any:
        left[0] -= 1
        if left[0] == 0 and is_before:
            die()
        result = work(*arguments)
        if left[0] == 0:
            die()
        return result

    return called


async def bring(directory: Path, step: str, first: int) -> None:
    """Batch after batch, with drains and checkpoints in between."""
    async with opened(directory, SETTINGS) as site:
        if step in STEPS:
            owner, name, is_before = STEPS[step]
            calls = 5 if owner is os else 2
            setattr(owner, name, dying(getattr(owner, name), is_before, calls))
        for number in range(first, first + 30):
            sent = [record(f"{number}-{each}", id=f"{number}-{each}") for each in range(BATCH)]
            await site.logs.ingest(sent)
            print(number, flush=True)  # noqa: T201 - what the parent counts
            if number % 3 == 2:
                await site.logs.drained()
            if number % 6 == 5:
                await site.warehouse.checkpoint()


if __name__ == "__main__":
    asyncio.run(bring(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
