"""The peer Voila, alone, with its own template and defaults. Prints its port when ready.

``python -m benchmarks.peers.stock_voila NOTEBOOK PORT``: the panel in the notebook speaks to our server, which a
browser reaches at the origin of its page only. What a reverse proxy would do for the two is done here, beside Voila's
own routes: the panel's files are there, and its rooms and REST lead to our server at PORT (``BENCH_TOKEN`` opens it).
"""

from __future__ import annotations

import os
import sys
from typing import Any

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.netutil import bind_sockets
from tornado.web import RequestHandler, StaticFileHandler
from tornado.websocket import WebSocketClientConnection, WebSocketHandler, websocket_connect
from voila.app import Voila

from vibeworkbench.panels.bundle import STATIC

AUTHORIZATION = {"Authorization": f"token {os.environ.get('BENCH_TOKEN', '')}"}


class Passage(RequestHandler):
    """REST of our server."""

    def initialize(self, port: int) -> None:
        """The handler leads to ``port``."""
        self.port = port

    async def get(self, *_: str) -> None:
        """What our server answers."""
        url = f"http://127.0.0.1:{self.port}{self.request.uri}"
        answer = await AsyncHTTPClient().fetch(url, headers=AUTHORIZATION, raise_error=False)
        self.set_status(answer.code)
        self.set_header("Content-Type", answer.headers.get("Content-Type", "text/plain"))
        self.finish(answer.body)


class RoomPassage(WebSocketHandler):
    """A room of our server."""

    there: WebSocketClientConnection | None = None

    def initialize(self, port: int) -> None:
        """The handler leads to ``port``."""
        self.port = port

    async def open(self, *_: str) -> None:
        """What the room says goes to the page."""
        url = f"ws://127.0.0.1:{self.port}{self.request.uri}"
        self.there = await websocket_connect(HTTPRequest(url, headers=AUTHORIZATION), on_message_callback=self._said)

    def _said(self, message: str | bytes | None) -> None:
        if message is None:
            self.close()
        else:
            self.write_message(message)

    async def on_message(self, message: str | bytes) -> None:
        """What the page says goes to the room."""
        if self.there is not None:
            await self.there.write_message(message)

    def on_close(self) -> None:
        """The page has left the room."""
        if self.there is not None:
            self.there.close()


class StockVoila(Voila):
    """Voila as it is, on a free port, reading nobody's configuration."""

    ours: int
    config_file_paths = ()

    def init_handlers(self) -> list[Any]:
        """Voila's routes, and before them the ways to our server."""
        leads = {"port": self.ours}
        return [
            (r"/static/vibeworkbench/(.*)", StaticFileHandler, {"path": str(STATIC)}),
            (r"/vibeworkbench/(parties/.*)", RoomPassage, leads),
            (r"/vibeworkbench/(.*)", Passage, leads),
            *super().init_handlers(),
        ]

    def listen(self) -> None:
        """It serves until SIGTERM; then its kernels are gone."""
        sockets = bind_sockets(0, "127.0.0.1")
        HTTPServer(self.app).add_sockets(sockets)
        self.port = sockets[0].getsockname()[1]
        print(self.port, flush=True)
        self.ioloop = IOLoop.current()
        try:
            self.ioloop.start()
        finally:
            self.stop()


def main() -> None:
    """Serves the notebook that the command line names."""
    notebook, port = sys.argv[1:]
    voila = StockVoila()
    voila.ours = int(port)
    voila.open_browser = False
    voila.initialize([notebook])
    voila.start()


if __name__ == "__main__":
    main()
