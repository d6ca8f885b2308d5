"""The line between a terminal and its upstream: connected, read, written to, and connected again when it was lost."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass

from vibeworkbench.errors import Unavailable, WorkbenchError
from vibeworkbench.terminals.gate import Gate
from vibeworkbench.terminals.keyboard import Keyboard
from vibeworkbench.terminals.model import Exit, Hop, HopState, Seen, Size
from vibeworkbench.terminals.reconnecting import Reconnecting
from vibeworkbench.terminals.upstreams import Connection, Upstream

CLOSE_S = 2.0
"""How long a connection may take to close."""
PULSE_S = 5.0
"""How long an upstream has to answer."""
LOST = "the connection with the upstream was lost"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Told:
    """Who is told what happens on a line; all are called in the loop.

    Attributes:
        hop: How it stands.
        connected: A connection has begun, and nothing of it was read yet.
        output: The shell said this.
        ended: The shell ended.
        lost_input: So many bytes were typed and never reached the program.
    """

    hop: Callable[[Hop], None]
    connected: Callable[[Connection], None]
    output: Callable[[bytes], None]
    ended: Callable[[Exit], None]
    lost_input: Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a connection is made for; asked anew each time.

    Attributes:
        size: Of the screen.
        seen: What is there of the stream already.
    """

    size: Callable[[], Size]
    seen: Callable[[], Seen | None]


