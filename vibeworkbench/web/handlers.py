"""The base of every REST handler: who calls, how large, what went wrong."""

from __future__ import annotations

import math
import re
import uuid
from collections.abc import Mapping
from types import TracebackType
from typing import Any, ClassVar
from urllib.parse import parse_qs

import msgspec
from jupyter_core.utils import ensure_async
from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.auth.utils import HTTP_METHOD_TO_AUTH_ACTION
from jupyter_server.base.handlers import JupyterHandler
from tornado.web import HTTPError, stream_request_body

from vibeworkbench.errors import InvalidInput, LimitExceeded, NotAllowed, WorkbenchError
from vibeworkbench.settings import WebSettings
from vibeworkbench.web.failures import ErrorAnswer, ErrorBody, Failure, NotLoggedIn, failure_of
from vibeworkbench.web.identity import caller_of
from vibeworkbench.web.operation import JSON, Answer, Operation, operations_of
from vibeworkbench.web.roles import Caller, Role

WEB_SETTINGS = "vibeworkbench_web"
"""Key of our ``WebSettings`` in the tornado application's settings."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_OF_THE_SERVER = frozenset({"token", "_xsrf"})
_SWALLOWED_BODIES = 8
"""A body too large by less than this factor is read and dropped, so that its sender sees the refusal, not a reset."""


class Admission(JupyterHandler):
    """Asks the server's identity provider, its authorizer, and our roles; shared by REST handlers and sockets."""

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


