"""Who may come in, and how everybody else is told: what REST handlers and sockets share."""

from __future__ import annotations

import math
import re
import uuid
from types import TracebackType
from typing import Any, ClassVar

import msgspec
from jupyter_core.utils import ensure_async
from jupyter_server.base.handlers import JupyterHandler
from tornado.web import HTTPError

from vibeworkbench.errors import NotAllowed
from vibeworkbench.web.failures import ErrorAnswer, ErrorBody, Failure, NotLoggedIn, failure_of
from vibeworkbench.web.identity import caller_of
from vibeworkbench.web.operation import JSON
from vibeworkbench.web.roles import Caller, Role

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Admission(JupyterHandler):
    """Asks the server's identity provider, its authorizer, and our roles; refuses in the contract's words.

    Shared by REST handlers and sockets: nobody gets Jupyter's error pages, which hold the server's token, from us.
    """

    subsystem: ClassVar[str] = "web"
    """Names the authorizer's resource: ``vibeworkbench.<subsystem>``."""

    async def caller_for(self, role: Role, action: str) -> Caller:
        """The caller, who has at least ``role`` and whom the authorizer lets do ``action``.

        Raises:
            NotLoggedIn: The identity provider does not know the caller.
            NotAllowed: It does, but the caller lacks the role or the authorizer's consent.
        """
        user = self.current_user
        if user is None:
            raise NotLoggedIn("Log in, or send a token in the Authorization header.")
        caller = caller_of(user, self.settings)
        if caller is None or not caller.may(role):
            raise NotAllowed(f"This takes the role {role.name}.", required=role.name)
        resource = f"vibeworkbench.{self.subsystem}"
        if not await ensure_async(self.authorizer.is_authorized(self, user, action, resource)):
            raise NotAllowed("The server's authorizer refuses this.", resource=resource, action=action)
        return caller

    def check_still_admitted(self) -> None:
        """The caller is still who it was when it was admitted, with the same rights: asked after each long wait.

        Raises:
            NotLoggedIn: The login has ended, or has other rights now.
        """
        stands = getattr(self.identity_provider, "stands", None)
        if stands is not None and not stands(self.current_user, self.request):
            raise NotLoggedIn("Your login has ended, or its rights are other ones now.")

    def note_refusal(self, error: BaseException | None) -> None:
        """A refusal for lack of login or rights is in the audit record."""
        note = getattr(self.identity_provider, "note", None)
        if note is not None and failure_of(error).status in {401, 403}:
            user = getattr(self, "_jupyter_current_user", None)
            note("refused", self.request, getattr(user, "grant", None))

    def set_default_headers(self) -> None:
        """Nothing is cached, no content type is guessed, and each answer bears its request's id."""
        super().set_default_headers()
        given = self.request.headers.get("X-Request-Id", "")
        self.request_id = getattr(self, "request_id", "") or (
            given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        )
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("X-Request-Id", self.request_id)

    @classmethod
    def methods(cls) -> list[str]:
        """The methods that this address takes."""
        return ["GET"]

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """The failure is sent as the contract's error body."""
        error = kwargs["exc_info"][1] if "exc_info" in kwargs else HTTPError(status_code)
        failure = failure_of(error)
        if hasattr(self, "_jupyter_current_user"):
            self.set_cors_headers()  # tornado has dropped them, and the client must be able to read the refusal
        self.set_status(failure.status)
        self._say_how_to_go_on(failure)
        self.set_header("Content-Type", JSON)
        body = ErrorBody(failure.code, failure.message, self.request_id, dict(failure.details))
        self.finish(msgspec.json.encode(ErrorAnswer(body), enc_hook=str))

    def _say_how_to_go_on(self, failure: Failure) -> None:
        if failure.retry_after_s is not None:
            self.set_header("Retry-After", str(max(1, math.ceil(failure.retry_after_s))))
        if failure.status == 401:
            self.set_header("WWW-Authenticate", 'Bearer realm="vibeworkbench"')
        if failure.status == 405:
            self.set_header("Allow", ", ".join(self.methods()))

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """What nobody expected stands whole in the log, under the request's id; the rest in one line."""
        failure = failure_of(value)
        self.note_refusal(value)
        where = f"{self.request.method} {self.request.path}"
        if failure.ours and value is not None:
            self.log.error("%s failed, requestId %s", where, self.request_id, exc_info=value)
        else:
            self.log.info("%s: %s %s, requestId %s", where, failure.status, failure.code, self.request_id)
