"""The base of every WebSocket handler: the same identity, authorizer, roles and Origin check as REST."""

from __future__ import annotations

import asyncio
from contextvars import Context
from typing import Any, ClassVar

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.websocket import WebSocketMixin
from tornado.httputil import HTTPHeaders
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler, WebSocketProtocol13

from vibeworkbench.errors import InvalidInput, NotAllowed, WorkbenchError
from vibeworkbench.web.admission import Admission
from vibeworkbench.web.failures import close_code_of
from vibeworkbench.web.roles import Caller, Role

OUR_FAULT = 1011
_READ_BYTES = 65_536

_OF_THE_HANDSHAKE = frozenset(
    {
        "Accept", "Accept-Encoding", "Accept-Language", "Cache-Control", "Connection", "Pragma", "Upgrade",
        "Sec-Websocket-Extensions", "Sec-Websocket-Key", "Sec-Websocket-Version", "User-Agent",
    }
)  # fmt: skip
"""Headers that say nothing of who asks, as tornado writes their names."""


class _Protocol(WebSocketProtocol13):
    """Reads frames in a task of its own: what answered the handshake ends with it, and its memory is free.

    Tornado reads them in the coroutine of the request, which holds a dozen frames and all that stands in them for as
    long as somebody watches. And it asks the stream for each of the parts of each frame: here one read brings as many
    frames as have come, which spares a quarter of what an acknowledgement of a few bytes costs.
    """

    handler: SocketHandler
    _reading: asyncio.Task[None] | None = None
    _come = b""
    """Bytes that came, of which those before ``_used`` were read."""
    _used = 0

    async def _read_bytes(self, n: int) -> bytes:
        if len(self._come) - self._used < n:
            await self._receive(n)
        begin, end = self._used, self._used + n
        data = self._come[begin:end]
        if end == len(self._come):
            self._come, self._used = b"", 0
        else:
            self._used = end
        self._wire_bytes_in += n
        return data

    async def _receive(self, least: int) -> None:
        pieces = [self._come[self._used :]]
        count = len(pieces[0])
        while count < least:
            pieces.append(await self.stream.read_bytes(max(least - count, _READ_BYTES), partial=True))
            count += len(pieces[-1])
        self._come, self._used = b"".join(pieces), 0

    async def _receive_frame_loop(self) -> None:
        self.handler.forget_handshake()
        # In a context of its own: the request's holds the handler and what its handling has found.
        self._reading = asyncio.create_task(self._read_on(), context=Context())

    async def _read_on(self) -> None:
        try:
            await super()._receive_frame_loop()
        except asyncio.CancelledError:
            self._abort()
            raise
        except ValueError:  # what came is no WebSocket: as tornado does where it reads by itself
            self._abort()


class SocketHandler(WebSocketMixin, WebSocketHandler, Admission):
    """A WebSocket whose caller is known before ``joined`` is called.

    A foreign Origin is refused with HTTP 403 at the handshake. Whoever is not logged in or lacks the right gets the
    handshake and then a close code (4401, 4403), because browsers show no page the status of a refused handshake.
    """

    summary: ClassVar[str] = ""
    """One line for the OpenAPI document."""
    role: ClassVar[Role] = Role.viewer
    """Lowest role that may open it; ``joined`` may ask for more."""

    caller: Caller
    """Who is connected; set before ``joined``."""
    _refusal: WorkbenchError | None = None

    @allow_unauthenticated
    async def get(self, *args: Any, **kwargs: Any) -> None:
        """The handshake is done; what it lacked is said by the close code.

        Raises:
            InvalidInput: It is no handshake.
            NotAllowed: It comes from a page of a foreign origin.
        """
        self._refuse_strangers()
        try:
            self.caller = await self.admitted(**kwargs)
        except WorkbenchError as error:
            self._refusal = error
            self.note_refusal(error)
        await super().get(*args, **kwargs)

    def _refuse_strangers(self) -> None:
        headers = self.request.headers
        wanted = {word.strip().lower() for word in headers.get("Connection", "").split(",")}
        if headers.get("Upgrade", "").lower() != "websocket" or "upgrade" not in wanted:
            raise InvalidInput("This address speaks WebSocket.", field="Upgrade", allowed=["websocket"])
        origin = headers.get("Origin")
        if origin is not None and not self.check_origin(origin):
            raise NotAllowed("This origin may not open this socket.", field="Origin")

    async def admitted(self, **path: str) -> Caller:
        """The caller, who may open this socket.

        Args:
            **path: The address's parameters, for sockets whose rights depend on them.

        Raises:
            WorkbenchError: Nobody we know, or without the right, or there is no such address.
        """
        return await self.caller_for(self.role, "read")

    def skip_check_origin(self) -> bool:
        """No: with a token, a foreign page is still foreign; the server's ``allow_origin`` lets it in."""
        return False

    async def open(self, *args: Any, **kwargs: Any) -> None:
        """A refused caller is told why and sent away; any other has ``joined``."""
        if self._refusal is not None:
            self.refuse(self._refusal)
            return
        try:
            await self.joined(**kwargs)
        except WorkbenchError as error:
            self.refuse(error)
        except HTTPError:  # tornado cannot read the query string
            self.refuse(InvalidInput("The query string cannot be read.", field="query"))
        except Exception as error:  # noqa: BLE001 - the edge: the log gets the whole story, the client a close code
            self.log_exception(type(error), error, error.__traceback__)
            self.close(OUR_FAULT, "The server failed.")

    def get_websocket_protocol(self) -> WebSocketProtocol13 | None:
        """Tornado's protocol, of the one version that there is, reading as ours does."""
        protocol = super().get_websocket_protocol()
        return _Protocol(self, False, protocol.params) if isinstance(protocol, WebSocketProtocol13) else None

    def forget_handshake(self) -> None:
        """What only the handshake needed is free; what says who asks stays, to be asked again when rights change."""
        request = self.request
        kept = HTTPHeaders()
        for name, value in request.headers.get_all():
            if name not in _OF_THE_HANDSHAKE:
                kept.add(name, value)
        request.headers = kept
        request.arguments = request.query_arguments  # a copy of these; a handshake has no body
        request.connection = None  # its stream is the protocol's now
        request.server_connection = None
        vars(request).pop("_cookies", None)  # read anew from the header by whoever asks
        self._headers = HTTPHeaders()
        self.ui = None  # type: ignore[assignment]  # as tornado does when a handler ends

    async def joined(self, **path: str) -> None:
        """The caller is connected; path parameters are in snake_case."""
        raise NotImplementedError

    def dismiss(self, error: WorkbenchError) -> None:
        """The caller's rights have ended: so does the connection, with the reason, even if it is only being made."""
        self._refusal = error
        self.refuse(error)

    def refuse(self, error: WorkbenchError) -> None:
        """The connection is closed with the code and the sentence of ``error``."""
        self.close(close_code_of(error), error.message.encode()[:120].decode(errors="ignore"))
