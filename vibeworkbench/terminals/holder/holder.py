"""The holder: one shell, its last output, and whoever is attached; one loop around them.

Nobody attached: the shell is read into the ring as fast as it prints. Somebody attached: it is read no faster than that
workbench takes the bytes, so that the program waits. When the shell has ended, what it printed is read to its end, and
the holder stays until a workbench knows of it.
"""

from __future__ import annotations

import select
import signal
import socket
import struct
import time
from collections.abc import Callable

from .door import Door
from .ending import Ending
from .frames import (
    ATTACH,
    ATTACHED,
    CODE,
    DONE,
    END,
    EXIT,
    HELLO,
    HELLO_BODY,
    INPUT,
    INPUT_WINDOW_BYTES,
    OFFSET,
    OUTPUT_BYTES,
    REPLACED,
    RESIZE,
    SIGNAL,
    SIZE,
    TAKEN,
    VERSION,
)
from .pace import Pace
from .peer import Peer
from .ring import Ring
from .shell import AGAIN, READ_BYTES, Shell, send

UNSENT_BYTES = OUTPUT_BYTES - 2 * READ_BYTES
"""Output that may wait in the ring for the attached workbench before the shell is read no further: it goes into one
frame, whatever the last reading brings, and that goes to a viewer on this machine mostly in one segment (of at most
65,483 bytes)."""
GATHER_S = 0.001
"""Under flood, output is gathered for so long before it is sent."""
LOOK_S = 2.0
"""Interval at which the holder looks whether its socket still is there."""
FIRST_S = 60.0
"""Whoever had the holder started has so long to attach."""
QUIET_S = 0.2
"""After the shell's end its terminal is read until nothing has come for so long, if processes have it open still: the
system has hung them up, so that they print no more, but what they printed before may be on its way."""
DRAIN_S = 2.0
"""It is read for so long at most."""
VISITORS = 8
"""Most connections that have not attached."""


