"""What a member gets that was not there, or was away: the replay, or a snapshot, and then the way to the head.

Whatever way it comes, a member gets each message after its ``since`` once and in order: from the event log in shared
batches while it is older than the room's ring, then from the ring, and from the head on with everybody else.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from vibeworkbench.rooms import records
from vibeworkbench.rooms.framelog import Bytes
from vibeworkbench.rooms.frames import control_frame, payload_of
from vibeworkbench.rooms.member import Member, State
from vibeworkbench.rooms.metrics import Metrics
from vibeworkbench.rooms.model import Handshake, gap_reason
from vibeworkbench.rooms.replay import Replay
from vibeworkbench.rooms.room import Room
from vibeworkbench.storage.records import Database

SNAPSHOT_KEPT_S = 1.0
"""How long a snapshot serves others that come while nothing new was said."""
FED_AT_ONCE = 32
"""Pieces of history that one turn of the event loop sends: a thousand who come back do not hold up the others."""
PAGE_MESSAGES = 1_000
"""Messages that one poll answers at most."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a late member must know, exact at ``seq``."""

    seq: int
    frame: bytes
    taken_at: float


@dataclass(frozen=True, slots=True)
class Page:
    """The answer to a poll.

    Attributes:
        last_seq: Where to go on from.
        gap: Whether messages were missed that are not kept; ``messages`` then holds the gap and the snapshot.
        messages: JSON objects, the same as the socket's.
    """

    last_seq: int
    gap: bool
    messages: list[bytes]


