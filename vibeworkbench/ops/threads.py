"""Work in a thread of its own, which may hang without anybody waiting for it.

The pools of asyncio and concurrent.futures have few threads and are joined at exit: one plugin that hangs would take a
thread from everybody and keep the server from stopping. A daemon thread of its own does neither, and costs 0.1 ms.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


def started(work: Callable[[], T], name: str) -> tuple[asyncio.Future[T], threading.Thread]:
    """A future of what ``work`` returns or raises, and the daemon thread that does it.

    Cancelling the future does not stop the thread; it only stops the waiting.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        try:
            settle = partial(_result, future, work())
        except BaseException as error:  # noqa: BLE001 - border: whatever a plugin raises is the waiter's business
            settle = partial(_error, future, error)
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return future, thread


def _result(future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)


def _error(future: asyncio.Future[Any], error: BaseException) -> None:
    fits = isinstance(error, Exception) and not isinstance(error, StopIteration)  # what a future may raise
    if not future.done():
        future.set_exception(error if fits else RuntimeError(type(error).__name__))
