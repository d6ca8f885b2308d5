"""What a URL says, and the request for it."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, unquote, urlsplit

import h11

_PATH_SAFE = "/:@!$&'()*+,;=~-._%"
_QUERY_SAFE = _PATH_SAFE + "?"


@dataclass(frozen=True, slots=True)
class Address:
    """What a URL says, ready for the wire.

    Attributes:
        secure: Whether it is ``https``.
        host: Host name or address, without brackets; international names in their ASCII form.
        port: Port.
        request_target: Path and query.
        authorization: Value of the Authorization header, from the user part of the URL; empty without one.
    """

    secure: bool
    host: str
    port: int
    request_target: str
    authorization: str


def address_of(url: str) -> Address:
    """The address in a URL.

    Raises:
        ValueError: It is no ``http`` or ``https`` URL with a host and a valid port.
    """
    parts = urlsplit(url)
    host, port, secure = parts.hostname, parts.port, parts.scheme == "https"
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("no http or https URL with a host")
    if not host.isascii():
        host = host.encode("idna").decode("ascii")
    if re.search(r"[\s\x00-\x1f\x7f/\\@]", host):
        raise ValueError("no host name")
    query = f"?{quote(parts.query, safe=_QUERY_SAFE)}" if parts.query else ""
    return Address(
        secure=secure,
        host=host,
        port=port if port is not None else (443 if secure else 80),
        request_target=(quote(parts.path, safe=_PATH_SAFE) or "/") + query,
        authorization=_basic(parts),
    )


def shown_url(url: str) -> str:
    """The URL without what may be secret: user part, query and fragment; empty when it is none."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if not host:
        return parts.path if not parts.scheme else ""
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}{'' if port is None else f':{port}'}{parts.path}{'?…' if parts.query else ''}"


def _basic(parts: SplitResult) -> str:
    """The Authorization header for a URL's user part. Source: RFC 7617 §2."""
    if "@" not in parts.netloc:
        return ""
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(pair.encode()).decode("ascii")


def request_of(method: str, address: Address, agent: str) -> h11.Request:
    """The request: a new connection that the server may close, an answer that needs no unpacking.

    Raises:
        ValueError: The address cannot stand in a request.
    """
    host = f"[{address.host}]" if ":" in address.host else address.host
    default_port = 443 if address.secure else 80
    headers = [
        ("Host", host if address.port == default_port else f"{host}:{address.port}"),
        ("User-Agent", agent),
        ("Accept", "*/*"),
        ("Accept-Encoding", "identity"),
        ("Connection", "close"),
    ]
    if address.authorization:
        headers.append(("Authorization", address.authorization))
    if method == "POST":
        headers.append(("Content-Length", "0"))
    try:
        return h11.Request(method=method, target=address.request_target, headers=headers)
    except h11.LocalProtocolError as error:
        raise ValueError(str(error)) from None
