"""The OpenAPI 3.1 document, read off the mounted routes: what is not mounted is not in it, what is mounted is.

Source: https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from vibeworkbench.web.failures import ErrorAnswer
from vibeworkbench.web.handlers import ApiHandler
from vibeworkbench.web.operation import JSON, Operation, operations_of
from vibeworkbench.web.routes import PREFIX, Route
from vibeworkbench.web.sockets import SocketHandler

_SCHEMAS = "#/components/schemas/{name}"
_ALWAYS = (500, 503)
_PARAMETERS_OF_PATH = re.compile(r"\{(\w+)\}")
_SECURITY: list[dict[str, list[str]]] = [{"token": []}, {"cookie": []}]

_CLOSE_CODES = {
    "4400": "bad message",
    "4401": "not logged in",
    "4403": "not allowed",
    "4404": "no such party or room",
    "4408": "too slow: come back with since",
    "4429": "too fast",
    "1001": "the server is going away: come back",
    "1011": "our fault",
}

Schemas = Mapping[Any, Mapping[str, Any]]


def document(routes: Sequence[Route], *, version: str, base_url: str = "/") -> dict[str, Any]:
    """The OpenAPI document of ``routes``.

    Args:
        routes: What is mounted.
        version: The workbench's version.
        base_url: The Jupyter server's, with a slash at both ends.
    """
    said = [(route, method, each) for route in routes for method, each in _operations(route)]
    kinds = _kinds(each for _, _, each in said)
    references, components = msgspec.json.schema_components(kinds, ref_template=_SCHEMAS)
    schemas = dict(zip(kinds, references, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route, method, each in said:
        paths.setdefault(route.path, {})[method] = _described(route, method, each, schemas, components)
    spared = {each.query.__name__ for _, _, each in said if each.query is not None}
    said_whole = {
        "openapi": "3.1.0",
        "info": {"title": "vibeworkbench", "version": version, "description": _DESCRIPTION},
        "servers": [{"url": base_url.rstrip("/") + PREFIX}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": {name: schema for name, schema in sorted(components.items()) if name not in spared},
            "securitySchemes": _SCHEMES,
        },
        "x-sockets": [_socket(route) for route in routes if _is_socket(route)],
    }
    plain: dict[str, Any] = msgspec.to_builtins(said_whole)  # defaults are tuples, sets and structs until here
    return plain


def _operations(route: Route) -> Iterator[tuple[str, Operation]]:
    if issubclass(route.handler, ApiHandler):
        yield from operations_of(route.handler).items()


def _is_socket(route: Route) -> bool:
    return issubclass(route.handler, SocketHandler)


def _kinds(operations: Iterable[Operation]) -> list[Any]:
    kinds: list[Any] = [ErrorAnswer]
    for each in operations:
        streamed = (kind for several in each.streams.values() for kind in several)
        said = (each.body, each.query, each.answer, *streamed)
        kinds += [kind for kind in said if kind not in (None, str, bytes)]
    return list(dict.fromkeys(kinds))


def _described(
    route: Route, method: str, said: Operation, schemas: Schemas, components: Mapping[str, Any]
) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": _identity(method, route.path),
        "tags": [_subsystem(route)],
        "summary": said.summary,
        "parameters": [_path_parameter(name) for name in route.parameters],
        "responses": _responses(said, schemas),
        "security": [] if said.role is None else _SECURITY,
    }
    if said.role is not None:
        described["x-role"] = said.role.name
    if said.description:
        described["description"] = said.description
    if said.query is not None:
        described["parameters"] += _query_parameters(components[schemas[said.query]["$ref"].rpartition("/")[2]])
    if said.body is not None:
        required = not _takes_nothing(said.body)
        described["requestBody"] = {"required": required, "content": {JSON: {"schema": schemas[said.body]}}}
    if said.streams:
        described["requestBody"] = {"required": True, "content": dict(_streams(said, schemas))}
    return described


def _streams(said: Operation, schemas: Schemas) -> Iterator[tuple[str, dict[str, Any]]]:
    for media_type, kinds in said.streams.items():
        found = [{"type": "string", "format": "binary"} if kind is bytes else schemas[kind] for kind in kinds]
        yield media_type, {"schema": found[0] if len(found) == 1 else {"anyOf": found}}


def _takes_nothing(body: Any) -> bool:
    found = msgspec.inspect.type_info(body)
    return isinstance(found, msgspec.inspect.StructType) and not any(field.required for field in found.fields)


def _identity(method: str, path: str) -> str:
    words = re.split(r"[/.-]", _PARAMETERS_OF_PATH.sub(r"by/\1", path.removeprefix("/api")))
    return method + "".join(word[:1].upper() + word[1:] for word in words)


def _subsystem(route: Route) -> str:
    return str(getattr(route.handler, "subsystem", ""))


def _path_parameter(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _query_parameters(struct: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name, schema in struct["properties"].items():
        parameter = {"name": name, "in": "query", "required": name in struct["required"], "schema": schema}
        if schema.get("type") == "array":
            parameter |= {"style": "form", "explode": False}  # a=1,2; a=1&a=2 is understood as well
        if "description" in schema:
            parameter["description"] = schema["description"]
        yield parameter


def _responses(said: Operation, schemas: Schemas) -> dict[str, Any]:
    content = {}
    if said.answer is not None:
        content = {said.media_type: {"schema": {"type": "string"} if said.answer is str else schemas[said.answer]}}
    good = {said.status: HTTPStatus(said.status).phrase, **said.also}
    responses: dict[str, Any] = {
        str(status): {"description": text, **({"content": content} if content else {})} for status, text in good.items()
    }
    for status in sorted(_refusals(said)):
        refused = {"description": HTTPStatus(status).phrase, "content": {JSON: {"schema": schemas[ErrorAnswer]}}}
        responses.setdefault(str(status), refused)
    return responses


def _refusals(said: Operation) -> set[int]:
    statuses = {400, *_ALWAYS, *said.errors}
    if said.role is not None:
        statuses |= {401, 403}
    if said.body is not None or said.streams:
        statuses.add(413)
    return statuses


def _socket(route: Route) -> dict[str, Any]:
    summary = str(getattr(route.handler, "summary", "")) or (route.handler.__doc__ or "").partition("\n")[0]
    return {
        "path": route.path,
        "summary": summary,
        "parameters": [_path_parameter(name) for name in route.parameters],
        "closeCodes": _CLOSE_CODES,
    }


_DESCRIPTION = (
    "The workbench's REST interface. JSON is camelCase; instants are RFC 3339 UTC; unknown fields and parameters are "
    "refused. Lists answer items and nextCursor. Every refusal has the body of ErrorAnswer. Errors 401 and 403 are "
    "answered, never a redirect. Rooms speak WebSocket and are listed under x-sockets."
)

_SCHEMES = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "The server's token; needs no XSRF header.",
    },
    "cookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "username-<host>",
        "description": "Jupyter's login cookie; every write also needs the cookie _xsrf repeated in X-XSRFToken.",
    },
}
