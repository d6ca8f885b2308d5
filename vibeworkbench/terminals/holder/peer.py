"""A workbench at the holder's door: what it is sent, and what it has asked for."""

from __future__ import annotations

import socket

from .frames import HEADER, INPUT_BYTES, OUTPUT, OUTPUT_BYTES, BadFrame, Frames, frame
from .ring import Ring

SEND_BUFFER_BYTES = 65_536
"""The kernel doubles it, and counts its own bookkeeping in."""


class Peer:
    """One connection.

    Args:
        link: Its socket; not blocking.
        ring: What the shell has said.

    Attributes:
        cursor: Offset of the next byte that it gets; ``None`` until it attaches.
        is_open: Whether it still is there.
        is_full: Whether it must take something before it can be sent more.
        knows_exit: Whether it was told how the shell ended.
    """

    def __init__(self, link: socket.socket, ring: Ring) -> None:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        self._link = link
        self._ring = ring
        self._frames = Frames(INPUT_BYTES)
        self._unsent = b""
        self._control: list[bytes] = []
        self.fileno = link.fileno()
        self.cursor: int | None = None
        self.is_open = True
        self.is_full = False
        self.knows_exit = False
        self._is_deaf = False

    def say(self, kind: int, body: bytes = b"") -> None:
        """The frame goes out before any more output."""
        self._control.append(frame(kind, body))

    def unsent_bytes(self) -> int:
        """Output that it has not been sent."""
        return 0 if self.cursor is None else self._ring.head - self.cursor

    def taken_bytes(self) -> int:
        """Absolute offset of the first byte that the kernel has not taken for it, nearly: headers count as output."""
        return (self.cursor or 0) - len(self._unsent)

    def is_behind(self) -> bool:
        """Whether something waits for it."""
        return not self._is_deaf and bool(self._unsent or self._control or self.unsent_bytes())

    def flush(self) -> None:
        """All that it takes now is on its way."""
        self.is_full = False
        while not self.is_full and self.is_behind():
            self._send_next()

    def _send_next(self) -> None:
        if self._unsent or self._control:
            pieces: list[bytes | memoryview] = [self._unsent, *self._control]
            self._control = []
        else:
            body = self._output()
            pieces = [HEADER.pack(OUTPUT, sum(map(len, body))), *body]
        try:
            sent = self._link.sendmsg(pieces)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._is_deaf = True  # what it said before it left is still to be read
            return
        self.is_full = sent < sum(map(len, pieces))
        # What the kernel did not take is copied: the ring goes on.
        self._unsent = b"".join(pieces)[sent:] if self.is_full else b""

    def _output(self) -> list[memoryview]:
        cursor = self.cursor or 0
        body = self._ring.at(cursor, OUTPUT_BYTES)
        self.cursor = cursor + sum(map(len, body))
        return body

    def asked(self) -> list[tuple[int, bytes]]:
        """The frames that it has sent since; it is no longer open when it has left or sent something else."""
        try:
            count = self._link.recv_into(self._frames.room())
        except BlockingIOError:
            return []
        except OSError:
            count = 0
        if not count:
            self.is_open = False
            return []
        self._frames.put(count)
        found = []
        try:
            while (each := self._frames.taken()) is not None:
                found.append(each)
        except BadFrame:
            self.is_open = False
        return found

    def close(self) -> None:
        """The connection has ended."""
        self.is_open = False
        self._link.close()
