"""What stays of a handshake while somebody watches for hours: who asks, and nothing else of it."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

from tests.rooms.conftest import frame_of, settled
from vibeworkbench.rooms.socket import RoomSocket


def handlers() -> list[RoomSocket]:
    """The open sockets' handlers, in this process."""
    return [each for each in gc.get_objects() if issubclass(type(each), RoomSocket) and each.ws_connection is not None]


async def test_the_request_has_ended_and_its_socket_is_read_on(site: Any) -> None:
    """No coroutine of the request is left; what the member says is still answered."""
    async with await site.join("ledger", "a") as socket:
        await frame_of(socket, "connected")
        await settled(lambda: not [task for task in asyncio.all_tasks() if "_execute" in repr(task.get_coro())])
        await socket.send('{"type": "ping", "id": 1}')
        assert (await frame_of(socket, "pong"))["id"] == 1


async def test_an_open_socket_keeps_who_asks_and_forgets_the_rest(site: Any) -> None:
    """Its headers hold the credentials, by which it is judged again when rights change."""
    async with await site.join("ledger", "a", user_agent_header="somebody") as socket:
        await frame_of(socket, "connected")
        (handler,) = handlers()
        kept = {name for name, _ in handler.request.headers.get_all()}
        assert "Authorization" in kept
        assert kept.isdisjoint({"User-Agent", "Upgrade", "Connection", "Sec-Websocket-Key"})


async def test_what_is_no_websocket_frame_ends_the_connection_and_the_membership(site: Any) -> None:
    """Text that is no UTF-8 comes from no WebSocket client."""
    async with await site.join("ledger", "a") as socket:
        await frame_of(socket, "connected")
        socket.transport.write(b"\x81\x82\0\0\0\0\xff\xfe")
        await settled(lambda: handlers() == [])
        assert site.metric("members", party="ledger") == 0
