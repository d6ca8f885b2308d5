"""What every upstream does: one suite, which each implementation's tests inherit with a fixture named ``subject``."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S
from vibeworkbench.errors import Unavailable
from vibeworkbench.terminals.model import Exit, Seen, Size
from vibeworkbench.terminals.upstreams import READ_BYTES, Connection, Upstream

TAIL_BYTES = 65_536
QUIET_S = 0.5
"""A program that has not moved for so long stands still."""
LINES = 30_000
COUNTING = f"i=0; while [ $i -lt {LINES} ]; do i=$((i+1)); echo line $i äß; done; echo counted"
COUNTED = b"".join(f"line {number} äß\n".encode() for number in range(1, LINES + 1)) + b"counted\n"
PIECES = 200
FLOOD = (
    f"i=0; while [ $i -lt {PIECES} ]; do head -c 65536 /dev/zero | tr '\\0' x; i=$((i+1)); echo $i > {{progress}};"
    " done; echo flooded"
)


@dataclass
class Subject:
    """An implementation under test, all of whose programs run on this machine.

    Attributes:
        make: An upstream of a new terminal, whose shell is a POSIX one.
        folder: A directory that its programs may write to.
        tells_exit: Whether exit codes arrive.
        ends: Whether ``close(end=True)`` ends the shell.
        ends_jobs: Whether it ends the shell's jobs in the background, too.
        gives_up: Whether an upstream gives up what it has not sent when the program ends; then the program waits first.
    """

    make: Callable[[], Upstream]
    folder: Path
    tells_exit: bool = True
    ends: bool = True
    ends_jobs: bool = True
    gives_up: bool = False
    opened: list[Connection] = field(default_factory=list)

    @asynccontextmanager
    async def shell(self, size: Size = Size()) -> AsyncIterator[Dialogue]:  # noqa: B008 - a frozen value
        """A new shell, silent and ready; it is ended afterwards."""
        dialogue = Dialogue(self.make())
        try:
            await dialogue.connect(size)
            await dialogue.prepare()
            yield dialogue
        finally:
            await dialogue.end()


class Dialogue:
    """What is said to a shell and heard of it, over as many connections as it takes.

    Args:
        upstream: The upstream.

    Attributes:
        connection: The present connection.
        heard: The stream since ``start``, without what ``until`` gave already.
        head: Absolute offset of the next byte.
    """

    def __init__(self, upstream: Upstream) -> None:
        self.upstream = upstream
        self.connection: Connection = None  # type: ignore[assignment]  # until connect
        self.heard = bytearray()
        self.tail = b""
        self.head = 0

    async def connect(self, size: Size = Size(), seen: Seen | None = None) -> None:  # noqa: B008 - a frozen value
        """A connection is there."""
        async with asyncio.timeout(PATIENCE_S):
            self.connection = await self.upstream.connect(size, seen)
        self.head = self.connection.offset

    async def prepare(self) -> None:
        """The shell shows no prompt, echoes nothing, and its lines end with a newline alone."""
        await self.say("PS1= PS2=; stty -echo -onlcr; printf '<%s>' ready")
        await self.until(b"<ready>")
        await self.say("printf '<%s>' silent")
        await self.until(b"<silent>")

    async def say(self, line: str) -> None:
        """A line was typed."""
        async with asyncio.timeout(PATIENCE_S):
            await self.connection.write(line.encode() + b"\n")

    async def read(self) -> bytes:
        """The next bytes."""
        async with asyncio.timeout(PATIENCE_S):
            data = await self.connection.read()
        assert len(data) <= READ_BYTES
        self.heard += data
        self.head += len(data)
        self.tail = (self.tail + data)[-TAIL_BYTES:]
        return data

    async def until(self, wanted: bytes) -> bytes:
        """All up to and with these bytes."""
        searched = 0
        while (found := self.heard.find(wanted, searched)) < 0:
            searched = max(0, len(self.heard) - len(wanted))
            assert await self.read(), f"the stream ended before {wanted!r}: {bytes(self.heard[-2_000:])!r}"
        end = found + len(wanted)
        told = bytes(self.heard[:end])
        del self.heard[:end]
        return told

    async def ask(self, line: str) -> str:
        """What a command prints."""
        await self.say(f"{line}; printf '<%s>' said")
        return (await self.until(b"<said>")).removesuffix(b"<said>").decode().strip()

    async def rest(self) -> bytes:
        """All that comes until the stream ends."""
        while await self.read():
            pass
        return bytes(self.heard)

    def seen(self) -> Seen:
        """What has been read."""
        return Seen(self.connection.shell, self.head, self.tail)

    async def reconnect(self) -> None:
        """The connection ended, and another one goes on where it stopped."""
        before, head = self.connection.shell, self.head
        await self.connection.close(end=False)
        await self.connect(seen=self.seen())
        assert (self.connection.shell, self.connection.offset) == (before, head)

    async def end(self) -> None:
        """Shell and connection have ended."""
        if self.connection is not None:
            with suppress(Unavailable):
                await self.connection.close(end=True)


async def stands_still(progress: Path) -> int:
    """The number in the file, once it has not changed for a while."""
    last, since, clock = -1, 0.0, asyncio.get_running_loop()
    async with asyncio.timeout(PATIENCE_S):
        while last < 1 or clock.time() - since < QUIET_S:
            number = number_in(progress)
            if number != last:
                last, since = number, clock.time()
            await asyncio.sleep(0.01)  # a file tells nobody that it changed
    return last


def number_in(progress: Path) -> int:
    """The number that the file holds; 0 where it holds none yet."""
    return int(progress.read_text().strip() or 0) if progress.exists() else 0


async def gone(pid: int) -> None:
    """The process is no more."""
    async with asyncio.timeout(PATIENCE_S):
        while is_alive(pid):  # noqa: ASYNC110 - nobody is told of the end of a process that is not his child
            await asyncio.sleep(0.01)


def is_alive(pid: int) -> bool:
    """Whether the process is there and runs."""
    try:
        os.kill(pid, 0)
        status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return status != "Z"


class Conformance:
    """The suite."""

    async def test_the_first_bytes_arrive(self, subject: Subject) -> None:
        """A new shell's stream begins at offset 0 with its prompt, and has an identity."""
        dialogue = Dialogue(subject.make())
        try:
            await dialogue.connect()
            assert dialogue.connection.offset == 0
            assert dialogue.connection.shell
            assert dialogue.connection.exit is None
            assert await dialogue.read()
        finally:
            await dialogue.end()

    async def test_what_is_typed_is_echoed(self, subject: Subject) -> None:
        """Characters come back as they are typed, before the line's end."""
        async with subject.shell() as shell:
            await shell.say("stty echo; echo loud; exec cat")
            await shell.until(b"loud\n")
            await shell.connection.write(b"half a l")
            await shell.until(b"half a l")
            await shell.connection.write("ïne\n".encode())
            await shell.until("ïne\nhalf a lïne\n".encode())

    async def test_a_program_knows_the_size(self, subject: Subject) -> None:
        """The size is that of the connection's beginning, then what it was told last."""
        async with subject.shell(Size(33, 101)) as shell:
            assert await shell.ask("stty size") == "33 101"
            await shell.connection.resize(Size(44, 122))
            async with asyncio.timeout(PATIENCE_S):
                while await shell.ask("stty size") != "44 122":
                    pass  # it may be told by another way than what is typed

    async def test_the_stream_is_what_was_printed(self, subject: Subject) -> None:
        """5 MB arrive bit by bit as the program wrote them."""
        async with subject.shell() as shell:
            await shell.say("seq 1 730000; echo counted")
            printed = await shell.until(b"counted\n")
            assert printed == b"".join(b"%d\n" % number for number in range(1, 730_001)) + b"counted\n"

    async def test_characters_are_not_cut_apart(self, subject: Subject) -> None:
        """Characters of several bytes arrive whole in the end, wherever reading cuts them."""
        line = "aä€😀\n"
        async with subject.shell() as shell:
            # Where SIGPIPE is ignored, as below ttyd, `yes` complains of a broken pipe.
            await shell.say(f"yes '{line.strip()}' 2>/dev/null | head -n 60000; echo printed")
            assert await shell.until(b"printed\n") == line.encode() * 60_000 + b"printed\n"

    async def test_what_is_not_read_holds_the_program_back(self, subject: Subject) -> None:
        """A program whose output nobody reads stands still, and goes on when it is read; no byte is lost."""
        progress = subject.folder / "progress"
        async with subject.shell() as shell:
            if not shell.upstream.holds_back:
                return
            await shell.say(FLOOD.format(progress=progress))
            assert await stands_still(progress) < PIECES
            assert await shell.until(b"flooded\n") == b"x" * PIECES * 65_536 + b"flooded\n"

    async def test_an_exit_is_told(self, subject: Subject) -> None:
        """After all that was printed the stream ends, for ever, with the exit code where the upstream tells it."""
        async with subject.shell() as shell:
            await shell.say(f"seq 1 20000; {'sleep 1; ' if subject.gives_up else ''}exit 7")
            assert await shell.rest() == b"".join(b"%d\n" % number for number in range(1, 20_001))
            assert shell.connection.exit == Exit(7 if subject.tells_exit else None, _reason(shell))
            assert await shell.read() == b""

    async def test_a_killed_shell_is_told(self, subject: Subject) -> None:
        """A shell that a signal ended has the exit code 128 + n."""
        async with subject.shell() as shell:
            await shell.say("kill -9 $$")
            await shell.rest()
            assert shell.connection.exit == Exit(137 if subject.tells_exit else None, _reason(shell))

    async def test_closing_ends_the_shell(self, subject: Subject) -> None:
        """With ``end`` the shell and what runs in its foreground are gone; nothing can be written any more."""
        async with subject.shell() as shell:
            pid = int(await shell.ask("echo $$"))
            await shell.say("sleep 1000 & echo child $!; wait")
            await shell.until(b"child ")
            child = int(await shell.until(b"\n"))
            await shell.connection.close(end=subject.ends)
            assert await shell.connection.read() == b""
            with pytest.raises(Unavailable):
                await shell.connection.write(b"x")
            if subject.ends:
                await gone(pid)
                if not subject.ends_jobs:
                    os.kill(child, signal.SIGKILL)
                await gone(child)

    async def test_a_program_that_does_not_read_stops_nobody_else(self, subject: Subject) -> None:
        """Input waits for a program that takes none; another terminal works, and the first one can be closed."""
        async with subject.shell() as deaf, subject.shell() as other:
            await deaf.say("stty raw; echo deaf; exec sleep 1000")
            await deaf.until(b"deaf")
            writing = asyncio.create_task(deaf.connection.write(b"x" * 1_000_000))
            for number in range(20):
                assert await other.ask(f"echo {number}") == str(number)
            writing.cancel()
            await asyncio.wait([writing])

    async def test_a_new_connection_goes_on(self, subject: Subject) -> None:
        """A shell that is found again loses and repeats nothing, however often the connection ends while it prints."""
        async with subject.shell() as shell:
            if not shell.upstream.lasting:
                return
            await shell.say(COUNTING)
            for _ in range(5):
                for _ in range(3):
                    await shell.read()
                await shell.reconnect()
            assert await shell.until(b"counted\n") == COUNTED

    async def test_a_new_connection_goes_on_inside_a_character(self, subject: Subject) -> None:
        """What is asked for may begin in the middle of a character: bytes are bytes."""
        async with subject.shell() as shell:
            if not shell.upstream.lasting:
                return
            await shell.say("printf '<%s>' '€uro'")
            await shell.until("€uro>".encode())
            middle = Seen(shell.connection.shell, shell.head - len("€uro>".encode()) + 1)
            await shell.connection.close(end=False)
            await shell.connect(seen=middle)
            shell.heard.clear()
            assert await shell.until(b"uro>") == "€uro>".encode()[1:]


def _reason(shell: Dialogue) -> str:
    """What an upstream adds in words is its own business."""
    return shell.connection.exit.reason if shell.connection.exit else ""
