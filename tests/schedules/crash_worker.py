"""A server process that fires what is due, stops at one step, says so on its standard output, and waits to be killed.

    python -m tests.schedules.crash_worker DATA_DIR STEP

STEP is ``look``, when slot and scan are claimed and committed, or the beginning of an SQL statement: then the process
stops *before* that statement, inside the transaction. ``COMMIT`` stops when all of it was said and nothing is kept.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from tests.schedules.staging import NOON, Clock, Gate, Server


def stop_here() -> None:
    """The parent learns that the step is reached; nothing goes on."""
    sys.stdout.write("reached\n")
    sys.stdout.flush()
    threading.Event().wait()


def stop_before(step: str) -> None:
    """The next connection that executes the statement, or commits a claimed slot, stops before it."""
    seen = []

    def executing(_connection: object, _cursor: object, text: str, *_: object) -> None:
        seen.append(text)
        if text.startswith(step):
            stop_here()

    def committing(_connection: object) -> None:
        if step == "COMMIT" and any(text.startswith("INSERT INTO schedule_slot") for text in seen):
            stop_here()

    sa.event.listen(sa.Engine, "before_cursor_execute", executing)
    sa.event.listen(sa.Engine, "commit", committing)


async def fire(folder: Path, step: str) -> None:
    """The slot of one o'clock is fired as far as the step."""
    clock, gate = Clock(), Gate()
    server = Server(folder, clock, gates=(gate,))
    await server.start()
    clock.now = NOON + timedelta(hours=1)
    if step != "look":
        stop_before(step)
    await server.schedules.fire_due()
    await gate.looking.wait()
    stop_here()


if __name__ == "__main__":
    asyncio.run(fire(Path(sys.argv[1]), sys.argv[2]))
