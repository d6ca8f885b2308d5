"""Shells inside containers, by the container engine's own terminal.

Such a shell's terminal hangs on one connection and cannot be had again: a connection is a shell.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from time import monotonic
from typing import Annotated, ClassVar

import httpcore
import msgspec

from vibeworkbench.engine.address import address_of
from vibeworkbench.engine.client import Engine
from vibeworkbench.engine.execs import Exec, Order, made
from vibeworkbench.errors import InvalidInput, NotFound, Unavailable, UpstreamFailed, WorkbenchError
from vibeworkbench.terminals.model import Exit, Seen, Size
from vibeworkbench.terminals.upstreams import READ_BYTES, Connection, Place

SHELL = ("/bin/sh", "-c", "command -v bash >/dev/null 2>&1 && exec bash || exec sh")
"""The best shell that the container has."""
MARK = "VIBEWORKBENCH_TERMINAL"
"""Stands in the environment of the shell and of all that it started, so that they can be found."""
END = (
    'for each in /proc/[0-9]*; do case "$(cat "$each/environ")" in '
    '*"$0"*) kill -HUP "${each#/proc/}";; esac; done 2>/dev/null'
)
"""Ends all that has the mark. Shells drop the zero bytes of what they read; beside a shell it needs ``cat`` alone."""
ENDING_S = 2.0
"""How long the engine may take to note that a program has ended whose terminal is closed."""
Word = Annotated[str, msgspec.Meta(max_length=32_768)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256, pattern=r"^[a-zA-Z0-9][a-zA-Z0-9_.-]*$")]


class DockerSpec(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    rename="camel",
    tag_field="kind",
    tag="docker",
):
    """A program inside a container.

    Attributes:
        container: The container's name or id.
        command: The program and its arguments; empty means the best shell that the container has.
        user: As whom; empty means the container's user.
        cwd: Where it starts; empty means the container's directory.
    """

    container: Name
    command: Annotated[tuple[Word, ...], msgspec.Meta(max_length=1_000)] = ()
    user: Annotated[str, msgspec.Meta(max_length=256)] = ""
    cwd: Annotated[str, msgspec.Meta(max_length=4_096)] = ""


class DockerUpstream:
    """A program inside a container.

    Args:
        spec: What was asked for.
        place: Whose terminal it runs, and where the settings say that the engine is.

    Raises:
        InvalidInput: A word holds a zero byte.
    """

    kind: ClassVar[str] = "docker"
    spec: ClassVar[type[msgspec.Struct]] = DockerSpec
    holds_back = True
    lasting = False

    def __init__(self, spec: DockerSpec, place: Place) -> None:
        for field, words in (("command", spec.command), ("user", (spec.user,)), ("cwd", (spec.cwd,))):
            if any("\0" in word for word in words):
                reason = "no zero byte can stand here"
                raise InvalidInput(f"{field}: {reason}.", field=field, reason=reason)
        self._spec = spec
        self._settings = place.settings.containers
        self._has_connected = False

    async def connect(self, size: Size, seen: Seen | None) -> Connection:
        """A connection with a new shell.

        Raises:
            Unavailable: The engine does not answer, or the container does not run.
            NotFound: There is no such container; or a shell was seen, by a workbench that has ended since.
            UpstreamFailed: There is no engine, or it cannot start the program.
        """
        if seen is not None and not self._has_connected:
            raise NotFound("Its shell lost its terminal with the workbench that had it; a container keeps none.")
        address = address_of(self._settings.engine, os.environ)
        if address.absent:
            raise UpstreamFailed(f"The container engine is not there: {address.absent}.")
        async with AsyncExitStack() as stack:
            engine = await stack.enter_async_context(Engine(address, self._settings.timeout_s))
            order = self._order(size)
            program = await self._made(engine, order)
            stream = await stack.enter_async_context(program.started(order))
            shell = f"docker:{program.exec_id[:16]}"
            connection = DockerConnection(
                program=program,
                stream=stream,
                container=self._spec.container,
                order=order,
                shell=shell,
                _stack=stack.pop_all(),
            )
        self._has_connected = True
        return connection

    def _order(self, size: Size) -> Order:
        environment = {"TERM": "xterm-256color", "COLORTERM": "truecolor", MARK: secrets.token_hex(8)}
        spec = self._spec
        return Order(spec.command or SHELL, spec.user, spec.cwd, environment, size.rows, size.cols)

    async def _made(self, engine: Engine, order: Order) -> Exec:
        try:
            return await made(engine, self._spec.container, order)
        except UpstreamFailed as error:
            if error.attributes.get("status") == 409:
                raise Unavailable("The container does not run, or is paused.") from None
            raise


@dataclass(slots=True, kw_only=True)
class DockerConnection:
    """A connection with a shell inside a container.

    Args:
        program: The shell.
        stream: Its terminal.
        container: Where it runs.
        order: What was started.
        shell: Which shell this is.

    Attributes:
        exit: How the shell ended.
    """

    program: Exec
    stream: httpcore.AsyncNetworkStream
    container: str
    order: Order
    _stack: AsyncExitStack
    shell: str
    offset: int = 0
    exit: Exit | None = None
    _has_ended: bool = False
    _is_closed: bool = False

    async def read(self) -> bytes:
        """The next bytes; empty at the end."""
        if self._has_ended:
            return b""
        try:
            data = await self.stream.read(READ_BYTES)
        except (httpcore.NetworkError, OSError):
            data = b""
        if not data:
            self._has_ended = True
            self.exit = await self._ended()
        return data

    async def _ended(self) -> Exit | None:
        """How the shell ended; ``None`` where it runs on, or that cannot be asked."""
        until = monotonic() + ENDING_S
        with suppress(WorkbenchError):
            while monotonic() < until:
                code = await self.program.exit_code()
                if code is not None:
                    return Exit(code)
                await asyncio.sleep(0.05)
        return None

    async def write(self, data: bytes) -> None:
        """The bytes are on their way; waits as long as the program reads nothing.

        Raises:
            Unavailable: The connection has ended.
        """
        try:
            await self.stream.write(data)
        except (httpcore.NetworkError, OSError):
            raise Unavailable("The container engine has closed the terminal.") from None

    async def resize(self, size: Size) -> None:
        """The program knows the size of its screen."""
        with suppress(WorkbenchError):  # it has ended, and its end is told otherwise
            await self.program.resize(size.rows, size.cols)

    async def pulse(self) -> float | None:
        """``None``: the engine is on this machine, or its connection breaks when it is not."""
        return None

    async def close(self, *, end: bool) -> None:
        """The connection has ended, and with ``end`` the shell and what it started, where the container has a shell."""
        is_first, self._is_closed = not self._is_closed, True
        if is_first and end and self.exit is None:
            with suppress(WorkbenchError):  # what cannot be reached is not ended, and nobody could help it
                await self._end()
        self._has_ended = True
        await self._stack.aclose()

    async def _end(self) -> None:
        mark = f"{MARK}={self.order.environment[MARK]}"
        order = Order(("/bin/sh", "-c", END, mark), self.order.user, attached=False)
        program = await made(self.program.engine, self.container, order)
        await program.start_alone()