class Holder:
    """One shell and who is attached to it.

    Args:
        shell_id: The shell's identity, in ASCII.
        shell: The shell.
        door: Where workbenches come.
        ring: What it said last.
        survive_s: How long it lives on without a workbench.
    """

    def __init__(self, shell_id: bytes, shell: Shell, door: Door, ring: Ring, *, survive_s: float) -> None:
        self._id = shell_id
        self._shell = shell
        self._door = door
        self._ring = ring
        self._survive_s = survive_s
        self._peer: Peer | None = None
        self._pace = Pace()
        self._visitors: list[Peer] = []
        self._input = bytearray()
        self._taken = 0
        self._exit: int | None = None
        self._is_drained = False
        self._is_over = False
        self._ending: Ending | None = None
        now = time.monotonic()
        self._drain_until = self._quiet_at = now
        self._lonely_until = now + FIRST_S
        self._look_at = now
        self._flushed_at = now
        self._poll = select.poll()
        self._polled: dict[int, int] = {}
        self._bell = _signals_heard(self._wish_end)

    def run(self) -> None:
        """Until nobody needs it any more."""
        self._reap()  # it may have ended before its end could be heard
        try:
            while not self._is_over:
                self._turn()
        finally:
            self._door.close()

    def _turn(self) -> None:
        now = time.monotonic()
        rests_until = self._rests_until(now)
        self._watch(rests=rests_until is not None)
        ready = dict(self._poll.poll(self._wait_ms(now, rests_until)))
        if self._bell.fileno() in ready:
            self._bell.recv(4096)
            self._reap()
        said = ready.get(self._shell.terminal, 0)
        if said & select.POLLOUT:
            self._type()
        if said & ~select.POLLOUT:
            self._listen()
        if self._door.fileno in ready:
            self._greet()
        for each in (*self._visitors, self._peer):
            if each is not None and ready.get(each.fileno, 0) & ~select.POLLOUT:
                self._hear(each)
        now = time.monotonic()
        self._keep_time(now)
        self._tell(now)

    # What is waited for

    def _watch(self, *, rests: bool) -> None:
        wanted = {self._door.fileno: select.POLLIN, self._bell.fileno(): select.POLLIN}
        is_read = self._is_wanted() and not rests
        mask = (select.POLLIN if is_read else 0) | (select.POLLOUT if self._input else 0)
        if mask and not self._is_drained:
            wanted[self._shell.terminal] = mask
        for each in self._visitors:
            wanted[each.fileno] = select.POLLIN
        if self._peer is not None:
            hears = select.POLLIN if len(self._input) <= 2 * INPUT_WINDOW_BYTES else 0
            wanted[self._peer.fileno] = hears | (select.POLLOUT if self._peer.is_full else 0)
        if wanted == self._polled:
            return
        for number in self._polled.keys() - wanted.keys():
            self._poll.unregister(number)
        for number, mask in wanted.items():
            self._poll.register(number, mask)
        self._polled = wanted

    def _is_wanted(self) -> bool:
        """Whether the shell is read now: always once it has ended, since nobody waits then and little is left."""
        limit = UNSENT_BYTES if self._exit is None else self._ring.size // 2
        return self._peer is None or self._peer.unsent_bytes() < limit

    def _rests_until(self, now: float) -> float | None:
        """When the shell is read again; ``None`` where it is read now: whatever ended is read to its end."""
        next_at = self._pace.next_at
        return next_at if next_at > now and self._peer is not None and self._exit is None else None

    def _wait_ms(self, now: float, rests_until: float | None) -> float:
        until = self._look_at if self._peer else min(self._look_at, self._lonely_until)
        if self._peer and self._peer.is_behind() and not self._peer.is_full:
            until = min(until, self._flushed_at + GATHER_S)
        if rests_until is not None:
            until = min(until, rests_until)
        if self._exit is not None and not self._is_drained:
            until = min(until, self._drain_until, self._quiet_at)
        if self._ending:
            until = min(until, self._ending.next_at())
        return max(0.0, until - now) * 1_000

    # The shell

    def _listen(self) -> None:
        until = self._ring.head + UNSENT_BYTES
        while self._is_wanted() and self._ring.head < until:
            count = self._shell.read(self._ring.room(OUTPUT_BYTES))
            if count == AGAIN:
                return
            if count == 0:
                self._is_drained = True
                self._input.clear()
                return
            self._ring.put(count)
            now = time.monotonic()
            self._quiet_at = now + QUIET_S
            if self._peer is not None and self._exit is None and not self._pace.read(now, count):
                return

    def _type(self) -> None:
        while self._input:
            count = self._shell.write(bytes(self._input[:4096]))
            if count == AGAIN:
                break
            if count == 0:
                self._input.clear()
                break
            del self._input[:count]
            self._taken += count
        if self._peer is not None and self._taken > 0:
            self._peer.say(TAKEN, OFFSET.pack(self._taken))
            self._peer.flush()

    def _reap(self) -> None:
        if self._exit is not None:
            return
        groups = self._shell.groups()
        self._exit = self._shell.exit_code()
        if self._exit is not None:
            self._quiet_at = time.monotonic() + QUIET_S
            self._drain_until = time.monotonic() + DRAIN_S
            send(groups, signal.SIGHUP)
            send(groups, signal.SIGCONT)

    # Workbenches

    def _greet(self) -> None:
        link = self._door.visitor()
        if link is None:
            return
        visitor = Peer(link, self._ring)
        exit_code = -1 if self._exit is None else self._exit
        ring, shell = self._ring, self._shell
        body = HELLO_BODY.pack(VERSION, shell.pid, ring.base, ring.head, exit_code, shell.rows, shell.cols)
        visitor.say(HELLO, body + self._id)
        visitor.flush()
        self._visitors.append(visitor)
        while len(self._visitors) > VISITORS:
            self._visitors.pop(0).close()

    def _hear(self, peer: Peer) -> None:
        for kind, body in peer.asked():
            try:
                self._do(peer, kind, body)
            except (struct.error, OSError, ValueError):
                peer.is_open = False  # what it said means nothing, and must not end the shell
        if peer.is_open:
            return
        peer.close()
        if peer is self._peer:
            self._peer = None
            self._lonely_until = time.monotonic() + self._survive_s
        elif peer in self._visitors:
            self._visitors.remove(peer)

    def _do(self, peer: Peer, kind: int, body: bytes) -> None:
        if kind == ATTACH:
            self._attach(peer, *OFFSET.unpack(body))
        elif kind == INPUT and peer is self._peer:
            self._input += body
            self._type()
        elif kind == RESIZE:
            self._shell.resize(*SIZE.unpack(body))
        elif kind == SIGNAL:
            send(self._shell.groups(), *CODE.unpack(body))
        elif kind == END:
            self._wish_end()
        elif kind == DONE:
            self._is_over = self._exit is not None

    def _attach(self, peer: Peer, offset: int) -> None:
        before = self._peer
        if before is not None and before is not peer:
            self._hear(before)  # what it sent before it was replaced counts
            before.say(REPLACED)
            before.flush()
            before.close()
        if peer in self._visitors:
            self._visitors.remove(peer)
        self._peer = peer
        self._pace = Pace()
        self._taken = -len(self._input)
        peer.cursor = max(self._ring.base, min(offset, self._ring.head))
        peer.say(ATTACHED, OFFSET.pack(peer.cursor))
        peer.flush()

    def _tell(self, now: float) -> None:
        peer = self._peer
        if peer is None:
            return
        is_quiet = now - self._flushed_at >= GATHER_S
        if peer.is_full or is_quiet or self._exit is not None or peer.unsent_bytes() >= UNSENT_BYTES:
            if peer.is_behind():
                peer.flush()
                self._flushed_at = now
                self._pace.sent(now, peer.taken_bytes(), is_full=peer.is_full)
            if self._is_drained and self._exit is not None and not peer.is_behind() and not peer.knows_exit:
                peer.knows_exit = True
                peer.say(EXIT, CODE.pack(self._exit))
                peer.flush()

    # Time

    def _wish_end(self) -> None:
        if self._ending is None:
            groups = self._shell.groups() if self._exit is None else set()
            self._ending = Ending(time.monotonic(), groups)
            send(self._shell.session() - groups if groups else set(), signal.SIGHUP)

    def _keep_time(self, now: float) -> None:
        if now >= self._look_at:
            self._look_at = now + LOOK_S
            if not self._door.is_there():
                self._wish_end()
        if self._peer is None and now >= self._lonely_until:
            self._wish_end()
        if self._exit is not None and now >= min(self._drain_until, self._quiet_at):
            self._is_drained = True
        if self._ending:
            self._end(self._ending, now)

    def _end(self, ending: Ending, now: float) -> None:
        number = ending.due(now)
        if number is not None:
            send(ending.groups, number)
            send(ending.groups, signal.SIGCONT)
        self._reap()
        if ending.is_late(now) or (self._exit is not None and not send(ending.groups, 0)):
            self._tell(now)
            self._is_over = True


def _signals_heard(wish_end: Callable[[], None]) -> socket.socket:
    """A socket that can be read when a signal has come: a child's end, or the wish that all ends."""
    bell, rings = socket.socketpair()
    bell.setblocking(False)
    rings.setblocking(False)
    signal.set_wakeup_fd(rings.detach(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: wish_end())
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    return bell
