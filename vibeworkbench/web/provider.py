"""The identity provider of our own servers: tokens, sessions, a trusted proxy's header, or another provider's users."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from jupyter_core.utils import ensure_async
from jupyter_server.auth import IdentityProvider, User
from jupyter_server.auth.login import LoginFormHandler
from jupyter_server.auth.logout import LogoutHandler as JupyterLogoutHandler
from tornado.httputil import HTTPServerRequest
from tornado.web import Finish, HTTPError, RequestHandler, decode_signed_value
from traitlets import Dict, TraitError, Type, Unicode, validate

from vibeworkbench.access.model import AuditEvent, Grant
from vibeworkbench.access.service import Access
from vibeworkbench.web.admission import Admission
from vibeworkbench.web.credentials import Means, TrustedProxy, token_of
from vibeworkbench.web.identity import WorkbenchUser, groups_of, is_same
from vibeworkbench.web.pages import login_address
from vibeworkbench.web.paths import READ, Paths, Verdict, is_page

_UNSAFE = re.compile(r"[^A-Za-z0-9]")
_SIGNATURE_VERSION = 2
"""The oldest of tornado's signatures that is believed: SHA-256."""


@dataclass(frozen=True, slots=True)
class Seen:
    """Who asks, and how the server knows."""

    grant: Grant
    means: Means


