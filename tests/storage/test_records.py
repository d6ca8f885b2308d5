"""Transactions and the event log on a real database."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.databases import sqlite_only, url_of
from vibeworkbench.errors import Unavailable
from vibeworkbench.storage import dialects, schema
from vibeworkbench.storage.records import Database, Event, Message, epoch_of, event, room_log
from vibeworkbench.storage.retention import BATCH_MESSAGES, Kept, forget


def opened(path: Path, busy_timeout_s: float = 5.0) -> Database:
    engine = dialects.open_engine(url_of(path / "state.db"), busy_timeout_s)
    schema.upgrade(engine)
    return Database(engine)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = opened(tmp_path)
    yield found
    found.close()


def message(n: int, room: str = "a", at_ms: int = 1000) -> Message:
    return Message("ledger", room, "note", at_ms, b'{"n":%d}' % n)


async def test_messages_get_their_seq_in_the_commit(database: Database) -> None:
    """Each room counts for itself, in the order in which things were said."""
    events = await database.record([message(0), message(1, "b"), message(2), message(3)])
    assert [(each.message.room, each.seq) for each in events] == [("a", 1), ("b", 1), ("a", 2), ("a", 3)]
    assert [each.seq for each in await database.record([message(4), message(5, "b")])] == [4, 2]


async def test_listener_hears_commits_in_order_before_the_caller_goes_on(database: Database) -> None:
    """Concurrent writers' events arrive by ``seq``, each before its writer continues."""
    heard: list[int] = []

    def listen(events: Sequence[Event]) -> None:
        heard.extend(each.seq for each in events)

    database.listen(listen)

    async def write(n: int) -> None:
        (said,) = await database.record([message(n)])
        assert said.seq in heard

    await asyncio.gather(*(write(n) for n in range(50)))
    assert heard == list(range(1, 51))


async def test_rolled_back_is_never_said(database: Database) -> None:
    """Work that raises leaves no row, no message and no hole in ``seq``."""
    heard: list[Event] = []
    database.listen(heard.extend)

    def failing(transaction: Any) -> None:
        transaction.say(message(1))
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.write(failing)
    (said,) = await database.record([message(2)])
    assert said.seq == 1
    assert [each.message.data for each in heard] == [b'{"n":2}']


async def test_reads_see_one_instant(database: Database) -> None:
    """A read transaction does not see what is committed while it runs, and holds up no writer."""
    count = sa.select(sa.func.count()).select_from(event)

    def read(connection: sa.Connection) -> tuple[int, int]:
        before = connection.execute(count).scalar_one()
        database.write_now(lambda transaction: transaction.say(message(1)))
        return before, connection.execute(count).scalar_one()

    assert await database.read(read) == (0, 0)
    assert await database.read(lambda connection: connection.execute(count).scalar_one()) == 1


@sqlite_only
async def test_busy_database_is_unavailable(tmp_path: Path) -> None:
    """Another process's lock is passing trouble with a reason and a time to come back; then all works again."""
    database = opened(tmp_path, busy_timeout_s=0.05)
    other = sa.create_engine(database.engine.url)
    with other.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable) as refused:
            await database.record([message(1)])
        connection.rollback()
    assert refused.value.attributes["reason"] == "another process holds its lock"
    assert str(tmp_path) not in refused.value.message
    assert [each.seq for each in await database.record([message(1)])] == [1]
    other.dispose()
    database.close()


@sqlite_only
async def test_full_disk_is_unavailable(database: Database) -> None:
    """A database that may not grow refuses and keeps what it has."""
    await database.record([message(0)])

    def shrink(transaction: Any) -> None:
        transaction.connection.exec_driver_sql("PRAGMA max_page_count = 1")

    await database.write(shrink)
    with pytest.raises(Unavailable) as refused:
        await database.record([Message("ledger", "a", "note", 1, b'"' + b"x" * 1_000_000 + b'"')])
    assert refused.value.attributes["reason"] == "the disk is full"
    assert await database.read(lambda c: c.execute(sa.select(sa.func.count()).select_from(event)).scalar_one()) == 1


async def test_closed_database_is_unavailable(tmp_path: Path) -> None:
    """After ``close`` work is refused, not lost silently."""
    database = opened(tmp_path)
    database.close()
    with pytest.raises(Unavailable):
        await database.record([message(1)])


