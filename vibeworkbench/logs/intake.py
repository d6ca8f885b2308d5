"""The way of everything that comes in masses: on disk before it is acknowledged, in the warehouse soon after, once.

What arrived stands in the spool; a batch of it enters the warehouse in one transaction together with the position up to
which the spool was read. Killed before the commit, the batch is taken again; killed after it, the position says so.
What stands in frames is the business of keepers, one for each kind of payload.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from vibeworkbench.errors import Unavailable, WorkbenchError
from vibeworkbench.logs.frames import Frame, encoded
from vibeworkbench.logs.lasting import Lasting
from vibeworkbench.logs.places import POSITION, Place, opens, position_of
from vibeworkbench.logs.spool import Spool, Taken
from vibeworkbench.logs.window import Window, packed
from vibeworkbench.settings import LogSettings
from vibeworkbench.storage.warehouse import ROW_GROUP, Connection, Tables, Warehouse

DIRECTORY = "spool"
REFUSED_FILE = "refused"
SPOOLS = 16
"""Servers on one data directory: each has a spool of its own."""
BATCH_BYTES = 48 * 2**20
"""What enters the warehouse in one transaction, about."""
BATCH_RECORDS = 2 * ROW_GROUP
"""The most that enters the warehouse in one transaction. Row groups of its own, nearly full ones, are written once; a
few rows more, and DuckDB puts the row groups before and behind them together, which is writing them once more."""
STOP_S = 10.0
"""How long a server that stops goes on filling the warehouse; what is left waits in the spool."""

TABLES = Tables("spool", ("CREATE TABLE spool_position (spool VARCHAR PRIMARY KEY, position BIGINT NOT NULL)",))

log = logging.getLogger(__name__)


class Keeper(Protocol):
    """Puts one kind of payload into the warehouse."""

    payload: str
    """The kind of payload."""

    def load(self, connection: Connection) -> None:
        """What the keeper has in memory agrees with the warehouse, whatever it was before."""
        ...

    def store(self, connection: Connection, frames: Sequence[Frame]) -> Any:
        """The frames' content is in the warehouse once the transaction under way commits.

        Runs in the writer's thread. When the transaction fails, ``load`` comes before the next ``store``.
        """
        ...

    def stored(self, told: Any) -> None:
        """What ``store`` returned is committed; called on the event loop."""
        ...


class Intake:
    """The spool, the remembered ids, and the way into the warehouse.

    Args:
        directory: The data directory.
        warehouse: Where everything goes.
        settings: Limits and intervals.
        keepers: One for each kind of payload.
    """

    def __init__(
        self, *, directory: Path, warehouse: Warehouse, settings: LogSettings, keepers: Iterable[Keeper]
    ) -> None:
        self.warehouse = warehouse
        self.settings = settings
        self.problem = ""
        self.refused_frames = 0
        self.damaged_bytes = 0
        self._root = directory / DIRECTORY
        self._spool = self._spool_at(1)
        self._window = Window(int(settings.id_window_s * 1e6), settings.id_window_records)
        self._window_lock = threading.Lock()
        self._keepers: Mapping[str, Keeper] = {each.payload: each for each in keepers}
        self._pending: dict[int, asyncio.Future[None]] = {}
        self._own = Place(self._spool)
        self._left: list[Place] = []
        self._is_stale = True
        self.lasting = Lasting()
        self._lock = asyncio.Lock()
        self._wanted = asyncio.Event()
        self._drainer: asyncio.Task[None] | None = None
        warehouse.on_open(self._attach)
        warehouse.on_close(self._give_back)
        warehouse.on_checkpoint(self._forget)

    def add(self, keeper: Keeper) -> None:
        """One more kind of payload is known; before :meth:`start`."""
        self._keepers = {**self._keepers, keeper.payload: keeper}

    def _spool_at(self, number: int) -> Spool:
        settings = self.settings
        directory = self._root / str(number)
        return Spool(directory, segment_bytes=settings.segment_bytes, limit_bytes=settings.spool_bytes)

    # Starting and stopping

    async def start(self) -> None:
        """What arrives is kept, also while the warehouse cannot be used; ``problem`` says why if it is not."""
        await asyncio.to_thread(self._open)
        self._drainer = asyncio.create_task(self._drain_always(), name="drain")

    def _open(self) -> None:
        try:
            for number in range(1, SPOOLS + 1):
                self._spool = self._spool_at(number)
                if self._spool.open():
                    break
            else:
                self.problem = f"{SPOOLS} servers use this data directory already"
                return
            self._own = Place(self._spool)
            for newest_us, ids in self._spool.ids():
                self._window.recall(newest_us, ids)
        except OSError as error:
            self.problem = error.strerror or "the spool cannot be opened"
            log.exception("spool: it cannot be opened")

    async def stop(self) -> None:
        """What arrived is in the warehouse, or waits in the spool; no more is taken."""
        if self._drainer is not None:
            self._drainer.cancel()
            await asyncio.wait({self._drainer})
        try:
            async with asyncio.timeout(STOP_S):
                await self.drained()
        except (TimeoutError, WorkbenchError) as error:
            log.warning("spool: what is left waits for the next start: %s", error)
        for place in (self._own, *self._left):
            await asyncio.to_thread(place.spool.close)

    # Putting

    async def put(
        self, kind: str, pack: Callable[[Sequence[bool]], bytes], hashes: Sequence[int] = (), *, is_bare: bool = True
    ) -> list[bool]:
        """What is new of some records is on disk.

        Args:
            kind: The payload's kind.
            pack: Makes the payload of the records that are new, in a thread: gets for each of ``hashes`` whether.
            hashes: The hash of each record's id (see :mod:`vibeworkbench.logs.window`), 0 for those without one.
            is_bare: Whether nothing is to be put when no record is new.

        Returns:
            For each of ``hashes``, whether it was new. Those that were not are on disk as well.

        Raises:
            Unavailable: Nothing of it is kept; the same call may succeed later.
        """
        # A caller who goes away takes nothing back: what becomes of the frame is told to others, and remembered.
        return await self.lasting.done(self._put(kind, pack, hashes, is_bare=is_bare))

    async def _put(
        self, kind: str, pack: Callable[[Sequence[bool]], bytes], hashes: Sequence[int], *, is_bare: bool
    ) -> list[bool]:
        if self.problem:
            raise Unavailable(f"Records cannot be kept: {self.problem}.")
        is_new, earlier = self._judged(hashes)
        drawn = [each for each, new in zip(hashes, is_new, strict=True) if new and each]
        if any(is_new) or not is_bare:
            await self._kept(kind, pack, is_new, drawn)
        for each in earlier:
            await each
        return is_new

    def _judged(self, hashes: Sequence[int]) -> tuple[list[bool], set[asyncio.Future[None]]]:
        """Of each hash, whether it is new, and the commits under way that others depend on."""
        if not any(hashes):
            return [True] * len(hashes), set()
        earlier: set[asyncio.Future[None]] = set()
        seen: set[int] = set()
        is_new: list[bool] = []
        with self._window_lock:  # the writer's thread forgets
            known = self._window.known(hashes)
        for each, is_known in zip(hashes, known, strict=True):
            if each in self._pending:
                earlier.add(self._pending[each])
            is_new.append(not each or not (is_known or each in self._pending or each in seen))
            seen.add(each)
        return is_new, earlier

    async def _kept(
        self, kind: str, pack: Callable[[Sequence[bool]], bytes], is_new: Sequence[bool], drawn: Sequence[int]
    ) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pending.update(dict.fromkeys(drawn, done))
        now_us = time.time_ns() // 1000
        ids = packed(drawn)
        try:
            put = await asyncio.to_thread(lambda: self._spool.put(Frame(kind, now_us, ids, pack(is_new), sum(is_new))))
            await asyncio.wrap_future(put)
            with self._window_lock:
                self._window.add(drawn, now_us)
            done.set_result(None)
        except BaseException as error:
            failed = error if isinstance(error, Unavailable) else Unavailable("These records were not kept.")
            done.set_exception(failed)
            done.exception()  # retrieved: most of the time, nobody else waits for it
            raise
        finally:
            for each in drawn:
                self._pending.pop(each, None)
        if self._spool.pending_bytes > BATCH_BYTES:
            self._wanted.set()

    # Draining

    @property
    def pending_bytes(self) -> int:
        """Size of what is not in the warehouse yet."""
        return self._spool.pending_bytes

    @property
    def spool_problem(self) -> str:
        """Why nothing is taken; empty when all is well."""
        return self.problem or self._spool.problem

    async def drained(self) -> None:
        """All that was acknowledged before this call is in the warehouse.

        Raises:
            Unavailable: The warehouse cannot be used.
        """
        if self._own.position is None:
            await self.warehouse.write(lambda _connection: None)  # behind its opening, which finds what others left
        places = [(place, place.spool.head) for place in (self._own, *self._left)]
        for place, target in places:
            while place.position is None or place.position < target:
                # A caller who goes away stops no batch: were its end not noted, it would be stored once more.
                await asyncio.shield(self._step_towards(place, target))

    def renew(self) -> None:
        """Keepers load from the warehouse what they have in memory, before they store anything more."""
        self._is_stale = True

    async def _step_towards(self, place: Place, target: int) -> None:
        async with self._lock:
            if place.position is None or place.position < target:
                await self._step(place)

    async def _step(self, place: Place) -> None:
        """One batch is in the warehouse."""
        try:
            end, told = await self.warehouse.write(partial(self._batch, place, BATCH_BYTES))
        except Unavailable:
            self._is_stale = True
            raise
        except Exception:
            log.exception("drain: a batch cannot be stored; its frames are tried one by one")
            end, told = await self._single(place)
        place.position = place.spool.drained = end
        self._is_stale = False
        for keeper, each in told:
            keeper.stored(each)

    async def _single(self, place: Place) -> _Drained:
        self._is_stale = True
        try:
            return await self.warehouse.write(partial(self._batch, place, 1))
        except Unavailable:
            raise
        except Exception:  # border: whatever one frame holds, those behind it must come in
            log.exception("drain: a frame cannot be stored")
            return await self.warehouse.write(partial(self._stepped_over, place))

    def _batch(self, place: Place, limit_bytes: int, connection: Connection) -> _Drained:
        if self._is_stale:
            for keeper in self._keepers.values():
                keeper.load(connection)
        taken = self._taken(place, limit_bytes)
        by_kind: dict[str, list[Frame]] = {}
        for frame in taken.frames:
            by_kind.setdefault(frame.kind, []).append(frame)
        told = [
            (keeper, keeper.store(connection, by_kind[kind]))
            for kind, keeper in self._keepers.items()
            if kind in by_kind
        ]
        for kind in by_kind.keys() - self._keepers.keys():
            self._set_aside(by_kind[kind], f"nobody here keeps {kind}")
        connection.execute(POSITION, [place.spool.id, taken.end])
        return taken.end, told

    def _stepped_over(self, place: Place, connection: Connection) -> _Drained:
        taken = self._taken(place, 1)
        self._set_aside(taken.frames, "the warehouse does not take them")
        connection.execute(POSITION, [place.spool.id, taken.end])
        return taken.end, []

    def _taken(self, place: Place, limit_bytes: int) -> Taken:
        if place.position is None or place.is_given_back:
            raise Unavailable("The warehouse was just opened.")
        taken = place.spool.take(place.position, limit_bytes, BATCH_RECORDS)
        self._note_damage(taken)
        return taken

    def _note_damage(self, taken: Taken) -> None:
        if taken.damaged_bytes:
            self.damaged_bytes += taken.damaged_bytes
            log.error("spool: %d damaged bytes were stepped over", taken.damaged_bytes)

    def _set_aside(self, frames: Sequence[Frame], reason: str) -> None:
        """Frames that the warehouse cannot take stand in a file of their own, for people to look at."""
        self.refused_frames += len(frames)
        log.error("drain: %d frames are set aside: %s", len(frames), reason)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        with os.fdopen(os.open(self._root / REFUSED_FILE, flags, 0o600), "ab") as file:
            file.writelines(encoded(frame) for frame in frames)

    async def _drain_always(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self.settings.drain_interval_s):
                    await self._wanted.wait()
            except TimeoutError:
                pass
            self._wanted.clear()
            if self.warehouse.problem or all(place.is_drained for place in (self._own, *self._left)):
                continue
            try:
                await self.drained()
            except Unavailable as error:
                log.warning("drain: %s", error.message)
            except Exception:  # border: a loop in the background goes on whatever happens
                log.exception("drain: it failed, and is tried again")

    # What the warehouse tells, in its writer's thread

    def _attach(self) -> None:
        self._is_stale = True
        if not self.problem:
            self._left += self._found_left()
        for place in (self._own, *self._left):
            position = self.warehouse.write_now(partial(position_of, place.spool.id))
            place.spool.skip_to(position)
            place.position = place.spool.drained = position

    def _found_left(self) -> list[Place]:
        """Spools of servers that have ended: whoever has the warehouse empties them, before it reads any mark."""
        mine = {place.spool.directory for place in (self._own, *self._left)}
        others = (self._spool_at(number) for number in range(1, SPOOLS + 1))
        left = [each for each in others if each.directory not in mine and opens(each)]
        with self._window_lock:
            for newest_us, ids in (found for each in left for found in each.ids()):
                self._window.recall(newest_us, ids)
        return [Place(each) for each in left]

    def _give_back(self) -> None:
        """Who has no warehouse holds no spool of others: whoever opens it next empties those."""
        for place in self._left:
            place.is_given_back = True
            place.spool.close()
        self._left = []

    def _forget(self) -> None:
        """What stands in the warehouse's file needs no copy in the spool."""
        for place in (self._own, *self._left):
            if place.position is not None:
                place.spool.forget(place.position)
        with self._window_lock:
            remembered_us = self._window.forget(time.time_ns() // 1000)
        self._spool.forget_ids(remembered_us)
        for place in [each for each in self._left if each.is_drained]:
            place.spool.close()
            self._left.remove(place)


_Drained = tuple[int, list[tuple[Keeper, Any]]]