@stream_request_body
class ApiHandler(Admission):
    """A REST handler whose methods are operations (see ``operation``).

    The body is taken in pieces, so that a huge one is refused by its announced size, before it is read. Refusals found
    before the body is read are kept until it is, else a client that is still sending would see a reset connection.
    """

    caller: Caller
    """Who calls; set for every operation but public ones."""

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

    async def prepare(self) -> None:  # type: ignore[override]
        """The caller's identity is known; a refusal waits until the body is read."""
        self._body = bytearray()
        self._received_bytes = 0
        self._refusal: Exception | None = None
        self._limit_body()
        try:
            await super().prepare(_redirect_to_login=False)
            if self.current_user is not None and not self.check_origin():
                raise NotAllowed("This origin may not call this API.")
        except HTTPError as error:
            self._refuse(self._as_seen(error))
        except WorkbenchError as error:
            self._refuse(error)

    def _as_seen(self, error: HTTPError) -> Exception:
        if getattr(self, "_jupyter_current_user", None) is None and error.status_code == 403:
            return NotLoggedIn("Log in, or send a token in the Authorization header.")
        if error.status_code == 404:  # Jupyter's answer to a write from a foreign origin
            return NotAllowed("This origin may not call this API.")
        return error

    def _refuse(self, error: Exception) -> None:
        self._refusal = self._refusal or error

    def _limit_body(self) -> None:
        settings: WebSettings = self.settings.get(WEB_SETTINGS, WebSettings())
        self._limit_bytes = settings.body_bytes
        announced = self.request.headers.get("Content-Length", "0")
        size_bytes = int(announced) if announced.isdigit() else 0
        if size_bytes <= self._limit_bytes:
            return
        self._refuse(self._too_large())
        waits = self.request.headers.get("Expect", "").lower() == "100-continue"
        if waits or size_bytes > self._limit_bytes * _SWALLOWED_BODIES:
            raise self._too_large()

    def _too_large(self) -> LimitExceeded:
        message = f"The body is larger than {self._limit_bytes} bytes."
        return LimitExceeded(message, field="body", limit_bytes=self._limit_bytes)

    def data_received(self, chunk: bytes) -> None:
        """Another piece of the body is kept, or dropped when the request is refused anyway."""
        self._received_bytes += len(chunk)
        if self._received_bytes > self._limit_bytes:
            self._refuse(self._too_large())
        if self._refusal is None:
            self._body += chunk
        elif self._received_bytes > self._limit_bytes * _SWALLOWED_BODIES and not self._finished:
            error = self._refusal
            self.send_error(failure_of(error).status, exc_info=(type(error), error, None))

    async def admit(self, said: Operation) -> None:
        """The request may do what ``said`` says; ``caller`` is set unless it is public.

        Raises:
            WorkbenchError: It may not, or its body was refused.
        """
        if self._refusal is not None and (said.role is not None or not isinstance(self._refusal, NotLoggedIn)):
            raise self._refusal
        if said.role is not None:
            action = said.action or HTTP_METHOD_TO_AUTH_ACTION[self.request.method or "GET"]
            self.caller = await self.caller_for(said.role, action)

    def query_parameters(self) -> Mapping[str, list[str]]:
        """Parameter → values, without those that belong to the Jupyter server."""
        try:
            given = parse_qs(self.request.query, keep_blank_values=True, errors="strict", max_num_fields=100)
        except ValueError:
            raise InvalidInput("The query string cannot be read.", field="query", reason="malformed") from None
        return {name: values for name, values in given.items() if name not in _OF_THE_SERVER}

    def json_body(self) -> bytes:
        """The body, which is said to be JSON, or is empty.

        Raises:
            InvalidInput: It is said to be something else.
        """
        said = self.request.headers.get("Content-Type", JSON).partition(";")[0].strip().lower()
        if self._body and said != JSON and not said.endswith("+json"):
            message = f"Content-Type: this takes {JSON}, not {said}."
            raise InvalidInput(message, field="Content-Type", reason="not JSON", allowed=[JSON])
        return bytes(self._body)

    def answer(self, said: Operation, given: Any) -> None:
        """The method's result is sent with its status and headers."""
        reply = given if isinstance(given, Answer) else Answer(said.status, given)
        self.set_status(reply.status)
        for name, value in reply.headers.items():
            self.set_header(name, value)
        if reply.body is None:
            self.clear_header("Content-Type")
            self.finish()
            return
        self.set_header("Content-Type", said.media_type)
        self.finish(reply.body if isinstance(reply.body, str | bytes) else msgspec.json.encode(reply.body))

    def compute_etag(self) -> str | None:
        """None: what may not be stored needs no tag."""
        return None

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

    @classmethod
    def methods(cls) -> list[str]:
        """The methods that this address takes."""
        found = operations_of(cls)
        return [*(["HEAD"] if "get" in found else []), *(name.upper() for name in found), "OPTIONS"]

    def log_exception(
        self,
        typ: type[BaseException] | None,
        value: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """What nobody expected stands whole in the log, under the request's id; the rest in one line."""
        failure = failure_of(value)
        where = f"{self.request.method} {self.request.path}"
        if failure.ours and value is not None:
            self.log.error("%s failed, requestId %s", where, self.request_id, exc_info=value)
        else:
            self.log.info("%s: %s %s, requestId %s", where, failure.status, failure.code, self.request_id)

    async def _refuse_method(self, *_path: str, **_named: str) -> None:
        if self._refusal is not None:
            raise self._refusal
        raise HTTPError(405)

    get = post = put = patch = delete = _refuse_method

    async def head(self, *path: str, **named: str) -> None:
        """What ``get`` answers; tornado leaves the body out (RFC 9110, 9.3.2)."""
        await self.get(*path, **named)

    @allow_unauthenticated
    async def options(self, *_path: str, **_named: str) -> None:
        """A browser's preflight is answered; the origin is judged by the headers that Jupyter sets."""
        self.set_header("Access-Control-Allow-Headers", "accept, authorization, content-type, prefer, x-request-id")
        self.set_header("Access-Control-Allow-Methods", ", ".join(self.methods()))
        self.set_header("Allow", ", ".join(self.methods()))
        self.set_status(204)
        self.clear_header("Content-Type")
        await self.finish()


class NothingHere(ApiHandler):
    """Every address under our prefix that no route has."""

    async def _refuse_method(self, *_path: str, **_named: str) -> None:
        raise self._refusal or HTTPError(404)

    get = post = put = patch = delete = head = options = _refuse_method
