"""The output of one terminal on its way from the upstream to the ring: put together, kept, recorded."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from vibeworkbench.terminals.model import Seen, Size
from vibeworkbench.terminals.recordings import Recording
from vibeworkbench.terminals.ring import CHUNK_BYTES, Ring
from vibeworkbench.terminals.screen.snapshot import Screen

FULL_BYTES = CHUNK_BYTES - 8_192
"""Nobody waits for more to be put together: what shells say comes in pieces of a little more."""
QUIET_S = 0.002
"""Output that comes sooner than this after the last is put together with what follows."""
SEEN_BYTES = 65_536
"""How much of the tail an upstream is given to find its place in its own replay."""
RECALLED = "recalled"
"""Epoch of what a recording showed last."""
LEAST_BYTES = 2**19
"""The modes of a screen are known for what lies before its tail, which must be in the ring."""


class Stream:
    """What a shell has said, by absolute offsets.

    Args:
        recording: Where it is recorded.
        ring_bytes: How much is kept in memory.
        size: Of the screen at first.
        grown: Called when there is more to see.

    Attributes:
        epoch: Identity of the shell whose output it is; empty before the first.
        ring: Its last bytes.
        screen: What a late viewer gets.
    """

    def __init__(self, recording: Recording, ring_bytes: int, size: Size, grown: Callable[[], None]) -> None:
        self.epoch = ""
        self.ring = Ring(max(ring_bytes, LEAST_BYTES))
        self.screen = Screen(self.ring, size, time.thread_time)
        self._recording = recording
        self._grown = grown
        self._loop = asyncio.get_running_loop()
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._flushed_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._frozen_at: int | None = None

    @property
    def stop(self) -> int:
        """Absolute offset up to which viewers see it."""
        return self.ring.head if self._frozen_at is None else self._frozen_at

    @property
    def seen(self) -> Seen | None:
        """What an upstream need not say again; ``None`` at the beginning."""
        self.flush()
        head = self.ring.head
        if self.epoch in {"", RECALLED}:
            return None
        return Seen(self.epoch, head, self.ring.read(head - SEEN_BYTES, head))

    def add(self, data: bytes) -> None:
        """The shell said this; it is seen at once when all was quiet, else in a moment, with what follows."""
        self._pending.append(data)
        self._pending_bytes += len(data)
        if self._pending_bytes >= FULL_BYTES or self._loop.time() - self._flushed_at >= QUIET_S:
            self.flush()
        elif self._timer is None:
            self._timer = self._loop.call_at(self._flushed_at + QUIET_S, self.flush)

    def flush(self) -> None:
        """All that was said is in the ring."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._pending:
            return
        pieces, self._pending, self._pending_bytes = self._pending, [], 0
        chunk = self.ring.append(pieces)
        self._flushed_at = self._loop.time()
        self.screen.follow(self.stop, self._flushed_at)
        self._recording.output(chunk.data if len(pieces) > 1 else pieces[0], chunk.offset)
        self._grown()

    def restart(self, epoch: str, offset: int) -> None:
        """What comes next is of this shell, from ``offset`` on; what was before is forgotten."""
        self.flush()
        self.epoch = epoch
        self._frozen_at = None if self._frozen_at is None else offset
        self.ring.restart(offset)
        self.screen.restart()

    def recall(self, output: bytes) -> None:
        """Nothing comes any more, but this was said last; it is no shell's, and recorded already."""
        self.restart(RECALLED, 0)
        if output:
            self.ring.append([output])

    def freeze(self) -> None:
        """Viewers see nothing of what comes from now on."""
        self.flush()
        if self._frozen_at is None:
            self._frozen_at = self.ring.head

    def thaw(self) -> None:
        """Viewers see all there is."""
        self._frozen_at = None
