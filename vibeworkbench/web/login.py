"""The login page, for people with a password and for bearers of a token, and the logout."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from jupyter_server.auth.decorator import allow_unauthenticated
from tornado.web import HTTPError

from vibeworkbench.access.model import Grant
from vibeworkbench.access.service import Access
from vibeworkbench.errors import LimitExceeded
from vibeworkbench.web.gate import is_at_home_in_lab
from vibeworkbench.web.identity import ACCESS, WorkbenchUser
from vibeworkbench.web.pages import ENDED, Page
from vibeworkbench.web.paths import Paths, Verdict, is_ambiguous
from vibeworkbench.web.provider import WorkbenchIdentityProvider
from vibeworkbench.web.roles import Role

PATHS = "vibeworkbench_paths"
"""Key of the table of ``Paths`` in the tornado application's settings."""

_LONGEST_BYTES = 4096
_WRONG_PASSWORD = "Name and password do not belong together."  # noqa: S105 - a sentence
_WRONG_TOKEN = "This token opens nothing."  # noqa: S105 - a sentence
_ENDED_LINK = "The link that you followed opens nothing (any more). Ask whoever gave it to you for another, or log in."
_NO_PAGE = "This token is for programs; it opens no page."


class _LoginPage(Page):
    @property
    def provider(self) -> WorkbenchIdentityProvider:
        """Our identity provider, whose pages these are."""
        provider = self.identity_provider
        if not isinstance(provider, WorkbenchIdentityProvider):
            raise HTTPError(404)
        return provider

    @property
    def access(self) -> Access:
        """Who vouches for callers."""
        found = self.settings.get(ACCESS)
        if not isinstance(found, Access):
            raise HTTPError(503)  # the workbench could not be opened
        return found


class LoginHandler(_LoginPage):
    """``/login``."""

    @allow_unauthenticated
    async def get(self) -> None:
        """The form; whoever is logged in goes on at once."""
        user = self.current_user
        if isinstance(user, WorkbenchUser):
            self.redirect(self._address_after(user.grant))
            return
        has_ended = ENDED in self.request.query_arguments
        self._ask(wrong=_ENDED_LINK if has_ended else "")

    head = get

    @allow_unauthenticated
    async def post(self) -> None:
        """Whoever is who they say has a session and goes on; everybody else reads one sentence and may try again."""
        given = {name: self.get_body_argument(name, "", strip=name != "password") for name in ("name", "password")}
        token = self.get_body_argument("token", "")
        if any(len(each) > _LONGEST_BYTES for each in (*given.values(), token)):
            raise HTTPError(400)
        grant = await self._grant(given["name"], given["password"], token)
        if grant is None:
            self.set_status(401)
            self._ask(wrong=_WRONG_TOKEN if token else _WRONG_PASSWORD, name=given["name"])
        elif grant.role is Role.ingest or grant.is_lent:
            self.set_status(403)
            self._ask(wrong=_NO_PAGE)
        else:
            self.provider.open_session(self, grant)
            self.redirect(self._address_after(grant), status=303)

    async def _grant(self, name: str, password: str, token: str) -> Grant | None:
        request, address = self.request, self.request.remote_ip or ""
        grant = self.access.by_token(token) if token else None
        if grant is not None:
            return grant  # nobody can guess one, so what others did from this address does not count
        wait_s = self.access.limits.attempt(address, name)
        if wait_s is not None:
            self.provider.note("login-limited", request, name=name)
            raise LimitExceeded("Too many logins have failed.", retry_after_s=wait_s)
        if name and password:
            grant = await self.access.password_grant(name, password)
        if grant is None:
            self.provider.note("login-failed", request, name=name)
        else:
            self.access.limits.succeeded(address, name)
        return grant

    def _ask(self, *, wrong: str = "", name: str = "") -> None:
        facts: dict[str, Any] = {"wrong": wrong, "name": name, "target": self._asked_for()}
        self.show("login.html", xsrf=self.xsrf_token.decode(), **facts)

    def _asked_for(self) -> str:
        """Where the browser wanted to go: a plain path of this server, else empty."""
        target = self.get_argument("next", "")
        if not target.isprintable() or "\\" in target or not target.startswith(self.base_url):
            return ""
        parts = urlsplit(target)
        return "" if parts.scheme or parts.netloc or is_ambiguous(parts.path) else target

    def _address_after(self, grant: Grant) -> str:
        paths: Paths | None = self.settings.get(PATHS)
        target, caller = self._asked_for(), grant.caller()
        path = urlsplit(target).path
        is_way_in = path in {f"{self.base_url}login", f"{self.base_url}logout"}
        if target and not is_way_in and paths is not None and paths.judge("GET", path, caller) is Verdict.admitted:
            return target
        return self.base_url if is_at_home_in_lab(caller) else f"{self.base_url}vibeworkbench/dashboards"


class LogoutHandler(_LoginPage):
    """``/logout``: the session is over for good, not only forgotten by this browser."""

    @allow_unauthenticated
    async def get(self) -> None:
        """The session has ended; whom a link of a foreign page or a picture in a page has sent here is asked first."""
        if self._is_meant():
            await self.post()
        else:
            self.show("logout.html", xsrf=self.xsrf_token.decode())

    def _is_meant(self) -> bool:
        """Whether somebody came from one of our pages, or typed the address.

        Source: Fetch Metadata Request Headers (W3C): every browser of today says so, on https and on this machine.
        """
        said = self.request.headers
        is_near = said.get("Sec-Fetch-Site", "none") in {"none", "same-origin"}
        return is_near and said.get("Sec-Fetch-Dest", "document") == "document"

    @allow_unauthenticated
    async def post(self) -> None:
        """The session has ended."""
        self.provider.clear_session(self)
        session = self.provider.session_of(self.request)
        if session is not None:
            grant = self.access.by_session(session)
            if grant is not None:
                self.provider.note("logout", self.request, grant)
            await self.access.end_session(session)
        self.current_user = self._jupyter_current_user = None
        self.show("logout.html")
