"""A room for scripts and notebooks: iterate, or give a callback; the reconnecting happens behind it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Any, Self

from websockets.exceptions import WebSocketException

from vibeworkbench.client import displays
from vibeworkbench.client.discovery import Address
from vibeworkbench.client.errors import ClientError, Unreachable
from vibeworkbench.client.rooms.membership import Membership, Place
from vibeworkbench.client.rooms.model import Connection, History, Message, Timing

WAITING_MESSAGES = 10_000
"""Messages kept for a reader who is behind; then the connection is read no further, and nothing is lost."""

_log = logging.getLogger(__name__)


class RoomSubscription:
    """A room, joined and kept joined until ``close()``. Also a context manager.

    Every recorded message comes once and in order, over reconnects and server restarts; where the server no longer has
    what was missed, a ``gap`` and a ``snapshot`` come instead.

    Args:
        address: The server.
        party: First part of the room's name.
        room: Second part.
        since: Place in the history after which to begin; without it a snapshot comes first, then what is new.
        epoch: The epoch that ``since`` belongs to.
        on_message: Gets each message, in a thread of the subscription; then there is nothing to iterate over.
        on_connection: Gets the connection at each change.
        timing: Intervals other than the usual ones.
    """

    def __init__(  # noqa: PLR0913 - keyword arguments of a public call, each with its own meaning
        self,
        address: Address,
        party: str,
        room: str,
        *,
        since: int | None = None,
        epoch: str | None = None,
        on_message: Callable[[Message], object] | None = None,
        on_connection: Callable[[Connection], object] | None = None,
        timing: Timing | None = None,
    ) -> None:
        self.party, self.room = party, room
        self._on_message, self._on_connection = on_message, on_connection
        self._waiting: deque[Message] = deque()
        self._changed = threading.Condition()
        self._error: ClientError | None = None
        self._is_closed = False
        self._membership = Membership(
            place=Place(address, party, room),
            deliver=self._deliver,
            show=self._show,
            timing=timing or Timing(),
            history=History(epoch=epoch, seq=since),
        )
        self._loop = asyncio.new_event_loop()
        self._space = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=f"room {party}/{room}", daemon=True)
        self._task = self._loop.create_task(self._membership.stay())
        self._thread.start()

    # What callers use

    @property
    def connection(self) -> Connection:
        """How the membership stands now."""
        return self._membership.connection

    @property
    def last_seq(self) -> int | None:
        """The place of the last message that was taken from the server."""
        return self._membership.history.seq

    @property
    def epoch(self) -> str | None:
        """The epoch that ``last_seq`` belongs to."""
        return self._membership.history.epoch

    def wait_joined(self, timeout_s: float | None = 15.0) -> Self:
        """The room is joined, by WebSocket or polling.

        Raises:
            RoomClosed: The server refuses.
            Unreachable: It was not possible in ``timeout_s``; the subscription goes on trying.
        """
        with self._changed:
            done = self._changed.wait_for(lambda: self.connection.transport or self._is_closed, timeout_s)
        self._raise_error()
        if not done:
            why = f": {self.connection.reason}" if self.connection.reason else ""
            raise Unreachable(f"room {self.party}/{self.room} of {self._membership.place.address.url}{why}")
        return self

    def next(self, timeout_s: float | None = None) -> Message | None:
        """The next message; ``None`` when none came in ``timeout_s`` or the subscription is closed.

        Raises:
            RoomClosed: The server closed the room for good.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_closed, timeout_s)
            message = self._waiting.popleft() if self._waiting else None
            if len(self._waiting) == WAITING_MESSAGES // 2:
                self._call(self._space.set)
        if message is None:
            self._raise_error()
        return message

    def __iter__(self) -> Iterator[Message]:
        while True:
            message = self.next()
            if message is None:
                return
            yield message

    def send(self, message: Any, timeout_s: float = 10.0) -> None:
        """``message`` is on its way: text and bytes as they are, everything else as JSON.

        Raises:
            Unreachable: There is no WebSocket now; nothing was sent.
        """
        socket = self._membership.socket
        if socket is None:
            raise Unreachable(f"room {self.party}/{self.room}: not connected now, nothing was sent")
        try:
            asyncio.run_coroutine_threadsafe(socket.send(message), self._loop).result(timeout_s)
        except (OSError, WebSocketException, TimeoutError):
            raise Unreachable(f"room {self.party}/{self.room}: the connection was lost, sending failed") from None

    def close(self) -> None:
        """The room is left; who waits for a message gets none. A second call changes nothing."""
        self._call(self._task.cancel)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        now = self.connection
        rtt = f", {now.rtt_ms:.0f} ms" if now.rtt_ms is not None else ""
        return f"<room {self.party}/{self.room}: {now.quality}{rtt}, last seq {self.last_seq}>"

    def _repr_html_(self) -> str:
        return displays.room_card(self.party, self.room, self.connection, self.last_seq)

    # What runs in the subscription's thread

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        error: ClientError | None = None
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass
        except ClientError as refused:
            error = refused
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()
            self._end(error)

    def _end(self, error: ClientError | None) -> None:
        self._error = error
        self._membership.connection = Connection("closed", reason=str(error) if error else "")
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        self._call_back(self._on_connection, self.connection)

    async def _deliver(self, message: Message) -> None:
        if self._on_message is not None:
            self._call_back(self._on_message, message)
            return
        while len(self._waiting) >= WAITING_MESSAGES:
            self._space.clear()
            await self._space.wait()
        with self._changed:
            self._waiting.append(message)
            self._changed.notify_all()

    def _show(self, connection: Connection) -> None:
        with self._changed:
            self._changed.notify_all()
        self._call_back(self._on_connection, connection)

    def _call_back(self, callback: Callable[[Any], object] | None, value: Any) -> None:
        if callback is None:
            return
        try:
            callback(value)
        except Exception:  # noqa: BLE001 - a stranger's callback must not end the membership that others may read
            _log.exception("a callback of room %s/%s failed", self.party, self.room)

    def _call(self, act: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the membership has ended by itself
            self._loop.call_soon_threadsafe(act)

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error
