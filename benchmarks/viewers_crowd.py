"""A crowd of scripted viewers: each loads what a browser was seen to load, and joins the rooms that its page joined.

The requests of a page's load, the connections over which they went, the cookies and the rooms are those that a real
Chromium showed (``viewers_browser``). A viewer then behaves as the page does: it stays in its rooms, answers pings, and
says its own ping every ten seconds. Everything that a room says to it is checked to have come, once and in order.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Awaitable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self, TypeVar

from benchmarks.viewers_http import Answer, Channel, Hearing, RoomSocket

AT_ONCE = 8
"""Viewers that come at the same time; all of them do in ``storm`` and ``reload``."""
PING_EVERY_S = 10.0
"""``TIMING.ping`` of panels/socket_model.js."""
LIMIT_S = 120.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Script:
    """What a page's load consists of.

    Attributes:
        port: Where the server listens.
        headers: What the browser sent with the page's request: its login among them.
        socket_headers: What it sent with the request for a socket.
        requests: Paths, the page's own first, each with the number of the connection over which it went.
        rooms: Paths of the rooms' sockets, without query.
        speaking: Which of them says the numbered messages.
    """

    port: int
    headers: Mapping[str, str]
    socket_headers: Mapping[str, str]
    requests: tuple[tuple[str, int], ...]
    rooms: tuple[str, ...]
    speaking: str

    @property
    def page(self) -> str:
        """The page's own path."""
        return self.requests[0][0]


@dataclass(slots=True, eq=False)
class Viewer:
    """One page that is open."""

    script: Script
    hearing: Hearing
    channels: dict[int, Channel] = field(default_factory=dict)
    sockets: dict[str, RoomSocket] = field(default_factory=dict)
    etag: str = ""
    get_ms: float = 0.0

    async def come(self) -> None:
        """The page and what it needs were loaded, over as many connections as the browser used; its rooms are joined.

        Then those connections are closed, as browsers do with idle ones after some minutes: the crowd of an afternoon
        comes here within seconds, and does not hold all of them at the same time.

        Raises:
            ConnectionError: The server refused something.
        """
        page = await self._channel(self.script.requests[0][1]).get(self.script.page)
        self._check(page, self.script.page)
        self.etag, self.get_ms = page.headers.get("etag", ""), page.took_ms
        by_channel: dict[int, list[str]] = {}
        for path, number in self.script.requests[1:]:
            by_channel.setdefault(number, []).append(path)
        await asyncio.gather(*(self._load(number, paths) for number, paths in by_channel.items()))
        await self.join()
        self.hang_up()

    async def _load(self, number: int, paths: Iterable[str]) -> None:
        for path in paths:
            self._check(await self._channel(number).get(path), path)

    def _channel(self, number: int) -> Channel:
        return self.channels.setdefault(number, Channel(self.script.port, self.script.headers))

    def _check(self, answer: Answer, path: str) -> None:
        if answer.status != 200:
            raise ConnectionError(f"{path} was answered with {answer.status}")

    async def join(self) -> None:
        """It is in its rooms, and has what was said in them since it was there last.

        Raises:
            ConnectionError: The server refused it.
        """
        await asyncio.gather(*(self._join(room) for room in self.script.rooms))

    async def _join(self, room: str) -> None:
        former = self.sockets.get(room)
        next_number = len(self.hearing.sent_at) if former is None else former.next_number
        socket = RoomSocket(self.hearing, next_number)
        await asyncio.get_running_loop().create_connection(lambda: socket, "127.0.0.1", self.script.port)
        self.sockets[room] = socket
        since = "" if former is None else former.since
        socket.ask(self.script.port, f"{room}?_pk={uuid.uuid4()}{since}", self.script.socket_headers)
        await socket.welcomed

    async def reload(self) -> None:
        """The page was left, asked for again and is in its rooms, as after a new render.

        Its files bear their hash and are in the browser's cache.
        """
        self.cut()
        answer = await self._channel(0).get(self.script.page, If_None_Match=self.etag)
        self._check(answer, self.script.page)
        self.etag = answer.headers["etag"]
        self.sockets.clear()
        await self.join()

    def cut(self) -> None:
        """All of its sockets ended without a goodbye."""
        for socket in self.sockets.values():
            socket.cut()

    def hang_up(self) -> None:
        """Its idle connections are closed."""
        for channel in self.channels.values():
            channel.close()
        self.channels.clear()


class Crowd:
    """All scripted viewers of one server.

    Args:
        script: What each of them does.
        hearing: The messages that the speaking room of that server says.
    """

    def __init__(self, script: Script, hearing: Hearing) -> None:
        self.viewers: list[Viewer] = []
        self.hearing = hearing
        self.script = script
        self._pinging: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Pings are said as long as the block lasts."""
        self._pinging = asyncio.create_task(self._ping_on())
        return self

    async def __aexit__(self, *_: object) -> None:
        """Everybody has gone."""
        if self._pinging is not None:
            self._pinging.cancel()
        for viewer in self.viewers:
            viewer.cut()
            viewer.hang_up()
        await asyncio.sleep(0)  # asyncio closes what was aborted in the loop's next turn

    async def _ping_on(self) -> None:
        while True:
            began = time.monotonic()
            for viewer in list(self.viewers):
                for socket in viewer.sockets.values():
                    socket.ping()
                await asyncio.sleep(PING_EVERY_S / len(self.viewers))
            await asyncio.sleep(max(0.0, began + PING_EVERY_S - time.monotonic()))

    async def grow_to(self, count: int) -> None:
        """So many viewers are there, those who came a few at a time."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def come() -> Viewer:
            viewer = Viewer(self.script, self.hearing)
            async with gate:
                await viewer.come()
            return viewer

        self.viewers += await _all(come() for _ in range(count - len(self.viewers)))

    async def hear(self, count: int, every_s: float) -> list[float]:
        """``count`` messages were said, one every ``every_s`` seconds, and every viewer had each of them; latencies."""
        self.hearing.latencies_ms.clear()
        started = time.perf_counter()
        for number in range(count):
            await asyncio.sleep(max(0.0, started + number * every_s - time.perf_counter()))
            self.hearing.say()
        await self.caught_up()
        await asyncio.sleep(max(0.0, started + count * every_s - time.perf_counter()))
        return list(self.hearing.latencies_ms)

    async def caught_up(self) -> None:
        """Every viewer has every message.

        Raises:
            ConnectionError: One of them lost its socket, or a message.
            TimeoutError: Some did not get theirs in time.
        """
        async with asyncio.timeout(LIMIT_S):
            while True:
                if failure := next(filter(None, (s.failure for v in self.viewers for s in v.sockets.values())), None):
                    raise ConnectionError(failure)
                if all(v.sockets[self.script.speaking].next_number == len(self.hearing.sent_at) for v in self.viewers):
                    return
                await asyncio.sleep(0.01)

    async def storm(self) -> float:
        """All sockets were cut, something was said meanwhile, all came back at once; seconds until they had it."""
        for viewer in self.viewers:
            viewer.cut()
        await asyncio.sleep(0)
        self.hearing.say()
        started = time.perf_counter()
        await _all(viewer.join() for viewer in self.viewers)
        await self.caught_up()
        return time.perf_counter() - started

    async def reload(self) -> float:
        """All loaded the page, of which there is a newer one, again at once; seconds until they were in their rooms."""
        started = time.perf_counter()
        await _all(viewer.reload() for viewer in self.viewers)
        return time.perf_counter() - started


async def _all(several: Iterable[Awaitable[T]]) -> list[T]:
    async with asyncio.timeout(LIMIT_S):
        return list(await asyncio.gather(*several))
