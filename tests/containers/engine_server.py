"""A container engine for tests: a real HTTP server on a unix socket that answers in the Engine API's documented JSON.

It keeps containers with their logs, counters and events, and has switches for what engines do when they are unwell:
``fail`` (500), ``slow``, ``drop_after`` bytes of a log stream, ``stop`` and ``start`` (the engine's restart).

Source: Docker Engine API v1.47; the shapes are those that ``docker inspect``, ``docker events --format json`` and the
stats endpoint of an engine 28 show.
"""

from __future__ import annotations

import asyncio
import json
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.iostream import StreamClosedError
from tornado.netutil import bind_unix_socket
from tornado.web import Application, RequestHandler

from tests.containers import engine_execs

GIB = 2**30
PIECE_BYTES = 16 * 2**10
PS_TITLES = {
    "-eo pid,ppid,user,pcpu,rss,stat,nlwp,etimes,args": [
        "PID", "PPID", "USER", "%CPU", "RSS", "STAT", "NLWP", "ELAPSED", "COMMAND",
    ]
}  # fmt: skip
RUNNING = (
    "4711 4690 root 0.3 20480 Ss 1 3600 /usr/bin/python -m shop --token=hunter2",
    "4722 4711 shop 12.5 40960 Sl 8 3590 gunicorn: worker",
)


