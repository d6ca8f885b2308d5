"""The warehouse: one DuckDB file with what comes in masses, and its one door.

One process owns the file. One thread writes, each transaction whole or not at all; each reader has a cursor of its own.
Where the file is held by another process, or damaged, the warehouse says so and is asked for again; whoever writes to
it keeps what it has until then (see ``vibeworkbench.logs.spool``).

Source: DuckDB's documentation, pages "Concurrency" (one process writes; within it, a cursor for each thread), "Pragmas"
(checkpoint) and "Securing DuckDB" (external access, locked configuration).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import duckdb

from vibeworkbench.errors import Unavailable
from vibeworkbench.settings import WarehouseSettings

T = TypeVar("T")

FILE = "warehouse.duckdb"
ROW_GROUP = 122_880
"""Rows that DuckDB compresses together."""
STORAGE_VERSION = "v1.4.0"
"""Version of the file's format: later versions of DuckDB leave it as it is, and earlier ones can read it."""
HELD = "another process holds the warehouse: what comes in is kept until it lets go"
DAMAGED = (
    "the warehouse is damaged: what comes in is kept; move warehouse.duckdb and warehouse.duckdb.wal out of the data "
    "directory, or put a copy in their place"
)
TOO_SLOW = "The query took too long and was stopped."
LATER = "a later version of this program has made the warehouse: what comes in is kept until that version runs again"

log = logging.getLogger(__name__)

