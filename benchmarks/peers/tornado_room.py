"""The peer tornado: ``write_message`` in a loop, as its chat example does. Prints its port when ready."""

from __future__ import annotations

import asyncio
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application
from tornado.websocket import WebSocketHandler


class Room(WebSocketHandler):
    """One member."""

    def open(self, *_: Any) -> None:
        """The member is in the room."""
        self.set_nodelay(True)
        members.add(self)

    def on_message(self, message: str | bytes) -> None:
        """What one member says goes to the others."""
        for member in members:
            if member is not self:
                member.write_message(message)

    def on_close(self) -> None:
        """The member is gone."""
        members.discard(self)

    def check_origin(self, origin: str) -> bool:
        """Whoever reaches loopback may come in."""
        return True


members: set[Room] = set()


async def main() -> None:
    """Serve until killed."""
    sockets = bind_sockets(0, "127.0.0.1")
    HTTPServer(Application([(r"/.*", Room)])).add_sockets(sockets)
    print(sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().create_future()


asyncio.run(main())