def stamp(ns: int) -> str:
    """RFC 3339 with nine digits, as the Engine writes it."""
    whole = datetime.fromtimestamp(ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{ns % 10**9:09}Z"


@dataclass
class Container:
    """One container of the stand-in."""

    name: str
    container_id: str
    image: str = "shop/api:1.4"
    terminal: bool = False
    environment: tuple[str, ...] = ("PATH=/usr/bin", "DB_PASSWORD=hunter2")
    labels: dict[str, str] = field(default_factory=lambda: {"com.docker.compose.project": "shop"})
    status: str = "running"
    exit_code: int = 0
    oom_killed: bool = False
    restarts: int = 0
    health: str = ""
    memory_limit: int = GIB
    cpu_ns: int = 10**9
    system_ns: int = 10**12
    memory: int = 300 * 2**20
    inactive_file: int = 100 * 2**20
    created_ns: int = 1_795_000_000 * 10**9
    started_ns: int = 1_795_000_001 * 10**9
    finished_ns: int = 0
    running: list[str] = field(default_factory=lambda: [*RUNNING])
    logged: list[tuple[int, str, bytes]] = field(default_factory=list)

    def inspected(self) -> dict[str, Any]:
        """What ContainerInspect answers."""
        running = self.status in {"running", "paused", "restarting"}
        state: dict[str, Any] = {
            "Status": self.status,
            "Running": running,
            "Paused": self.status == "paused",
            "Restarting": self.status == "restarting",
            "OOMKilled": self.oom_killed,
            "Dead": False,
            "Pid": 4711 if running else 0,
            "ExitCode": self.exit_code,
            "Error": "",
            "StartedAt": stamp(self.started_ns),
            "FinishedAt": stamp(self.finished_ns) if self.finished_ns else "0001-01-01T00:00:00Z",
        }
        if self.health:
            probe = {"Start": stamp(self.started_ns), "End": stamp(self.started_ns), "ExitCode": 1, "Output": "refused"}
            state["Health"] = {"Status": self.health, "FailingStreak": 3, "Log": [probe]}
        return {
            "Id": self.container_id,
            "Created": stamp(self.created_ns),
            "Path": "python",
            "Args": ["-m", "shop"],
            "State": state,
            "Image": "sha256:" + "ab" * 32,
            "Name": f"/{self.name}",
            "RestartCount": self.restarts,
            "Driver": "overlay2",
            "Platform": "linux",
            "HostConfig": {
                "Memory": self.memory_limit,
                "NanoCpus": 0,
                "LogConfig": {"Type": "json-file", "Config": {}},
                "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 5},
            },
            "Config": {
                "Hostname": self.container_id[:12],
                "Tty": self.terminal,
                "Env": list(self.environment),
                "Cmd": ["python", "-m", "shop"],
                "Image": self.image,
                "Labels": self.labels,
            },
            "Mounts": [],
            "NetworkSettings": {"Networks": {}},
        }

    def listed(self) -> dict[str, Any]:
        """What ContainerList answers."""
        return {
            "Id": self.container_id,
            "Names": [f"/{self.name}"],
            "Image": self.image,
            "ImageID": "sha256:" + "ab" * 32,
            "Command": "python -m shop",
            "Created": self.created_ns // 10**9,
            "Ports": [],
            "Labels": self.labels,
            "State": self.status,
            "Status": "Up 3 minutes" if self.status == "running" else f"Exited ({self.exit_code}) 3 minutes ago",
            "HostConfig": {"NetworkMode": "bridge"},
            "NetworkSettings": {"Networks": {}},
            "Mounts": [],
        }

    def counted(self, before: tuple[int, int] | None) -> dict[str, Any]:
        """What ContainerStats answers; ``before``: processor time of container and system at the reading before."""
        return {
            "name": f"/{self.name}",
            "id": self.container_id,
            "read": stamp(self.started_ns + self.system_ns),
            "preread": stamp(self.started_ns) if before else "0001-01-01T00:00:00Z",
            "num_procs": 0,
            "pids_stats": {"current": 7, "limit": 18446744073709551615},
            "networks": {"eth0": {"rx_bytes": 5338, "rx_packets": 36, "tx_bytes": 648, "tx_packets": 8}},
            "memory_stats": {
                "usage": self.memory,
                "limit": self.memory_limit or 16 * GIB,
                "stats": {"anon": self.memory - self.inactive_file, "inactive_file": self.inactive_file},
            },
            "blkio_stats": {
                "io_service_bytes_recursive": [
                    {"major": 8, "minor": 0, "op": "read", "value": 4096},
                    {"major": 8, "minor": 0, "op": "write", "value": 12288},
                ],
                "io_serviced_recursive": None,
            },
            "cpu_stats": _cpu(self.cpu_ns, self.system_ns),
            "precpu_stats": _cpu(*before) if before else {"cpu_usage": {"total_usage": 0}, "throttling_data": {}},
            "storage_stats": {},
        }


def _cpu(used: int, system: int) -> dict[str, Any]:
    return {
        "cpu_usage": {"total_usage": used, "usage_in_kernelmode": used // 4, "usage_in_usermode": used * 3 // 4},
        "system_cpu_usage": system,
        "online_cpus": 4,
        "throttling_data": {"periods": 0, "throttled_periods": 0, "throttled_time": 0},
    }


class EngineServer:
    """The engine at ``path``.

    Attributes:
        containers: Id → container.
        asked: Path and query of every request, oldest first.
        fail: Answer 500 to everything but the ping.
        drop_after: A log stream's connection breaks after so many bytes; ``None`` never. Used up by one stream.
        plain_ps: Its machine's ps knows no columns but its own.
        silent: Accept connections and answer nothing.
    """

    def __init__(self, path: Path, *, version: str = "1.47") -> None:
        self.path, self.version = path, version
        self.containers: dict[str, Container] = {}
        self.happened: list[dict[str, Any]] = []
        self.asked: list[str] = []
        self.fail = False
        self.silent = False
        self.plain_ps = False
        self.drop_after: int | None = None
        self.changed = asyncio.Condition()
        self.streams: set[RequestHandler] = set()
        self.programs = engine_execs.Programs()
        self._server: HTTPServer | None = None

    async def start(self) -> None:
        """It listens."""
        rows = [
            (r"(?:/v[\d.]+)?/_ping", _Ping),
            (r"(?:/v[\d.]+)?/version", _Version),
            (r"/v[\d.]+/containers/json", _List),
            (r"/v[\d.]+/containers/([^/]+)/json", _Inspect),
            (r"/v[\d.]+/containers/([^/]+)/logs", _Logs),
            (r"/v[\d.]+/containers/([^/]+)/stats", _Stats),
            (r"/v[\d.]+/containers/([^/]+)/top", _Top),
            (r"/v[\d.]+/events", _Events),
            *engine_execs.rows(_Handler),
        ]
        self._server = HTTPServer(Application([(path, kind, {"engine": self}) for path, kind in rows]))
        self._server.add_socket(bind_unix_socket(str(self.path)))

    async def stop(self) -> None:
        """It is gone with all its connections, as when the engine is restarted."""
        assert self._server is not None
        self._server.stop()
        self.programs.cut()
        for handler in list(self.streams):
            handler.request.connection.stream.close()
        await self._server.close_all_connections()
        self.path.unlink(missing_ok=True)
        await self.notify()

    async def notify(self) -> None:
        """Streams look again."""
        async with self.changed:
            self.changed.notify_all()

    def add(self, name: str, **given: Any) -> Container:
        """A new container."""
        container = Container(name, (name.encode().hex() + "0" * 64)[:64], **given)
        self.containers[container.container_id] = container
        return container

    async def log(self, container: Container, *lines: tuple[int, str, str]) -> None:
        """The container has written ``(nanoseconds, stream, text)``."""
        for at_ns, stream, text in lines:
            container.logged.append((at_ns, stream, text.encode()))
        await self.notify()

    async def happen(self, container: Container, action: str, at_ns: int, **attributes: str) -> None:
        """An event is told to whoever listens."""
        actor = {"ID": container.container_id, "Attributes": {"name": container.name, "image": container.image}}
        actor["Attributes"] |= container.labels | attributes  # type: ignore[operator]
        self.happened.append(
            {
                "status": action,
                "id": container.container_id,
                "from": container.image,
                "Type": "container",
                "Action": action,
                "Actor": actor,
                "scope": "local",
                "time": at_ns // 10**9,
                "timeNano": at_ns,
            }
        )
        await self.notify()


class _Handler(RequestHandler):
    def initialize(self, engine: EngineServer) -> None:
        self.engine = engine

    async def prepare(self) -> None:
        self.engine.asked.append(self.request.uri or "")
        self.set_header("Api-Version", self.engine.version)
        self.set_header("Server", "Docker/28.2.2 (linux)")
        if self.engine.silent:
            self.engine.streams.add(self)
            async with self.engine.changed:
                await self.engine.changed.wait_for(lambda: not self.engine.silent)
        if self.engine.fail and not isinstance(self, _Ping):
            self.refuse(500, "the engine is unwell")

    def refuse(self, status: int, message: str) -> None:
        self.set_status(status)
        self.tell({"message": message})

    def tell(self, body: Any) -> None:
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(body))

    def container(self, name: str) -> Container | None:
        found = [each for each in self.engine.containers.values() if name in (each.name, each.container_id)]
        found += [each for each in self.engine.containers.values() if each.container_id.startswith(name)]
        if not found:
            self.refuse(404, f"No such container: {name}")
        return found[0] if found else None


class _Ping(_Handler):
    def get(self) -> None:
        self.set_header("Ostype", "linux")
        self.finish("OK")

    head = get


class _Version(_Handler):
    def get(self) -> None:
        self.tell({"Version": "28.2.2", "ApiVersion": self.engine.version, "MinAPIVersion": "1.24", "Os": "linux"})


class _List(_Handler):
    def get(self) -> None:
        every = self.get_argument("all", "0") in {"1", "true"}
        self.tell([each.listed() for each in self.engine.containers.values() if every or each.status == "running"])


class _Inspect(_Handler):
    def get(self, name: str) -> None:
        if container := self.container(name):
            self.tell(container.inspected())


class _Top(_Handler):
    def get(self, name: str) -> None:
        container = self.container(name)
        if container is None:
            return
        if container.status != "running":
            self.refuse(409, f"container {container.container_id} is not running")
        elif self.engine.plain_ps and self.get_argument("ps_args", ""):
            self.refuse(500, "Error running ps: exit status 1")
        elif asked := self.get_argument("ps_args", ""):
            self.tell({"Titles": PS_TITLES[asked], "Processes": [each.split(None, 8) for each in container.running]})
        else:
            rows = [each.split(None, 8) for each in container.running]
            plain = [[row[2], row[0], row[1], "0", "09:00", "?", "00:00:01", row[8]] for row in rows]
            self.tell({"Titles": ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"], "Processes": plain})


class _Stats(_Handler):
    async def get(self, name: str) -> None:
        container = self.container(name)
        if container is None:
            return
        if self.get_argument("stream", "1") in {"0", "false"}:
            one_shot = self.get_argument("one-shot", "0") in {"1", "true"}
            self.tell(container.counted(None if one_shot else _earlier(container)))
            return
        self.engine.streams.add(self)
        for _ in range(3):
            before = (container.cpu_ns, container.system_ns)
            container.cpu_ns += 10**9
            container.system_ns += 4 * 10**9
            self.write(json.dumps(container.counted(before)) + "\r\n")
            await self.flush()


def _earlier(container: Container) -> tuple[int, int]:
    return container.cpu_ns - 5 * 10**8, container.system_ns - 4 * 10**9


class _Events(_Handler):
    async def get(self) -> None:
        since = self.get_argument("since", "")
        told = 0 if since else len(self.engine.happened)
        since_ns = _ns(since) if since else 0
        self.engine.streams.add(self)
        self.set_header("Content-Type", "application/json")
        await self.flush()
        try:
            while True:
                for event in self.engine.happened[told:]:
                    told += 1
                    if event["timeNano"] >= since_ns:
                        self.write(json.dumps(event) + "\n")
                        await self.flush()
                async with self.engine.changed:
                    if told == len(self.engine.happened):
                        await self.engine.changed.wait()
        except StreamClosedError:
            return


class _Logs(_Handler):
    async def get(self, name: str) -> None:
        container = self.container(name)
        if container is None:
            return
        form = "raw" if container.terminal else "multiplexed"
        self.set_header("Content-Type", f"application/vnd.docker.{form}-stream")
        self.engine.streams.add(self)
        follow = self.get_argument("follow", "0") in {"1", "true"}
        since_ns = _ns(self.get_argument("since", "0") or "0")
        stamps = self.get_argument("timestamps", "0") in {"1", "true"}
        limit, self.engine.drop_after = self.engine.drop_after, None
        sent, told = 0, 0
        try:
            await self.flush()
            while True:
                for at_ns, stream, text in container.logged[told:]:
                    told += 1
                    if at_ns < since_ns:
                        continue
                    for message in _messages(at_ns if stamps else None, text):
                        frame = message if container.terminal else _frame(stream, message)
                        if limit is not None and sent + len(frame) > limit:
                            self.write(frame[: limit - sent])
                            await self.flush()
                            self.request.connection.stream.close()
                            return
                        sent += len(frame)
                        self.write(frame)
                        await self.flush()
                if not follow or (container.status != "running" and told == len(container.logged)):
                    return
                async with self.engine.changed:
                    if told == len(container.logged):
                        await self.engine.changed.wait()
        except StreamClosedError:
            return


def _messages(at_ns: int | None, text: bytes) -> list[bytes]:
    prefix = b"" if at_ns is None else stamp(at_ns).encode() + b" "
    pieces = [text[at : at + PIECE_BYTES] for at in range(0, len(text), PIECE_BYTES)] or [b""]
    return [prefix + piece + (b"\n" if last else b"") for *_, last, piece in _marked(pieces)]


def _marked(pieces: list[bytes]) -> list[tuple[bool, bytes]]:
    return [(number == len(pieces) - 1, piece) for number, piece in enumerate(pieces)]


def _frame(stream: str, message: bytes) -> bytes:
    return struct.pack(">BxxxI", 1 if stream == "stdout" else 2, len(message)) + message


def _ns(text: str) -> int:
    seconds, _, fraction = text.partition(".")
    return int(seconds) * 10**9 + int(fraction.ljust(9, "0") or 0)
