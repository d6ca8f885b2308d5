"""One HTTP request and its answer over a connection of its own."""

from __future__ import annotations

import asyncio
import socket
import ssl

from vibeworkbench.ops.collectors.connecting import Resolver, opened
from vibeworkbench.ops.collectors.http_answer import AnswerReader, BadAnswer
from vibeworkbench.ops.collectors.http_request import Address
from vibeworkbench.ops.collectors.probing import Phases

READ_BYTES = 16 * 1024
"""Most that is read at once, so that no answer, whatever it is made of, keeps the event loop for long."""


class Exchange(asyncio.BufferedProtocol):
    """Sends the request as soon as it is connected; ``done`` has its result when the answer is whole or broken.

    Raises (through ``done``):
        BadAnswer: What came is no HTTP or breaks off.
        OSError: The connection broke.
    """

    def __init__(self, reader: AnswerReader, phases: Phases) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._buffer = bytearray(READ_BYTES)
        self._reader = reader
        self._phases = phases

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The request is under way."""
        if not isinstance(transport, asyncio.Transport):
            raise TypeError("an exchange needs a stream transport")
        self._phases.enter("first byte")
        transport.write(self._reader.request_bytes)

    def get_buffer(self, sizehint: int) -> bytearray:
        """Where the next piece of the answer goes."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """The piece of the answer is read."""
        if self.done.done():
            return
        if self._phases.current == "first byte":
            self._phases.enter("body")
        try:
            self._reader.feed(bytes(memoryview(self._buffer)[:nbytes]))
        except BadAnswer as error:
            self.done.set_exception(error)
            return
        if self._reader.complete:
            self.done.set_result(None)

    def eof_received(self) -> bool:
        """The server has said all it will say."""
        self._end()
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody waits for ever, whatever the end was like."""
        if exc is not None and not self.done.done():
            self.done.set_exception(exc)
        self._end()

    def _end(self) -> None:
        if self.done.done():
            return
        try:
            self._reader.finish()
        except BadAnswer as error:
            self.done.set_exception(error)
        else:
            self.done.set_result(None)


async def exchanged(
    address: Address, reader: AnswerReader, *, resolver: Resolver, tls: ssl.SSLContext | None, phases: Phases
) -> None:
    """``reader`` has read the answer, or as much of it as it wants; the connection is closed.

    Args:
        address: Where to.
        reader: Has the request and takes the answer.
        resolver: Looks names up.
        tls: Context for ``https``; None for ``http``.
        phases: Gets the time of each phase, and knows where a cancelled exchange was.

    Raises:
        BadAnswer: What came is no HTTP or breaks off.
        OSError: DNS, connect, TLS or the connection failed.
        ValueError: The text is no host name.
    """
    connection = await opened(resolver, address.host, address.port, phases)
    transport, protocol = await _begun(connection, Exchange(reader, phases), tls, address.host, phases)
    try:
        await protocol.done
        phases.enter("done")
    finally:
        transport.abort()


async def _begun(
    connection: socket.socket, exchange: Exchange, tls: ssl.SSLContext | None, host: str, phases: Phases
) -> tuple[asyncio.Transport, Exchange]:
    """The exchange on the connected socket, after the TLS handshake where there is one."""
    if tls is not None:
        phases.enter("tls")
    try:
        return await asyncio.get_running_loop().create_connection(
            lambda: exchange, sock=connection, ssl=tls, server_hostname=host if tls else None
        )
    except BaseException:
        connection.close()
        raise
