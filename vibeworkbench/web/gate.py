"""The gate: every request of the server, other extensions' too, is judged by path and caller before any handler runs.

It stands in front of tornado's table of handlers and not inside of it, so that no extension gets in before it.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, cast
from urllib.parse import urlsplit

from jupyter_server.base.handlers import JupyterHandler, Template404
from jupyter_server.utils import origin_matches_pat
from tornado.httputil import HTTPHeaders, HTTPMessageDelegate, HTTPServerRequest, RequestStartLine, ResponseStartLine
from tornado.routing import ReversibleRouter, Rule
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

from vibeworkbench.access.model import Grant
from vibeworkbench.errors import NotAllowed, WorkbenchError
from vibeworkbench.settings import WebSettings
from vibeworkbench.web.connections import Connections
from vibeworkbench.web.failures import NotLoggedIn
from vibeworkbench.web.handlers import WEB_SETTINGS, ApiHandler
from vibeworkbench.web.pages import PageHandler
from vibeworkbench.web.paths import READ, Paths, Verdict, is_page
from vibeworkbench.web.provider import WorkbenchIdentityProvider
from vibeworkbench.web.roles import Caller, Role
from vibeworkbench.web.sockets import SocketHandler

STRANGERS_BODY_BYTES = 65_536
"""Largest body that is read of somebody the server does not know, outside of our API, which limits by itself."""

_HARMLESS = READ | {"OPTIONS"}
_ROOMS = ("vibeworkbench/parties/", "vibeworkbench/terminals/")


class Gate(ReversibleRouter):
    """A router that judges, then asks the one behind it.

    Args:
        application: The server's web application.
        behind: Its table of handlers.
        provider: Who asks.
        paths: Who may ask for what.
        connections: Where open sockets are kept.
    """

    def __init__(
        self,
        application: Application,
        *,
        behind: Any,
        provider: WorkbenchIdentityProvider,
        paths: Paths,
        connections: Connections,
    ) -> None:
        self._application = application
        self._behind = behind
        self._provider = provider
        self._paths = paths
        self._connections = connections

    @property
    def rules(self) -> list[Rule]:
        """The table behind the gate: ``Application.add_handlers`` adds to it."""
        return cast(list[Rule], self._behind.rules)

    def reverse_url(self, name: str, *args: Any) -> str | None:
        """The address of a named handler."""
        return cast(str | None, self._behind.reverse_url(name, *args))

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> HTTPMessageDelegate | None:
        """Who answers: the handler of the address, or the one that refuses in its place."""
        seen = self._provider.seen(request)
        grant = None if seen is None else seen.grant
        caller = None if grant is None else grant.caller()
        method = request.method or "GET"
        verdict = self._paths.judge(method, request.path, caller)
        if verdict is not Verdict.admitted and not self._is_let_through(verdict, request, caller):
            return self._refusal(verdict, request, caller)
        if seen is not None and not seen.means.is_token and self._is_sent_by_a_foreign_page(request):
            return self._refusal(Verdict.refused, request, caller)
        if caller is not None and self._paths.below(request.path) == "" and not is_at_home_in_lab(caller):
            return self._delegate(request, Landing)
        delegate: Any = self._behind.find_handler(request, **kwargs)
        if delegate is None:
            return None
        if not getattr(delegate, "stream_request_body", False):
            self._limit_body_of(caller, request)
        return self._watched(delegate, grant)

    def _is_let_through(self, verdict: Verdict, request: HTTPServerRequest, caller: Caller | None) -> bool:
        # Of another provider's users nothing is known here yet. Handlers of Jupyter's kind ask it, and it judges the
        # path again; others would not.
        found = getattr(self._behind.find_handler(request), "handler_class", None)
        is_asking = isinstance(found, type) and issubclass(found, JupyterHandler)
        if _is_preflight(request):  # browsers send it without any token
            return is_asking
        if verdict is Verdict.unknown:
            return self._provider.upstream is not None and is_asking
        return found is Template404 and caller is not None and is_at_home_in_lab(caller)

    def _is_sent_by_a_foreign_page(self, request: HTTPServerRequest) -> bool:
        # A browser sends a session's cookie along whatever page asks. Handlers of Jupyter's kind look at the origin of
        # writes and handshakes by themselves; those of other extensions may not.
        if request.method in _HARMLESS and not is_handshake(request):
            return False
        origin, settings = request.headers.get("Origin"), self._application.settings
        pattern = settings.get("allow_origin_pat")
        if origin is None or settings.get("allow_origin") in {"*", origin}:
            return False
        if pattern is not None and origin_matches_pat(pattern, origin):
            return False
        return urlsplit(origin).netloc.lower() != request.host.lower()

    def _refusal(self, verdict: Verdict, request: HTTPServerRequest, caller: Caller | None) -> HTTPMessageDelegate:
        failure: WorkbenchError = NotAllowed(self._why_not(request, caller))
        if verdict is Verdict.unknown:
            failure = NotLoggedIn("Log in, or send a token in the Authorization header.")
        below = self._paths.below(request.path) or ""
        if is_handshake(request) and below.startswith(_ROOMS):
            return self._delegate(request, RefusedSocket, failure)
        shown = is_page(below) and request.method in READ and not is_handshake(request)
        return self._delegate(request, RefusedPage if shown else RefusedApi, failure)

    def _why_not(self, request: HTTPServerRequest, caller: Caller | None) -> str:
        wanted = self._paths.wanted(request.method or "GET", request.path)
        if caller is None or caller.may(wanted):
            return "Your rights do not reach this address."
        return f"This takes the role {wanted.name}, and yours is {caller.role.name}: an admin can give you another one."

    def _delegate(
        self, request: HTTPServerRequest, handler: type[RequestHandler], failure: WorkbenchError | None = None
    ) -> HTTPMessageDelegate:
        if not issubclass(handler, ApiHandler):
            _limit_body(request, STRANGERS_BODY_BYTES)
        kwargs = {} if failure is None else {"failure": failure}
        delegate: HTTPMessageDelegate = self._application.get_handler_delegate(request, handler, kwargs)
        return delegate

    def _limit_body_of(self, caller: Caller | None, request: HTTPServerRequest) -> None:
        # Tornado reads a body to its end before anybody looks at it. Notebooks are large, and only those who work in
        # Lab send them; who another provider's people are, nobody knows before.
        if caller is None and self._provider.upstream is None:
            _limit_body(request, STRANGERS_BODY_BYTES)
        elif caller is not None and not is_at_home_in_lab(caller):
            settings: WebSettings = self._application.settings.get(WEB_SETTINGS, WebSettings())
            _limit_body(request, settings.body_bytes)

    def _watched(self, delegate: Any, grant: Grant | None) -> HTTPMessageDelegate:
        found = getattr(delegate, "handler_class", None)
        if isinstance(found, type) and issubclass(found, WebSocketHandler):
            return _Watched(delegate, self._connections, grant)
        return cast(HTTPMessageDelegate, delegate)


def _limit_body(request: HTTPServerRequest, most_bytes: int) -> None:
    limit = getattr(request.connection, "set_max_body_size", None)
    if limit is not None:
        limit(most_bytes)


def is_at_home_in_lab(caller: Caller) -> bool:
    """Whether the start page is the notebooks', and not the list of dashboards."""
    return caller.scope is None and caller.may(Role.analyst)


