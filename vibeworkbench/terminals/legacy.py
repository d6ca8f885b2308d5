"""Members that speak terminado's JSON, as JupyterLab's own terminal does.

Source: https://terminado.readthedocs.io/en/latest/websocket.html
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from vibeworkbench.errors import InvalidInput
from vibeworkbench.rooms.frames import text_frame
from vibeworkbench.terminals.framing import TextFrames, stdout_frame
from vibeworkbench.terminals.model import Size
from vibeworkbench.terminals.ring import Chunk

_SETUP = text_frame(b'["setup",{}]')
_DISCONNECT = text_frame(b'["disconnect",1]')
_ENDED = 1000


class Wire(Protocol):
    """What is needed of a connection."""

    def write(self, frame: bytes) -> asyncio.Future[None] | None:
        """The frame goes out after those before it; the future is done when the kernel has it, ``None``: it has."""
        ...

    def tell(self, frame: bytes) -> None:
        """As ``write``, for frames whose fate nobody follows."""
        ...

    def close(self, code: int, reason: str) -> None:
        """The connection is closed."""
        ...

    def queued_bytes(self) -> int:
        """Bytes that the kernel has not taken yet."""
        ...

    def unacknowledged_bytes(self) -> int:
        """Bytes that the kernel has and the other side's has not taken yet; 0 where nobody tells."""
        ...


class TerminadoLink:
    """A member whose output is text in JSON, and who is told what happens only in words between the program's.

    Args:
        wire: The connection.
        frames: Those of the terminal.
    """

    def __init__(self, wire: Wire, frames: TextFrames) -> None:
        self._wire = wire
        self._frames = frames
        self._left = b""
        self._next = -1
        self.close = wire.close
        self.queued_bytes = wire.queued_bytes
        self.unacknowledged_bytes = wire.unacknowledged_bytes

    def output(self, chunk: Chunk) -> asyncio.Future[None] | None:
        """The chunk is on its way as text; a character that it cuts waits for its other half."""
        before = self._left if chunk.offset == self._next else b""  # after a snapshot, nothing is a second half
        frame, self._left = self._frames.of(chunk, before)
        self._next = chunk.end
        return self._wire.write(frame)

    def control(self, message: Mapping[str, Any]) -> None:
        """What such a member can be told is on its way."""
        kind = message.get("type")
        if kind == "hello":
            self._wire.tell(_SETUP)
        elif kind == "exit":
            self._wire.tell(_DISCONNECT)
            self.close(_ENDED, "the shell has ended")  # as terminado does, and nothing of how it ended is output
        elif (said := notice_of(message)) is not None:
            self._wire.tell(stdout_frame(f"\r\n\x1b[2m[{said}]\x1b[0m\r\n"))


def notice_of(message: Mapping[str, Any]) -> str | None:
    """A control message in words; ``None`` where there is nothing to be said of it."""
    match message.get("type"):
        case "upstream":
            return _of_hop(message)
        case "hold" if message.get("on"):
            why = f": {message['why']}" if message.get("why") else ""
            return f"{message.get('by') or 'somebody'} holds this program{why}"
        case "hold":
            return "the program goes on"
        case "error":
            return str(message.get("message", ""))
        case _:
            return None


def _of_hop(message: Mapping[str, Any]) -> str | None:
    reason = f": {message['reason']}" if message.get("reason") else ""
    match message.get("state"):
        case "reconnecting":
            return f"connection lost, attempt {message.get('attempt', 1)}{reason}"
        case "closed":
            return f"no longer connected{reason}"
        case "connected" if message.get("attempt"):
            return "connected again"
        case _:
            return None


def legacy_of(text: str | bytes) -> bytes | Size | None:
    """What a member means: input, a size, or nothing that is known.

    Raises:
        InvalidInput: It is no JSON array that begins with a word.
    """
    try:
        said = msgspec.json.decode(text, type=list[Any])
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        raise _not_terminado() from None
    match said:
        case ["stdin", str(typed)]:
            return typed.encode("utf-8", "replace")
        case ["set_size", int(rows), int(cols), *_]:
            return Size(rows, cols)
        case [str(word), *_] if word not in {"stdin", "set_size"}:
            return None
        case _:
            raise _not_terminado()


def _not_terminado() -> InvalidInput:
    return InvalidInput("This is not terminado's protocol.", field="body")
