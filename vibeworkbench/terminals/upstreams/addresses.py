"""Addresses of upstreams that are reached by WebSocket, and what may be sent to them. Pure."""

from __future__ import annotations

import base64
import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from vibeworkbench.errors import InvalidInput

_SECURE = {"ws": False, "http": False, "wss": True, "https": True}
_SECRETS = re.compile(r"token|password|passwd|secret|api_?key|auth", re.IGNORECASE)
_HOST = re.compile(r"[a-z0-9_.-]+", re.IGNORECASE)
_BRACKETED = re.compile(r"\[[^\]]+\](:\d*)?")
_JUPYTER = re.compile(r"(?P<root>.*/)terminals/websocket/(?P<name>\w+)")


@dataclass(frozen=True, slots=True)
class Address:
    """Where an upstream is.

    Attributes:
        secure: Whether it is reached by TLS.
        netloc: Host and port as they were said.
        path: Path, at least ``/``.
        query: What follows the question mark; may be empty.
        is_loopback: Whether it is this machine.
    """

    secure: bool
    netloc: str
    path: str
    query: str
    is_loopback: bool

    def socket(self, path: str | None = None, **said: str) -> str:
        """The URL of a WebSocket there: of ``path``, or of the path that was said; ``said`` is added to its query."""
        query = "&".join(filter(None, [self.query, urlencode(said)]))
        query = f"?{query}" if query else ""
        return f"{'wss' if self.secure else 'ws'}://{self.netloc}{self.path if path is None else path}{query}"

    def http(self, path: str) -> str:
        """The URL of something else there."""
        return f"{'https' if self.secure else 'http'}://{self.netloc}{path}"

    @property
    def folder(self) -> str:
        """The path up to its last slash."""
        return self.path[: self.path.rindex("/") + 1]

    @property
    def root(self) -> str:
        """The path as that of a server's root: with a slash at its end."""
        return self.path if self.path.endswith("/") else f"{self.path}/"

    @property
    def jupyter(self) -> tuple[str, str] | None:
        """Root and name of a Jupyter terminal, where the path is that of its socket."""
        found = _JUPYTER.fullmatch(self.path)
        return None if found is None else (found["root"], found["name"])


def address_of(url: str) -> Address:
    """The address that a request means.

    Raises:
        InvalidInput: It is no such address, or it holds a secret.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise _refused("this is no URL") from None
    if any(each.isspace() or not each.isprintable() for each in url):
        raise _refused("this is no URL")
    if parts.scheme not in _SECURE or not host:
        raise _refused("a URL that begins with ws://, wss://, http:// or https:// is wanted")
    if not _is_host(parts.netloc, host):
        raise _refused("its host is neither a name nor an IP address")
    _refuse_secrets(parts)
    return Address(_SECURE[parts.scheme], parts.netloc, parts.path or "/", parts.query, _is_loopback(host))


def _refuse_secrets(parts: SplitResult) -> None:
    if "@" in parts.netloc:
        raise _refused("a URL with a name or password is stored nowhere; name an environment variable in tokenEnv")
    if parts.fragment:
        raise _refused("nothing can follow a # here")  # RFC 6455, 3; and it would be stored, whatever it is
    if any(_SECRETS.search(name) for name, _ in parse_qsl(parts.query.replace(";", "&"), keep_blank_values=True)):
        raise _refused("a URL with a token is stored nowhere; name an environment variable in tokenEnv")


def _is_host(netloc: str, host: str) -> bool:
    """Whether it can be looked up at all."""
    if netloc.startswith("["):
        return _ip_of(host) is not None and _BRACKETED.fullmatch(netloc) is not None
    try:
        return bool(_HOST.fullmatch(host.encode("idna").decode()))
    except UnicodeError:
        return False


def _is_loopback(host: str) -> bool:
    address = _ip_of(host)
    return host == "localhost" if address is None else address.is_loopback


def _ip_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _refused(reason: str) -> InvalidInput:
    return InvalidInput(f"url: {reason}.", field="url", reason=reason)


def authorization_of(token: str) -> dict[str, str]:
    """The headers that carry a token: ``name:password`` is what ttyd takes, anything else what Jupyter takes."""
    if not token:
        return {}
    if ":" in token:
        return {"Authorization": f"Basic {basic_of(token)}"}
    return {"Authorization": f"token {token}"}


def basic_of(credential: str) -> str:
    """Name and password as HTTP carries them. Source: RFC 7617, 2."""
    return base64.b64encode(credential.encode()).decode()