class WorkbenchIdentityProvider(IdentityProvider):
    """Knows callers by what ``Access`` vouches for. Until it is bound to one, it knows nobody.

    There is no shared token: ``token`` is empty for good, so that no page's configuration and no error page holds one.
    """

    token = Unicode("", help="Always empty: tokens are made with vibeworkbench token create.").tag(config=True)
    login_handler_class = Type("vibeworkbench.web.login.LoginHandler", RequestHandler).tag(config=True)
    logout_handler_class = Type("vibeworkbench.web.login.LogoutHandler", RequestHandler).tag(config=True)
    upstream_class = Type(
        None,
        IdentityProvider,
        allow_none=True,
        help="Another provider of identities, such as JupyterHub's: whom it knows gets the role of the roles table.",
    ).tag(config=True)
    upstream_options: Dict[str, Any] = Dict(help="Arguments of the upstream provider.").tag(config=True)

    def __init__(self, **traits: Any) -> None:
        super().__init__(**traits)
        self._access: Access | None = None
        self._paths: Paths | None = None
        self._proxy: TrustedProxy | None = None
        self._secret = b""
        self.upstream: IdentityProvider | None = None
        if self.upstream_class is not None:
            self.upstream = self.upstream_class(parent=self.parent, log=self.log, **self.upstream_options)

    @validate("token")
    def _no_token(self, proposal: Mapping[str, Any]) -> str:
        if proposal["value"]:
            raise TraitError("a shared token would be in every page; VIBEWORKBENCH_TOKEN gives the admin's, hidden")
        return ""

    def bind(self, access: Access, paths: Paths, proxy: TrustedProxy, cookie_secret: bytes) -> None:
        """From now on, callers are known.

        Args:
            access: Who vouches for them.
            paths: What each may ask for.
            proxy: The header that is believed from a trusted proxy.
            cookie_secret: What sessions are signed with.
        """
        self._access, self._paths, self._proxy, self._secret = access, paths, proxy, cookie_secret

    # Who asks, from memory

    def identify(self, request: HTTPServerRequest) -> Grant | None:
        """What the caller may, as far as the request alone says."""
        seen = self.seen(request)
        return None if seen is None else seen.grant

    def seen(self, request: HTTPServerRequest) -> Seen | None:
        """Who asks and how that is known. A token that opens nothing is not made up for by a cookie."""
        access = self._access
        if access is None or self._proxy is None:
            return None
        shown = token_of(request)
        if shown is not None:
            grant = access.by_token(shown[0])
            return None if grant is None else Seen(grant, shown[1])
        person = self._proxy.person(request)
        if person is not None:
            grant = access.by_name(*person)
            return None if grant is None else Seen(grant, Means.proxy)
        session = self.session_of(request)
        grant = None if session is None else access.by_session(session)
        return None if grant is None else Seen(grant, Means.session)

    def stands(self, user: User | None, request: HTTPServerRequest) -> bool:
        """Whether ``user``, who was let in with ``request``, would be let in again with the same rights."""
        if not isinstance(user, WorkbenchUser):
            return False
        now = self.identify(request)
        if now is None and self.upstream is not None and self._access is not None:
            now = self._access.by_name(user.grant.name, user.groups)
        return is_same(user.grant, now)

    def session_of(self, request: HTTPServerRequest) -> Mapping[str, Any] | None:
        """What the session's cookie says, if we signed it."""
        name = self.cookie_of(request)
        cookie = request.cookies.get(name)
        if cookie is None or not self._secret:
            return None
        signed = decode_signed_value(self._secret, name, cookie.value, min_version=_SIGNATURE_VERSION)
        try:
            content = json.loads(signed) if signed else None
        except (ValueError, RecursionError):  # signed by another server of the same user, for something else
            return None
        return content if isinstance(content, dict) else None

    def cookie_of(self, request: HTTPServerRequest) -> str:
        """The name of the session's cookie: servers on other ports of the same host have others."""
        return str(self.cookie_name) or _UNSAFE.sub("-", f"vibeworkbench-{request.host}")

    def get_cookie_name(self, handler: RequestHandler) -> str:
        """The name of the session's cookie."""
        return self.cookie_of(handler.request)

    def cookie_secret_hook(self, h: hmac.HMAC) -> hmac.HMAC:
        """Other Jupyter servers of the same user share the secret's file; what they sign is none of ours."""
        h.update(hashlib.sha256(b"vibeworkbench session").digest())
        return h

    # What Jupyter's handlers ask

    def get_user(self, handler: RequestHandler) -> Any:
        """The user, or ``None``; of another provider, that is known later, and its path is judged then.

        Raises:
            HTTPError: The other provider's user may not ask for this.
        """
        known = getattr(handler, "_jupyter_current_user", None)
        if known is not None:
            return known
        seen = self.seen(handler.request)
        if seen is None:
            return None if self.upstream is None else self._of_upstream(self.upstream, handler)
        if seen.means.is_token:
            handler._token_authenticated = True  # type: ignore[attr-defined]  # noqa: SLF001 - Jupyter's own mark
        if seen.means is Means.query and self._opens_session(handler.request, seen.grant):
            self.open_session(handler, seen.grant)
        return WorkbenchUser(seen.grant)

    def _opens_session(self, request: HTTPServerRequest, grant: Grant) -> bool:
        # A narrowed token is for a frame in somebody's page, which must not log its reader out of a session; a lent one
        # is a kernel's, and a session would outlast it.
        below = None if self._paths is None else self._paths.below(request.path)
        if request.method != "GET" or grant.scope is not None or grant.is_lent or below is None or not is_page(below):
            return False
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return False
        session = self.session_of(request)
        known = self._access.by_session(session) if self._access is not None and session is not None else None
        return known is None or known.identity != grant.identity

    def open_session(self, handler: RequestHandler, grant: Grant) -> None:
        """The browser has a cookie with a new session of ``grant``."""
        assert self._access is not None  # noqa: S101 - for the type checker: nobody is known before
        assert self._paths is not None  # noqa: S101
        session = self._access.session_for(grant)
        options = {
            "path": self._paths.base_url,
            "samesite": "Lax",
            "expires": datetime.fromtimestamp(session["expires"], UTC),
            **self.cookie_options,
            "httponly": True,
        }
        is_secure = self.secure_cookie if self.secure_cookie is not None else handler.request.protocol == "https"
        if is_secure:
            options["secure"] = True
        name = self.cookie_of(handler.request)
        signed = handler.create_signed_value(name, json.dumps(session))
        handler.set_cookie(name, signed, **options)
        self.note("login", handler.request, grant)

    def clear_session(self, handler: RequestHandler) -> None:
        """The browser forgets its session."""
        path = "/" if self._paths is None else self._paths.base_url
        handler.clear_cookie(self.cookie_of(handler.request), path=path)

    async def _of_upstream(self, upstream: IdentityProvider, handler: RequestHandler) -> User | None:
        user = await ensure_async(upstream.get_user(handler))
        if self._access is None or self._paths is None:
            return None
        request = handler.request
        groups = () if user is None else groups_of(user)
        grant = None if user is None else self._access.by_name(user.username, groups)
        if isinstance(handler, Admission):  # ours ask for rights by themselves, and refuse in their own way
            return user if grant is None else WorkbenchUser(grant, groups)
        caller = None if grant is None else grant.caller()
        verdict = self._paths.judge(request.method or "GET", request.path, caller)
        if verdict is Verdict.admitted:
            return None if grant is None else WorkbenchUser(grant, groups)
        if user is not None:
            self.note("refused", request, grant, name=user.username)
            raise HTTPError(403)
        self._send_to_login(handler, self._paths)
        return None

    def _send_to_login(self, handler: RequestHandler, paths: Paths) -> None:
        request = handler.request
        if request.method in READ and is_page(paths.below(request.path) or ""):
            handler.redirect(login_address(paths.base_url, request.uri or paths.base_url))
            raise Finish
        raise HTTPError(403)

    def is_token_authenticated(self, handler: RequestHandler) -> bool:
        """Whether the caller showed a token: then no cookie was needed, and no foreign page sent the request."""
        if super().is_token_authenticated(handler):
            return True
        return self.upstream is not None and bool(self.upstream.is_token_authenticated(handler))

    def get_handlers(self) -> list[tuple[str, object]]:
        """Login and logout, and what the other provider needs."""
        own = super().get_handlers()
        if self.upstream is None:
            return own
        of_jupyter = (LoginFormHandler, JupyterLogoutHandler)
        theirs = [each for each in self.upstream.get_handlers() if each[1] not in of_jupyter]
        return theirs + [each for each in own if each[0] not in {path for path, _ in theirs}]

    @property
    def auth_enabled(self) -> bool:
        """Yes: nobody is anonymous and let in."""
        return True

    def note(self, kind: str, request: HTTPServerRequest, grant: Grant | None = None, *, name: str = "") -> None:
        """The event is in the audit record."""
        if self._access is not None:
            identity, known = ("", name) if grant is None else (grant.identity, grant.name)
            self._access.note(AuditEvent(kind, identity, known, request.remote_ip or "", request.path))
