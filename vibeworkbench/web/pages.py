"""The base of every HTML page of ours, and the few pages that the edge itself has: login, logout, errors."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl, quote, urlencode

from jinja2 import Environment, FileSystemLoader
from jupyter_server.auth.utils import HTTP_METHOD_TO_AUTH_ACTION
from tornado.web import HTTPError

from vibeworkbench.errors import WorkbenchError
from vibeworkbench.web.admission import Admission
from vibeworkbench.web.credentials import token_of
from vibeworkbench.web.failures import NotLoggedIn, failure_of
from vibeworkbench.web.roles import Caller, Role

TEMPLATES = Path(__file__).parent / "templates"
"""Our own pages, in the names that Jupyter gives its own."""

_SECRETS = frozenset({"token", "_xsrf"})
"""Parameters of an address that no other address may repeat."""

ENDED = "ended"
"""Parameter of the login page's address: the reader comes by a link whose token opens nothing."""

_environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True)


def page(name: str, /, **facts: Any) -> str:
    """The HTML of one of our own pages.

    Args:
        name: The template's file name.
        **facts: What the page tells: ``base_url`` and whatever it has beside.
    """
    return _environment.get_template(name).render(facts)


def content_security_policy() -> str:
    """What our own pages may do: no script, no other host, no frame around them; their one style is known by hash."""
    style = _environment.get_template("edge.css").render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    rest = "img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    return f"default-src 'none'; style-src 'sha256-{digest}'; {rest}"


def login_address(base_url: str, asked: str, *, has_ended: bool = False) -> str:
    """The login page's address, which leads back to the address ``asked``, without the secrets in its query.

    Args:
        base_url: The server's.
        asked: Path and query.
        has_ended: Whether ``asked`` held a token that opens nothing: the login page says so.
    """
    path, _, query = asked.partition("?")
    kept = [each for each in parse_qsl(query, keep_blank_values=True) if each[0] not in _SECRETS]
    target = f"{path}?{urlencode(kept)}" if kept else path
    return f"{base_url}login?next={quote(target, safe='')}" + (f"&{ENDED}" if has_ended else "")


class Page(Admission):
    """A handler that answers with HTML, its failures too. Whom it admits is up to those that derive from it."""

    def is_stranger(self) -> bool:
        """Whether nobody vouches for the caller."""
        return getattr(self, "_jupyter_current_user", None) is None

    def send_to_login(self) -> None:
        """A browser is led to the login and from there back.

        Raises:
            NotLoggedIn: The method does more than read.
        """
        if self.request.method not in {"GET", "HEAD"}:
            raise NotLoggedIn("Log in first.")
        has_ended = token_of(self.request) is not None
        if has_ended:
            self.note_refusal(NotLoggedIn("This token opens nothing."))
        self.redirect(login_address(self.base_url, self.request.uri or self.base_url, has_ended=has_ended))

    @property
    def content_security_policy(self) -> str:
        """What the page may do; pages with scripts of their own say theirs."""
        return content_security_policy()

    def show(self, name: str, /, **facts: Any) -> None:
        """One of our own pages is sent."""
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Content-Security-Policy", content_security_policy())
        self.set_header("Referrer-Policy", "same-origin")  # none at all makes the form's Origin null, which is foreign
        self.finish(page(name, base_url=self.base_url, **facts))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """The failure is sent as a page that holds no detail, no path and no secret."""
        error = kwargs["exc_info"][1] if "exc_info" in kwargs else HTTPError(status_code)
        failure = failure_of(error)
        self.set_status(failure.status)
        self._say_how_to_go_on(failure)
        sentence = failure.message if isinstance(error, WorkbenchError) else ""
        about = {"status_code": failure.status, "sentence": sentence, "request_id": self.request_id}
        self.show("error.html", logged_in=not self.is_stranger(), **about)


class PageHandler(Page):
    """A page for callers with a role: strangers are led to the login, and whoever lacks the right reads so.

    ``caller`` is set, and has ``role``, before any method runs.
    """

    role: ClassVar[Role] = Role.viewer
    """Lowest role that may see the page."""

    caller: Caller
    """Who looks."""

    async def prepare(self) -> None:  # type: ignore[override]
        """The caller is known and has the role; everybody else has been answered."""
        try:
            await super().prepare(_redirect_to_login=False)
        except HTTPError:
            if not self.is_stranger() or not self.check_host():
                raise
        if self.is_stranger():
            self.send_to_login()
        elif not self._finished:
            action = HTTP_METHOD_TO_AUTH_ACTION[self.request.method or "GET"]
            self.caller = await self.caller_for(self.role, action)
