"""Says messages to recording rooms: what arrives while a commit is under way shares the next one."""

from __future__ import annotations

import asyncio

from vibeworkbench.errors import WorkbenchError
from vibeworkbench.storage.records import Database, Event, Message

BATCH_MESSAGES = 1_000
"""Messages of one transaction at most."""


class Recorder:
    """One queue of messages and one commit at a time; all messages of a loop tick share theirs.

    Args:
        database: Whose event log is written.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queue: list[tuple[Message, asyncio.Future[Event]]] = []
        self._writing: asyncio.Task[None] | None = None

    def put(self, message: Message) -> asyncio.Future[Event]:
        """``message`` is committed after all that were put before; the future has its event, or ``Unavailable``."""
        future: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        self._queue.append((message, future))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        return future

    async def settled(self) -> None:
        """All that was put is committed or refused."""
        while self._writing is not None:
            await asyncio.wait([self._writing])

    async def _write(self) -> None:
        try:
            while self._queue:
                batch, self._queue = self._queue[:BATCH_MESSAGES], self._queue[BATCH_MESSAGES:]
                await self._commit(batch)
        finally:
            self._writing = None

    async def _commit(self, batch: list[tuple[Message, asyncio.Future[Event]]]) -> None:
        try:
            events = await self._database.record([message for message, _ in batch])
        except Exception as error:  # noqa: BLE001 - a background loop's border: who put a message learns of it, the queue goes on
            self._refuse(batch, error)
            return
        for (_, future), event in zip(batch, events, strict=True):
            if not future.done():
                future.set_result(event)

    @staticmethod
    def _refuse(batch: list[tuple[Message, asyncio.Future[Event]]], error: Exception) -> None:
        for _, future in batch:
            if not future.done():
                future.set_exception(error)
                if isinstance(error, WorkbenchError):
                    future.exception()  # whoever does not ask has nothing to do about it
