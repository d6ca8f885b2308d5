"""A room: one log of encoded frames, and the members that read it.

All frames of one loop tick are joined once and leave with one send for each member. Whoever does not take its bytes at
once holds a cursor into the shared log and is fed at its own pace; beyond the limit it is closed with 4408. No member
waits for another.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vibeworkbench.rooms.framelog import Bytes, FrameLog
from vibeworkbench.rooms.frames import control_frame, message_frame
from vibeworkbench.rooms.member import Member, State
from vibeworkbench.rooms.metrics import Metrics
from vibeworkbench.rooms.model import Party, Presence, Rate, RoomKey
from vibeworkbench.settings import RoomSettings
from vibeworkbench.storage.records import Event

SENDS_AT_ONCE = 256
"""Sends in one callback of the event loop, which others share."""
FETCHED_AT_ONCE = 1_000
"""Messages of another server that are read, encoded and said before others get their turn."""
TOO_SLOW = 4408


@dataclass(slots=True)
class _Round:
    """One tick's frames on their way to those who were live when it began."""

    tick: bytes
    start: int
    end: int
    members: list[Member]
    without_own: Mapping[Member, bytes]
    done: int = 0


@dataclass(slots=True)
class _Pending:
    """Frames that the next round takes."""

    frames: list[bytes] = field(default_factory=list)
    seqs: list[int] = field(default_factory=list)
    authors: dict[Member, list[int]] = field(default_factory=dict)
    size_bytes: int = 0


