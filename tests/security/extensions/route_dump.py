"""A Jupyter extension of the tests: the routes of the server that runs, in the order in which it asks them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tornado.routing import HostMatches, PathMatches, Rule
from tornado.web import RequestHandler
from tornado.websocket import WebSocketHandler

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "route_dump"}]


def _load_jupyter_server_extension(_app: Any) -> None:
    """Nothing is mounted."""


async def _start_jupyter_server_extension(app: Any) -> None:
    """The routes stand in the file that ``ROUTE_DUMP`` names: all extensions have mounted theirs by now."""
    _write(list(routes_of(app.web_app.default_router.rules)))


def _write(routes: list[dict[str, Any]]) -> None:
    Path(os.environ["ROUTE_DUMP"]).write_text(json.dumps(routes))


def routes_of(rules: list[Rule], hosts: str = "") -> Iterator[dict[str, Any]]:
    """Every rule that leads to a handler, through all nested routers; the pattern is empty where it is no path's."""
    for rule in rules:
        matcher, target = rule.matcher, rule.target
        if hasattr(target, "rules"):
            named = matcher.host_pattern.pattern if isinstance(matcher, HostMatches) else ""
            yield from routes_of(target.rules, named or hosts)
        elif isinstance(matcher, PathMatches):
            yield _route(matcher.regex.pattern, hosts, target)
        else:
            yield {"pattern": "", "hosts": hosts, "handler": f"{type(matcher).__name__} → {target!r}", "methods": []}


def _route(pattern: str, hosts: str, target: Any) -> dict[str, Any]:
    handler = f"{target.__module__}.{target.__qualname__}"
    is_socket = isinstance(target, type) and issubclass(target, WebSocketHandler)
    return {
        "pattern": pattern,
        "hosts": hosts,
        "handler": handler,
        "methods": list(_methods(target)),
        "socket": is_socket,
    }


def _methods(target: Any) -> Iterator[str]:
    for method in METHODS:
        found = getattr(target, method.lower(), RequestHandler._unimplemented_method)
        if found is not RequestHandler._unimplemented_method and found.__name__ != "_refuse_method":
            yield method
