"""Events: what happened, in the warehouse, sent by programs or copied from the state's own event log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

import msgspec
import pyarrow as pa

from vibeworkbench.errors import Unavailable
from vibeworkbench.logs.columns import Receipt, microseconds
from vibeworkbench.logs.frames import Frame
from vibeworkbench.logs.reading import BodyReading, unix_microseconds
from vibeworkbench.logs.service import Logs
from vibeworkbench.logs.sql import statement
from vibeworkbench.logs.window import hashed
from vibeworkbench.masking import masked_message
from vibeworkbench.rooms import records as room_records
from vibeworkbench.rooms.model import RoomKey
from vibeworkbench.settings import LogSettings
from vibeworkbench.storage.records import Database, Event, epoch_of
from vibeworkbench.storage.warehouse import Connection, Tables

PAYLOAD = "events"
TABLES = Tables("events", (statement("events_tables_1"),))
COPIED = (("ops-monitor-broadcast", "main"),)
"""Rooms whose messages (scans, transitions of issues) are events, too."""
COPIED_TYPES = frozenset({"scan-start", "scan-result", "issue"})
COPY_INTERVAL_S = 30.0
AT_ONCE = 1000
_YEAR_2262_US = 9_214_646_400_000_000

log = logging.getLogger(__name__)

_Word = Annotated[str, msgspec.Meta(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]*$")]


class EventBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """One event: ``kind`` says what happened, for instance ``patch-applied``, ``key`` to what."""

    kind: _Word
    key: Annotated[str, msgspec.Meta(max_length=512)] = ""
    timestamp: datetime | float | None = None
    attributes: Annotated[msgspec.Raw, msgspec.Meta(extra_json_schema={"type": "object"})] | msgspec.UnsetType = (
        msgspec.UNSET
    )
    id: Annotated[str, msgspec.Meta(max_length=512)] = ""


class EventsBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """Several events."""

    records: list[EventBody]


class Happened(msgspec.Struct, frozen=True, array_like=True):
    """One event as it stands in the spool; ``at_us`` is ``None`` where its arrival counts."""

    kind: str
    at_us: int | None
    key: str
    attributes: str
    id: str = ""


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(list[Happened])


class EventReading(BodyReading[EventBody, list[Happened]]):
    """The events of one body.

    Args:
        settings: Limits.
    """

    def __init__(self, settings: LogSettings) -> None:
        super().__init__(EventBody)
        self._settings = settings
        self._kept: list[Happened] = []

    def begin(self) -> list[Happened]:
        """A list for the next events."""
        self._kept = []
        return self._kept

    def wrong(self, body: EventBody) -> tuple[str, str] | None:
        """What is wrong with an event; otherwise it stands in the list."""
        at_us = unix_microseconds(body.timestamp)
        if at_us is not None and not 0 <= at_us < _YEAR_2262_US:
            return "timestamp", "it is before 1970 or after 2261"
        attributes = bytes(body.attributes) if body.attributes else b"{}"
        if len(attributes) > self._settings.attributes_bytes:
            return "attributes", f"they are larger than {self._settings.attributes_bytes} bytes"
        if not attributes.startswith(b"{"):
            return "attributes", "they are no object"
        self._kept.append(Happened(body.kind, at_us, body.key, masked_message(attributes.decode()), body.id))
        return None


class EventKeeper:
    """Puts events into the warehouse."""

    payload = PAYLOAD

    def load(self, connection: Connection) -> None:
        """Nothing is in memory."""

    def store(self, connection: Connection, frames: Sequence[Frame]) -> None:
        """The events of the frames are in the transaction."""
        rows = [(frame.received_us, each) for frame in frames for each in _DECODER.decode(frame.payload)]
        insert(connection, rows)

    def stored(self, told: None) -> None:
        """Nobody waits for them."""


def insert(connection: Connection, rows: Sequence[tuple[int, Happened]]) -> None:
    """Events with their arrival, Unix microseconds, are in the transaction under way."""
    instant = pa.timestamp("us")
    table = pa.table(
        {
            "kind": pa.array([each.kind for _, each in rows], pa.string()),
            "happened_at": pa.array([received if each.at_us is None else each.at_us for received, each in rows]).cast(
                instant
            ),
            "received_at": pa.array([received for received, _ in rows]).cast(instant),
            "key": pa.array([each.key for _, each in rows], pa.string()),
            "attributes": pa.array([each.attributes for _, each in rows], pa.string()),
        }
    )
    connection.register("arrived_events", table)
    try:
        connection.execute("INSERT INTO event SELECT * FROM arrived_events")
    finally:
        connection.unregister("arrived_events")


class Events:
    """All events of this server.

    Args:
        database: Whose event log is copied.
        logs: Whose spool and warehouse they share.
    """

    def __init__(self, *, database: Database, logs: Logs) -> None:
        self.logs = logs
        self._database = database
        self._copier: asyncio.Task[None] | None = None
        logs.intake.add(EventKeeper())

    async def start(self) -> None:
        """What is said of scans and issues becomes events."""
        self._copier = asyncio.create_task(self._copy_always(), name="events")

    async def stop(self) -> None:
        """What was said up to now is copied, if the warehouse takes it."""
        if self._copier is not None:
            self._copier.cancel()
            await asyncio.gather(self._copier, return_exceptions=True)

    async def take(self, events: Sequence[Happened]) -> Receipt:
        """The events are on disk, and those whose id is known only once.

        Raises:
            Unavailable: Nothing of it is kept; the same call may succeed later.
        """
        hashes = [hashed(PAYLOAD, each.kind, each.key, each.id) if each.id else 0 for each in events]

        def pack(wanted: Sequence[bool]) -> bytes:
            return _ENCODER.encode([each for each, is_new in zip(events, wanted, strict=True) if is_new])

        is_new = await self.logs.intake.put(PAYLOAD, pack, hashes) if events else []
        return Receipt(sum(is_new), len(is_new) - sum(is_new))

    async def copy(self) -> int:
        """What the event log has and the warehouse not yet is events now, each once; how many.

        Raises:
            Unavailable: The state or the warehouse cannot be used.
        """
        epoch = await self._database.write(epoch_of)
        return sum([await self._copy_room(party, room, epoch) for party, room in COPIED])

    async def _copy_room(self, party: str, room: str, epoch: str) -> int:
        key, copied = (party, room), 0
        position = await self.logs.warehouse.read(partial(_position, key=key, epoch=epoch))
        while True:
            extent = await self._database.read(partial(room_records.extent_of, key=key))
            after = max(position, extent.oldest_seq - 1)
            position = min(after + AT_ONCE, extent.last_seq)
            if position <= after:
                return copied
            found = await self._database.read(
                partial(room_records.events_between, key=key, after=after, until=position)
            )
            rows = [_happened(each) for each in found if each.message.type in COPIED_TYPES]
            await self.logs.warehouse.write(partial(_keep_copied, key=key, epoch=epoch, seq=position, rows=rows))
            copied += len(rows)

    async def _copy_always(self) -> None:
        while True:
            await asyncio.sleep(COPY_INTERVAL_S)
            try:
                await self.copy()
            except Unavailable as error:
                log.info("events: nothing is copied now: %s", error.message)
            except Exception:  # border: a loop in the background goes on whatever happens
                log.exception("events: nothing could be copied")


def _happened(event: Event) -> Happened:
    said = event.message
    return Happened(said.type, said.timestamp_ms * 1000, said.room, said.data.decode())


def _keep_copied(connection: Connection, *, key: RoomKey, epoch: str, seq: int, rows: Sequence[Happened]) -> None:
    if rows:
        now_us = microseconds(datetime.now(UTC))
        insert(connection, [(now_us, each) for each in rows])
    connection.execute("INSERT OR REPLACE INTO event_position VALUES (?, ?, ?, ?)", [*key, epoch, seq])


def _position(connection: Connection, *, key: RoomKey, epoch: str) -> int:
    found = connection.execute(
        "SELECT seq FROM event_position WHERE party = ? AND room = ? AND epoch = ?", [*key, epoch]
    ).fetchone()
    return 0 if found is None else int(found[0])
