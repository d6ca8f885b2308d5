"""``vibeworkbench serve`` with a clock in each callback of its event loop: how much CPU did the longest one use?

The loop's thread CPU time is read around every callback; at SIGUSR2 the longest ones are written to the file that
``BENCH_CALLBACKS`` names and the record starts anew. At SIGRTMIN one numbered message is said in the ops room.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from tornado.ioloop import IOLoop

from benchmarks.load import payload
from vibeworkbench.cli import main
from vibeworkbench.ops.room import PARTY, ROOM
from vibeworkbench.serve import WorkbenchServer

longest: list[tuple[float, str]] = []
numbers = itertools.count()
_run = asyncio.Handle._run  # noqa: SLF001  # a measuring harness, not the product


def _name(handle: asyncio.Handle) -> str:
    task = getattr(handle._callback, "__self__", None)  # noqa: SLF001  # the same
    return repr(task.get_coro() if isinstance(task, asyncio.Task) else handle)[:300]


def _timed_run(handle: asyncio.Handle) -> None:
    before = time.thread_time()
    _run(handle)
    used = time.thread_time() - before
    if used > 0.005 or len(longest) < 10:
        heapq.heappush(longest, (used, _name(handle)))
        if len(longest) > 10:
            heapq.heappop(longest)


def _write(*_: Any) -> None:
    found = [{"cpu_ms": used * 1e3, "callback": text} for used, text in sorted(longest, reverse=True)]
    Path(os.environ["BENCH_CALLBACKS"]).write_text(json.dumps(found), encoding="utf-8")
    longest.clear()


async def _say() -> None:
    rooms = WorkbenchServer.instance().workbench_app.workbench.rooms
    await rooms.say(PARTY, ROOM, "bench", {"n": payload(next(numbers), 200).decode()})


def _asked_to_speak(*_: Any) -> None:
    IOLoop.current().add_callback_from_signal(_say)


asyncio.Handle._run = _timed_run  # noqa: SLF001  # the same
signal.signal(signal.SIGUSR2, _write)
signal.signal(signal.SIGRTMIN, _asked_to_speak)
sys.exit(main())