class History:
    """The history of one room.

    Args:
        room: The room.
        epoch: The event log's present epoch.
        database: Where snapshots are taken.
        replay: Shared batches of the event log.
        metrics: Where replays and gaps are counted.
    """

    def __init__(self, room: Room, *, epoch: str, database: Database, replay: Replay, metrics: Metrics) -> None:
        self._room = room
        self._epoch = epoch
        self._database = database
        self._replay = replay
        self._metrics = metrics
        self._turns = asyncio.Semaphore(FED_AT_ONCE)
        self._snapshot: Snapshot | None = None
        self._taking: asyncio.Task[Snapshot] | None = None

    async def bring_up(self, member: Member, handshake: Handshake) -> None:
        """``member`` has what it missed, or a snapshot, and is live.

        Raises:
            OSError: The connection is gone.
            Unavailable: The storage does not answer.
        """
        if await self._continues(handshake):
            after = handshake.since or 0
        elif handshake.since is not None:
            after = await self._tell_gap(member, handshake.since)
        elif self._room.party.recording or self._room.party.snapshot is not None:
            after = await self._tell_snapshot(member)
        else:
            after = self._room.last_seq
        await self._catch_up(member, after)

    async def page(self, handshake: Handshake) -> Page:
        """What is there now for somebody who polls; see ``moved`` of the room for waiting.

        Raises:
            Unavailable: The storage does not answer.
        """
        if not await self._continues(handshake):
            return await self._first_page(handshake.since)
        after, log = handshake.since or 0, self._room.log
        if after >= log.floor_seq:
            found = log.recorded_after(after, PAGE_MESSAGES)
        else:
            batch = await self._replay.after(self._room.key, after, log.floor_seq)
            if batch.first_seq > after + 1:
                return await self._first_page(after)
            found = batch.recorded_after(after, PAGE_MESSAGES)
        return Page(found[-1][0] if found else after, False, [payload_of(frame) for _, frame in found])

    async def _first_page(self, requested: int | None) -> Page:
        snapshot = await self._snapshot_now()
        self._room.notice(snapshot.seq)
        frames = [snapshot.frame]
        if requested is not None:
            frames.insert(0, self._gap_frame(requested))
        return Page(snapshot.seq, requested is not None, [payload_of(frame) for frame in frames])

    async def _continues(self, handshake: Handshake) -> bool:
        """Whether all messages after the handshake's ``since`` are kept."""
        if handshake.since is None or not self._room.party.recording:
            return False
        oldest, last = min(self._room.oldest_seq, self._room.log.floor_seq + 1), self._room.last_seq
        if handshake.since > last:  # another server on this database may have said more than has arrived here
            extent = await self._database.read(lambda connection: records.extent_of(connection, self._room.key))
            self._room.notice(extent.last_seq)
            last = extent.last_seq
        reason = gap_reason(
            handshake.since, handshake.epoch, present_epoch=self._epoch, oldest_seq=oldest, last_seq=last
        )
        return reason is None

    async def _tell_gap(self, member: Member, requested: int) -> int:
        await self._feed(member, self._gap_frame(requested))
        return await self._tell_snapshot(member)

    def _gap_frame(self, requested: int) -> bytes:
        self._metrics.gaps.labels(self._room.party.name).inc()
        said = {"requested": requested, "oldestSeq": self._room.oldest_seq}
        return control_frame("gap", self._room.last_seq, time.time_ns() // 1_000_000, said)

    async def _tell_snapshot(self, member: Member) -> int:
        snapshot = await self._snapshot_now()
        self._room.notice(snapshot.seq)
        await self._feed(member, snapshot.frame)
        return snapshot.seq

    async def _snapshot_now(self) -> Snapshot:
        kept = self._snapshot
        if kept and kept.seq >= self._room.last_seq and time.monotonic() < kept.taken_at + SNAPSHOT_KEPT_S:
            return kept
        if self._taking is None:
            self._taking = asyncio.create_task(self._take_snapshot())
        return await asyncio.shield(self._taking)

    async def _take_snapshot(self) -> Snapshot:
        room = self._room

        def work(connection: sa.Connection) -> tuple[int, Mapping[str, Any]]:
            seq = records.extent_of(connection, room.key).last_seq
            return seq, {} if room.party.snapshot is None else room.party.snapshot(connection, room.name)

        try:
            seq, said = await self._database.read(work)
        finally:
            self._taking = None
        frame = control_frame("snapshot", seq, time.time_ns() // 1_000_000, said)
        self._snapshot = Snapshot(seq, frame, time.monotonic())
        return self._snapshot

    async def _catch_up(self, member: Member, after: int) -> None:
        room = self._room
        while member.state is State.joining:
            if after < room.log.floor_seq:
                after = await self._from_event_log(member, after)
            elif after > room.log.last_seq:
                await room.moved()
            else:
                after = await self._from_ring(member, after)

    async def _from_event_log(self, member: Member, after: int) -> int:
        batch = await self._replay.after(self._room.key, after, self._room.log.floor_seq)
        if batch.first_seq > after + 1:
            return await self._tell_gap(member, after)
        self._metrics.replayed.labels(self._room.party.name).inc(batch.count_after(after))
        await self._feed(member, batch.after(after))
        return batch.until_seq

    async def _from_ring(self, member: Member, after: int) -> int:
        """The last ``seq`` that ``member`` has: it is live, or was so slow that the ring has moved on."""
        log = self._room.log
        cursor = log.offset_after(after)
        if member.live_from < cursor:  # it was here for what was announced before: that is not in its history
            announced, member.live_from = log.unrecorded(member.live_from, cursor), cursor
            await self._feed(member, announced)
        while cursor >= log.start:
            if cursor == log.head:
                member.cursor = cursor
                self._room.go_live(member)
                break
            frames, cursor, until = log.read(cursor, member.live_from)
            self._metrics.replayed.labels(self._room.party.name).inc(max(0, until - after))
            after = until
            await self._feed(member, frames)
        return after

    async def _feed(self, member: Member, frames: Bytes) -> None:
        async with self._turns:
            written = asyncio.ensure_future(member.link.write(frames))
            await asyncio.sleep(0)
        member.is_taking = True
        await written
        member.is_taking = False
        member.pulse.taken_bytes += len(frames)
