"""The contenders of bench terminals: ours, jupyter_server with terminado, ttyd; each with a shell in a new terminal."""

from __future__ import annotations

import json
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Self

import httpx
import psutil

from benchmarks import servers
from benchmarks.servers import HERE, Server, cpu_s_of, pss_bytes_of
from benchmarks.terminals_wire import OURS, TERMINADO, TTYD, Door

SHELL = ["/bin/sh"]
SETTINGS = """
[terminals]
survive_s = 0
"""
LIMIT_S = 240.0


@dataclass(frozen=True, slots=True)
class Contender:
    """A server in the comparison."""

    name: str
    protocol: str
    start: Callable[[], AbstractContextManager[Server]]

    @property
    def is_ours(self) -> bool:
        """Whether it is ours."""
        return self.protocol == OURS

    @property
    def is_shared(self) -> bool:
        """Whether several may watch one terminal."""
        return self.protocol != TTYD


@contextmanager
def jupyter() -> Iterator[Server]:
    """jupyter_server with its own terminals."""
    token = secrets.token_hex(16)
    command = [sys.executable, "-m", "benchmarks.peers.jupyter_terminals"]
    environment = {"BENCH_TOKEN": token, "JUPYTER_NO_CONFIG": "1", "PYTHONPATH": str(HERE.parent)}
    with servers.started(command, cwd=HERE / "peers", env=environment) as server:
        yield replace(server, token=token)


@contextmanager
def ttyd() -> Iterator[Server]:
    """ttyd; it listens."""
    with servers.started([sys.executable, "-m", "benchmarks.peers.ttyd"], cwd=HERE.parent) as server:
        deadline = time.monotonic() + servers.START_LIMIT_S
        while not _listens(server.port):
            if time.monotonic() > deadline:
                raise TimeoutError("ttyd did not begin to listen")
            time.sleep(0.05)
        yield server


def _listens(port: int) -> bool:
    with socket.socket() as line:
        return line.connect_ex(("127.0.0.1", port)) == 0


CONTENDERS = (
    Contender("ours", OURS, lambda: servers.vibeworkbench(SETTINGS)),
    Contender("jupyter_server + terminado", TERMINADO, jupyter),
    *((Contender("ttyd", TTYD, ttyd),) if shutil.which("ttyd") else ()),
)
"""ttyd where it is installed."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that runs, and its terminals."""

    contender: Contender
    server: Server

    def door(self) -> Door:
        """A new terminal with a shell."""
        if not self.contender.is_shared:
            return Door(self.server.port, "", "/ws", TTYD)
        body = {"upstream": {"kind": "local", "command": SHELL}, "rows": 24, "cols": 80}
        path = "vibeworkbench/api/terminals" if self.contender.is_ours else "api/terminals"
        answer = httpx.post(
            f"http://127.0.0.1:{self.server.port}/{path}",
            json=body if self.contender.is_ours else {},
            headers={"Authorization": f"token {self.server.token}"},
            trust_env=False,
            timeout=LIMIT_S,
        )
        answer.raise_for_status()
        made = answer.json()
        if self.contender.is_ours:
            address = f"/vibeworkbench/parties/terminal-server/{made['terminalId']}"
        else:
            address = f"/terminals/websocket/{made['name']}"
        return Door(self.server.port, self.server.token, address, self.contender.protocol)

    def cpu_s(self) -> float:
        """CPU seconds of the server and of what holds its shells; the shells and what runs in them do not count."""
        return sum(map(cpu_s_of, self._pids()))

    def pss_bytes(self) -> int:
        """Memory of the same."""
        return sum(map(pss_bytes_of, self._pids()))

    def _pids(self) -> list[int]:
        return [self.server.process.pid, *(_holders(self.server) if self.contender.is_ours else [])]


def _holders(server: Server) -> list[int]:
    """The processes that hold shells of ours: they are no children of the server, which they outlive."""
    started_at = psutil.Process(server.process.pid).create_time()
    script = str(Path("terminals", "holder"))
    return [
        each.pid
        for each in psutil.process_iter(["cmdline", "create_time"])
        if each.info["create_time"] >= started_at
        and any(script in word and str(HERE.parent) in word for word in each.info["cmdline"] or ())
    ]


@contextmanager
def running(contender: Contender) -> Iterator[Running]:
    """The server runs."""
    with contender.start() as server:
        yield Running(contender, server)


class Load:
    """The load program at its work: what it says, and when it goes on."""

    def __init__(self, act: str, **given: Any) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.terminals_load"],
            cwd=HERE.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        told = {name: asdict(value) if isinstance(value, Door) else value for name, value in given.items()}
        self._write(json.dumps({"act": act, **told}))

    def said(self) -> dict[str, Any]:
        """The next thing that it says.

        Raises:
            RuntimeError: It could not be done.
        """
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        told: dict[str, Any] = json.loads(line) if line else {"error": "the load program has ended"}
        if "error" in told:
            raise RuntimeError(told["error"])
        return told

    def go(self) -> None:
        """It goes on."""
        self._write("")

    def _write(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()
