"""A terminal of another workbench: ``room-terminal.v1``, with acknowledgements as what was read is taken.

Not reading is not acknowledging: the other workbench sends no more than its window, and its program waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from vibeworkbench.errors import Unavailable, UpstreamFailed, WorkbenchError
from vibeworkbench.terminals.model import Exit, Seen, Size
from vibeworkbench.terminals.screen.ground import ground_cut
from vibeworkbench.terminals.screen.queries import with_questions_blank
from vibeworkbench.terminals.upstreams import READ_BYTES
from vibeworkbench.terminals.upstreams.peer import Peer

SUBPROTOCOL = "room-terminal.v1"
PATH = "/parties/terminal-server/"
ACK_BYTES = 131_072
ACK_S = 0.1
T = TypeVar("T", bound=msgspec.Struct)
_CONTROLS = msgspec.json.Decoder(dict[str, Any])


class Hello(msgspec.Struct, frozen=True):
    """The other terminal as it stands."""

    epoch: str
    base: int
    head: int
    upstream: dict[str, Any] = {}
    member_id: str = msgspec.field(name="memberId", default="")
    role: str = ""
    driver: str | None = None


class Sync(msgspec.Struct, frozen=True):
    """Where the next bytes start."""

    offset: int
    kind: str


@dataclass(frozen=True, slots=True)
class Control:
    """A text frame."""

    type: str
    said: Mapping[str, Any]


@dataclass(slots=True, kw_only=True)
class OwnConnection:
    """A connection with another workbench.

    Args:
        peer: The open WebSocket.
        blame: Told what makes it vain to connect again.

    Attributes:
        shell: The epoch that the other workbench says.
        offset: Absolute offset of the first byte.
        exit: How the shell ended.
    """

    peer: Peer
    blame: Callable[[WorkbenchError], None]
    shell: str = ""
    offset: int = 0
    exit: Exit | None = None
    _is_over: bool = False
    _read: int = 0
    _acknowledged: int = 0
    _arrived: int = 0
    _asked_until: int = 0
    _unfinished: bytes = b""
    _is_silent: bool = False
    _is_allowed: bool = False
    _member: str = ""
    _asked: str | None = None
    _driver: str | None = None
    _waiting: memoryview = memoryview(b"")  # noqa: RUF009 - an immutable, empty one

    async def begin(self, size: Size, seen: Seen | None, answer_s: float) -> None:
        """The next bytes are those that were not seen, and the shell has its size.

        Raises:
            Unavailable: The other workbench does not say what belongs at the beginning, or has no shell now.
            UpstreamFailed: It speaks something else.
        """
        try:
            async with asyncio.timeout(answer_s):
                hello = await self._hello()
                is_known = seen is not None and seen.shell == hello.epoch and hello.base <= seen.head
                self._asked_until = 0 if is_known else hello.head
                await self._resume(seen.head if seen is not None and is_known else hello.base)
                if self.exit is None and hello.upstream.get("state") == "closed":
                    raise Unavailable(_lost(hello.upstream))
                await self.resize(size)
        except TimeoutError:
            raise Unavailable("The other workbench does not answer in time.") from None

    async def _hello(self) -> Hello:
        while True:
            said = await self._control()
            if said.type == "hello":
                hello = _meant(said, Hello)
                self.shell, self._member, self._driver = hello.epoch, hello.member_id, hello.driver
                self._is_allowed = hello.role in {"owner", "driver"}
                if hello.epoch:
                    return hello
            state = said.said.get("upstream") if said.type == "hello" else said.said
            if isinstance(state, dict) and state.get("state") == "closed":
                raise Unavailable(_lost(state))

    async def _resume(self, offset: int) -> None:
        """What was sent before the answer is a screen, for somebody who comes new, and no part of the stream."""
        await self._tell("resume", epoch=self.shell, offset=offset)
        is_gone, sync = False, None
        while sync is None or sync.kind != "resume":
            said = await self._control()
            if said.type == "hello":
                raise Unavailable("The other workbench's terminal has just got a new shell.")
            is_gone = is_gone or said.type == "skip"
            if said.type == "sync":
                sync = _meant(said, Sync)
                if (
                    is_gone and sync.kind != "resume"
                ):  # it has these bytes no more, but it has those that the screen begins with
                    is_gone = False
                    await self._tell("resume", epoch=self.shell, offset=sync.offset)
            self._heed(said)
        self.offset = self._read = self._acknowledged = self._arrived = sync.offset

    async def read(self) -> bytes:
        """The next bytes; empty at the end, and ever after."""
        piece = b"" if self._is_over else await self._piece()
        self._is_over = not piece
        return piece

    async def _piece(self) -> bytes:
        try:
            while not self._waiting:
                message = await self._next()
                if isinstance(message, bytes):
                    self._is_silent = False
                    self._waiting = memoryview(self._unasked(message))
                elif message.type == "pong" and self._is_silent:
                    return b""  # the shell has ended, and nothing came after all was acknowledged
                elif not await self._goes_on(message):
                    return b""
        except WorkbenchError as error:
            if not isinstance(error, Unavailable) and self.exit is None:
                self.blame(error)
            return b""
        piece, self._waiting = bytes(self._waiting[:READ_BYTES]), self._waiting[READ_BYTES:]
        self._read += len(piece)
        return piece

    def _unasked(self, output: bytes) -> bytes:
        """What was printed before anybody here watched asks nothing any more; offsets stay what they are."""
        is_old = self._arrived < self._asked_until
        self._arrived += len(output)
        if not is_old and not self._unfinished:
            return output
        output = self._unfinished + output
        cut = ground_cut(output) if self._arrived < self._asked_until else len(output)
        self._unfinished = output[cut:]
        return with_questions_blank(output[:cut])

    async def _next(self) -> bytes | Control:
        # What was read before is taken, for its reader asks for more.
        if self._read - self._acknowledged >= ACK_BYTES:
            await self._acknowledge()
        try:
            async with asyncio.timeout(ACK_S if self._read > self._acknowledged else None):
                return await self._received()
        except TimeoutError:
            await self._acknowledge()
            return await self._received()

    async def _acknowledge(self) -> None:
        self._acknowledged = self._read
        await self.peer.answer(_text("ack", offset=self._read))

    async def _goes_on(self, said: Control) -> bool:
        """Whether the stream goes on after a control message."""
        self._heed(said)
        match said.type:
            case "exit" | "pong" if self.exit is not None:
                # Output may come after it; it is all there once an answer came and nothing else before it.
                self._is_silent = True
                await self._acknowledge()
                await self.peer.answer(_text("ping", id=0))
            case "hello" | "skip":  # a new shell, or bytes that we shall not get: the next connection says which
                return False
            case "sync":
                return _meant(said, Sync).offset == self._arrived
            case "upstream":
                return self.exit is not None or said.said.get("state") != "closed"
        return True

    def _heed(self, said: Control) -> None:
        match said.type:
            case "exit":
                code = said.said.get("code")
                self.exit = Exit(code if isinstance(code, int) else None, str(said.said.get("reason") or ""))
            case "members":
                driver = said.said.get("driver")
                self._driver = driver if isinstance(driver, str) else None

    async def _control(self) -> Control:
        while True:
            message = await self._received()
            if not isinstance(message, bytes):
                return message

    async def _received(self) -> bytes | Control:
        message = await self.peer.receive()
        if message is None:
            raise self.peer.ending()
        return message if isinstance(message, bytes) else _control_of(message)

    async def write(self, data: bytes) -> None:
        """The bytes are on their way; the other workbench refuses them while somebody else drives there."""
        if self._driver not in {None, self._member} and self._driver != self._asked:
            self._asked = self._driver  # who drives there is asked once, and does not have to answer
            await self._tell("drive", action="take")
        await self.peer.send(data)

    async def resize(self, size: Size) -> None:
        """The other workbench knows the size, which counts where nobody else drives there."""
        if self._driver is None and self._is_allowed:
            await self._tell("drive", action="take")
        await self._tell("size", rows=size.rows, cols=size.cols)

    async def _tell(self, kind: str, **said: Any) -> None:
        await self.peer.send(_text(kind, **said))

    async def pulse(self) -> float | None:
        """Seconds to the other workbench and back."""
        return await self.peer.pulse()

    async def close(self, *, end: bool) -> None:
        """The connection has ended; the shell goes on."""
        await self.peer.close()


def _text(kind: str, **said: Any) -> str:
    return msgspec.json.encode({"type": kind, **said}).decode()


def _lost(hop: Mapping[str, Any]) -> str:
    return f"The other workbench has lost the shell: {hop.get('reason') or 'it does not say why'}"


def _control_of(text: str) -> Control:
    try:
        said = _CONTROLS.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise UpstreamFailed("What the upstream sends is not what a workbench sends.") from None
    return Control(str(said.get("type")), said)


def _meant(said: Control, kind: type[T]) -> T:
    try:
        return msgspec.convert(said.said, kind)
    except msgspec.ValidationError:
        raise UpstreamFailed("What the upstream sends is not what a workbench sends.") from None