class Room:
    """One room and its members.

    Args:
        party: Its kind and rights.
        name: Its name.
        settings: Limits.
        metrics: Where it counts.
        missed: Reads events from the event log that another server committed: ``(after, until) -> events``.
    """

    def __init__(
        self,
        party: Party,
        name: str,
        *,
        settings: RoomSettings,
        metrics: Metrics,
        missed: Callable[[int, int], Coroutine[Any, Any, list[Event]]],
    ) -> None:
        self.party = party
        self.name = name
        self.oldest_seq = 1
        self.last_seq = 0
        self.presence = Presence()
        self.messages, self.bytes = Rate(), Rate()
        self.too_slow = 0
        self.holders = 0
        self.idle_since = time.monotonic()
        self.members: dict[Member, None] = {}
        self._settings = settings
        self._metrics = metrics
        self._missed = missed
        self._loop = asyncio.get_running_loop()
        self._live: dict[Member, None] = {}
        self._lagging: dict[Member, None] = {}
        self._pending = _Pending()
        self._round: _Round | None = None
        self._waiters: set[asyncio.Future[None]] = set()
        self._arrived: deque[Event] = deque()
        self._is_open = not party.recording
        self._healing: asyncio.Task[None] | None = None
        self._known_seq = 0
        self._presence_timer: asyncio.TimerHandle | None = None
        self.log = FrameLog(self._capacity_bytes())

    @property
    def key(self) -> RoomKey:
        """The room's address."""
        return self.party.name, self.name

    def _capacity_bytes(self) -> int:
        backlog = self._settings.backlog_bytes
        return max(self._settings.ring_bytes, backlog) if self.party.recording else backlog

    # What is said

    def opened(self, last_seq: int, oldest_seq: int) -> None:
        """The event log's extent is known: what was committed since is published, what was before is replayed."""
        self.last_seq, self.oldest_seq = last_seq, oldest_seq
        self.log = FrameLog(self._capacity_bytes(), last_seq)
        self._is_open = True
        self._take_arrived()

    @property
    def is_open(self) -> bool:
        """Whether members may join."""
        return self._is_open

    def publish(self, events: Sequence[Event]) -> None:
        """Committed events are on their way, in the order of their ``seq``; what came already is dropped."""
        self._arrived.extend(events)
        if self._is_open and self._healing is None:
            self._take_arrived()

    def _take_arrived(self) -> None:
        while self._arrived:
            event = self._arrived[0]
            if event.seq > self.last_seq + 1:
                self.notice(event.seq - 1)
                return
            self._arrived.popleft()
            if event.seq > self.last_seq:
                self._tell(event)

    def _tell(self, event: Event) -> None:
        self.last_seq = event.seq
        said = event.message
        self._queue(message_frame(said.type, event.seq, said.timestamp_ms, said.data), event.seq)

    def notice(self, seq: int) -> None:
        """The event log is known to hold messages up to ``seq``: those that did not arrive yet are fetched."""
        self._known_seq = max(self._known_seq, seq)
        if self._is_open and self._healing is None and seq > self.last_seq:
            self._healing = asyncio.create_task(self._heal())

    async def _heal(self) -> None:
        # Another server on this database has committed: its messages are in the event log, and belong before ours.
        while self.last_seq < self._known_seq:
            until = min(self._known_seq, self.last_seq + FETCHED_AT_ONCE)
            for event in await self._missed(self.last_seq, until):
                self._tell(event)
            self.last_seq = max(self.last_seq, until)
        self._healing = None
        self._take_arrived()

    def announce(self, kind: str, timestamp_ms: int, data: bytes) -> None:
        """A frame outside the history is on its way to who is here now."""
        if self.members:
            self._queue(message_frame(kind, self.last_seq, timestamp_ms, data), 0)

    def relay(self, frame: bytes, author: Member | None) -> None:
        """``frame`` is on its way, as it is, to everybody but ``author``."""
        if author is not None:
            self._pending.authors.setdefault(author, []).append(len(self._pending.frames))
        self._queue(frame, 0)

    def _queue(self, frame: bytes, seq: int) -> None:
        pending = self._pending
        if not pending.frames and self._round is None:
            self._loop.call_soon(self._begin_round)
        pending.frames.append(frame)
        pending.seqs.append(seq)
        pending.size_bytes += len(frame)

    @property
    def pending_bytes(self) -> int:
        """Bytes that wait for the round under way to end."""
        return self._pending.size_bytes

    # Rounds: one send for each member

    def _begin_round(self) -> None:
        pending, self._pending = self._pending, _Pending()
        start = self.log.head
        tick = self.log.append(pending.frames, pending.seqs)
        without_own = {author: self._spare_own(author, pending, start) for author in pending.authors}
        members = list(self._live)
        self._round = _Round(tick, start, self.log.head, members, without_own)
        self._count(len(pending.frames), len(tick), len(members))
        self._close_too_slow()
        self._send_slice(self._round)

    @staticmethod
    def _spare_own(author: Member, pending: _Pending, start: int) -> bytes:
        own = frozenset(pending.authors[author])
        if author.state is not State.live:
            offset = start
            for index, frame in enumerate(pending.frames):
                if index in own:
                    author.own = author.own or deque()
                    author.own.append((offset, offset + len(frame)))
                offset += len(frame)
        return b"".join(frame for index, frame in enumerate(pending.frames) if index not in own)

    def _count(self, messages: int, size_bytes: int, members: int) -> None:
        now = self._loop.time()
        self.messages.add(messages, now)
        self.bytes.add(size_bytes, now)
        self._metrics.messages.labels(self.party.name).inc(messages)
        self._metrics.sent_bytes.labels(self.party.name).inc(size_bytes * members)

    def _send_slice(self, current: _Round) -> None:
        some = current.members[current.done : current.done + SENDS_AT_ONCE]
        current.done += len(some)
        tick, size, without_own = current.tick, len(current.tick), current.without_own
        for member in some:
            if member.state is not State.live:
                continue
            if without_own and member in without_own:
                if without_own[member]:
                    self._write(member, without_own[member], current.start, current.end)
                continue
            send = member.link.send
            if send is None or member.link.writing():
                self._write(member, tick, current.start, current.end)
                continue
            try:
                sent = send(tick)
            except BlockingIOError:
                sent = 0
            except OSError:
                self._lost(member)
                continue
            if sent != size:
                self._write(member, memoryview(tick)[sent:], current.start + sent, current.end)
        if current.done < len(current.members):
            self._loop.call_soon(self._send_slice, current)
        else:
            self._end_round()

    def _write(self, member: Member, frames: Bytes, cursor: int, end: int) -> None:
        """``frames`` go out in order; ``member`` is lagging until the kernel has them and all up to the head."""
        try:
            written = asyncio.ensure_future(member.link.write(frames))
        except OSError:
            self._lost(member)
            return
        if written.done() and written.exception() is None:
            return
        member.cursor = cursor
        member.state = State.lagging
        del self._live[member]
        self._lagging[member] = None
        member.task = asyncio.create_task(self._feed_lagging(member, written, end))

    def _end_round(self) -> None:
        self._round = None
        if self._pending.frames:
            self._loop.call_soon(self._begin_round)
        self.wake()

    def wake(self) -> None:
        """Whoever waits for the room to move looks again."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def moved(self) -> asyncio.Future[None]:
        """Done when the next round has ended: what is pending now is then in the log and with all who are live."""
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._waiters.add(waiter)
        waiter.add_done_callback(self._waiters.discard)
        return waiter

    # Members that are behind

    async def _feed_lagging(self, member: Member, written: asyncio.Future[None], end: int) -> None:
        with self._connection_of(member):
            await written
            member.cursor = max(end, member.cursor)
            while await self._feed_once(member):
                pass
            self.go_live(member)

    @contextlib.contextmanager
    def _connection_of(self, member: Member) -> Any:
        try:
            yield
        except OSError:
            self._lost(member)

    async def _feed_once(self, member: Member) -> bool:
        """Whether there was more for ``member``; the kernel has taken it."""
        self._skip_own(member)
        if member.state is State.gone or member.cursor >= self.log.head:
            return False
        if member.cursor < self.log.start:
            self.close(member, TOO_SLOW, "you fell too far behind: come back with since")
            return False
        frames, end, _ = self.log.read(member.cursor, member.live_from)
        if member.own and member.own[0][0] < end:
            frames, end = frames[: member.own[0][0] - member.cursor], member.own[0][0]
        await member.link.write(frames)
        member.pulse.taken_bytes += len(frames)
        member.cursor = end
        return True

    @staticmethod
    def _skip_own(member: Member) -> None:
        while member.own and member.own[0][0] <= member.cursor:
            member.cursor = max(member.cursor, member.own.popleft()[1])

    def lag_bytes(self, member: Member) -> int:
        """How far ``member`` is behind what it should have by now; history that it still reads is no lag."""
        return max(0, self.log.head - member.cursor) if member.state is State.lagging else 0

    def _close_too_slow(self) -> None:
        for member in list(self._lagging):
            if self.lag_bytes(member) > self._settings.backlog_bytes:
                self.close(member, TOO_SLOW, "you fell too far behind: come back with since")

    def _lost(self, member: Member) -> None:
        self._metrics.send_errors.labels(self.party.name).inc()
        member.link.abort()
        self.leave(member)

    # Coming and going

    def join(self, member: Member) -> None:
        """``member`` is in the room, and still gets nothing."""
        self.members[member] = None
        member.live_from = self.log.head
        self._metrics.members.labels(self.party.name).inc()
        self.presence.join()
        self._plan_presence()

    def go_live(self, member: Member) -> None:
        """``member`` has everything up to the head, and gets each tick from now on."""
        if member.state is State.gone:
            return
        self._lagging.pop(member, None)
        member.own = None
        member.state = State.live
        member.task = None
        self._live[member] = None

    def leave(self, member: Member) -> None:
        """``member`` is not in the room any more; once is enough."""
        if member not in self.members:
            return
        del self.members[member]
        self._live.pop(member, None)
        self._lagging.pop(member, None)
        member.state = State.gone
        if member.task is not None and member.task is not asyncio.current_task():
            member.task.cancel()
        self._metrics.members.labels(self.party.name).dec()
        self.presence.leave()
        self._plan_presence()
        self.idle_since = time.monotonic()

    def close(self, member: Member, code: int, reason: str) -> None:
        """``member`` is sent away with ``code`` and not in the room any more."""
        self._metrics.closed.labels(self.party.name, str(code)).inc()
        self.too_slow += code == TOO_SLOW
        member.link.close(code, reason)
        self.leave(member)

    def _plan_presence(self) -> None:
        if self.party.is_relay or self._presence_timer is not None:
            return
        self._presence_timer = self._loop.call_at(self.presence.due_at(), self._say_presence)

    def _say_presence(self) -> None:
        self._presence_timer = None
        if not self.presence.is_news:
            return
        said = self.presence.take(self._loop.time())
        if self.members:
            self._queue(control_frame("presence", self.last_seq, time.time_ns() // 1_000_000, said), 0)

    def end(self) -> None:
        """Nothing of the room is planned any more."""
        if self._presence_timer is not None:
            self._presence_timer.cancel()
        if self._healing is not None:
            self._healing.cancel()
