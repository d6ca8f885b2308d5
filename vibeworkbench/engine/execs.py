"""Programs that are started inside containers that run.

Source: Docker Engine API v1.47: ContainerExec, ExecStart, ExecResize, ExecInspect; "API version history", v1.42:
``ConsoleSize`` of ``POST /containers/{id}/exec`` and ``POST /exec/{id}/start``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from httpcore import AsyncNetworkStream

from vibeworkbench.engine.client import Engine
from vibeworkbench.errors import UpstreamFailed

CONSOLE_SIZE = (1, 42)
"""Since this version a program is started with a size; older engines pass over ``ConsoleSize``, and leave 0 by 0."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be started.

    Attributes:
        command: The program and its arguments.
        user: As whom; empty means the container's user.
        directory: Where; empty means the container's directory.
        environment: Variables besides the container's.
        rows: Of the program's screen.
        cols: Of the program's screen.
        attached: Whether its screen is ours; otherwise it starts and nothing is heard of it.
    """

    command: Sequence[str]
    user: str = ""
    directory: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    rows: int = 24
    cols: int = 80
    attached: bool = True


@dataclass(frozen=True, slots=True)
class Exec:
    """One program.

    Args:
        engine: Runs it.
        exec_id: Its id.
    """

    engine: Engine
    exec_id: str

    @asynccontextmanager
    async def started(self, order: Order) -> AsyncIterator[AsyncNetworkStream]:
        """The program runs, and this is its terminal."""
        body = {"Detach": False, "Tty": True, "ConsoleSize": [order.rows, order.cols]}
        async with self.engine.hijacked(f"/exec/{self.exec_id}/start", body) as stream:
            if not await self.engine.knows(CONSOLE_SIZE):
                await self.resize(order.rows, order.cols)
            yield stream

    async def start_alone(self) -> None:
        """The program runs."""
        await self.engine.order(f"/exec/{self.exec_id}/start", {}, {"Detach": True, "Tty": False})

    async def resize(self, rows: int, cols: int) -> None:
        """The program knows the size of its screen."""
        await self.engine.order(f"/exec/{self.exec_id}/resize", {"h": str(rows), "w": str(cols)})

    async def exit_code(self) -> int | None:
        """Its exit code; ``None`` while it runs."""
        said = await self.engine.json(f"/exec/{self.exec_id}/json", {})
        if not isinstance(said, dict) or said.get("Running", True):
            return None
        code = said.get("ExitCode")
        return code if isinstance(code, int) else None


async def made(engine: Engine, container: str, order: Order) -> Exec:
    """A program that is ready to be started.

    Raises:
        NotFound: There is no such container.
        UpstreamFailed: It does not run (``status`` 409), or the order cannot be meant.
    """
    body: dict[str, Any] = {
        "AttachStdin": order.attached,
        "AttachStdout": order.attached,
        "AttachStderr": order.attached,
        "Tty": order.attached,
        "Cmd": list(order.command),
        "Env": [f"{name}={value}" for name, value in order.environment.items()],
        "User": order.user,
        "WorkingDir": order.directory,
    }
    if order.attached:
        body["ConsoleSize"] = [order.rows, order.cols]
    said = await engine.order(f"/containers/{container}/exec", {}, body)
    if not isinstance(said, dict) or not isinstance(said.get("Id"), str):
        raise UpstreamFailed("the container engine's answer names no program")
    return Exec(engine, said["Id"])
