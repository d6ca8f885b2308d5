"""A server that speaks ttyd's documented protocol in front of real shells: a stand-in, for ttyd is no Python package.

Source: ttyd 1.7, ``src/protocol.c`` (messages, close codes, a shell for each connection), ``src/http.c`` (``/token``).
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import http
import json
import socket
import struct
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from tests.patience import PATIENCE_S
from tests.terminals.pty_shells import PtyShell

SHELL = ("/bin/sh", "-i")


class TtydServer:
    """``ttyd --writable [--credential name:password] sh -i``.

    Args:
        credential: ``name:password``; empty asks for none.
        says_farewell: Whether the end of a program closes with a code, or only hangs up.
    """

    def __init__(self, credential: str = "", *, says_farewell: bool = True) -> None:
        self.credential = credential
        self.says_farewell = says_farewell
        self.token = base64.b64encode(credential.encode()).decode() if credential else ""
        self.asked: list[Request] = []
        self._serving: set[asyncio.Task[Any]] = set()
        self._server: Server | None = None

    @property
    def url(self) -> str:
        """Its root."""
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/"

    async def start(self) -> None:
        """It listens."""
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            0,
            process_request=self._http,
            subprotocols=["tty"],
            compression=None,
            ping_interval=None,
        )

    async def stop(self) -> None:
        """It is gone, with all shells."""
        self._server.close()
        await self._server.wait_closed()

    async def cut(self) -> None:
        """Every connection breaks, and so its shell ends."""
        for connection in list(self._server.connections):
            line = connection.transport.get_extra_info("socket")
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset
            connection.transport.abort()
        await asyncio.wait_for(asyncio.gather(*self._serving), PATIENCE_S)

    async def vanish(self) -> None:
        """As a process that is killed: the kernel ends its connections in order, and nothing listens any more."""
        self._server.close(close_connections=False)
        for connection in list(self._server.connections):
            connection.transport.close()
        await asyncio.wait_for(asyncio.gather(*self._serving), PATIENCE_S)

    def _http(self, connection: ServerConnection, request: Request) -> Response | None:
        self.asked.append(request)
        if self.credential and request.headers.get("Authorization") != f"Basic {self.token}":
            return connection.respond(http.HTTPStatus.UNAUTHORIZED, "")
        if request.path == "/token":
            body = json.dumps({"token": self.token}).encode()
            headers = Headers({"Content-Type": "application/json;charset=utf-8", "Content-Length": str(len(body))})
            return Response(200, "OK", headers, body)
        return None if request.path == "/ws" else connection.respond(http.HTTPStatus.NOT_FOUND, "")

    async def _serve(self, connection: ServerConnection) -> None:
        if connection.subprotocol != "tty":
            return
        task = asyncio.current_task()
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        with contextlib.suppress(ConnectionClosed):
            await self._serve_shell(connection)

    async def _serve_shell(self, connection: ServerConnection) -> None:
        shell: PtyShell | None = None
        working: list[asyncio.Task[Any]] = []
        typed: asyncio.Queue[bytes] = asyncio.Queue()
        try:
            async for message in connection:
                command, rest = message[:1], message[1:]
                if isinstance(message, str) or (self.credential and command != b"{" and shell is None):
                    return
                if command == b"{" and shell is None:
                    hello = json.loads(message)
                    if hello.get("AuthToken", "") != self.token:
                        await connection.close(1008)
                        return
                    shell = PtyShell(SHELL, {"PS1": "$ "}, hello["rows"], hello["columns"])
                    await connection.send(b"1sh (machine)")
                    await connection.send(b'2{"disableReconnect": false}')
                    working = [asyncio.create_task(self._output(connection, shell))]
                    working += [asyncio.create_task(self._input(typed, shell))]
                elif command == b"0" and shell is not None:
                    typed.put_nowait(rest)
                elif command == b"1" and shell is not None:
                    size = json.loads(rest)
                    shell.resize(size["rows"], size["columns"])
        finally:
            for work in working:
                work.cancel()
            if shell is not None:
                shell.hang_up()
                shell.close()  # also a shell that has not begun yet ends without its terminal
                await shell.ended()

    async def _input(self, typed: asyncio.Queue[bytes], shell: PtyShell) -> None:
        while True:
            await shell.write(await typed.get())

    async def _output(self, connection: ServerConnection, shell: PtyShell) -> None:
        try:
            while data := await shell.read():
                await connection.send(b"0" + data)
            code = 1011 if await shell.ended() else 1000
            if self.says_farewell:
                await connection.close(code)
            else:
                connection.transport.close()
        except ConnectionClosed:
            return