def _is_preflight(request: HTTPServerRequest) -> bool:
    return request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers


def is_handshake(request: HTTPServerRequest) -> bool:
    """Whether the request would open a WebSocket."""
    return request.headers.get("Upgrade", "").lower() == "websocket"


class _Watched(HTTPMessageDelegate):
    """A socket's delegate that says which handler it has made."""

    def __init__(self, delegate: Any, connections: Connections, grant: Grant | None) -> None:
        self._delegate = delegate
        self._connections = connections
        self._grant = grant

    def headers_received(
        self, start_line: RequestStartLine | ResponseStartLine, headers: HTTPHeaders
    ) -> Awaitable[None] | None:
        return cast(Awaitable[None] | None, self._delegate.headers_received(start_line, headers))

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        return cast(Awaitable[None] | None, self._delegate.data_received(chunk))

    def finish(self) -> None:
        self._delegate.finish()
        handler = getattr(self._delegate, "handler", None)
        if isinstance(handler, WebSocketHandler):
            self._connections.add(handler, self._grant)

    def on_connection_close(self) -> None:
        self._delegate.on_connection_close()


class RefusedPage(PageHandler):
    """In place of a page: strangers are led to the login, others read that they may not."""

    def initialize(self, failure: WorkbenchError) -> None:
        """The refusal is at hand."""
        self._failure = failure

    async def prepare(self) -> None:  # type: ignore[override]
        """Everybody has been answered."""
        if isinstance(self._failure, NotLoggedIn):
            self.current_user = self._jupyter_current_user = None
            if not self.check_host():
                raise NotAllowed("The server does not answer under this host name.")
            self.send_to_login()
            return
        await super().prepare()
        raise self._failure


class RefusedApi(ApiHandler):
    """In place of everything else that was refused."""

    def initialize(self, failure: WorkbenchError) -> None:
        """The refusal is at hand."""
        self._failure = failure

    async def _refuse_anyway(self, *_path: str, **_named: str) -> None:
        self._is_read = True
        raise self._refusal or self._failure

    get = post = put = patch = delete = head = options = _refuse_anyway


class RefusedSocket(SocketHandler):
    """In place of a room: the handshake is made, because only then a browser learns from the close code why not."""

    def initialize(self, failure: WorkbenchError) -> None:
        """The refusal is at hand."""
        self._failure = failure

    async def admitted(self, **path: str) -> Caller:
        """Nobody is.

        Raises:
            WorkbenchError: Always.
        """
        raise self._failure


class Landing(PageHandler):
    """The server's root, for whom Lab is not: the dashboards."""

    async def get(self) -> None:
        """The browser goes there."""
        self.redirect(f"{self.base_url}vibeworkbench/dashboards")

    head = get


def install(
    application: Application, provider: WorkbenchIdentityProvider, paths: Paths, connections: Connections
) -> Gate:
    """From now on every request of ``application`` passes the gate, whoever mounts what later."""
    behind = application.default_router
    gate = Gate(application, behind=behind, provider=provider, paths=paths, connections=connections)
    application.default_router = gate  # type: ignore[assignment]
    return gate
