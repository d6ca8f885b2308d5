"""One table for each edge of the server: a named failure → HTTP status and body, or WebSocket close code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import msgspec
from tornado.web import HTTPError

from vibeworkbench.errors import (
    Conflict,
    InvalidInput,
    LimitExceeded,
    NotAllowed,
    NotFound,
    Unavailable,
    UpstreamFailed,
    WorkbenchError,
)


class NotLoggedIn(WorkbenchError):
    """The server does not know the caller."""

    code = "not-logged-in"


class ErrorBody(msgspec.Struct, rename="camel", omit_defaults=True):
    """What went wrong: a code for programs, a sentence for people, facts, and the number to quote."""

    code: str
    message: str
    request_id: str
    details: dict[str, Any] = {}


class ErrorAnswer(msgspec.Struct, rename="camel"):
    """The body of every answer that is no success."""

    error: ErrorBody


@dataclass(frozen=True, slots=True)
class Failure:
    """How a failure looks from outside.

    Attributes:
        status: HTTP status.
        code: The error body's ``code``.
        message: The error body's ``message``.
        details: The error body's ``details``, with camelCase keys.
        retry_after_s: Seconds for the ``Retry-After`` header, if the same call may succeed later.
        ours: Whether nobody expected it: the log gets the whole story, the client none of it.
    """

    status: int
    code: str
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)
    retry_after_s: float | None = None
    ours: bool = False


_STATUS: dict[type[WorkbenchError], int] = {
    InvalidInput: 400,
    NotLoggedIn: 401,
    NotAllowed: 403,
    NotFound: 404,
    Conflict: 409,
    LimitExceeded: 429,
    Unavailable: 503,
    UpstreamFailed: 500,
}

_CLOSE_CODE: dict[type[WorkbenchError], int] = {
    InvalidInput: 4400,
    NotLoggedIn: 4401,
    NotAllowed: 4403,
    NotFound: 4404,
    LimitExceeded: 4429,
}

CODES = {
    400: "invalid",
    401: "not-logged-in",
    403: "not-allowed",
    404: "not-found",
    405: "method-not-allowed",
    409: "conflict",
    413: "limit-exceeded",
    429: "limit-exceeded",
    500: "internal",
    503: "unavailable",
}
"""Status → ``code`` of the error body."""

_SENTENCES = {
    403: "You are not allowed to do this.",
    404: "There is nothing at this address.",
    405: "This address does not take this method.",
}

_UNEXPECTED = Failure(500, "internal", "The server failed; its log has the details under this requestId.", ours=True)


def failure_of(error: BaseException | None) -> Failure:
    """How ``error`` looks from outside; an error without a name shows nothing but that it happened."""
    if isinstance(error, WorkbenchError):
        return _named(error)
    if isinstance(error, HTTPError) and error.status_code < 500:
        status = error.status_code
        sentence = _SENTENCES.get(status, f"{HTTPStatus(status).phrase}." if status in _KNOWN else "Refused.")
        return Failure(status, CODES.get(status, "invalid"), sentence)
    return _UNEXPECTED


_KNOWN = frozenset(int(status) for status in HTTPStatus)


def _named(error: WorkbenchError) -> Failure:
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)
    if isinstance(error, LimitExceeded) and "limit_bytes" in error.attributes:
        status = 413
    retry_after_s = getattr(error, "retry_after_s", None)
    if status == 429:
        retry_after_s = error.attributes.get("retry_after_s", 1.0)
    details = {camel(name): value for name, value in error.attributes.items()}
    return Failure(status, error.code, error.message, details, retry_after_s)


def close_code_of(error: BaseException) -> int:
    """The WebSocket close code that says ``error``; 1011 for what is our fault."""
    return next((code for kind, code in _CLOSE_CODE.items() if isinstance(error, kind)), 1011)


def camel(name: str) -> str:
    """The name ``camel_case`` as ``camelCase``."""
    return re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), name)


def snake(name: str) -> str:
    """The name ``snakeCase`` as ``snake_case``."""
    return re.sub(r"[A-Z]", lambda match: f"_{match[0].lower()}", name)
