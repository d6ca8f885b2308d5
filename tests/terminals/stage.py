"""A terminal's room with an upstream that says what a test wants, and viewers that keep what they are sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tests.patience import PATIENCE_S
from vibeworkbench.errors import Unavailable, WorkbenchError
from vibeworkbench.settings import TerminalSettings
from vibeworkbench.terminals.courtesy import Courtesy
from vibeworkbench.terminals.model import Exit, Right, Seen, Size
from vibeworkbench.terminals.recordings import NoRecording
from vibeworkbench.terminals.ring import Chunk
from vibeworkbench.terminals.room import TerminalRoom
from vibeworkbench.terminals.viewer import Viewer
from vibeworkbench.web.roles import Caller, Role


class Waiting:
    """Something that tests wait for."""

    def __init__(self) -> None:
        self._news = asyncio.Event()

    def moved(self) -> None:
        self._news.set()

    async def until(self, holds: Callable[[], Any]) -> Any:
        """What ``holds`` returned, once that was true."""
        async with asyncio.timeout(PATIENCE_S):
            while not (answer := holds()):
                self._news.clear()
                await self._news.wait()
            return answer


class ScriptedConnection(Waiting):
    """A connection whose shell says what ``say`` is given; what it is written stands in ``written``."""

    def __init__(self, shell: str, offset: int) -> None:
        super().__init__()
        self.shell = shell
        self.offset = offset
        self.exit: Exit | None = None
        self.written = b""
        self.sizes: list[Size] = []
        self.closed: bool | None = None
        self.taken = 0
        self.may_write = asyncio.Event()
        self.may_write.set()
        self._said: list[bytes] = []
        self._heard = asyncio.Event()

    def say(self, data: bytes) -> None:
        self._said.append(data)
        self._heard.set()

    def end(self, code: int | None = None, *, broke: bool = False) -> None:
        """The shell ended, or only the connection did."""
        self.exit = None if broke else Exit(code)
        self.say(b"")

    async def read(self) -> bytes:
        await self._heard.wait()
        said = self._said[0]
        if said:
            self._said.pop(0)
            self.taken += len(said)
        if not self._said:
            self._heard.clear()
        self.moved()
        return said

    async def write(self, data: bytes) -> None:
        await self.may_write.wait()
        self.written += data
        self.moved()

    async def resize(self, size: Size) -> None:
        self.sizes.append(size)
        self.moved()

    async def pulse(self) -> float | None:
        return 0.001

    async def close(self, *, end: bool) -> None:
        self.closed = end
        self.moved()


class ScriptedUpstream(Waiting):
    """Connects with what ``next`` gives: a connection, or a failure to raise; waits while there is nothing."""

    kind: ClassVar[str] = "scripted"
    lasting = True

    def __init__(self, *, holds_back: bool = True) -> None:
        super().__init__()
        self.holds_back = holds_back
        self.asked: list[tuple[Size, Seen | None]] = []
        self._next: asyncio.Queue[ScriptedConnection | WorkbenchError] = asyncio.Queue()

    def offer(self, shell: str = "one", offset: int = 0) -> ScriptedConnection:
        """The next attempt meets this shell."""
        connection = ScriptedConnection(shell, offset)
        self._next.put_nowait(connection)
        return connection

    def fail(self, error: WorkbenchError | None = None) -> None:
        """The next attempt fails."""
        self._next.put_nowait(error or Unavailable("it is away"))

    async def connect(self, size: Size, seen: Seen | None) -> ScriptedConnection:
        self.asked.append((size, seen))
        self.moved()
        answer = await self._next.get()
        if isinstance(answer, WorkbenchError):
            raise answer
        return answer


@dataclass
class Block:
    """What one viewer was sent after one ``sync``."""

    offset: int
    kind: str
    data: bytes = b""


class CollectingLink(Waiting):
    """A viewer's socket that takes everything, until it is told to take nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.controls: list[Mapping[str, Any]] = []
        self.blocks: list[Block] = []
        self.chunks: list[Chunk] = []
        self.close_code: int | None = None
        self.is_stalled = False
        self.unread_bytes = 0
        self._stuck: list[tuple[int, asyncio.Future[None]]] = []

    def output(self, chunk: Chunk) -> asyncio.Future[None] | None:
        self.chunks.append(chunk)
        block = self.blocks[-1]
        assert chunk.offset == block.offset + len(block.data), "the bytes are those that were announced"
        block.data += chunk.data
        self.moved()
        if not self.is_stalled:
            return None
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._stuck.append((len(chunk), future))
        return future

    def control(self, message: Mapping[str, Any]) -> None:
        self.controls.append(message)
        if message["type"] == "sync":
            self.blocks.append(Block(message["offset"], message["kind"]))
        self.moved()

    def close(self, code: int, reason: str) -> None:
        self.close_code = code
        self.moved()

    def queued_bytes(self) -> int:
        return sum(length for length, _ in self._stuck)

    def unacknowledged_bytes(self) -> int:
        return self.unread_bytes

    def drain(self) -> None:
        """It takes everything again."""
        self.is_stalled = False
        stuck, self._stuck = self._stuck, []
        for _, future in stuck:
            future.set_result(None)

    @property
    def data(self) -> bytes:
        """All that came after the last ``sync``."""
        return self.blocks[-1].data if self.blocks else b""

    @property
    def position(self) -> int:
        """Absolute offset of the next byte that comes."""
        return self.blocks[-1].offset + len(self.data)

    def of(self, kind: str) -> list[Mapping[str, Any]]:
        """All messages of one type."""
        return [message for message in self.controls if message["type"] == kind]

    async def shows(self, data: bytes) -> None:
        """All that was sent since the last ``sync`` ends so."""
        await self.until(lambda: self.data.endswith(data))

    async def told(self, kind: str, **facts: Any) -> Mapping[str, Any]:
        """A message of this type with these facts came."""

        def found() -> Mapping[str, Any] | None:
            return next((said for said in self.of(kind) if facts.items() <= said.items()), None)

        message: Mapping[str, Any] = await self.until(found)
        return message


