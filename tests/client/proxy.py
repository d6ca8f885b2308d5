"""A loopback proxy whose connections can be cut, and which can refuse WebSockets: what stands between in real life."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit

from tests.patience import PATIENCE_S

REFUSAL = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Proxy:
    """Passes bytes on. ``refuse_upgrades`` answers WebSocket handshakes with 502; ``cuts`` counts cut connections."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self.refuse_upgrades = False
        self.connections = 0
        self.changed = threading.Condition()

    @property
    def url(self) -> str:
        """The server's root by way of this proxy."""
        port = self._server.sockets[0].getsockname()[1]
        return urlunsplit(self._target._replace(netloc=f"127.0.0.1:{port}"))

    def cut(self) -> int:
        """Every connection is reset; their number."""

        async def abort() -> int:
            cut = [writer for writer in self._writers if not writer.is_closing()]
            for writer in cut:
                writer.transport.abort()
            return len(cut)

        return asyncio.run_coroutine_threadsafe(abort(), self._loop).result(PATIENCE_S)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        opened = [writer]
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                head = await reader.readuntil(b"\r\n\r\n")
                if self.refuse_upgrades and b"upgrade: websocket" in head.lower():
                    writer.write(REFUSAL)
                    return
                there, out = await asyncio.open_connection(self._target.hostname, self._target.port)
                opened.append(out)
                out.write(head)
                self._writers.update(opened)
                with self.changed:
                    self.connections += 1
                    self.changed.notify_all()
                await asyncio.gather(_copy(reader, out), _copy(there, writer))
        finally:  # whatever ends it, nobody is left waiting at the other side
            self._writers.difference_update(opened)
            for each in opened:
                each.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextmanager
def proxy_to(url: str) -> Iterator[Proxy]:
    """A proxy to a server, on a free port, in a thread of its own."""
    proxy = Proxy(url)
    ready = threading.Event()

    def run() -> None:
        asyncio.set_event_loop(proxy._loop)
        proxy._server = proxy._loop.run_until_complete(asyncio.start_server(proxy._pass_on, "127.0.0.1", 0))
        ready.set()
        proxy._loop.run_forever()
        proxy._server.close()
        tasks = asyncio.all_tasks(proxy._loop)
        for writer in tuple(proxy._writers):
            writer.transport.abort()
        for task in tasks:
            task.cancel()
        proxy._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        proxy._loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait(PATIENCE_S)
    try:
        yield proxy
    finally:
        proxy._loop.call_soon_threadsafe(proxy._loop.stop)
        thread.join()
