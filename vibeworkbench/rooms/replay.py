"""History read from the event log in batches that all who replay share: read once, encoded once, joined once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass

import sqlalchemy as sa

from vibeworkbench.rooms import records
from vibeworkbench.rooms.framelog import Batch, batch_of
from vibeworkbench.rooms.frames import message_frame
from vibeworkbench.rooms.model import RoomKey
from vibeworkbench.storage.records import Database

BATCH_MESSAGES = 256
"""Messages of one batch; batches begin at multiples of it, so that members with different ``since`` share them."""

_Key = tuple[RoomKey, int, int]


@dataclass(frozen=True, slots=True)
class _Extract:
    """What is read in one transaction: frames after ``after`` up to ``until``, if they are kept."""

    key: RoomKey
    after: int
    until: int

    def __call__(self, connection: sa.Connection) -> Batch:
        oldest = records.extent_of(connection, self.key).oldest_seq
        events = records.events_between(connection, self.key, self.after, self.until)
        frames = [
            (each.seq, message_frame(each.message.type, each.seq, each.message.timestamp_ms, each.message.data))
            for each in events
        ]
        return batch_of(frames, max(self.after + 1, oldest), self.until)


class Replay:
    """The least recently used batches, at most ``capacity_bytes`` of them, and the reads under way.

    Args:
        database: Whose event log is read.
        capacity_bytes: Encoded history kept for the next who asks.
    """

    def __init__(self, database: Database, capacity_bytes: int) -> None:
        self._database = database
        self._capacity_bytes = capacity_bytes
        self._size_bytes = 0
        self._kept: OrderedDict[_Key, Batch] = OrderedDict()
        self._reads: dict[_Key, asyncio.Task[Batch]] = {}

    async def after(self, room: RoomKey, seq: int, floor: int) -> Batch:
        """The batch that holds the message after ``seq``.

        Args:
            room: Whose history.
            seq: The last message that the reader has.
            floor: Messages up to this one are committed, and wanted from the event log; more than ``seq``.

        Raises:
            Unavailable: The storage does not answer.
        """
        start = seq // BATCH_MESSAGES * BATCH_MESSAGES
        key = (room, start, min(start + BATCH_MESSAGES, floor))
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            return kept
        read = self._reads.get(key)
        if read is None:
            read = asyncio.create_task(self._read(key))
            self._reads[key] = read
        return await asyncio.shield(read)

    async def _read(self, key: _Key) -> Batch:
        try:
            batch = await self._database.read(_Extract(*key))
        finally:
            del self._reads[key]
        self._kept[key] = batch
        self._size_bytes += len(batch.joined)
        while self._size_bytes > self._capacity_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._size_bytes -= len(oldest.joined)
        return batch
