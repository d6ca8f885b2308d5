"""The base of every WebSocket handler: the same identity, authorizer, roles and Origin check as REST."""

from __future__ import annotations

from typing import Any, ClassVar

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.websocket import WebSocketMixin
from tornado.web import HTTPError
from tornado.websocket import WebSocketHandler

from vibeworkbench.errors import InvalidInput, NotAllowed, WorkbenchError
from vibeworkbench.web.admission import Admission
from vibeworkbench.web.failures import close_code_of
from vibeworkbench.web.roles import Caller, Role

OUR_FAULT = 1011


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
