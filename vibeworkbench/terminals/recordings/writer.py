"""The thread that writes all recordings of a server, and the queue before it, which never makes anybody wait."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

from vibeworkbench.terminals.model import Exit, Size
from vibeworkbench.terminals.recordings.batch import Batch
from vibeworkbench.terminals.recordings.track import Track

WAITING_BYTES = 4 * 2**20
"""Most that waits of one terminal: chunks that its ring holds anyway."""

HURRIED_BYTES = 2**20
"""Where more waits, lines that may hold a secret are hidden whole."""

TOGETHER_S = 0.02
"""The writer wakes no more often, so that it takes the interpreter away from others in few long pieces."""

_HOUR_S = 3_600.0
_EVENT_BYTES = 256

_log = logging.getLogger(__name__)


T = TypeVar("T")


class Clock:
    """Unix time that never goes back while the process runs."""

    def __init__(self, now: float) -> None:
        """Args: Unix time now."""
        self._began_at = now - time.monotonic()

    def now(self) -> float:
        """Unix time as it would be without corrections."""
        return self._began_at + time.monotonic()


class Writer:
    """One thread, which does in order what it is given."""

    def __init__(self, clock: Clock, hourly: Callable[[], None]) -> None:
        """Args: the clock of all recordings, what is done in the thread every hour."""
        self.clock = clock
        self.tracks: dict[str, Track] = {}
        """Of the terminals that are recorded at present; the thread's own."""
        self._hourly = hourly
        self._next_hour_at = clock.now() + _HOUR_S
        self._orders: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="vibeworkbench-recordings", daemon=True)

    def start(self) -> None:
        """The thread runs."""
        self._thread.start()

    def stop(self) -> None:
        """All that came is written, and the thread has ended. Waits for it."""
        if self._thread.is_alive():
            self._orders.put(None)
            self._thread.join()

    def do(self, order: Callable[[], None]) -> None:
        """The thread will do this after all that it was given before."""
        self._orders.put(order)

    def ask(self, question: Callable[[], T]) -> Future[T]:
        """The same, and the answer."""
        answer: Future[T] = Future()

        def order() -> None:
            try:
                answer.set_result(question())
            except BaseException as failed:  # noqa: BLE001 - it is the asker's
                answer.set_exception(failed)

        self._orders.put(order)
        return answer

    def _run(self) -> None:
        goes_on = True
        while goes_on:
            goes_on = self._do_orders()
            self._pass_time()
            if goes_on:
                time.sleep(TOGETHER_S)
        for track in self.tracks.values():
            self._guarded(partial(track.close, self.clock.now()))

    def _do_orders(self) -> bool:
        try:
            order = self._orders.get(timeout=self._idle_s())
            while order is not None:
                self._guarded(order)
                self._pass_time()
                order = self._orders.get_nowait()
        except queue.Empty:
            return True
        return False

    def _idle_s(self) -> float:
        dues = (due for track in self.tracks.values() if (due := track.due_at()) is not None)
        return max(0.0, min(dues, default=self._next_hour_at) - self.clock.now())

    def _pass_time(self) -> None:
        now = self.clock.now()
        for track in self.tracks.values():
            if (due := track.due_at()) is not None and due <= now:
                self._guarded(partial(track.pass_time, now))
        if now >= self._next_hour_at:
            self._next_hour_at = now + _HOUR_S
            self._guarded(self._hourly)

    def _guarded(self, order: Callable[[], None]) -> None:
        try:
            order()
        except Exception:  # noqa: BLE001 - one recording's trouble must not end those of all terminals
            _log.exception("a recording failed")


class DiskRecording:
    """A terminal's recording as its room has it: all that happens is handed to the writer.

    Attributes:
        is_closed: Whether nothing is taken any more.
    """

    def __init__(self, writer: Writer, terminal_id: str, track: Track) -> None:
        """Args: who writes, whose recording it is, how it stands in the writer's thread."""
        self._writer = writer
        self._terminal_id = terminal_id
        self._track = track
        self._given_bytes = 0
        self._done_bytes = 0
        self._dropped_bytes = 0
        self._drops = False
        self._head = 0
        self._batch: Batch | None = None
        """What was handed over last, where that is output."""
        self.is_closed = False
        self._hand(self._opened)

    @property
    def problem(self) -> str:
        """Why output is being lost at present, in words for people; empty where all is well."""
        return self._track.problem or ("the disk is slower than the terminal" if self._drops else "")

    @property
    def lost_bytes(self) -> int:
        """Output that is not in the recording and should be."""
        return self._dropped_bytes + self._track.spoiled_bytes

    @property
    def waiting_bytes(self) -> int:
        """What was handed over and is not done."""
        return self._given_bytes - self._done_bytes

    def began(self, shell: str, size: Size) -> None:
        """What follows is the stream of this shell."""
        at, head = self._writer.clock.now(), self._head
        self._hand(lambda: self._track.missed(at, head))
        self._hand(lambda: self._track.began(at, shell, size))
        self._head = 0

    def output(self, data: bytes, offset: int) -> None:
        """The shell said this, or it was counted as lost because too much waits already."""
        end = offset + len(data)
        self._drops = self.waiting_bytes + len(data) > WAITING_BYTES
        if self._drops:
            self._dropped_bytes += len(data)
        else:
            self._keep(data, offset)
        self._head = max(self._head, end)

    def _keep(self, data: bytes, offset: int) -> None:
        at = self._writer.clock.now()
        if self._batch is not None and self._batch.add(at, data, offset):
            self._given_bytes += len(data)
            return
        batch = Batch(at, data, offset, hurried=self.waiting_bytes > HURRIED_BYTES)
        if self._hand(lambda: self._track.output(at, batch.take(), offset, hurried=batch.hurried), batch):
            self._batch = batch

    def resized(self, size: Size) -> None:
        """The screen has this size from now on."""
        at = self._writer.clock.now()
        self._hand(lambda: self._track.resized(at, size))

    def marked(self, label: str) -> None:
        """Something happened that a viewer of the recording wants to find."""
        at = self._writer.clock.now()
        self._hand(lambda: self._track.marked(at, label))

    def ended(self, end: Exit) -> None:
        """The shell ended so."""
        at, head = self._writer.clock.now(), self._head
        self._hand(lambda: self._track.missed(at, head))
        self._hand(lambda: self._track.ended(at, end))

    def close(self) -> None:
        """Nothing follows; what came is on its way to the disk."""
        if not self.is_closed:
            at, head = self._writer.clock.now(), self._head
            self._hand(lambda: self._track.missed(at, head))
            self.is_closed = True
            self._writer.do(self._ended)

    def _opened(self) -> None:
        self._writer.tracks[self._terminal_id] = self._track

    def _ended(self) -> None:
        self._track.close(self._writer.clock.now())
        if self._writer.tracks.get(self._terminal_id) is self._track:
            del self._writer.tracks[self._terminal_id]

    def _hand(self, order: Callable[[], None], batch: Batch | None = None) -> bool:
        """Small events are given even where output no longer is, up to twice the limit."""
        self._batch = None
        if self.is_closed or self.waiting_bytes > 2 * WAITING_BYTES:
            return False
        self._given_bytes += _EVENT_BYTES if batch is None else batch.count

        def done() -> None:
            try:
                order()
            finally:
                self._done_bytes += _EVENT_BYTES if batch is None else batch.count

        self._writer.do(done)
        return True
