"""A connection with a holder: frames over its socket, read only when somebody asks for more."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from vibeworkbench.errors import Unavailable, UpstreamFailed
from vibeworkbench.terminals.holder import frames
from vibeworkbench.terminals.holder.door import pid_of, uid_of
from vibeworkbench.terminals.holder.frames import Frames, frame
from vibeworkbench.terminals.model import Exit, Size

ANSWER_S = 5.0
"""How long a holder has to answer, and to end its shell."""


@dataclass(frozen=True, slots=True)
class Hello:
    """What a holder says of its shell.

    Attributes:
        base: Absolute offset of the oldest byte that it has.
        head: Absolute offset of the first byte that is not printed yet.
        pid: The shell's process.
        has_ended: Whether the shell has ended.
    """

    base: int
    head: int
    pid: int
    has_ended: bool


class HeldConnection:
    """A connection with the shell of one holder.

    Args:
        link: A connected socket; not blocking.

    Attributes:
        shell: Identity of the shell.
        hello: What its holder said of it.
        offset: Absolute offset of the first byte that ``read`` gives.
        exit: How the shell ended, once ``read`` gave nothing; ``None`` then means that only the connection did.
        was_replaced: Whether it ended because somebody else attached.
    """

    def __init__(self, link: socket.socket) -> None:
        self.shell = ""
        self.hello = Hello(0, 0, 0, has_ended=False)
        self.offset = 0
        self.exit: Exit | None = None
        self.was_replaced = False
        self._link = link
        self._loop = asyncio.get_running_loop()
        self._frames = Frames(frames.OUTPUT_BYTES)
        self._outgoing = bytearray()
        self._sent = 0
        self._taken = 0
        self._has_ended = False
        self._is_deaf = False
        self._reading: asyncio.Future[None] | None = None
        self._moved: asyncio.Future[None] | None = None

    @classmethod
    async def to(cls, path: Path) -> HeldConnection:
        """A connection with the holder whose socket this is; it has said what it holds.

        Raises:
            OSError: Nobody is there.
            UpstreamFailed: Somebody else is, or a holder of another version.
            Unavailable: It says nothing.
        """
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        link.setblocking(False)
        connection = cls(link)
        try:
            await asyncio.get_running_loop().sock_connect(link, os.fsencode(path))
            await connection._greeted()
        except BaseException:
            connection._finish()
            raise
        return connection

    async def _greeted(self) -> None:
        if uid_of(self._link) != os.geteuid():
            raise UpstreamFailed("The terminal's socket belongs to another user.")
        body = await self._expected(frames.HELLO)
        version, pid, base, head, code, _, _ = frames.HELLO_BODY.unpack_from(body)
        if version != frames.VERSION:
            raise UpstreamFailed("The terminal's shell was started by another version of the workbench.")
        self.shell = body[frames.HELLO_BODY.size :].decode()
        self.hello = Hello(base, head, pid, has_ended=code >= 0)

    async def attach(self, offset: int, size: Size) -> None:
        """``read`` gives the shell's output from ``offset`` on, or from where the holder has it.

        Raises:
            Unavailable: The holder is gone.
        """
        self._send(frames.RESIZE, frames.SIZE.pack(size.rows, size.cols))
        self._send(frames.ATTACH, frames.OFFSET.pack(offset))
        (self.offset,) = frames.OFFSET.unpack(await self._expected(frames.ATTACHED))

    async def _expected(self, kind: int) -> bytes:
        with suppress(TimeoutError):
            async with asyncio.timeout(ANSWER_S):
                while not self._has_ended:
                    found = self._frames.taken()
                    if found is None:
                        await self._receive()
                    elif found[0] == kind:
                        return found[1]
        raise Unavailable("The terminal's shell did not answer.")

    async def read(self) -> bytes:
        """The next bytes of the shell, as soon as there are any; empty at the end."""
        while not self._has_ended:
            found = self._frames.taken()
            if found is None:
                await self._receive()
                continue
            kind, body = found
            if kind == frames.OUTPUT:
                return body + self._frames.more(kind, frames.OUTPUT_BYTES - len(body))
            self._heard(kind, body)
        return b""

    def _heard(self, kind: int, body: bytes) -> None:
        if kind == frames.TAKEN:
            (self._taken,) = frames.OFFSET.unpack(body)
            self._move()
        elif kind == frames.EXIT:
            self.exit = Exit(*frames.CODE.unpack(body))
            self._send(frames.DONE)
            self._finish()
        elif kind == frames.REPLACED:
            self.was_replaced = True
            self._finish()

    async def _receive(self) -> None:
        """More bytes are in the buffer, or the connection has ended. Nothing is lost when this is cancelled."""
        try:
            count = self._link.recv_into(self._frames.room())
        except BlockingIOError:
            await self._readable()
            return
        except OSError:
            count = 0
        if not count:
            self._finish()
            return
        self._frames.put(count)
        await asyncio.sleep(0)  # a flood leaves the loop to others too

    async def _readable(self) -> None:
        if self._reading is None:
            self._reading = self._loop.create_future()
            self._loop.add_reader(self._link.fileno(), self._wake)
        await asyncio.shield(self._reading)

    def _wake(self) -> None:
        self._loop.remove_reader(self._link.fileno())
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.set_result(None)

    async def write(self, data: bytes) -> None:
        """The bytes are on their way, in order; waits as long as the program reads nothing.

        Raises:
            Unavailable: The connection has ended.
        """
        for start in range(0, len(data), frames.INPUT_BYTES):
            piece = data[start : start + frames.INPUT_BYTES]
            await self._until(self._may_send)
            self._sent += len(piece)
            self._send(frames.INPUT, piece)
        await self._until(lambda: not self._outgoing)

    def _may_send(self) -> bool:
        is_there = not self._has_ended and not self._is_deaf
        return is_there and self._sent - self._taken < frames.INPUT_WINDOW_BYTES

    async def resize(self, size: Size) -> None:
        """The program knows the size of its screen."""
        self._send(frames.RESIZE, frames.SIZE.pack(size.rows, size.cols))

    async def signal(self, number: int) -> None:
        """The processes in the terminal's foreground got the signal."""
        self._send(frames.SIGNAL, frames.CODE.pack(number))

    async def pulse(self) -> float | None:
        """``None``: the shell runs on this machine."""
        return None

    async def close(self, *, end: bool) -> None:
        """The connection has ended, and with ``end`` the shell, its processes and its holder too."""
        if end and not self._has_ended:
            self._send(frames.END)
            try:
                async with asyncio.timeout(ANSWER_S):
                    while await self.read():
                        pass  # what is still printed is nobody's any more
            except TimeoutError:
                with suppress(OSError):
                    os.kill(pid_of(self._link), signal.SIGKILL)  # its terminal goes with it, and its shell
        self._finish()

    def _send(self, kind: int, body: bytes = b"") -> None:
        if not self._has_ended and not self._is_deaf:
            self._outgoing += frame(kind, body)
            self._flush()

    def _flush(self) -> None:
        try:
            del self._outgoing[: self._link.send(self._outgoing)]
        except BlockingIOError:
            pass
        except OSError:
            self._is_deaf = True  # what it said before it left is still to be read
            self._outgoing.clear()
        if self._outgoing:
            self._loop.add_writer(self._link.fileno(), self._flush)
        else:
            self._loop.remove_writer(self._link.fileno())
        self._move()

    async def _until(self, is_so: Callable[[], bool]) -> None:
        while not is_so():
            if self._has_ended or self._is_deaf:
                raise Unavailable("The connection with the terminal's shell has ended.")
            self._moved = self._moved or self._loop.create_future()
            await asyncio.shield(self._moved)

    def _move(self) -> None:
        moved, self._moved = self._moved, None
        if moved is not None:
            moved.set_result(None)

    def _finish(self) -> None:
        if not self._has_ended:
            self._has_ended = True
            self._wake()
            self._loop.remove_writer(self._link.fileno())
            self._link.close()
            self._move()
