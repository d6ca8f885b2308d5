"""A server process that stops at one step of a scan, says so on its standard output, and waits to be killed.

    python -m tests.ops.scans.crash_worker STATE_DB STEP

STEP is ``look``, ``judge``, ``committed``, or the beginning of an SQL statement: then the process stops *before* that
statement, inside the transaction. ``A > B`` stops before the first B that follows an A.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from pathlib import Path

import sqlalchemy as sa

from tests.ops.staging import FULL, Lines, Mounts, errors, full, staged
from vibeworkbench.ops.checks import check
from vibeworkbench.ops.model import Severity


def stop_here(*_):
    """The parent learns that the step is reached; nothing goes on."""
    sys.stdout.write("reached\n")
    sys.stdout.flush()
    threading.Event().wait()


async def pause(order):
    """A collector's look that reports progress and then stops in a thread, as a blocking call would."""
    order.progress(1, 2)
    await asyncio.to_thread(stop_here)


@check(id="lines.stopping", collector="lines", type="error", severity=Severity.low, hint="")
def stopping(snapshot, context):
    """A check that stops."""
    stop_here()
    return ()


def stop_before(step):
    """The next connection that executes the statement stops before it."""
    to_come = step.split(" > ")

    def stop(connection, cursor, text, *_):
        if text.startswith(to_come[0]):
            if len(to_come) == 1:
                stop_here()
            del to_come[0]

    sa.event.listen(sa.Engine, "before_cursor_execute", stop)


def stop_after_filing():
    """The process stops when the transaction that filed the scan is committed, before anybody hears of it."""
    filed = []

    def see(connection, cursor, text, *_):
        filed.extend([True] if text.startswith("INSERT INTO health_sample") else [])

    def stop(connection, _record):
        if filed:
            stop_here()

    sa.event.listen(sa.Engine, "before_cursor_execute", see)
    sa.event.listen(sa.pool.Pool, "checkin", stop)


async def scan(path, step):
    """A scan that gets as far as the step."""
    mounts = Mounts({"mount:/": 0.95}, before=pause if step == "look" else None)
    checks = (full, errors, stopping) if step == "judge" else (full, errors)
    async with staged(path, mounts, Lines(["boom"] * 5), checks=checks) as stage:
        if step == "committed":
            stop_after_filing()
        elif step not in ("look", "judge"):
            stop_before(step)
        await stage.ops.scan(FULL)


if __name__ == "__main__":
    asyncio.run(scan(Path(sys.argv[1]), sys.argv[2]))
