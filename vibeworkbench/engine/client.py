"""The Engine over HTTP: a few questions, and three streams that end when the Engine ends them.

Source: Docker Engine API v1.47: SystemPing (version in the header ``Api-Version``), ContainerList, ContainerInspect,
ContainerLogs, ContainerStats, SystemEvents, "Hijacking"; "Versioning": the version stands in front of the path.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx
import msgspec
from httpcore import AsyncNetworkStream

from vibeworkbench.engine.address import Address
from vibeworkbench.engine.facts import Facts, facts_of
from vibeworkbench.engine.lines import Line, lines_of
from vibeworkbench.engine.processes import PS, Process, processes_of
from vibeworkbench.engine.stats import Reading, reading_of
from vibeworkbench.engine.unix import UnixTransport
from vibeworkbench.errors import NotFound, Unavailable, UpstreamFailed, WorkbenchError

NEWEST = (1, 47)
"""The newest version of the API whose words are known here."""
ANSWER_BYTES = 32 * 2**20


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a container.

    Attributes:
        at_ns: When.
        action: ``start``, ``die``, ``oom``, ``destroy``, ``health_status: unhealthy`` ...
        container_id: To which.
        attributes: Its name, image, labels, exit code.
    """

    at_ns: int
    action: str
    container_id: str
    attributes: Mapping[str, str] = field(default_factory=dict)


