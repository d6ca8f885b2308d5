"""The base of every REST handler: who calls, what is asked and how large it is, what is answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

import msgspec
from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.auth.utils import HTTP_METHOD_TO_AUTH_ACTION
from tornado.web import HTTPError, stream_request_body

from vibeworkbench.errors import InvalidInput, LimitExceeded, NotAllowed, WorkbenchError
from vibeworkbench.settings import WebSettings
from vibeworkbench.web.admission import Admission
from vibeworkbench.web.failures import NotLoggedIn, failure_of
from vibeworkbench.web.operation import JSON, Answer, Operation, operations_of
from vibeworkbench.web.roles import Caller

WEB_SETTINGS = "vibeworkbench_web"
"""Key of our ``WebSettings`` in the tornado application's settings."""

_OF_THE_SERVER = frozenset({"token", "_xsrf"})
_SWALLOWED_BODIES = 8
"""A body too large by less than this factor is read and dropped, so that its sender sees the refusal, not a reset."""


@stream_request_body
class ApiHandler(Admission):
    """A REST handler whose methods are operations (see ``operation``).

    The body is taken in pieces, so that a huge one is refused by its announced size, before it is read. Refusals found
    before the body is read are kept until it is, else a client that is still sending would see a reset connection.
    """

    caller: Caller
    """Who calls; set for every operation but public ones."""
    _is_read = False
    """Whether the body was read: until then, tornado ends the connection with the answer."""

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

    def check_host(self) -> bool:
        """Whether the server answers under the name by which it was asked (DNS rebinding)."""
        self._is_known_host = super().check_host()
        return self._is_known_host

    def _as_seen(self, error: HTTPError) -> Exception:
        if not self._is_known_host:
            return NotAllowed("The server does not answer under this host name.", field="Host")
        if getattr(self, "_jupyter_current_user", None) is None and error.status_code == 403:
            return NotLoggedIn("Log in, or send a token in the Authorization header.")
        if error.status_code == 404:  # Jupyter's answer to a write from a foreign origin
            return NotAllowed("This origin may not call this API.")
        return error

    def _refuse(self, error: Exception) -> None:
        self._refusal = self._refusal or error

    def body_limit_bytes(self) -> int:
        """Size of the largest body that this address takes."""
        settings: WebSettings = self.settings.get(WEB_SETTINGS, WebSettings())
        return settings.body_bytes

    def _limit_body(self) -> None:
        self._limit_bytes = self.body_limit_bytes()
        announced = self.request.headers.get("Content-Length", "0")
        size_bytes = int(announced) if announced.isascii() and announced.isdigit() else 0
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
        self._is_read = True
        if self._refusal is not None and (said.role is not None or not isinstance(self._refusal, NotLoggedIn)):
            raise self._refusal
        if said.role is not None:
            action = said.action or HTTP_METHOD_TO_AUTH_ACTION[self.request.method or "GET"]
            self.caller = await self.caller_for(said.role, action)
            self.check_still_admitted()  # the body may have been long on its way

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
        """The method's result is sent with its status and headers; what it has sent by itself, in pieces, is ended."""
        if self._headers_written:
            self.finish()
            return
        reply = given if isinstance(given, Answer) else Answer(said.status, given)
        self.set_status(reply.status)
        for name, value in reply.headers.items():
            self.set_header(name, value)
        if reply.body is None:
            self.clear_header("Content-Type")
            self.finish()
            return
        self.set_header("Content-Type", reply.headers.get("Content-Type", said.media_type))
        self.finish(reply.body if isinstance(reply.body, str | bytes) else msgspec.json.encode(reply.body))

    def compute_etag(self) -> str | None:
        """None: what may not be stored needs no tag."""
        return None

    @classmethod
    def methods(cls) -> list[str]:
        """The methods of its operations."""
        found = operations_of(cls)
        return [*(["HEAD"] if "get" in found else []), *(name.upper() for name in found), "OPTIONS"]

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """The failure is sent; a client that would send its next request on the same connection is warned."""
        if not self._is_read:
            self.set_header("Connection", "close")
        super().write_error(status_code, **kwargs)

    async def _refuse_method(self, *_path: str, **_named: str) -> None:
        self._is_read = True
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
        self._is_read = True
        raise self._refusal or HTTPError(404)

    get = post = put = patch = delete = head = options = _refuse_method
