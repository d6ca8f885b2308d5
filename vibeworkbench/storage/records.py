"""The operational state: one database, short transactions, and the event log whose ``seq`` they draw.

A transaction that changes something also says so: ``transaction.say(message)``. The messages get their ``seq`` inside
the transaction, from a counter row for each room, whose lock makes commit order equal ``seq`` order on every database.
After the commit they are handed to the listener on the event loop, in commit order. What is rolled back was never said.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from vibeworkbench.errors import Unavailable
from vibeworkbench.storage import dialects

T = TypeVar("T")

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

log_epoch = sa.Table(
    "log_epoch",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("epoch", sa.String(32), nullable=False),
)

room_log = sa.Table(
    "room_log",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("party", sa.String(64), nullable=False),
    sa.Column("room", sa.String(256), nullable=False),
    sa.Column("last_seq", sa.BigInteger, nullable=False),
    sa.Column("oldest_seq", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("party", "room"),
)

event = sa.Table(
    "event",
    metadata,
    sa.Column("room_id", sa.Integer, sa.ForeignKey("room_log.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("type", sa.String(64), nullable=False),
    sa.Column("timestamp_ms", sa.BigInteger, nullable=False),
    sa.Column("data", sa.Text, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Message:
    """What is to be said to a recording room.

    Attributes:
        party: First part of the room's address.
        room: Second part.
        type: The message's ``type``.
        timestamp_ms: Unix milliseconds.
        data: JSON text of the message's ``data``, already encoded: it is stored and sent as it is.
    """

    party: str
    room: str
    type: str
    timestamp_ms: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Event:
    """A message that is committed, with its place in the room's history."""

    seq: int
    message: Message


@dataclass(slots=True)
class Transaction:
    """One transaction under way: its connection, and what it will have said once committed."""

    connection: sa.Connection
    _said: list[Message] = field(default_factory=list)

    def say(self, message: Message) -> None:
        """``message`` gets its ``seq`` at the commit of this transaction, or is never said."""
        self._said.append(message)

    def draw(self) -> list[Event]:
        """The said messages with their ``seq``, inserted; called once, just before the commit."""
        by_room: dict[tuple[str, str], list[Message]] = {}
        for message in self._said:
            by_room.setdefault((message.party, message.room), []).append(message)
        drawn = {room: iter(append(self.connection, *room, messages)) for room, messages in sorted(by_room.items())}
        return [next(drawn[message.party, message.room]) for message in self._said]


def _only_say(messages: Sequence[Message]) -> Callable[[Transaction], None]:
    def work(transaction: Transaction) -> None:
        for message in messages:
            transaction.say(message)

    return work


def append(connection: sa.Connection, party: str, room: str, messages: Sequence[Message]) -> list[Event]:
    """``messages`` stand at the end of the room's log, with the next ``seq`` numbers in their order."""
    room_id, last = _advance(connection, party, room, len(messages))
    first = last - len(messages) + 1
    events = [Event(first + index, message) for index, message in enumerate(messages)]
    connection.execute(
        _INSERT_EVENTS,
        [
            {
                "room_id": room_id,
                "seq": each.seq,
                "type": each.message.type,
                "timestamp_ms": each.message.timestamp_ms,
                "data": each.message.data.decode(),
            }
            for each in events
        ],
    )
    return events


# Built once: building them for each commit costs more than the database's own work.
_INSERT_EVENTS = sa.insert(event)
_ADVANCE = (
    sa.update(room_log)
    .where(room_log.c.party == sa.bindparam("of_party"), room_log.c.room == sa.bindparam("of_room"))
    .values(last_seq=room_log.c.last_seq + sa.bindparam("message_count", type_=sa.BigInteger))
    .returning(room_log.c.id, room_log.c.last_seq)
)


def _advance(connection: sa.Connection, party: str, room: str, count: int) -> tuple[int, int]:
    step = {"of_party": party, "of_room": room, "message_count": count}
    row = connection.execute(_ADVANCE, step).one_or_none()
    if row is None:
        dialects.insert_or_ignore(connection, room_log, {"party": party, "room": room, "last_seq": 0, "oldest_seq": 1})
        row = connection.execute(_ADVANCE, step).one()
    return row.id, row.last_seq


class Database:
    """The state's one door: write transactions one after the other, read transactions beside them.

    Work is a plain function of a transaction (or connection) and runs in a thread; the event loop waits for no disk.
    """

    def __init__(self, engine: sa.Engine, readers: int = 2) -> None:
        self.engine = engine
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="vw-write")
        self._readers = ThreadPoolExecutor(readers, thread_name_prefix="vw-read")
        self._listener: Callable[[Sequence[Event]], None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._is_closed = False

    def listen(self, listener: Callable[[Sequence[Event]], None]) -> None:
        """``listener`` gets the events of every later commit, in commit order, on the event loop that calls this."""
        self._listener = listener
        self._loop = asyncio.get_running_loop()

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """What ``work`` returned, committed, and its events handed to the listener before the caller goes on.

        Raises:
            Unavailable: The storage is busy, full or gone; nothing of the work is stored.
        """
        return (await self._run(self._writer, lambda: self._committed(work)))[0]

    async def read(self, work: Callable[[sa.Connection], T]) -> T:
        """What ``work`` returned, seen at one instant of the database."""
        return await self._run(self._readers, lambda: self.read_now(work))

    async def record(self, messages: Sequence[Message]) -> list[Event]:
        """``messages`` are committed in one transaction, and handed to the listener before the caller goes on.

        Raises:
            Unavailable: The storage is busy, full or gone; none of them is stored.
        """
        return (await self._run(self._writer, lambda: self._committed(_only_say(messages))))[1]

    async def _run(self, threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        if self._is_closed:
            raise Unavailable("the storage is closed: the server is stopping")
        return await asyncio.get_running_loop().run_in_executor(threads, work)

    def write_now(self, work: Callable[[Transaction], T]) -> T:
        """Like ``write``, for callers that may wait (the writer thread, migrations, the command line)."""
        return self._committed(work)[0]

    def _committed(self, work: Callable[[Transaction], T]) -> tuple[T, list[Event]]:
        with dialects.storage_failures_named(), self.engine.begin() as connection:
            transaction = Transaction(connection)
            result = work(transaction)
            events = transaction.draw()
        if events and self._listener is not None and self._loop is not None:
            # A loop that is closed has no members left: the event log keeps what they will ask for.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._listener, events)
        return result, events

    def read_now(self, work: Callable[[sa.Connection], T]) -> T:
        """Like ``read``, for callers that may wait."""
        with dialects.storage_failures_named(), dialects.reading(self.engine) as connection:
            return work(connection)

    def close(self) -> None:
        """All work that was taken is done, no more is taken, and the connections are closed."""
        self._is_closed = True
        self._writer.shutdown(wait=True)
        self._readers.shutdown(wait=True)
        self.engine.dispose()


def epoch_of(transaction: Transaction) -> str:
    """The epoch of this database's event log: 32 hexadecimal digits, drawn once, when it is empty."""
    present = sa.select(log_epoch.c.epoch)
    found = transaction.connection.execute(present).scalar_one_or_none()
    if found is None:
        dialects.insert_or_ignore(transaction.connection, log_epoch, {"id": 1, "epoch": uuid.uuid4().hex})
        found = transaction.connection.execute(present).scalar_one()
    return str(found)


def encode(data: Mapping[str, Any] | msgspec.Struct) -> bytes:
    """The JSON text of a message's ``data``."""
    return msgspec.json.encode(data)
