"""A container engine for tests: a real HTTP server on a unix socket that answers in the Engine API's documented JSON.

It keeps containers with their logs, counters and events, and has switches for what engines do when they are unwell:
``fail`` (500), ``slow``, ``drop_after`` bytes of a log stream, ``stop`` and ``start`` (the engine's restart).
"""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_unix_socket
from tornado.web import Application, RequestHandler

from tests.containers import engine_answers, engine_execs, engine_streams
from tests.containers.engine_containers import Container


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

    def is_older_than(self, *version: int) -> bool:
        """Whether its API does not know this version."""
        return tuple(map(int, self.version.split("."))) < version

    async def start(self) -> None:
        """It listens."""
        rows = [*engine_answers.ROWS, *engine_streams.ROWS, *engine_execs.rows(engine_answers.Answer)]
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

    def path_of_programs(self) -> str:
        """Where its containers find programs: there is ``cat`` beside the shell, as in the smallest of images."""
        folder = self.path.with_name("bin")
        folder.mkdir(exist_ok=True)
        if not (folder / "cat").exists():
            (folder / "cat").symlink_to(shutil.which("cat") or "/bin/cat")
        return str(folder)

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