async def test_epoch_is_drawn_once(tmp_path: Path) -> None:
    """The epoch survives a restart; another database has another one."""
    first = opened(tmp_path)
    epoch = await first.write(epoch_of)
    assert await first.write(epoch_of) == epoch
    first.close()
    again, other = opened(tmp_path), opened(tmp_path.parent)
    assert await again.write(epoch_of) == epoch
    assert await other.write(epoch_of) != epoch
    again.close()
    other.close()


WRITER = """
import sys
from vibeworkbench.storage import dialects
from vibeworkbench.storage.records import Database, Message
database = Database(dialects.open_engine(sys.argv[1], 15.0))
n = 0
while True:
    n += 1
    def work(transaction):
        for part in range(3):
            transaction.say(Message("ledger", "a", "note", n, b'{"n":%d,"part":%d}' % (n, part)))
    database.write_now(work)
    print(n, flush=True)
"""


@pytest.mark.parametrize("acknowledged", [1, 7, 40])
async def test_killed_writer_leaves_whole_transactions(tmp_path: Path, acknowledged: int) -> None:
    """After SIGKILL all that was acknowledged is there, nothing in part, and ``seq`` goes on without a hole."""
    opened(tmp_path).close()
    command = [sys.executable, "-c", WRITER, url_of(tmp_path / "state.db")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:  # noqa: ASYNC220 - starts at once
        assert writer.stdout is not None
        while int(writer.stdout.readline()) < acknowledged:
            pass
        os.kill(writer.pid, signal.SIGKILL)
    database = opened(tmp_path)
    rows = await database.read(lambda c: c.execute(sa.select(event.c.seq, event.c.data).order_by(event.c.seq)).all())
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    assert len(rows) % 3 == 0
    assert len(rows) >= 3 * acknowledged
    assert (await database.record([message(0)]))[0].seq == len(rows) + 1
    database.close()


async def test_two_processes_share_the_counter(tmp_path: Path) -> None:
    """Two servers on one database draw each ``seq`` once."""
    one, two = opened(tmp_path), opened(tmp_path)
    results = await asyncio.gather(*(db.record([message(n)]) for n in range(40) for db in (one, two)))
    assert sorted(events[0].seq for events in results) == list(range(1, 81))
    one.close()
    two.close()


async def kept_seqs(database: Database, room: str) -> list[int]:
    query = sa.select(event.c.seq).join(room_log).where(room_log.c.room == room).order_by(event.c.seq)
    return list(await database.read(lambda connection: connection.execute(query).scalars().all()))


async def test_retention_by_count_and_age(database: Database) -> None:
    """A room keeps its newest messages; what is older than the limit goes, oldest first, and ``oldest_seq`` says so."""
    await database.record([message(n, "many") for n in range(10)])
    await database.record([message(n, "old", at_ms=n * 100) for n in range(10)])
    await database.record([message(n, "young", at_ms=900) for n in range(3)])
    kept = await database.write(lambda tx: forget(tx, before_ms=500, keep_messages=4))
    assert sorted(kept, key=lambda each: each.room) == [Kept("ledger", "many", 7), Kept("ledger", "old", 7)]
    assert await kept_seqs(database, "many") == [7, 8, 9, 10]
    assert await kept_seqs(database, "old") == [7, 8, 9, 10]
    assert await kept_seqs(database, "young") == [1, 2, 3]
    assert await database.write(lambda tx: forget(tx, before_ms=500, keep_messages=4)) == []


async def test_retention_leaves_no_hole_when_the_clock_stepped_back(database: Database) -> None:
    """A message that looks old behind a young one stays: what is kept is one unbroken tail."""
    await database.record([message(n, at_ms=at) for n, at in enumerate([100, 900, 200, 900])])
    await database.write(lambda tx: forget(tx, before_ms=500, keep_messages=100))
    assert await kept_seqs(database, "a") == [2, 3, 4]


async def test_retention_may_forget_all_and_seq_goes_on(database: Database) -> None:
    """An empty room remembers where its ``seq`` stands."""
    await database.record([message(n) for n in range(5)])
    assert await database.write(lambda tx: forget(tx, before_ms=9_999, keep_messages=100)) == [Kept("ledger", "a", 6)]
    assert (await database.record([message(6)]))[0].seq == 6


async def test_retention_is_cut_in_pieces(database: Database) -> None:
    """One call forgets a bounded number, so that no writer waits long; the next call goes on."""
    await database.record([message(n) for n in range(BATCH_MESSAGES + 10)])
    oldest = []
    while kept := await database.write(lambda tx: forget(tx, before_ms=9_999, keep_messages=100)):
        oldest.append(kept[0].oldest_seq)
    assert oldest == [BATCH_MESSAGES + 1, BATCH_MESSAGES + 11]
