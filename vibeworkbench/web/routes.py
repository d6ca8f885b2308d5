"""What a subsystem mounts: addresses, handlers and their collaborators."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tornado.web import RequestHandler

from vibeworkbench.web.failures import snake
from vibeworkbench.web.handlers import NothingHere

PREFIX = "/vibeworkbench"
"""Where everything of ours stands, under the server's ``base_url``."""

_PARAMETER = re.compile(r"\{([a-z][A-Za-z0-9]*)\}")


@dataclass(frozen=True, slots=True)
class Route:
    """One address.

    Attributes:
        path: The address below ``PREFIX``, with parameters as in ``/api/ops/scans/{scanId}``.
        handler: Its handler; parameters reach the methods in snake_case (``scan_id``).
        kwargs: Arguments of the handler's ``initialize``, for instance the service.
    """

    path: str
    handler: type[RequestHandler]
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The path's parameters, in its order, as the address names them."""
        return tuple(_PARAMETER.findall(self.path))

    @property
    def pattern(self) -> str:
        """The regular expression of tornado's URL table; a parameter never holds a slash unless it is encoded."""
        parts = _PARAMETER.split(self.path)
        return "".join(
            re.escape(part) if index % 2 == 0 else f"(?P<{snake(part)}>[^/]+)" for index, part in enumerate(parts)
        )


def url_table(routes: Iterable[Route]) -> list[tuple[str, type[RequestHandler], dict[str, Any]]]:
    """The rows that tornado mounts below the server's ``base_url``; our error body stands at every other address."""
    table = [(PREFIX + route.pattern, route.handler, dict(route.kwargs)) for route in routes]
    return [*table, (f"{PREFIX}(?:/.*)?", NothingHere, {})]
