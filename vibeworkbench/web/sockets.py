"""The base of every WebSocket handler: the same identity, authorizer, roles and Origin check as REST."""

from __future__ import annotations

from typing import Any, ClassVar

from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.websocket import WebSocketMixin
from tornado.websocket import WebSocketHandler

from vibeworkbench.errors import WorkbenchError
from vibeworkbench.web.failures import close_code_of
from vibeworkbench.web.handlers import Admission
from vibeworkbench.web.roles import Caller, Role


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

    @allow_unauthenticated
    async def get(self, *args: Any, **kwargs: Any) -> None:
        """The handshake is done; what it lacked is said by the close code."""
        self._refusal: WorkbenchError | None = None
        try:
            self.caller = await self.admitted(**kwargs)
        except WorkbenchError as error:
            self._refusal = error
        await super().get(*args, **kwargs)

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
        await self.joined(**kwargs)

    async def joined(self, **path: str) -> None:
        """The caller is connected; path parameters are in snake_case."""
        raise NotImplementedError

    def refuse(self, error: WorkbenchError) -> None:
        """The connection is closed with the code and the sentence of ``error``."""
        self.close(close_code_of(error), error.message.encode()[:120].decode(errors="ignore"))