Connection = duckdb.DuckDBPyConnection


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of one subsystem, as steps that are each done once.

    Attributes:
        part: The subsystem.
        steps: SQL that makes version 1, 2, … out of the one before. A step that was released is never changed.
    """

    part: str
    steps: tuple[str, ...]


class LaterVersion(Exception):
    """The file has tables of a later version than this code knows."""


class Warehouse:
    """The file, its writer and its readers.

    Args:
        path: Where the file is, or will be.
        settings: Limits and intervals.
        tables: The tables of every subsystem that keeps some.
    """

    def __init__(self, *, path: Path, settings: WarehouseSettings, tables: Sequence[Tables] = ()) -> None:
        self.settings = settings
        self.problem = "it is not open yet"
        self._path = path
        self._tables = (*tables,)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="vw-warehouse")
        self._readers = ThreadPoolExecutor(settings.readers, thread_name_prefix="vw-query")
        self._connection: Connection | None = None
        self._door = threading.Lock()
        self._asked = 0
        self._readings: set[_Reading[Any]] = set()
        self._is_closed = False
        self._is_changed = False
        self._keeper: asyncio.Task[None] | None = None
        self._lost = asyncio.Event()
        """The file had to be closed, and whoever keeps it has not heard of it yet."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opened: list[Callable[[], None]] = []
        self._gone: list[Callable[[], None]] = []
        self._checkpointed: list[Callable[[], None]] = []

    # Opening and closing

    async def start(self) -> None:
        """The file is open, or ``problem`` says why it is not, and then it is asked for again and again."""
        self._loop = asyncio.get_running_loop()
        await self._run(self._writer, self._open)
        self._keeper = asyncio.create_task(self._keep(), name="warehouse")

    async def stop(self) -> None:
        """Readers are stopped, what was written is in the file, and it is free for others."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
        self._is_closed = True
        for reading in self._readings:
            reading.stop()
        await asyncio.to_thread(self._readers.shutdown, wait=True, cancel_futures=True)
        await asyncio.get_running_loop().run_in_executor(self._writer, self._close)
        await asyncio.to_thread(self._writer.shutdown)

    def on_open(self, listener: Callable[[], None]) -> None:
        """``listener`` is called, in the writer's thread, each time that the file was opened."""
        self._opened.append(listener)

    def on_close(self, listener: Callable[[], None]) -> None:
        """``listener`` is called, in the writer's thread, each time that the file had to be closed after an error."""
        self._gone.append(listener)

    def on_checkpoint(self, listener: Callable[[], None]) -> None:
        """``listener`` is called, in the writer's thread, each time that all that was written stands in the file."""
        self._checkpointed.append(listener)

    def _open(self) -> None:
        try:
            connection = duckdb.connect(str(self._path), config=self._configuration())
        except duckdb.Error as error:
            self._say(_problem_of(error), error)
            return
        try:
            _bring_up(connection, self._tables)
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
        except LaterVersion as error:
            connection.close()
            self._say(LATER, error)
            return
        except duckdb.Error as error:
            connection.close()
            self._say(_problem_of(error), error)
            return
        self._connection, self.problem, self._is_changed = connection, "", True
        self._close_to_others()
        for listener in self._opened:
            listener()

    def _say(self, problem: str, error: Exception) -> None:
        if problem != self.problem:
            log.error("warehouse: %s (%s)", problem, error)
        self.problem = problem

    def _configuration(self) -> dict[str, str | bool | int | float | list[str]]:
        settings = self.settings
        return {
            "storage_compatibility_version": STORAGE_VERSION,
            "memory_limit": f"{settings.memory_bytes}B",
            "threads": str(settings.threads),
            "temp_directory": f"{self._path}.tmp",
            "max_temp_directory_size": f"{settings.temporary_bytes}B",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }

    def _close_to_others(self) -> None:
        for path in (self._path, self._path.with_suffix(".duckdb.wal")):
            with contextlib.suppress(FileNotFoundError):
                path.chmod(0o600)  # DuckDB makes it as the umask says

    def _close(self) -> None:
        if self._connection is not None:
            self._fold()
            self._connection.close()
            self._connection = None
        self.problem = "it is closed: the server is stopping"

    async def _keep(self) -> None:
        settings = self.settings
        while True:
            if self._connection is None:
                await asyncio.sleep(settings.reopen_interval_s)
            else:
                await self._lost_within(settings.checkpoint_interval_s)
            with contextlib.suppress(Unavailable):  # its problem is said, and it is tried again
                await self._run(self._writer, self._open if self._connection is None else self._fold)

    async def _lost_within(self, interval_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(interval_s):
                await self._lost.wait()
        self._lost.clear()

    def _fold(self) -> None:
        """CHECKPOINT, if anything was written since the last one."""
        if self._connection is None or not self._is_changed:
            return
        try:
            self._connection.execute("CHECKPOINT")
        except duckdb.TransactionException:  # somebody is at it: the next one will do
            return
        except duckdb.Error as error:
            self._failed(error)
            return
        self._is_changed = False
        self._close_to_others()
        for listener in self._checkpointed:
            listener()

    # Writing

    async def write(self, work: Callable[[Connection], T]) -> T:
        """What ``work`` returned, committed and on disk. One such work at a time; it must not end the transaction.

        Raises:
            Unavailable: The warehouse is not open, or its disk is full; nothing of the work is stored.
        """
        return await self._run(self._writer, lambda: self.write_now(work))

    def write_now(self, work: Callable[[Connection], T]) -> T:
        """Like ``write``, for work that is in the writer's thread already."""
        connection = self._present()
        with self._failures_named():
            connection.execute("BEGIN TRANSACTION")
            try:
                result = work(connection)
                connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(duckdb.Error):  # a failed commit has ended it
                    connection.execute("ROLLBACK")
                raise
        if not self._is_changed:
            self._close_to_others()
        self._is_changed = True
        return result

    async def checkpoint(self) -> None:
        """All that was written stands in the file itself, unless somebody is reading at this moment."""
        await self._run(self._writer, self._fold)

    # Reading

    async def read(self, work: Callable[[Connection], T], limit_s: float | None = None) -> T:
        """What ``work`` returned, on a cursor of its own that sees one instant and can write nothing.

        Args:
            work: Runs in one of the readers' threads.
            limit_s: Seconds after which it is stopped, its wait for a reader included; ``None`` takes the settings'.

        Raises:
            Unavailable: The warehouse is not open, too many queries wait, or this one took too long.
        """
        self._present()
        if self._asked >= self.settings.readers + self.settings.waiting:
            raise Unavailable("Too many queries wait for the warehouse.", retry_after_s=1.0)
        reading = _Reading(self.cursor, work)
        timer = asyncio.get_running_loop().call_later(limit_s or self.settings.query_limit_s, reading.stop)
        self._asked += 1
        self._readings.add(reading)
        try:
            return await self._run(self._readers, reading.run)
        finally:
            timer.cancel()
            reading.stop()  # nobody waits for it any more, if it has not ended
            self._readings.discard(reading)
            self._asked -= 1

    def cursor(self) -> Connection:
        """A new cursor, to be closed by whoever asked for it.

        Raises:
            Unavailable: The warehouse is not open.
        """
        with self._door:
            return self._present().cursor()

    # What both need

    def _present(self) -> Connection:
        connection = self._connection
        if connection is None:
            problem = f"The warehouse cannot be used: {self.problem}."
            raise Unavailable(problem, retry_after_s=self.settings.reopen_interval_s)
        return connection

    async def _run(self, threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        if self._is_closed:
            raise Unavailable("The warehouse is closed: the server is stopping.")
        return await asyncio.get_running_loop().run_in_executor(threads, work)

    @contextlib.contextmanager
    def _failures_named(self) -> Iterator[None]:
        try:
            yield
        except duckdb.Error as error:
            self._failed(error)
            raise

    def _failed(self, error: duckdb.Error) -> None:
        """What DuckDB says of its file or disk becomes ``Unavailable``; after a fatal error it is opened anew.

        Raises:
            Unavailable: The disk is full or does not answer, or the warehouse had to be closed.
        """
        if isinstance(error, duckdb.FatalException | duckdb.InternalException):
            log.error("warehouse: closed after an error: %s", error)
            if self._connection is not None:
                with contextlib.suppress(duckdb.Error):
                    self._connection.close()
            self._connection, self.problem = None, "it had to be closed, and is opened anew"
            if self._loop is not None:
                self._loop.call_soon_threadsafe(self._lost.set)
            for listener in self._gone:
                listener()
            raise Unavailable("The warehouse had to be closed, and is opened anew.") from error
        if isinstance(error, duckdb.IOException | duckdb.OutOfMemoryException):
            reason = "the disk is full" if "space" in str(error) else "its disk or memory does not suffice"
            log.error("warehouse: %s: %s", reason, error)
            raise Unavailable(f"The warehouse cannot be used: {reason}.", reason=reason, retry_after_s=5.0) from error


class _Reading(Generic[T]):
    """One read under way, which can be stopped from another thread."""

    def __init__(self, cursor: Callable[[], Connection], work: Callable[[Connection], T]) -> None:
        self._open_cursor = cursor
        self._work = work
        self._lock = threading.Lock()
        self._cursor: Connection | None = None
        self._is_stopped = False

    def run(self) -> T:
        """The work's result.

        Raises:
            Unavailable: It was stopped.
        """
        cursor = self._open_cursor()
        with self._lock:
            self._cursor = cursor
        try:
            if self._is_stopped:
                raise Unavailable(TOO_SLOW)
            cursor.execute("BEGIN TRANSACTION READ ONLY")
            return self._work(cursor)
        except duckdb.InterruptException:
            raise Unavailable(TOO_SLOW) from None
        finally:
            with self._lock:
                self._cursor = None
                cursor.close()

    def stop(self) -> None:
        """The query ends soon."""
        with self._lock:
            self._is_stopped = True
            if self._cursor is not None:
                self._cursor.interrupt()


def _problem_of(error: duckdb.Error) -> str:
    text = str(error)
    if "lock on file" in text:
        return HELD
    if isinstance(error, duckdb.IOException) and ("space" in text or "Permission" in text or "Cannot open" in text):
        return "its file cannot be opened or written"
    return DAMAGED


def _bring_up(connection: Connection, tables: Sequence[Tables]) -> None:
    connection.execute("CREATE TABLE IF NOT EXISTS table_version (part VARCHAR PRIMARY KEY, version INTEGER NOT NULL)")
    present = dict(connection.execute("SELECT part, version FROM table_version").fetchall())
    for each in tables:
        version = present.get(each.part, 0)
        if version > len(each.steps):
            raise LaterVersion(f"{each.part}: {version}, known are {len(each.steps)}")
        for number, step in enumerate(each.steps[version:], version + 1):
            connection.execute("BEGIN TRANSACTION")
            connection.execute(step)
            connection.execute("INSERT OR REPLACE INTO table_version VALUES (?, ?)", [each.part, number])
            connection.execute("COMMIT")
