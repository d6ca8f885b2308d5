"""The open WebSockets of the whole server, ours and other extensions', and their end when rights end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from weakref import WeakKeyDictionary

from tornado.httputil import HTTPServerRequest
from tornado.websocket import WebSocketHandler

from vibeworkbench.access.model import Grant
from vibeworkbench.web.failures import NotLoggedIn
from vibeworkbench.web.identity import WorkbenchUser, is_same
from vibeworkbench.web.sockets import SocketHandler

LOGIN_ENDED = NotLoggedIn("Your login has ended, or its rights are other ones now.")

log = logging.getLogger(__name__)


class Connections:
    """Who is connected.

    Args:
        identify: What a request still opens, as ``WorkbenchIdentityProvider.identify``.
    """

    def __init__(self, identify: Callable[[HTTPServerRequest], Grant | None]) -> None:
        self._identify = identify
        self._grants: WeakKeyDictionary[WebSocketHandler, Grant | None] = WeakKeyDictionary()

    def add(self, handler: WebSocketHandler, grant: Grant | None) -> None:
        """The connection ends with ``grant``; with ``None``, with that of the user whom its handler finds."""
        self._grants[handler] = grant

    def changed(self, identities: frozenset[str]) -> None:
        """Every connection of these identities has ended, unless its request still opens the same rights."""
        for handler, grant in list(self._grants.items()):
            held = grant or _grant_found_by(handler)
            if held is None or held.identity not in identities:
                continue
            if not is_same(held, self._identify(handler.request)):
                self._grants.pop(handler, None)
                end(handler)

    def __len__(self) -> int:
        return len(self._grants)


def _grant_found_by(handler: WebSocketHandler) -> Grant | None:
    user = getattr(handler, "_jupyter_current_user", None)
    return user.grant if isinstance(user, WorkbenchUser) else None


def end(handler: WebSocketHandler) -> None:
    """The connection is closed with 4401, and what it still sends reaches nobody."""
    if isinstance(handler, SocketHandler):
        handler.dismiss(LOGIN_ENDED)
        return
    try:
        handler.on_message = _drop  # type: ignore[method-assign]
        if handler.ws_connection is None:  # its handshake is under way
            stream = getattr(handler.request.connection, "stream", None)
            if stream is not None:
                stream.close()
        else:
            handler.close(4401, LOGIN_ENDED.message)
    except Exception:  # border: another extension's handler must not keep the next connections open
        log.exception("a connection could not be closed")


def _drop(message: str | bytes) -> None:
    """Nothing is done."""
