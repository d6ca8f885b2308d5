"""The stand-in engine's programs: each a real one, on a pseudo-terminal of this machine, in place of a container's.

Source: Docker Engine API v1.47: ContainerExec, ExecStart with its upgrade to ``tcp``, ExecResize, ExecInspect.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tornado.iostream import StreamClosedError

from tests.containers.engine_containers import Container
from tests.terminals.pty_shells import PtyShell

UPGRADED = (
    b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n"
    b"Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
)


@dataclass
class Program:
    """One exec."""

    exec_id: str
    asked: dict[str, Any]
    shell: PtyShell | None = None
    exit_code: int | None = None

    def inspected(self) -> dict[str, Any]:
        """What ExecInspect answers."""
        runs = self.shell is not None and self.exit_code is None
        pid = self.shell.process.pid if self.shell else 0
        command = self.asked["Cmd"]
        return {
            "ID": self.exec_id,
            "Running": runs,
            "ExitCode": self.exit_code,
            "ProcessConfig": {
                "tty": self.asked["Tty"],
                "entrypoint": command[0],
                "arguments": command[1:],
                "privileged": False,
            },
            "OpenStdin": True,
            "OpenStderr": True,
            "OpenStdout": True,
            "CanRemove": False,
            "DetachKeys": "",
            "Pid": pid,
        }


class Programs:
    """All execs of an engine."""

    def __init__(self) -> None:
        self.all: dict[str, Program] = {}
        self.streams: set[Any] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def make(self, asked: dict[str, Any]) -> Program:
        """A new one."""
        program = Program(secrets.token_hex(32), asked)
        self.all[program.exec_id] = program
        return program

    async def start(self, program: Program, size: list[int], stream: Any) -> None:
        """The program runs, and has the connection."""
        environment = dict(each.split("=", 1) for each in program.asked["Env"])
        program.shell = PtyShell(program.asked["Cmd"], environment, *size)
        self.streams.add(stream)
        await stream.write(UPGRADED)
        for work in (self._out(program, stream), self._in(program, stream)):
            task = asyncio.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _out(self, program: Program, stream: Any) -> None:
        with suppress(StreamClosedError):
            while data := await program.shell.read():
                await stream.write(data)
        program.exit_code = await program.shell.ended()
        program.shell.close()
        stream.close()

    async def _in(self, program: Program, stream: Any) -> None:
        with suppress(StreamClosedError):
            while True:
                await program.shell.write(await stream.read_bytes(65_536, partial=True))

    def cut(self) -> None:
        """Every connection is gone; the programs run on, as they do in containers."""
        for stream in list(self.streams):
            stream.close()
        self.streams.clear()

    async def end(self) -> None:
        """No program is left."""
        self.cut()
        for program in self.all.values():
            if program.shell is not None and program.exit_code is None:
                program.shell.kill()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _refusal(name: str, container: Container) -> str:
    """Why no program can be started in the container; empty when one can."""
    if container.status == "paused":
        return f"Container {name} is paused, unpause the container before exec"
    return "" if container.status == "running" else f"Container {container.container_id} is not running"


def rows(handler: type) -> list[tuple[str, type]]:
    """The addresses, for handlers that are made like ``handler``."""

    class Make(handler):
        def post(self, name: str) -> None:
            container = self.container(name)
            if container is None:
                return
            if reason := _refusal(name, container):
                self.refuse(409, reason)
                return
            program = self.engine.programs.make(json.loads(self.request.body))
            self.set_status(201)
            self.tell({"Id": program.exec_id})

    class Start(handler):
        async def post(self, exec_id: str) -> None:
            program, asked = self.engine.programs.all[exec_id], json.loads(self.request.body)
            if asked["Detach"]:
                environment = {"PATH": self.engine.path_of_programs()}
                environment |= dict(each.split("=", 1) for each in program.asked["Env"])
                ended = await asyncio.to_thread(subprocess.run, program.asked["Cmd"], env=environment, check=False)
                program.exit_code = ended.returncode
                self.finish()
                return
            size = [0, 0] if self.engine.is_older_than(1, 42) else asked["ConsoleSize"]
            await self.engine.programs.start(program, size, self.detach())

    class Resize(handler):
        def post(self, exec_id: str) -> None:
            program = self.engine.programs.all[exec_id]
            if program.shell is None:
                self.refuse(500, "timeout waiting for exec session ready")
                return
            program.shell.resize(int(self.get_argument("h")), int(self.get_argument("w")))
            self.finish()

    class Inspect(handler):
        def get(self, exec_id: str) -> None:
            program = self.engine.programs.all.get(exec_id)
            if program is None:
                self.refuse(404, f"No such exec instance: {exec_id}")
            else:
                self.tell(program.inspected())

    return [
        (r"/v[\d.]+/containers/([^/]+)/exec", Make),
        (r"/v[\d.]+/exec/([^/]+)/start", Start),
        (r"/v[\d.]+/exec/([^/]+)/resize", Resize),
        (r"/v[\d.]+/exec/([^/]+)/json", Inspect),
    ]
