"""ttyd: binary messages whose first byte says what they are; one shell for each connection.

A lost connection is a lost shell, so each connection is an epoch of its own. PAUSE is not used: ttyd forgets it while a
buffer is on its way, and a program would go on all the same; so it is always read.

ttyd means to close with 1000 or 1011 when its program ends; built with newer libraries it only hangs up. That is an
end, too, as long as ttyd is there: connecting again would run the program again, and nobody asked for that.

Source: ttyd 1.7, ``src/protocol.c`` and ``src/http.c``; 1.7.7 of Debian as it was seen on the wire.
"""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import msgspec

from vibeworkbench.errors import Unavailable, UpstreamFailed, WorkbenchError
from vibeworkbench.terminals.model import Exit, Size
from vibeworkbench.terminals.upstreams import READ_BYTES
from vibeworkbench.terminals.upstreams.peer import ANSWER_S, Peer, refusal
from vibeworkbench.terminals.upstreams.rest import answer

SUBPROTOCOL = "tty"
_OUTPUT = ord("0")
_NORMAL, _FAILED = 1000, 1011


async def auth_token(
    url: str, headers: Mapping[str, str], tls: ssl.SSLContext | None, answer_s: float = ANSWER_S
) -> str | None:
    """What ttyd wants to hear in the first message; ``None`` where no ttyd answers.

    Args:
        url: Of its ``token``.
        headers: Sent with the request.
        tls: For ``https``.
        answer_s: How long it has.

    Raises:
        WorkbenchError: It cannot be reached, or refuses.
    """
    found = await answer("GET", url, headers=headers, tls=tls, answer_s=answer_s)
    if found.status in {401, 403, 407, 429, 502, 503, 504}:
        raise refusal(found.status, has_token=bool(headers))
    token = found.said.get("token") if isinstance(found.said, dict) else None
    return token if found.status == 200 and isinstance(token, str) else None


@dataclass(slots=True, kw_only=True)
class TtydConnection:
    """A connection with a shell of its own.

    Args:
        peer: The open WebSocket.
        blame: Told what makes it vain to connect again.
        is_there: Whether ttyd itself still answers.
        shell: Which shell this is.

    Attributes:
        offset: 0: nothing of the shell was seen before.
        exit: How the shell ended.
    """

    peer: Peer
    blame: Callable[[WorkbenchError], None]
    is_there: Callable[[], Awaitable[bool]]
    shell: str
    offset: int = 0
    exit: Exit | None = None
    _is_over: bool = False
    _waiting: memoryview = memoryview(b"")  # noqa: RUF009 - an immutable, empty one

    async def begin(self, size: Size, token: str) -> None:
        """The shell starts, and has its size."""
        hello = {"AuthToken": token, "columns": size.cols, "rows": size.rows}
        await self.peer.send(msgspec.json.encode(hello))

    async def read(self) -> bytes:
        """The next bytes; empty at the end, and ever after."""
        piece = b"" if self._is_over else await self._piece()
        self._is_over = not piece
        return piece

    async def _piece(self) -> bytes:
        while not self._waiting:
            message = await self.peer.receive()
            if message is None:
                await self._ended()
                return b""
            if isinstance(message, str):
                self.blame(UpstreamFailed("What the upstream sends is not what ttyd sends."))
                return b""
            if message and message[0] == _OUTPUT:  # the others are a title and the page's preferences
                self._waiting = memoryview(message)[1:]
        piece, self._waiting = bytes(self._waiting[:READ_BYTES]), self._waiting[READ_BYTES:]
        return piece

    async def _ended(self) -> None:
        if self.peer.is_overfull:
            self.blame(self.peer.ending())
        elif self.peer.close_code == _NORMAL:
            self.exit = Exit(0)
        elif self.peer.close_code == _FAILED:
            self.exit = Exit(None, "ttyd says that the program failed, and not how.")
        elif self.peer.hung_up and await self.is_there():
            self.exit = Exit(None, "ttyd hung up, as it does when its program ends; the shell is gone in any case.")
        elif not isinstance(error := self.peer.ending(), Unavailable):
            self.blame(error)

    async def write(self, data: bytes) -> None:
        """The bytes are on their way."""
        await self.peer.send(b"0" + data)

    async def resize(self, size: Size) -> None:
        """The program knows the size of its screen."""
        await self.peer.send(b"1" + msgspec.json.encode({"columns": size.cols, "rows": size.rows}))

    async def pulse(self) -> float | None:
        """Seconds to ttyd and back."""
        return await self.peer.pulse()

    async def close(self, *, end: bool) -> None:
        """The connection has ended, and so has the shell."""
        await self.peer.close()
