"""What a request brings to say who asks: a token, a session's cookie, or the word of a trusted proxy. No I/O."""

from __future__ import annotations

import hmac
import ipaddress
import os
import re
from collections.abc import Sequence
from contextlib import suppress
from enum import Enum, auto

from tornado.httputil import HTTPServerRequest

from vibeworkbench.errors import InvalidInput
from vibeworkbench.settings import HeaderSettings

_TOKEN = re.compile(r"(?:token|bearer)\s+(\S+)\s*", re.IGNORECASE)


class Means(Enum):
    """How the server knows who asks."""

    header = auto()
    """A token in the Authorization header."""
    query = auto()
    """A token in the address."""
    session = auto()
    """A session's cookie, which a browser sends by itself."""
    proxy = auto()
    """A trusted proxy's header, which comes with every request through it."""

    @property
    def is_token(self) -> bool:
        """Whether the caller showed a secret that no foreign page could make a browser send (no XSRF, no origin)."""
        return self in {Means.header, Means.query}


def token_of(request: HTTPServerRequest) -> tuple[str, Means] | None:
    """The token that the request shows, and where; the header is asked first."""
    header = _TOKEN.fullmatch(request.headers.get("Authorization", ""))
    if header is not None:
        return header[1], Means.header
    shown = [each.decode("utf-8", "replace") for each in request.query_arguments.get("token", []) if each]
    return (shown[-1], Means.query) if shown else None


class TrustedProxy:
    """The header by which a reverse proxy says whom it has logged in.

    Only the connection's other end is asked for its address; what ``X-Forwarded-For`` says anybody could have written.

    Args:
        settings: Which headers, and whose.

    Raises:
        InvalidInput: The environment variable that is to hold the shared secret is not set.
    """

    def __init__(self, settings: HeaderSettings) -> None:
        self._settings = settings
        self._networks = tuple(ipaddress.ip_network(each, strict=False) for each in settings.trusted_proxies)
        self._secret = os.environ.get(settings.secret_env, "") if settings.secret_env else ""
        if settings.name and settings.secret_env and not self._secret:
            field = "access.header.secret_env"
            raise InvalidInput(f"settings: {field}: {settings.secret_env} is not set", field=field)

    def person(self, request: HTTPServerRequest) -> tuple[str, Sequence[str]] | None:
        """Name and groups of whoever the proxy has logged in; ``None`` when no trusted proxy says a name."""
        settings = self._settings
        name = request.headers.get(settings.name, "") if settings.name else ""
        if not name or not self._is_trusted(request):
            return None
        groups = request.headers.get(settings.groups, "") if settings.groups else ""
        return name.strip(), [each.strip() for each in groups.split(",") if each.strip()]

    def _is_trusted(self, request: HTTPServerRequest) -> bool:
        peer = peer_of(request)
        if peer is None or not any(peer in network for network in self._networks):
            return False
        said = request.headers.get(self._settings.secret_header, "")
        return not self._settings.secret_env or hmac.compare_digest(said.encode(), self._secret.encode())


Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def peer_of(request: HTTPServerRequest) -> Address | None:
    """The address of the connection's other end, whatever headers say; ``None`` when it has none or is gone."""
    stream = getattr(request.connection, "stream", None)
    opened = getattr(stream, "socket", None)
    with suppress(OSError, ValueError, IndexError, TypeError, AttributeError):  # gone, or no internet socket
        found = ipaddress.ip_address(opened.getpeername()[0].partition("%")[0])  # type: ignore[union-attr]
        mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
        return mapped or found
    return None
