"""Work in threads that may hang without anybody waiting for them.

The pools of asyncio and concurrent.futures have few threads and are joined at exit: one plugin that hangs would take a
thread from everybody and keep the server from stopping. A daemon thread for each piece of work does neither, and costs
0.1 ms.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import partial
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

_STARTED: ContextVar[list[threading.Thread] | None] = ContextVar("threads that were started here", default=None)
"""A context variable, because it is what ``asyncio.to_thread`` hands on: nothing else tells whose work it brings."""


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


class LooseThreads(ThreadPoolExecutor):
    """What ``asyncio.to_thread`` uses once it is the loop's default: a daemon thread for each call."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """The future of a call that has begun in a thread of its own."""
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:  # noqa: BLE001 - border: it is the waiter's business, as in any executor
                future.set_exception(error)

        thread = threading.Thread(target=run, name=f"vw-{getattr(fn, '__name__', 'call')}", daemon=True)
        thread.start()
        if (mine := _STARTED.get()) is not None:
            mine.append(thread)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Nobody waits, whatever is asked: a call that hangs would never end, and its thread dies with the process."""


@contextmanager
def threads_noted() -> Iterator[list[threading.Thread]]:
    """The threads that ``asyncio.to_thread`` starts here, and in tasks that begin here, as they are started."""
    noted: list[threading.Thread] = []
    token = _STARTED.set(noted)
    try:
        yield noted
    finally:
        _STARTED.reset(token)
