"""The agent: its sources, its buffer and its sender, until somebody ends it."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vibeworkbench.client.agent.buffer import Buffer
from vibeworkbench.client.agent.containers import ContainerSink
from vibeworkbench.client.agent.files import Files, standard_input
from vibeworkbench.client.agent.intake import Intake
from vibeworkbench.client.agent.sending import Sender
from vibeworkbench.client.discovery import Address
from vibeworkbench.engine.address import address_of
from vibeworkbench.engine.follower import Follower, Pace

FLUSH_S = 10.0
"""How long the agent goes on sending what it has when it is told to end; the rest waits on disk for the next start."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What an agent is to do.

    Attributes:
        buffer: Directory of its buffer.
        limit_bytes: Size of the buffer at most.
        engine: Address of the container engine; empty looks for it, ``none`` follows none.
        files: Globs of files to follow.
        stdin: Whether to read the standard input; the agent then ends with it, unless it does something else, too.
        name: For whom files and standard input speak; empty is this machine's host name.
        interval_s: Between two samples of a container.
        history_s: Of a container never read before, older lines are left.
    """

    buffer: Path
    limit_bytes: int = 256 * 2**20
    engine: str = ""
    files: tuple[str, ...] = ()
    stdin: bool = False
    name: str = ""
    interval_s: float = 10.0
    history_s: float = 3600.0


async def run(order: Order, address: Callable[[], Address]) -> None:
    """The agent has run until SIGTERM, SIGINT or the end of all its sources, and what it had is sent or on disk.

    Raises:
        ClientError: Its buffer cannot be used.
    """
    buffer = Buffer(order.buffer, order.limit_bytes)
    buffer.open()
    try:
        sender = Sender(buffer=buffer, address=address)
        intake = Intake(buffer, sender.notice)
        sending = asyncio.create_task(sender.run(), name="sending")
        await _collected([asyncio.create_task(each) for each in _sources(order, intake)], sending)
        sender.end()
        await asyncio.wait({sending}, timeout=FLUSH_S)
        sending.cancel()
        await asyncio.wait({sending})
        log.warning("agent: ended; %d records wait on disk", buffer.waiting)
    finally:
        buffer.close()


def _sources(order: Order, intake: Intake) -> list[Coroutine[Any, Any, None]]:
    name = order.name or socket.gethostname()
    sources: list[Coroutine[Any, Any, None]] = []
    if order.engine != "none":
        follower = Follower(
            find=lambda: address_of(order.engine, os.environ),
            sink=ContainerSink(intake, time.time_ns),
            pace=Pace(sample_interval_s=order.interval_s, history_s=order.history_s),
        )
        sources.append(follower.run())
    if order.files:
        sources.append(Files(intake, order.files, socket.gethostname(), name).run())
    if order.stdin:
        sources.append(standard_input(intake, socket.gethostname(), name))
    return sources


async def _collected(sources: list[asyncio.Task[None]], sending: asyncio.Task[None]) -> None:
    """All sources have ended, by themselves or because the agent was told to end."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    waiting = asyncio.create_task(told.wait())
    try:
        running: set[asyncio.Task[Any]] = set(sources)
        while running and not told.is_set() and not sending.done():
            await asyncio.wait({waiting, sending, *running}, return_when=asyncio.FIRST_COMPLETED)
            for ended in (each for each in running if each.done()):
                ended.result()
            running = {each for each in running if not each.done()}
        if sending.done():
            sending.result()
    finally:
        for task in (waiting, *sources):
            task.cancel()
        await asyncio.wait({waiting, *sources})
