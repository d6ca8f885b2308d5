"""Where the workbench runs: given, named by the environment, or found among this user's running servers.

A running server leaves ``<jupyter runtime directory>/vibeworkbench-<pid>.json`` (mode 0600) with its root URL and
token. The newest one whose process lives and which answers is taken; inside a kernel or a Lab terminal the server
that owns it comes first.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, urlsplit, urlunsplit

import httpx
import msgspec
from jupyter_core.paths import jupyter_runtime_dir

from vibeworkbench.client.errors import NoAddress, NoServer

ANSWER_LIMIT_S = 3.0


@dataclass(frozen=True, slots=True)
class Address:
    """A server: its root URL with base_url (ends in ``/``) and the token that opens it."""

    url: str
    token: str = field(default="", repr=False)

    @property
    def is_loopback(self) -> bool:
        """Whether the server is on this machine, so that no proxy stands between."""
        return urlsplit(self.url).hostname in {"localhost", "127.0.0.1", "::1"}

    def http(self, path: str) -> str:
        """The URL of a path of the workbench, for instance ``api/status``."""
        return f"{self.url}vibeworkbench/{path}"

    def ws(self, path: str) -> str:
        """The same with the WebSocket scheme."""
        return "ws" + self.http(path).removeprefix("http")


class RuntimeFile(msgspec.Struct, frozen=True, rename="camel"):
    """What a running server says about itself. Fields of a newer version are passed over."""

    url: str
    token: str
    pid: int
    started_at: str | float = ""


def root_of(url: str) -> Address:
    """The address that a person meant: a pasted Lab URL loses its page and keeps its token.

    Raises:
        NoAddress: ``url`` is no http or https URL.
    """
    parts = _parts_of(url.strip())
    if parts is None:
        raise NoAddress(f"{url!r} is no URL of a server; give its root, for instance http://127.0.0.1:8888/")
    path = parts.path
    for page in ("/lab", "/tree", "/voila", "/vibeworkbench"):
        head, found, tail = path.rpartition(page)
        if found and (not tail or tail.startswith("/")):
            path = head
            break
    token = parse_qs(parts.query).get("token", [""])[0]
    host = parts.netloc.rpartition("@")[2]
    return Address(urlunsplit((parts.scheme, host, path.rstrip("/") + "/", "", "")), token)


def _parts_of(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        is_meant = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:  # no such port, or half an IPv6 address
        return None
    return parts if is_meant else None


def runtime_files(directory: Path | None = None) -> list[RuntimeFile]:
    """What the servers of this user whose processes live have left, newest first."""
    found: list[tuple[int, RuntimeFile]] = []
    for path in (directory or Path(jupyter_runtime_dir())).glob("vibeworkbench-*.json"):
        try:
            left = msgspec.json.decode(path.read_bytes(), type=RuntimeFile)
            if is_alive(left.pid):
                found.append((path.stat().st_mtime_ns, left))
        except (OSError, msgspec.MsgspecError):
            continue  # half written, or gone since the listing: not a server that can be used
    return [left for _, left in sorted(found, key=lambda each: each[0], reverse=True)]


def is_alive(pid: int) -> bool:
    """Whether a process with this id exists."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


def found(url: str | None, token: str | None, environ: Mapping[str, str], directory: Path | None = None) -> Address:
    """The server to talk to: ``url`` if given, else the environment's, else the one that runs here.

    A token that is not given comes from the URL's ``?token=``, then from the environment (unless that names another
    server), then from the runtime file of the same URL.

    Raises:
        NoAddress: What was given is no http or https URL.
        NoServer: None was given and none runs here.
    """
    named = environ.get("VIBEWORKBENCH_URL", "")
    if url or named:
        meant = root_of(url or named)
        same = not url or not named or root_of(named).url == meant.url
        given = token or meant.token or (environ.get("VIBEWORKBENCH_TOKEN", "") if same else "")
        return Address(meant.url, given or _token_left_for(meant.url, directory))
    for left in _owner_first(runtime_files(directory), environ):
        address = root_of(left.url)
        if _answers(address):
            return Address(address.url, token or environ.get("VIBEWORKBENCH_TOKEN") or left.token)
    raise NoServer(
        "no running workbench found on this machine; start one with `vibeworkbench start` (or `make workbench`), "
        "or name one with VIBEWORKBENCH_URL and VIBEWORKBENCH_TOKEN"
    )


def _token_left_for(url: str, directory: Path | None) -> str:
    return next((left.token for left in runtime_files(directory) if root_of(left.url).url == url), "")


def _owner_first(files: list[RuntimeFile], environ: Mapping[str, str]) -> Iterator[RuntimeFile]:
    parent, server_url = environ.get("JPY_PARENT_PID", ""), environ.get("JUPYTER_SERVER_URL", "")

    def is_owner(left: RuntimeFile) -> bool:
        return str(left.pid) == parent or (bool(server_url) and left.url.rstrip("/") == server_url.rstrip("/"))

    yield from sorted(files, key=is_owner, reverse=True)


def _answers(address: Address) -> bool:
    try:
        httpx.get(address.http("api/health/live"), timeout=ANSWER_LIMIT_S, trust_env=not address.is_loopback)
    except httpx.HTTPError:
        return False
    return True
