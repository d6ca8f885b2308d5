"""Terminals of any Jupyter server: terminado's JSON, and Jupyter's REST to find, make and end them.

Nothing holds such a server back: what is not read piles up in its memory, so it is always read. After a lost connection
it sends its last thousand reads again; ``splicing`` finds what of them is new.

Source: terminado 0.18, ``websocket.py`` and ``management.py``; jupyter_server_terminals 0.5, ``api_handlers.py``.
"""

from __future__ import annotations

import asyncio
import codecs
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec

from vibeworkbench.errors import Unavailable, UpstreamFailed, WorkbenchError
from vibeworkbench.terminals.model import Exit, Seen, Size
from vibeworkbench.terminals.screen.queries import without_questions
from vibeworkbench.terminals.upstreams import READ_BYTES
from vibeworkbench.terminals.upstreams.peer import ANSWER_S, Limits, Peer, refusal
from vibeworkbench.terminals.upstreams.rest import answer
from vibeworkbench.terminals.upstreams.splicing import splice_of

_MESSAGES = msgspec.json.Decoder(list[Any])
ENDED = Exit(None, "The Jupyter server says that the shell has ended.")


@dataclass(slots=True)
class JupyterTerminals:
    """The terminals of a Jupyter server, by REST.

    Args:
        root: URL of the server, with a slash at its end.
        headers: Sent with each request.
        tls: For ``https``.
        answer_s: How long the server has for each answer.
    """

    root: str
    headers: Mapping[str, str]
    tls: ssl.SSLContext | None = None
    answer_s: float = ANSWER_S

    async def started(self) -> str:
        """When the server was started, as it says it; empty where it does not: shells live no longer than it."""
        status, said = await self._asked("GET", "api/status")
        if status in {401, 403}:
            raise refusal(status, has_token=bool(self.headers))
        return str(said["started"]) if status == 200 and isinstance(said, dict) and "started" in said else ""

    async def ensure(self, name: str) -> bool:
        """There is such a terminal, unless the server has no REST; whether it was made now."""
        status, _ = await self._asked("GET", f"api/terminals/{name}")
        if status == 200:
            return False
        if status != 404:
            raise refusal(status, has_token=bool(self.headers))
        status, _ = await self._asked("POST", "api/terminals", {"name": name})
        if status in {404, 405}:
            return False
        if status not in {200, 201}:
            raise refusal(status, has_token=bool(self.headers))
        return True

    async def end(self, name: str) -> None:
        """There is no such terminal."""
        await self._asked("DELETE", f"api/terminals/{name}")

    async def _asked(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        found = await answer(
            method, self.root + path, headers=self.headers, tls=self.tls, answer_s=self.answer_s, body=body
        )
        return found.status, found.said


@dataclass(slots=True, kw_only=True)
class TerminadoConnection:
    """A connection that speaks terminado's JSON.

    Args:
        peer: The open WebSocket.
        blame: Told what makes it vain to connect again.
        finish: Ends the shell; ``None`` where that is not ours to do.
        shell: Which shell this is.

    Attributes:
        offset: Absolute offset of the first byte.
        exit: How the shell ended.
    """

    peer: Peer
    blame: Callable[[WorkbenchError], None]
    finish: Callable[[], Awaitable[None]] | None
    shell: str
    offset: int = 0
    exit: Exit | None = None
    _is_over: bool = False
    _waiting: memoryview = memoryview(b"")  # noqa: RUF009 - an immutable, empty one
    _is_replay: bool = False
    _typed: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")(errors="replace")
    )

    async def begin(self, size: Size, seen: Seen | None, *, is_new: bool, limits: Limits) -> None:
        """The shell has its size, and what was missed waits to be read.

        Raises:
            Unavailable: The server does not say what belongs at the beginning.
            UpstreamFailed: It speaks something else.
        """
        async with _in_time(limits.answer_s):
            if await self._said() != ["setup"]:
                raise UpstreamFailed("What answers at the upstream's address is no Jupyter terminal.")
            await self.resize(size)
        self._is_replay = not is_new
        if self._is_replay and seen is not None and seen.head > 0:
            # Such a shell has printed something, so the server begins with the replay.
            async with _in_time(limits.replay_s):
                replay = await self._output()
            self._go_on(seen, replay)

    def _go_on(self, seen: Seen, replay: bytes) -> None:
        splice = splice_of(seen.tail, replay)
        if not splice.is_certain:
            # What is known may have come from a replay, without its questions; what is on the way has them.
            bare = without_questions(replay)
            again = splice_of(without_questions(seen.tail), bare)
            replay, splice = (bare, again) if again.is_certain else (replay, splice)
        self.offset = seen.head if splice.is_certain else seen.head + 1
        self._waiting = memoryview(without_questions(replay[splice.start :]))
        self._is_replay = False

    async def read(self) -> bytes:
        """The next bytes; empty at the end, and ever after."""
        piece = b"" if self._is_over else await self._piece()
        self._is_over = not piece
        return piece

    async def _piece(self) -> bytes:
        while not self._waiting:
            try:
                output = await self._output()
            except WorkbenchError as error:
                self._broken(error)
                return b""
            if self._is_replay:
                output, self._is_replay = without_questions(output), False
            self._waiting = memoryview(output)
        piece, self._waiting = bytes(self._waiting[:READ_BYTES]), self._waiting[READ_BYTES:]
        return piece

    def _broken(self, error: WorkbenchError) -> None:
        if not isinstance(error, Unavailable) and self.exit is None:
            self.blame(error)

    async def _output(self) -> bytes:
        while True:
            said = await self._said()
            if said[0] == "stdout" and len(said) > 1:
                return said[1].encode(errors="replace")
            if said[0] == "disconnect":
                self.exit = ENDED
                raise Unavailable(ENDED.reason)

    async def _said(self) -> list[str]:
        """The next message: its type, and its text where it has one."""
        message = await self.peer.receive()
        if message is None:
            raise self.peer.ending()
        try:
            kind, *rest = _MESSAGES.decode(message)
        except (msgspec.DecodeError, UnicodeError, ValueError, RecursionError):
            raise UpstreamFailed("What the upstream sends is not what Jupyter terminals send.") from None
        if not isinstance(kind, str):
            raise UpstreamFailed("What the upstream sends is not what Jupyter terminals send.")
        return [kind, *(each for each in rest[:1] if isinstance(each, str))]

    async def write(self, data: bytes) -> None:
        """The bytes are on their way."""
        text = self._typed.decode(data)
        if text:
            await self._tell(["stdin", text])

    async def resize(self, size: Size) -> None:
        """The server knows the size; the shell has the smallest of all that its clients have."""
        await self._tell(["set_size", size.rows, size.cols])

    async def _tell(self, message: list[Any]) -> None:
        await self.peer.send(msgspec.json.encode(message).decode())

    async def pulse(self) -> float | None:
        """Seconds to the server and back."""
        return await self.peer.pulse()

    async def close(self, *, end: bool) -> None:
        """The connection has ended, and the shell too where we had made it."""
        if end and self.finish is not None:
            with suppress(WorkbenchError):  # what cannot be reached is not ended, and nobody could help it
                await self.finish()
        await self.peer.close()


@asynccontextmanager
async def _in_time(limit_s: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(limit_s):
            yield
    except TimeoutError:
        raise Unavailable("The Jupyter server does not answer in time.") from None
