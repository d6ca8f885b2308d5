"""What a REST method is, said once: the decorator runs it, the OpenAPI document describes it.

class Scan(ApiHandler):
    subsystem = "ops"

    @operation(summary="Run a scan", role=Role.operator, body=ScanOrder, answer=ScanBody, errors=(409,))
    async def post(self, *, body: ScanOrder) -> ScanBody: ...
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from vibeworkbench.web.decoding import Nothing, decode_body, decode_query
from vibeworkbench.web.roles import Role

if TYPE_CHECKING:
    from vibeworkbench.web.handlers import ApiHandler

Action = Literal["read", "write", "execute"]
Method = Callable[..., Awaitable[Any]]
Mounted = Callable[..., Coroutine[Any, Any, None]]

_MARK = "vibeworkbench_operation"
_PUBLIC = "__allow_unauthenticated"
"""Jupyter's mark on methods that it lets through without login."""

METHODS = ("get", "post", "put", "patch", "delete")
"""HTTP methods that can be operations."""

JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """All that is known of one REST method; as a decorator, it makes the method do so.

    The method gets ``body`` and ``query`` only when they are declared, and each path parameter in snake_case. It
    returns a struct, text, ``None`` or an ``Answer``; it raises a ``WorkbenchError``, and catches nothing.

    Attributes:
        summary: One line.
        role: Lowest role that may call it; ``None`` means everybody, without login.
        body: Struct of the JSON body, or a union of tagged ones; ``None`` takes none.
        streams: Media type → what the body may hold (``bytes``: nothing that a schema says), of a method that reads
            the body by itself.
        query: Struct of the query string; ``None`` takes none.
        answer: Struct of the answer's JSON body; ``None`` has none, ``str`` is text of ``media_type``.
        status: Status of success.
        also: Further statuses of success, with what they mean.
        errors: Statuses of refusal beside those that every operation has.
        description: What the summary leaves out.
        action: What Jupyter's authorizer is asked for; by default ``read`` for GET, ``write`` for all else.
        media_type: Content type of the answer.
    """

    summary: str
    role: Role | None
    body: Any = None
    streams: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    query: type[msgspec.Struct] | None = None
    answer: Any = None
    status: int = 200
    also: Mapping[int, str] = field(default_factory=dict)
    errors: tuple[int, ...] = ()
    description: str = ""
    action: Action | None = None
    media_type: str = JSON

    def __call__(self, method: Method) -> Mounted:
        """The method admits, decodes and encodes as said here."""

        @functools.wraps(method)
        async def run(handler: ApiHandler, **path: str) -> None:
            await handler.admit(self)
            given = _decoded(handler, self)
            handler.answer(self, await method(handler, **path, **given))

        setattr(run, _MARK, self)
        if self.role is None:
            setattr(run, _PUBLIC, True)
        return run


operation = Operation


@dataclass(frozen=True, slots=True)
class Answer:
    """A body with a status and headers of its own, for methods that do not always answer the same status."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


def operations_of(handler: type) -> dict[str, Operation]:
    """HTTP method in lower case → its operation, of all that a handler class offers."""
    found = {name: getattr(getattr(handler, name, None), _MARK, None) for name in METHODS}
    return {name: each for name, each in found.items() if each is not None}


def _decoded(handler: ApiHandler, said: Operation) -> dict[str, Any]:
    query = decode_query(handler.query_parameters(), said.query or Nothing)
    body = None if said.streams else decode_body(handler.json_body(), said.body or Nothing)
    given: dict[str, Any] = {}
    if said.query is not None:
        given["query"] = query
    if said.body is not None:
        given["body"] = body
    return given
