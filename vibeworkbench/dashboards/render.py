"""Rendering one notebook in a process of its own, within bounds."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress

from vibeworkbench.dashboards.frames import LENGTH_BYTES, Advanced, Failed, Rendered, RenderOrder, framed, reply_of
from vibeworkbench.dashboards.model import Failure, Progress

_GRACE_S = 5.0
"""How long the renderer has to kill its kernel and end, once it is not wanted any more."""
_ROOM_BYTES = 2**20
"""What a reply has beside the page."""

Told = Callable[[Progress], object]


class RenderFailed(Exception):
    """The notebook could not be rendered; ``failure`` says why, to operators."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


async def rendered(order: RenderOrder, *, limit_s: float, told: Told) -> Rendered:
    """What the notebook's page is now. However this ends, nothing of the render runs any more.

    Args:
        order: What is to be rendered.
        limit_s: Limit for all of it.
        told: Called with the progress.

    Raises:
        RenderFailed: It could not be, or not in time.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "vibeworkbench.dashboards.renderer"),  # -P: no module comes from where we stand
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C in the server's terminal is the server's
    )
    progress = Progress()

    def note(now: Progress) -> None:
        nonlocal progress
        progress = now
        told(now)

    try:
        async with asyncio.timeout(limit_s):
            return await _result(process, order, note)
    except TimeoutError:
        reason = f"it took longer than {limit_s:g} s, the limit of dashboards.render_limit_s"
        cell = progress.processed + 1 if progress.total else None
        raise RenderFailed(Failure(reason, "too-slow", cell)) from None
    finally:
        await asyncio.shield(_gone(process))


async def _result(process: asyncio.subprocess.Process, order: RenderOrder, told: Told) -> Rendered:
    assert process.stdin is not None  # noqa: S101 - for the type checker: it is a pipe
    assert process.stdout is not None  # noqa: S101 - the same
    try:
        process.stdin.write(framed(order))
        await process.stdin.drain()
        while True:
            length = int.from_bytes(await process.stdout.readexactly(LENGTH_BYTES), "big")
            if length > order.page_bytes + _ROOM_BYTES:
                raise RenderFailed(Failure("the renderer answered more than a page may have", "renderer"))
            reply = reply_of(await process.stdout.readexactly(length))
            if isinstance(reply, Rendered):
                return reply
            if isinstance(reply, Failed):
                raise RenderFailed(Failure(reply.reason, reply.error, reply.cell))
            _tell(reply, told)
    except (asyncio.IncompleteReadError, ConnectionError):
        code = await process.wait()
        reason = f"the renderer ended by itself with {code}; memory may have run out"
        raise RenderFailed(Failure(reason, "renderer")) from None


def _tell(reply: Advanced, told: Told) -> None:
    told(Progress(reply.processed, reply.total))


async def _gone(process: asyncio.subprocess.Process) -> None:
    """The renderer has ended, and its kernel before it: closing its stream is what it waits for."""
    if process.stdin is not None:
        process.stdin.close()
    with suppress(TimeoutError):
        async with asyncio.timeout(_GRACE_S):
            await process.wait()
            return
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # its kernel ends by itself when it has no parent any more
    await process.wait()
