"""What the stand-in engine answers at once: how it is, which containers there are, and what each is and uses."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tornado.web import RequestHandler

from tests.containers.engine_containers import Container, of_cgroup_1

if TYPE_CHECKING:
    from tests.containers.engine_server import EngineServer

PS_TITLES = {
    "-eo pid,ppid,user,pcpu,rss,stat,nlwp,etimes,args": [
        "PID", "PPID", "USER", "%CPU", "RSS", "STAT", "NLWP", "ELAPSED", "COMMAND",
    ]
}  # fmt: skip


class Answer(RequestHandler):
    """One answer."""

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


class _Ping(Answer):
    def get(self) -> None:
        self.set_header("Ostype", "linux")
        self.finish("OK")

    head = get


class _Version(Answer):
    def get(self) -> None:
        self.tell({"Version": "28.2.2", "ApiVersion": self.engine.version, "MinAPIVersion": "1.24", "Os": "linux"})


class _List(Answer):
    def get(self) -> None:
        every = self.get_argument("all", "0") in {"1", "true"}
        self.tell([each.listed() for each in self.engine.containers.values() if every or each.status == "running"])


class _Inspect(Answer):
    def get(self, name: str) -> None:
        if container := self.container(name):
            self.tell(container.inspected())


class _Top(Answer):
    def get(self, name: str) -> None:
        container = self.container(name)
        if container is None:
            return
        if container.status not in {"running", "paused"}:
            self.refuse(409, f"Container {container.container_id} is not running")
        elif self.engine.plain_ps and self.get_argument("ps_args", ""):
            self.refuse(500, 'ps: error: unknown user-defined format specifier "nlwp"')
        elif asked := self.get_argument("ps_args", ""):
            self.tell({"Titles": PS_TITLES[asked], "Processes": [each.split(None, 8) for each in container.running]})
        else:
            rows = [each.split(None, 8) for each in container.running]
            plain = [[row[2], row[0], row[1], "0", "09:00", "?", "00:00:01", row[8]] for row in rows]
            self.tell({"Titles": ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"], "Processes": plain})


class _Stats(Answer):
    async def get(self, name: str) -> None:
        container = self.container(name)
        if container is None:
            return
        if self.get_argument("stream", "1") in {"0", "false"}:
            one_shot = self.get_argument("one-shot", "0") in {"1", "true"}
            counted = container.counted(None if one_shot else _earlier(container))
            self.tell(of_cgroup_1(counted) if self.engine.is_older_than(1, 42) else counted)
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


ROWS = [
    (r"(?:/v[\d.]+)?/_ping", _Ping),
    (r"(?:/v[\d.]+)?/version", _Version),
    (r"/v[\d.]+/containers/json", _List),
    (r"/v[\d.]+/containers/([^/]+)/json", _Inspect),
    (r"/v[\d.]+/containers/([^/]+)/stats", _Stats),
    (r"/v[\d.]+/containers/([^/]+)/top", _Top),
]
