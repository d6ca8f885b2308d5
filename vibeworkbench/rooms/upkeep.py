"""What rooms need from time to time: pulses taken, the dead cut, old messages forgotten, empty rooms dropped."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Iterable

from vibeworkbench.errors import Unavailable
from vibeworkbench.rooms.member import Member, State
from vibeworkbench.rooms.metrics import Metrics
from vibeworkbench.rooms.model import Beat
from vibeworkbench.rooms.room import SENDS_AT_ONCE, Room
from vibeworkbench.settings import RoomSettings
from vibeworkbench.storage.records import Database
from vibeworkbench.storage.retention import Kept, forget

IDLE_S = 60.0
"""A room in which nobody is stays in memory this long."""
FORGET_INTERVAL_S = 600.0
NO_ANSWER = 4408
_DAY_MS = 86_400_000

log = logging.getLogger(__name__)


class Upkeep:
    """The background work of all rooms.

    Args:
        rooms: The rooms in memory.
        drop: Takes a room out of memory.
        settings: Intervals and limits.
        metrics: Where gauges are set.
        database: Whose event log forgets.
    """

    def __init__(
        self,
        rooms: Callable[[], Iterable[Room]],
        drop: Callable[[Room], None],
        *,
        settings: RoomSettings,
        metrics: Metrics,
        database: Database,
    ) -> None:
        self._rooms = rooms
        self._drop = drop
        self._settings = settings
        self._metrics = metrics
        self._database = database
        self._tasks: list[asyncio.Task[None]] = []
        self._beat_at = math.inf
        self._seen: set[str] = set()
        self._interval_s = min(settings.heartbeat_s, settings.dead_after_s) / 4

    def start(self) -> None:
        """The work goes on in the background."""
        self._tasks = [
            asyncio.create_task(self._for_ever(self._interval_s, self._beat)),
            asyncio.create_task(self._for_ever(FORGET_INTERVAL_S, self.forget)),
        ]

    async def stop(self) -> None:
        """Nothing is done in the background any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @staticmethod
    async def _for_ever(interval_s: float, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except Unavailable as error:
                log.warning("rooms: %s", error.message)
            except Exception:  # a background loop's border: one failure must not end all heartbeats
                log.exception("rooms: background work failed")
            await asyncio.sleep(interval_s)

    async def _beat(self) -> None:
        """Every member has had its pulse taken."""
        now = asyncio.get_running_loop().time()
        stood_still, self._beat_at = now > self._beat_at + 3 * self._interval_s, now
        for room in list(self._rooms()):
            for index, member in enumerate(list(room.members)):
                self._take_pulse(room, member, stood_still)
                if index % SENDS_AT_ONCE == SENDS_AT_ONCE - 1:
                    await asyncio.sleep(0)
            if room.holders == 0 and time.monotonic() > room.idle_since + IDLE_S:
                self._drop(room)
        self._set_gauges()

    def _take_pulse(self, room: Room, member: Member, stood_still: bool) -> None:
        now = asyncio.get_running_loop().time()
        joining = member.state is State.joining
        if member.held or stood_still or (joining and not member.is_taking):
            member.pulse.forgive(now)
            return
        queued = member.link.queued_bytes() + joining  # history stands before our ping, if only in our own queue
        due = member.pulse.beat(now, queued)
        if due is Beat.ping:
            self._ping(member)
        elif due is Beat.dead:
            room.close(member, NO_ANSWER, "you did not answer: come back with since")

    @staticmethod
    def _ping(member: Member) -> None:
        try:
            member.link.ping()
        except OSError:
            member.link.abort()  # the socket's own end follows, and takes it out of the room

    def _set_gauges(self) -> None:
        lags, counts = dict.fromkeys(self._seen, 0), dict.fromkeys(self._seen, 0)
        for room in self._rooms():
            worst = max(map(room.lag_bytes, room.members), default=0)
            lags[room.party.name] = max(worst, lags.get(room.party.name, 0))
            counts[room.party.name] = counts.get(room.party.name, 0) + 1
        self._seen.update(lags)
        for party, lag in lags.items():
            self._metrics.lag_bytes.labels(party).set(lag)
            self._metrics.rooms.labels(party).set(counts[party])

    async def forget(self) -> None:
        """The event log holds no more than the settings say.

        Raises:
            Unavailable: The storage does not answer; nothing more was forgotten.
        """
        before_ms = time.time_ns() // 1_000_000 - int(self._settings.keep_days * _DAY_MS)
        keep = self._settings.keep_messages
        while kept := await self._database.write(lambda tx: forget(tx, before_ms=before_ms, keep_messages=keep)):
            self._note(kept)

    def _note(self, kept: list[Kept]) -> None:
        oldest = {(each.party, each.room): each.oldest_seq for each in kept}
        for room in self._rooms():
            room.oldest_seq = max(room.oldest_seq, oldest.get(room.key, 0))