class Engine:
    """One container engine.

    Args:
        address: Where it is; one that is there.
        timeout_s: Limit for each answer, and for the beginning of each stream.
    """

    def __init__(self, address: Address, timeout_s: float = 10.0) -> None:
        transport = UnixTransport(address.socket) if address.socket else None
        limits = httpx.Timeout(timeout_s, pool=None)
        self._http = httpx.AsyncClient(base_url=address.url, transport=transport, timeout=limits, trust_env=False)
        self._version = ""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def version(self) -> str:
        """The version of the API that both sides know, such as ``1.47``.

        Raises:
            Unavailable: The Engine does not answer.
        """
        if not self._version:
            async with self._asked("/_ping", {}) as answer:
                theirs = _numbers(answer.headers.get("Api-Version", ""))
            self._version = "{}.{}".format(*min(theirs, NEWEST))
        return self._version

    async def knows(self, version: tuple[int, int]) -> bool:
        """Whether the Engine speaks this version of the API, or a newer one."""
        return _numbers(await self.version()) >= version

    async def containers(self) -> list[str]:
        """The ids of all containers, those that do not run too."""
        listed = await self.json("/containers/json", {"all": "1"})
        return [str(each["Id"]) for each in listed if isinstance(each, dict) and "Id" in each]

    async def inspect(self, container_id: str) -> Facts:
        """What the container is and how it stands.

        Raises:
            NotFound: It is gone.
        """
        return facts_of(await self.json(f"/containers/{container_id}/json", {}))

    async def stats(self, container_id: str) -> Reading:
        """One reading, at once: without the reading before, which whoever asks again has."""
        asked = {"stream": "0", "one-shot": "1"}
        return reading_of(await self.json(f"/containers/{container_id}/stats", asked))

    async def top(self, container_id: str) -> list[Process]:
        """The container's processes.

        Raises:
            NotFound: It is gone.
            UpstreamFailed: It does not run.
        """
        path = f"/containers/{container_id}/top"
        try:
            return processes_of(await self.json(path, {"ps_args": PS}))
        except Unavailable:  # not every ps knows these columns, and the Engine answers 500 for it
            return processes_of(await self.json(path, {}))

    async def stats_stream(self, container_id: str) -> AsyncGenerator[Reading, None]:
        """A reading each second, until the container or the Engine ends."""
        async with self._streamed(f"/containers/{container_id}/stats", {"stream": "1"}) as answer:
            async for line in answer.aiter_lines():
                if line.strip():
                    yield reading_of(_decoded(line))

    async def events(self, since_ns: int = 0) -> AsyncGenerator[Event, None]:
        """What happens to containers, from ``since_ns`` on (0: from now), until the Engine ends the stream."""
        asked = {"filters": json.dumps({"type": ["container"]})}
        if since_ns:
            asked["since"] = f"{since_ns // 10**9}.{since_ns % 10**9:09}"
        async with self._streamed("/events", asked) as answer:
            async for line in answer.aiter_lines():
                if line.strip():
                    yield _event(_decoded(line))

    async def logs(self, facts: Facts, since: str = "0", *, follow: bool = True) -> AsyncGenerator[Line, None]:
        """The container's lines from ``since`` on, until the container or the Engine ends the stream.

        Raises:
            UpstreamFailed: The container's log driver keeps nothing that could be read, or the stream has no frames.
        """
        asked = {"stdout": "1", "stderr": "1", "timestamps": "1", "follow": str(int(follow)), "since": since}
        async with self._streamed(f"/containers/{facts.container_id}/logs", asked) as answer:
            reader = lines_of(terminal=_is_terminal(answer.headers.get("Content-Type", ""), facts))
            async for chunk in answer.aiter_bytes():
                for line in reader.feed(chunk):
                    yield line
            for line in reader.rest():  # the stream came to its end: nothing follows that would complete it
                yield line

    async def order(self, path: str, asked: Mapping[str, str], body: Any = None) -> Any:
        """What the Engine says when something is to be made or changed; ``None`` where it says nothing.

        Args:
            path: Below the version.
            asked: The query.
            body: The order, as JSON; ``None`` where there is none.
        """
        version = await self.version()
        async with self._asked(f"/v{version}{path}", asked, method="POST", body=body) as answer:
            said = await _whole(answer)
            return _decoded(said) if said else None

    @asynccontextmanager
    async def hijacked(self, path: str, body: Any) -> AsyncIterator[AsyncNetworkStream]:
        """The connection itself, which is no HTTP any more: what is written to it goes to a program, and back.

        Source: Docker Engine API v1.47, ContainerAttach, "Hijacking" and "Stream format".
        """
        version, upgrade = await self.version(), {"Upgrade": "tcp", "Connection": "Upgrade"}
        async with self._asked(f"/v{version}{path}", {}, method="POST", body=body, headers=upgrade) as answer:
            if answer.status_code != 101:
                raise UpstreamFailed(f"the container engine answers {answer.status_code} and gives no connection")
            yield answer.extensions["network_stream"]

    async def json(self, path: str, asked: Mapping[str, str]) -> Any:
        """What the Engine says about something."""
        version = await self.version()
        async with self._asked(f"/v{version}{path}", asked) as answer:
            return _decoded(await _whole(answer))

    @asynccontextmanager
    async def _streamed(self, path: str, asked: Mapping[str, str]) -> AsyncIterator[httpx.Response]:
        version = await self.version()
        async with self._asked(f"/v{version}{path}", asked, endless=True) as answer:
            yield answer

    @asynccontextmanager
    async def _asked(
        self,
        path: str,
        asked: Mapping[str, str],
        *,
        endless: bool = False,
        method: str = "GET",
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[httpx.Response]:
        request = self._http.build_request(method, path, params=dict(asked), json=body, headers=headers)
        if endless:
            request.extensions["timeout"]["read"] = None
        try:
            answer = await self._http.send(request, stream=True)
            try:
                if answer.status_code >= 400:
                    raise _refused(answer.status_code, await _whole(answer))
                yield answer
            finally:
                await answer.aclose()
        except httpx.TimeoutException:
            raise Unavailable("the container engine does not answer in time") from None
        except httpx.HTTPError as error:
            reason = type(error).__name__
            raise Unavailable(
                f"the container engine cannot be reached, or broke off ({reason})", reason=reason
            ) from None


async def _whole(answer: httpx.Response) -> bytes:
    content = bytearray()
    async for chunk in answer.aiter_bytes():
        content += chunk
        if len(content) > ANSWER_BYTES:
            raise UpstreamFailed("the container engine's answer is too large")
    return bytes(content)


def _refused(status: int, body: bytes) -> WorkbenchError:
    try:
        said = str(msgspec.json.decode(body)["message"])
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError):
        said = body[:200].decode("utf-8", "replace")
    if status == 404:
        return NotFound(f"the container engine says: {said}")
    if status in {429, 500, 502, 503, 504}:
        return Unavailable(f"the container engine answers {status}: {said}", status=status)
    return UpstreamFailed(f"the container engine answers {status}: {said}", status=status)


def _decoded(text: bytes | str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise UpstreamFailed("the container engine's answer is no JSON") from None


def _event(said: Mapping[str, Any]) -> Event:
    actor: Mapping[str, Any] = said.get("Actor") or {}
    at_ns = said.get("timeNano") or int(said.get("time", 0)) * 10**9
    action = str(said.get("Action") or said.get("status") or "")
    container_id = str(actor.get("ID") or said.get("id") or "")
    return Event(int(at_ns), action, container_id, dict(actor.get("Attributes") or {}))


def _is_terminal(content_type: str, facts: Facts) -> bool:
    if "multiplexed-stream" in content_type:
        return False
    return facts.terminal  # engines before 1.42, and Podman, say raw-stream of both forms


def _numbers(version: str) -> tuple[int, ...]:
    parts = version.split(".")
    if len(parts) != 2 or not all(each.isdigit() for each in parts):
        raise UpstreamFailed("what answers at the container engine's address does not say its version")
    return tuple(map(int, parts))
