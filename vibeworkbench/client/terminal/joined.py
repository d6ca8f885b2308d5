"""A terminal that a thread of its own stays in: what came waits to be read, what is asked is answered."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from websockets.exceptions import ConnectionClosed

from vibeworkbench.client.api import Api
from vibeworkbench.client.errors import ClientError, InputRefused, TerminalEnded, Unreachable
from vibeworkbench.client.rooms.membership import Place
from vibeworkbench.client.rooms.model import Connection, Timing
from vibeworkbench.client.terminal.membership import TerminalMembership
from vibeworkbench.client.terminal.model import Present, Size, TerminalState
from vibeworkbench.client.terminal.output import Output
from vibeworkbench.client.terminal.socket import control

PARTY = "terminal-server"
BUFFER_BYTES = 16 * 2**20
"""Output that may wait unread before the server is told no more that we have it."""
ANSWER_S = 15.0
"""How long a refusal may take; a driver who is asked for the keyboard has ten seconds."""

_log = logging.getLogger(__name__)


class JoinedTerminal:
    """A terminal, joined and kept joined until ``close()``.

    Args:
        api: The server.
        terminal_id: The terminal.
        history: Whether what came before we joined is to be read too: the screen as it is.
        buffer_bytes: Output that may wait unread; beyond it the server holds back, and leaves out what it cannot keep.
        on_message: Gets each control message of the terminal, in a thread of the session.
        on_state: Gets the state when the connection or anything else of it is another.
        timing: Intervals other than the usual ones.
    """

    def __init__(
        self,
        api: Api,
        terminal_id: str,
        *,
        history: bool = False,
        buffer_bytes: int = BUFFER_BYTES,
        on_message: Callable[[Mapping[str, Any]], object] | None = None,
        on_state: Callable[[TerminalState], object] | None = None,
        timing: Timing | None = None,
    ) -> None:
        self.terminal_id = terminal_id
        self._api, self._buffer_bytes = api, buffer_bytes
        self._on_message, self._on_state = on_message, on_state
        self._is_past = not history
        self._past_until: int | None = None
        self._unread: deque[bytes] = deque()
        self._unread_bytes = 0
        self._output = Output()
        self._changed = threading.Condition()
        self._asking, self._reading = threading.RLock(), threading.RLock()
        self._ping_ids = itertools.count(1)
        self._ponged = 0
        self._refusals: list[InputRefused] = []
        self._error: ClientError | None = None
        self._is_closed = False
        self._membership = TerminalMembership(
            place=Place(api.address, PARTY, terminal_id),
            output=self._came,
            hear=self._heard,
            show=self._show,
            timing=timing or Timing(),
        )
        self._loop = asyncio.new_event_loop()
        self._task = self._loop.create_task(self._membership.stay())
        self._thread = threading.Thread(target=self._run, name=f"terminal {terminal_id}", daemon=True)
        self._thread.start()

    # How it stands

    @property
    def state(self) -> TerminalState:
        """How the terminal and the connection stand now."""
        return self._membership.state

    @property
    def connection(self) -> Connection:
        """How we stand with the workbench."""
        return self.state.connection

    @property
    def members(self) -> tuple[Present, ...]:
        """Who is there."""
        return self.state.members

    @property
    def size(self) -> Size:
        """The screen's size, which is the driver's."""
        return self.state.size

    @property
    def member_id(self) -> str:
        """Which of the members we are."""
        return self._membership.member_id

    @property
    def drives(self) -> bool:
        """Whether we are the driver."""
        return self.state.driver == self.member_id

    @property
    def epoch(self) -> str:
        """Which shell's stream this is: a new shell begins a new one."""
        return self._membership.stream.epoch

    @property
    def offset(self) -> int:
        """Bytes of the shell's stream up to here."""
        return self._membership.stream.received or 0

    @property
    def skipped_bytes(self) -> int:
        """What the server left out because we fell behind; the screen as it was then came instead."""
        return self._membership.stream.skipped_bytes

    @property
    def exit_code(self) -> int | None:
        """The shell's exit code, once it has ended and where it is known."""
        return self.state.exit_code

    def wait_joined(self, timeout_s: float | None = 15.0) -> Self:
        """The terminal is joined.

        Raises:
            RoomClosed: The server refuses.
            Unreachable: It was not possible in ``timeout_s``; the session goes on trying.
        """
        if not self._wait(lambda: self.connection.transport, timeout_s):
            why = f": {self.connection.reason}" if self.connection.reason else ""
            raise Unreachable(f"terminal {self.terminal_id} of {self._api.address.url}{why}")
        return self

    def post(self, data: bytes | Mapping[str, Any]) -> None:
        """The bytes, or the control message, are on their way; what becomes of them says ``on_message``.

        Raises:
            Unreachable: There is no connection now; nothing was sent.
        """
        frame = data if isinstance(data, bytes) else control(data)
        socket = self._membership.socket
        if socket is None:
            raise Unreachable(f"terminal {self.terminal_id}: not connected now, nothing was sent")
        asyncio.run_coroutine_threadsafe(_sent(socket, frame), self._loop)

    def close(self) -> None:
        """We have left; the terminal lives on. A second call changes nothing."""
        self._call(self._task.cancel)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(
        self,
        *frames: bytes | Mapping[str, Any],
        until: Callable[[], object] = lambda: True,
        timeout_s: float = ANSWER_S,
    ) -> None:
        """The frames were sent, and a ping behind them came back without a refusal before it; ``until`` holds then."""
        with self._asking:
            self.wait_joined(timeout_s)
            if self.state.has_ended:
                raise TerminalEnded(self.terminal_id, self.exit_code)
            self._refusals.clear()
            ping_id = next(self._ping_ids)
            asked_at = self._membership.connected_at
            for frame in (*frames, {"type": "ping", "id": ping_id}):
                self.post(frame)

            def answered() -> bool:
                is_lost = self._membership.connected_at != asked_at
                return bool(self._refusals or is_lost or (self._ponged >= ping_id and until()))

            done = self._wait(answered, timeout_s)
            if self._refusals:
                raise self._refusals.pop(0)
            if not done or self._membership.connected_at != asked_at:
                lost = "no answer came" if not done else "the connection was lost"
                raise Unreachable(f"terminal {self.terminal_id}: {lost}; whether it was done is not known")

    # What runs in the session's thread

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
            self._membership.closed(str(error) if error else "")
            with self._changed:
                self._error, self._is_closed = error, True
                self._changed.notify_all()
            self._call_back(self._on_state, self.state)

    def _came(self, data: bytes) -> None:
        fresh = self._fresh(data)
        with self._changed:
            if fresh:
                self._unread.append(fresh)
                self._unread_bytes += len(fresh)
                self._changed.notify_all()
        self._parsed()

    def _fresh(self, data: bytes) -> bytes:
        """The bytes without those that came before we joined."""
        if not self._is_past:
            return data
        past = max(0, (self._past_until or 0) - (self.offset - len(data)))
        self._is_past = past >= len(data)
        return data[past:]

    def _parsed(self) -> None:
        self._membership.parsed(self.offset - max(0, self._unread_bytes - self._buffer_bytes))

    def _heard(self, message: Mapping[str, Any]) -> None:
        kind = message.get("type")
        with self._changed:
            if kind == "pong" and isinstance(message.get("id"), int):
                self._ponged = max(self._ponged, int(message["id"]))
            elif kind == "error":
                self._refusals.append(InputRefused(str(message.get("code")), str(message.get("message") or "")))
            elif kind == "hello":
                if self._past_until is None:
                    self._past_until = int(message.get("head") or 0)
                else:
                    self._is_past = False
            self._changed.notify_all()
        self._call_back(self._on_message, message)
        if kind not in {"pong", "error", "sync", "skip", "rtt"}:
            self._call_back(self._on_state, self.state)

    def _show(self, state: TerminalState) -> None:
        with self._changed:
            self._changed.notify_all()
        self._call_back(self._on_state, state)

    def _call_back(self, callback: Callable[[Any], object] | None, value: Any) -> None:
        if callback is None:
            return
        try:
            callback(value)
        except Exception:  # noqa: BLE001 - a stranger's callback must not end the membership that others may read
            _log.exception("a callback of terminal %s failed", self.terminal_id)

    # Between the threads

    def _pull(self) -> None:
        """All that came is in the output."""
        while data := self._next_bytes():
            self._output.feed(data)

    def _next_bytes(self) -> bytes:
        with self._changed:
            if not self._unread:
                return b""
            data = self._unread.popleft()
            was_too_much = self._unread_bytes > self._buffer_bytes
            self._unread_bytes -= len(data)
        if was_too_much:
            self._call(self._parsed)
        return data

    def _wait(self, predicate: Callable[[], object], timeout_s: float | None, *, or_closed: bool = False) -> bool:
        """Whether it holds, at the latest after ``timeout_s``."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or predicate(), timeout_s)
            holds = bool(predicate()) or (or_closed and self._is_closed)
        if not holds:
            self._raise_error()
        return holds

    def _call(self, act: Callable[[], object]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: the membership has ended by itself
            self._loop.call_soon_threadsafe(act)

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error


async def _sent(socket: Any, frame: bytes | str) -> None:
    with contextlib.suppress(ConnectionClosed):  # whoever waits for an answer hears that the connection is lost
        await socket.send(frame)