class RememberedRecording(Waiting, NoRecording):
    """What a recording was told."""

    def __init__(self) -> None:
        super().__init__()
        self.data = b""
        self.marks: list[str] = []
        self.sizes: list[Size] = []
        self.ends: list[Exit] = []
        self.shells: list[str] = []

    def began(self, shell: str, size: Size) -> None:
        self.shells.append(shell)

    def output(self, data: bytes, offset: int) -> None:
        self.data += data
        self.moved()

    def resized(self, size: Size) -> None:
        self.sizes.append(size)

    def marked(self, label: str) -> None:
        self.marks.append(label)

    def ended(self, end: Exit) -> None:
        self.ends.append(end)


@dataclass
class Stage:
    """A room that runs."""

    room: TerminalRoom
    upstream: ScriptedUpstream
    recording: RememberedRecording
    rights: dict[str, Right] = field(default_factory=dict)
    changes: int = 0

    def viewer(
        self, name: str, right: Right = Right.drive, *, is_legacy: bool = False, is_announced: bool = False
    ) -> tuple[Viewer, CollectingLink]:
        """Somebody who is in the room, and whose first message has not come."""
        link = CollectingLink()
        self.rights[name] = right
        viewer = Viewer(
            link,
            member_id=name,
            caller=Caller(name, Role.operator),
            right=lambda: self.rights[name],
            is_legacy=is_legacy,
            is_announced=is_announced,
        )
        self.room.join(viewer)
        return viewer, link

    async def watching(self, name: str, right: Right = Right.drive) -> tuple[Viewer, CollectingLink]:
        """Somebody who has the screen."""
        viewer, link = self.viewer(name, right)
        self.room.resumed(viewer, "", 0)
        await link.told("sync")
        return viewer, link

    async def connected(self, shell: str = "one", offset: int = 0) -> ScriptedConnection:
        """The shell that the room is connected with now."""
        connection = self.upstream.offer(shell, offset)
        await connection.until(lambda: connection.sizes)
        return connection


@asynccontextmanager
async def staged(
    *, holds_back: bool = True, size: Size | None = None, courtesy: Courtesy | None = None, **settings: Any
) -> AsyncIterator[Stage]:
    """A room whose upstream has been asked to connect."""
    upstream, recording = ScriptedUpstream(holds_back=holds_back), RememberedRecording()

    def changed() -> None:
        stage.changes += 1

    room = TerminalRoom(
        "t1",
        upstream=upstream,
        recording=recording,
        settings=TerminalSettings(**settings),
        size=size or Size(),
        changed=changed,
        courtesy=courtesy,
    )
    stage = Stage(room, upstream, recording)
    room.start()
    try:
        yield stage
    finally:
        await room.close(end=True)
