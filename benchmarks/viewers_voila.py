"""Visitors of stock Voila: the page is read to its end, its kernel is spoken to as Voila's front end does.

Its manager of widgets asks the kernel for the state of all widgets over the comm ``jupyter.widget.control``. Asked once
a second, the answer stands for an update a second: the least that a kernel can say to its page.
"""

from __future__ import annotations

import asyncio
import re
import time
import uuid
from typing import Any, Self

from jupyter_client.session import Session
from jupyter_server.services.kernels.connection.base import (
    deserialize_msg_from_ws_v1,
    serialize_msg_to_ws_v1,
)
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from benchmarks.viewers_http import Channel

PROTOCOL = Subprotocol("v1.kernel.websocket.jupyter.org")
CONTROL = "jupyter.widget.control"
CONTROL_VERSION = {"version": "1.0.0"}
KERNEL = re.compile(rb'"kernelId": "([0-9a-f-]{36})"')
LIMIT_S = 60.0


class Visitor:
    """One page of Voila that is open: its kernel's socket is connected and its widgets are known.

    Args:
        port: Where Voila listens.
    """

    def __init__(self, port: int) -> None:
        self.get_ms = 0.0
        self.updates = 0
        self._port = port
        self._session = Session()
        self._comm_id = uuid.uuid4().hex
        self._socket: ClientConnection | None = None

    async def come(self) -> None:
        """The page was read to its end and its widgets' state has come from the kernel."""
        channel = Channel(self._port, {"Accept-Encoding": "gzip"})
        page = await channel.get("/")
        channel.close()
        self.get_ms = page.took_ms
        kernel = KERNEL.search(page.body)
        if page.status != 200 or kernel is None:
            raise ConnectionError(f"Voila answered {page.status} and named no kernel")
        url = (
            f"ws://127.0.0.1:{self._port}/api/kernels/{kernel[1].decode()}/channels?session_id={self._session.session}"
        )
        self._socket = await connect(url, subprotocols=[PROTOCOL], max_size=None, ping_interval=None)
        await self._say("kernel_info_request", {})
        await self._until("kernel_info_reply")
        await self._say("comm_info_request", {"target_name": "jupyter.widget"})
        await self._until("comm_info_reply")
        await self._say("comm_open", {"comm_id": self._comm_id, "target_name": CONTROL, "data": {}})
        await self.update()

    async def update(self) -> float:
        """The state of all widgets was asked for and came; how long it took, in milliseconds."""
        started = time.perf_counter()
        asked = {"comm_id": self._comm_id, "data": {"method": "request_states"}}
        await self._say("comm_msg", asked)
        while True:
            content = await self._until("comm_msg")
            if content.get("data", {}).get("method") == "update_states":
                self.updates += 1
                return (time.perf_counter() - started) * 1e3

    async def leave(self) -> None:
        """Its socket is closed."""
        if self._socket is not None:
            await self._socket.close()

    async def _say(self, type_: str, content: dict[str, Any]) -> None:
        assert self._socket is not None
        message = self._session.msg(type_, content, metadata=CONTROL_VERSION)
        parts = [self._session.pack(message[part]) for part in ("header", "parent_header", "metadata", "content")]
        await self._socket.send(serialize_msg_to_ws_v1(parts, "shell"))  # type: ignore[no-untyped-call]

    async def _until(self, type_: str) -> dict[str, Any]:
        """The content of the next message of this type."""
        assert self._socket is not None
        async with asyncio.timeout(LIMIT_S):
            while True:
                frame = await self._socket.recv()
                assert isinstance(frame, bytes)
                _, parts = deserialize_msg_from_ws_v1(frame)  # type: ignore[no-untyped-call]
                if self._session.unpack(parts[0])["msg_type"] == type_:
                    content: dict[str, Any] = self._session.unpack(parts[3])
                    return content


class Visitors:
    """All scripted visitors of one Voila, who come one after the other: nobody's page waits for another's kernel.

    Args:
        port: Where Voila listens.
    """

    def __init__(self, port: int) -> None:
        self.visitors: list[Visitor] = []
        self._port = port

    async def __aenter__(self) -> Self:
        """Nobody is there yet."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Everybody has gone; Voila keeps their kernels."""
        await asyncio.gather(*(visitor.leave() for visitor in self.visitors))

    async def grow_to(self, count: int) -> None:
        """So many visitors are there."""
        while len(self.visitors) < count:
            visitor = Visitor(self._port)
            self.visitors.append(visitor)
            await visitor.come()

    async def hear(self, count: int, every_s: float) -> list[float]:
        """Every page got ``count`` updates from its kernel, one every ``every_s`` seconds; how long each took."""
        latencies_ms: list[float] = []
        started = time.perf_counter()
        for number in range(count):
            await asyncio.sleep(max(0.0, started + number * every_s - time.perf_counter()))
            latencies_ms += await asyncio.gather(*(visitor.update() for visitor in self.visitors))
        await asyncio.sleep(max(0.0, started + count * every_s - time.perf_counter()))
        return latencies_ms
