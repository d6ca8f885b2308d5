"""Rooms: where everything that happens is said to whoever watches."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from prometheus_client import CollectorRegistry

from vibeworkbench.errors import InvalidInput, LimitExceeded, NotFound, Unavailable, WorkbenchError
from vibeworkbench.rooms import records
from vibeworkbench.rooms.directory import Directory
from vibeworkbench.rooms.feed import Feed
from vibeworkbench.rooms.frames import control_frame, text_frame
from vibeworkbench.rooms.history import History, Page
from vibeworkbench.rooms.member import Link, Member
from vibeworkbench.rooms.membership import Membership
from vibeworkbench.rooms.metrics import Metrics
from vibeworkbench.rooms.model import (
    Handshake,
    Party,
    Pulse,
    RoomKey,
    TokenBucket,
    client_message_of,
    is_room_name,
)
from vibeworkbench.rooms.recorder import Recorder
from vibeworkbench.rooms.replay import Replay
from vibeworkbench.rooms.room import Room
from vibeworkbench.rooms.stats import body_of, members_of
from vibeworkbench.rooms.upkeep import Upkeep
from vibeworkbench.rooms.wire import RoomBody
from vibeworkbench.settings import RoomSettings
from vibeworkbench.storage.records import Database, Event, Message, encode, epoch_of
from vibeworkbench.web.roles import Caller, Role

GOING_AWAY = 1001
OUR_FAULT = 1011
NOT_ALLOWED = 4403
GOODBYE_S = 2.0
"""How long members have to take the goodbye when the server stops."""
REPLAY_BYTES = 8 * 2**20
"""Encoded history from the event log kept for the next who asks, for all rooms together."""

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Hall:
    """A room in memory with its history, and its opening while that is under way."""

    room: Room
    history: History
    opening: asyncio.Task[None] | None = None


class Rooms:
    """All rooms of this server.

    Args:
        database: Whose event log is the history of recording rooms.
        settings: Limits and intervals.
        registry: Where metrics are registered.
    """

    def __init__(self, *, database: Database, settings: RoomSettings, registry: CollectorRegistry) -> None:
        self.settings = settings
        self.feed = Feed(self._open_room)
        self.epoch = ""
        self._database = database
        self._metrics = Metrics(registry)
        self._directory = Directory(database)
        self._halls: dict[RoomKey, _Hall] = {}
        self._recorder = Recorder(database)
        self._replay = Replay(database, REPLAY_BYTES)
        self._buckets: dict[str, TokenBucket] = {}
        self._is_stopping = False
        self._upkeep = Upkeep(self._open_rooms, self._drop, settings=settings, metrics=self._metrics, database=database)
        for own in settings.parties:
            self.register(Party(own.name, own.recording, Role[own.read], Role[own.write]))

    async def start(self) -> None:
        """Members may join; committed events reach them.

        Raises:
            Unavailable: The storage does not answer.
        """
        self.epoch = await self._database.write(epoch_of)
        self._database.listen(self.feed.publish)
        self._upkeep.start()

    async def stop(self) -> None:
        """What was said is committed, and every member was told to come back later (1001) and is gone."""
        self._is_stopping = True
        for room in self._open_rooms():
            room.wake()  # polls that wait are answered
        await self._recorder.settled()
        await self._upkeep.stop()
        members = [(room, member) for room in self._open_rooms() for member in list(room.members)]
        for room, member in members:
            room.close(member, GOING_AWAY, "the server is going away")
        with suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                await asyncio.gather(*(member.link.closed() for _, member in members))
        for _, member in members:
            member.link.abort()
        for room in list(self._open_rooms()):
            self._drop(room)

    def register(self, party: Party) -> None:
        """Rooms of ``party`` can be joined."""
        self._directory.parties[party.name] = party

    def party(self, key: RoomKey, caller: Caller) -> Party:
        """The party of the room at ``key``, which ``caller`` may join: by role, by scope, and by the party's own rule.

        Raises:
            NotFound: There is no such party or room.
            NotAllowed: There is, and the caller may not join.
        """
        return self._directory.party(key, caller)

    def judge_again(self, key: RoomKey) -> None:
        """Members of the room who may not join it any more are sent away (4403)."""
        hall = self._halls.get(key)
        if hall is None:
            return
        for member in list(hall.room.members):
            try:
                self.party(key, member.caller)
            except WorkbenchError as refused:
                hall.room.close(member, NOT_ALLOWED, refused.message)

    # Saying

    def announce(self, party: str, room: str, type: str, data: Mapping[str, Any]) -> None:
        """Who is in the room now gets a frame that is not part of its history; works without storage."""
        hall = self._halls.get((party, room))
        if hall is not None:
            hall.room.announce(type, _now_ms(), encode(data))

    def members(self, party: str, room: str) -> int:
        """How many are in the room now."""
        hall = self._halls.get((party, room))
        return 0 if hall is None else len(hall.room.members)

    async def say(self, party: str, room: str, type: str, data: Mapping[str, Any]) -> Event:
        """The message is committed, has its ``seq``, and is on its way to the members.

        Raises:
            NotFound: There is no such recording party, or no such room of it.
            Unavailable: The storage does not answer; the message is not said.
        """
        known = self._directory.parties.get(party)
        if known is None or not known.recording or not is_room_name(room):
            raise NotFound("There is no such room that records.")
        return await self._recorder.put(Message(party, room, type, _now_ms(), encode(data)))

    async def post(
        self, caller: Caller, key: RoomKey, *, text: str | None, json: bytes | None
    ) -> tuple[int | None, int]:
        """What a caller without a connection says: its ``seq``, if the room records, and the number of members.

        Raises:
            InvalidInput: Not exactly one of ``text`` and ``json`` is given, or the room takes no such message.
            NotAllowed: The caller may not write here.
            LimitExceeded: Too large, or too often.
            Unavailable: The storage does not answer.
        """
        party = self.party(key, caller)
        party.lets_write(caller.role)
        self._limit(caller, party)
        if (text is None) == (json is None):
            raise InvalidInput("Exactly one of text and json is wanted.", field="text", allowed=["text", "json"])
        payload = (text or "").encode() if json is None else json
        if len(payload) > self.settings.message_bytes:
            limit = self.settings.message_bytes
            raise LimitExceeded(f"A message has at most {limit} bytes.", limit_bytes=limit)
        hall = self._halls.get(key)
        members = 0 if hall is None else len(hall.room.members)
        if party.is_relay:
            if hall is not None:
                hall.room.relay(text_frame(payload), None)
            return None, members
        if json is None:
            raise InvalidInput("This room takes json with type and data.", field="text", allowed=["json"])
        said = client_message_of(payload.decode())
        if not party.recording:
            if hall is not None:
                hall.room.announce(said.type, _now_ms(), bytes(said.data))
            return None, members
        event = await self._recorder.put(Message(*key, said.type, _now_ms(), bytes(said.data)))
        return event.seq, members

    def _limit(self, caller: Caller, party: Party) -> None:
        if party.limits_rate_of(caller.role):
            bucket = self._buckets.setdefault(caller.name, TokenBucket(self.settings.writes_per_s))
            bucket.take(asyncio.get_running_loop().time())

    # Joining

    async def join(self, link: Link, caller: Caller, key: RoomKey, handshake: Handshake) -> Membership:
        """The connection is in the room, was told so, and gets what it missed.

        Raises:
            NotFound: There is no such room.
            NotAllowed: The caller may not join it.
            LimitExceeded: The room is full.
            Unavailable: The server is stopping, or the storage does not answer.
        """
        party = self.party(key, caller)
        hall = await self._hall(party, key[1])
        room = hall.room
        try:
            self._refuse_if_full(room)
            member = self._member(link, caller, party)
            room.join(member)
        except WorkbenchError:
            room.holders -= 1
            raise
        membership = Membership(room, member, recorder=self._recorder, message_bytes=self.settings.message_bytes)
        if not party.is_relay:
            with suppress(OSError):  # it ended while the room was opened: its socket says so, and leaves
                link.write(self._connected(room, member))
        if party.recording or party.snapshot is not None:
            member.task = asyncio.create_task(self._bring_up(hall, member, handshake))
        else:
            room.go_live(member)
        return membership

    def _refuse_if_full(self, room: Room) -> None:
        if self._is_stopping:
            raise Unavailable("The server is going away.")
        if len(room.members) >= self.settings.members:
            raise LimitExceeded(f"The room has {self.settings.members} members and takes no more.")

    def _member(self, link: Link, caller: Caller, party: Party) -> Member:
        limited = party.write is not None and party.limits_rate_of(caller.role)
        pulse = Pulse(self.settings.heartbeat_s, self.settings.dead_after_s, asyncio.get_running_loop().time())
        bucket = TokenBucket(self.settings.writes_per_s) if limited else None
        return Member(link, caller, uuid.uuid4().hex, datetime.now(UTC), pulse, bucket)

    def _connected(self, room: Room, member: Member) -> bytes:
        said = {
            "memberId": member.member_id,
            "role": member.caller.role.name,
            "members": len(room.members),
            "epoch": self.epoch,
            "oldestSeq": room.oldest_seq,
            "heartbeatS": self.settings.heartbeat_s,
        }
        return control_frame("connected", room.last_seq, _now_ms(), said)

    async def _bring_up(self, hall: _Hall, member: Member, handshake: Handshake) -> None:
        try:
            await hall.history.bring_up(member, handshake)
        except OSError:
            member.link.abort()
            hall.room.leave(member)
        except Unavailable as error:
            hall.room.close(member, OUR_FAULT, error.message)
        except Exception:  # a plugin's border: a party's snapshot is its subsystem's code
            log.exception("rooms: %s cannot be joined", hall.room.party.name)
            hall.room.close(member, OUR_FAULT, "the room's state cannot be told")

    async def _hall(self, party: Party, name: str) -> _Hall:
        """The open room, held in memory until ``holders`` is lowered again."""
        key = (party.name, name)
        hall = self._halls.get(key)
        if hall is None:
            hall = self._new_hall(party, name)
            self._halls[key] = hall
        hall.room.holders += 1
        try:
            while not hall.room.is_open:
                if hall.opening is None:
                    hall.opening = asyncio.create_task(self._open(hall))
                await asyncio.shield(hall.opening)
        except BaseException:
            hall.room.holders -= 1
            raise
        return hall

    def _new_hall(self, party: Party, name: str) -> _Hall:
        async def missed(after: int, until: int) -> list[Event]:
            while True:
                try:
                    return await self._database.read(
                        lambda connection: records.events_between(connection, (party.name, name), after, until)
                    )
                except Unavailable as error:
                    await asyncio.sleep(error.retry_after_s)

        room = Room(party, name, settings=self.settings, metrics=self._metrics, missed=missed)
        history = History(room, epoch=self.epoch, database=self._database, replay=self._replay, metrics=self._metrics)
        return _Hall(room, history)

    async def _open(self, hall: _Hall) -> None:
        try:
            extent = await self._database.read(lambda connection: records.extent_of(connection, hall.room.key))
            hall.room.opened(extent.last_seq, extent.oldest_seq)
        finally:
            hall.opening = None

    def _open_room(self, key: RoomKey) -> Room | None:
        hall = self._halls.get(key)
        return None if hall is None else hall.room

    def _open_rooms(self) -> Iterator[Room]:
        return (hall.room for hall in list(self._halls.values()))

    def _drop(self, room: Room) -> None:
        room.end()
        self._halls.pop(room.key, None)

    # Looking

    async def poll(self, caller: Caller, key: RoomKey, handshake: Handshake, wait_s: float) -> Page:
        """What is new since the handshake's ``since``; when nothing is, what comes within ``wait_s`` seconds.

        Raises:
            NotFound: There is no such room, or it keeps no messages.
            NotAllowed: The caller may not read it.
            Unavailable: The storage does not answer.
        """
        party = self.party(key, caller)
        if not party.recording:
            raise NotFound("This room keeps no messages: it can only be joined by WebSocket.")
        hall = await self._hall(party, key[1])
        try:
            return await self._page_within(hall, handshake, wait_s)
        finally:
            hall.room.holders -= 1
            hall.room.idle_since = time.monotonic()

    async def _page_within(self, hall: _Hall, handshake: Handshake, wait_s: float) -> Page:
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_s
        while True:
            page = await hall.history.page(handshake)
            if page.messages or loop.time() >= until or self._is_stopping:
                return page
            with suppress(TimeoutError):
                async with asyncio.timeout_at(until):
                    await hall.room.moved()

    async def rooms(self, caller: Caller, limit: int, after: RoomKey) -> tuple[list[RoomBody], RoomKey | None]:
        """At most ``limit`` rooms that ``caller`` may join, after the address ``after``, and where the rest begins.

        Raises:
            Unavailable: The storage does not answer.
        """
        found, rest = await self._directory.page(caller, self._halls, after, limit)
        return [self._body(key, extent) for key, extent in found], rest

    async def room(self, caller: Caller, key: RoomKey) -> RoomBody:
        """One room with its members, whose names are no business of pages that embed it: of narrowed callers.

        Raises:
            NotFound: There is no such room.
            NotAllowed: ``caller`` may not join it.
            Unavailable: The storage does not answer.
        """
        party = self.party(key, caller)
        extent = records.Extent()
        if party.recording:
            extent = await self._database.read(lambda connection: records.extent_of(connection, key))
        hall = self._halls.get(key)
        body = self._body(key, extent)
        if caller.scope is None:
            body.members_list = () if hall is None else members_of(hall.room)
        return body

    def _body(self, key: RoomKey, extent: records.Extent) -> RoomBody:
        party = self._directory.parties[key[0]]
        return body_of(key, party, extent, epoch=self.epoch, room=self._open_room(key))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