class Line:
    """The way to one terminal's upstream.

    Args:
        upstream: What is reached.
        attempts: How often a lost one is asked again.
        gate: Says when it is read.
        keyboard: What it is to be written.
        wanted: What connections are made for.
        told: Who hears of it.

    Attributes:
        connection: The present one; ``None`` while there is none.
    """

    def __init__(
        self, upstream: Upstream, *, attempts: int, gate: Gate, keyboard: Keyboard, wanted: Wanted, told: Told
    ) -> None:
        self._upstream = upstream
        self._attempts = attempts
        self._gate = gate
        self._keyboard = keyboard
        self._wanted = wanted
        self._told = told
        self._asked = asyncio.Event()
        self._sized = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._is_new = False
        self._ends = False
        self.connection: Connection | None = None

    def start(self) -> None:
        """It is connected, now and whenever it was lost."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    def retry(self) -> None:
        """A lost or given up upstream is tried now."""
        self._asked.set()
        self.start()

    def restart(self) -> None:
        """The shell is ended where there is one, and a new one begins."""
        former, self._ends, self._is_new = self._task, True, True
        if former is not None:
            former.cancel()
        self._task = asyncio.get_running_loop().create_task(self._run_after(former))

    def resized(self) -> None:
        """The program learns the size of its screen."""
        self._sized.set()

    async def close(self, *, end: bool) -> None:
        """Nothing is connected, and with ``end`` the shell has ended, as far as that could be done in time."""
        self._ends = end
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=3 * CLOSE_S)

    async def pulse(self) -> float | None:
        """Seconds to the upstream and back; ``None`` where that means nothing, or it did not answer."""
        if self.connection is None:
            return None
        try:
            async with asyncio.timeout(PULSE_S):
                return await self.connection.pulse()
        except (OSError, WorkbenchError, TimeoutError):
            return None

    # The course of it

    async def _run_after(self, former: asyncio.Task[None] | None) -> None:
        if former is not None:
            await asyncio.wait([former])
        self._ends = False
        await self._run()

    async def _run(self) -> None:
        while True:
            self._asked.clear()
            await self._story()
            await self._asked.wait()

    async def _story(self) -> None:
        """It was connected, and again, until the shell ended or it was given up."""
        story = Reconnecting(self._attempts)
        loop = asyncio.get_running_loop()
        self._told.hop(Hop(HopState.connecting))
        while True:
            reason, connection = await self._attempt()
            if connection is not None:
                story = story.connected(loop.time())
                end = await self._live(connection)
                if end is not None:
                    self._told.ended(end)
                    self._told.hop(Hop(HopState.closed, reason=_how(end)))
                    return
                reason = LOST
            if reason is None:
                return
            story = story.lost(loop.time(), random.random())  # noqa: S311 - spreads attempts, guards nothing
            if story.is_over:
                given_up = f"{reason}; given up after {self._attempts} attempts"
                self._told.hop(Hop(HopState.closed, attempt=self._attempts, reason=given_up))
                return
            self._told.hop(Hop(HopState.reconnecting, story.attempt, story.delay_s, reason))
            if await self._is_asked_within(story.delay_s):
                story = story.asked()
            self._told.hop(Hop(HopState.reconnecting, story.attempt, reason=reason))

    async def _attempt(self) -> tuple[str | None, Connection | None]:
        """A connection; else why there is none yet; neither where asking again is in vain."""
        seen = None if self._is_new else self._wanted.seen()
        try:
            connection = await self._upstream.connect(self._wanted.size(), seen)
        except Unavailable as error:
            return error.message, None
        except WorkbenchError as error:
            self._told.hop(Hop(HopState.closed, reason=error.message))
            return None, None
        except Exception:  # noqa: BLE001 - a plugin's call: whatever it is, the terminal says so and goes on
            _log.exception("An upstream failed to connect.")
            self._told.hop(Hop(HopState.closed, reason="the upstream failed"))
            return None, None
        self._is_new = False
        return None, connection

    async def _is_asked_within(self, delay_s: float) -> bool:
        self._asked.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay_s):
                await self._asked.wait()
        return self._asked.is_set()

    async def _live(self, connection: Connection) -> Exit | None:
        """How the shell ended; ``None`` where only the connection did."""
        loop = asyncio.get_running_loop()
        self.connection = connection
        self._sized.set()
        tasks = [loop.create_task(self._write(connection)), loop.create_task(self._resize(connection))]
        try:
            self._told.connected(connection)
            self._told.hop(Hop(HopState.connected))
            await self._read(connection)
        finally:
            self.connection = None
            for task in tasks:
                task.cancel()
            lost = self._keyboard.clear()
            if lost:
                self._told.lost_input(lost)
            await asyncio.wait(tasks, timeout=CLOSE_S)
            await self._put_away(connection)
        return connection.exit

    async def _read(self, connection: Connection) -> None:
        try:
            while True:
                if not self._gate.is_open:
                    await self._gate.opened()
                output = await connection.read()
                if not output:
                    return
                self._told.output(output)
                await self._gate.rest(len(output))
        except (OSError, WorkbenchError):
            return  # lost, like any other
        except Exception:  # noqa: BLE001 - a plugin's call: whatever it is, the terminal says so and goes on
            _log.exception("An upstream failed to read.")

    async def _write(self, connection: Connection) -> None:
        try:
            while True:
                await connection.write(await self._keyboard.piece())
        except (OSError, WorkbenchError):
            return  # its end is told by read
        except Exception:  # noqa: BLE001 - a plugin's call
            _log.exception("An upstream failed to write.")

    async def _resize(self, connection: Connection) -> None:
        try:
            while True:
                await self._sized.wait()
                self._sized.clear()
                await connection.resize(self._wanted.size())
        except (OSError, WorkbenchError):
            return  # its end is told by read
        except Exception:  # noqa: BLE001 - a plugin's call
            _log.exception("An upstream failed to resize.")

    async def _put_away(self, connection: Connection) -> None:
        try:
            async with asyncio.timeout(CLOSE_S):
                await connection.close(end=self._ends)
        except (OSError, WorkbenchError, TimeoutError):
            _log.warning("An upstream's connection did not close in time.")
        except Exception:  # noqa: BLE001 - a plugin's call
            _log.exception("An upstream failed to close.")


def _how(end: Exit) -> str:
    if end.reason:
        return end.reason
    return "the shell ended" if end.code is None else f"the shell ended with exit code {end.code}"
