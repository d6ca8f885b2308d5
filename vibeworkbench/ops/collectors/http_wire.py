"""HTTP/1.1 as far as a probe needs it, without any socket: a request in bytes, and a reader of the answer's bytes.

A probe wants what clients hide: no redirect followed, no proxy, no pool, no cookie, a bound on everything.
Source: RFC 9112 (messages), RFC 9110 (semantics).
"""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, unquote, urlsplit

HEAD_BYTES = 64 * 1024
"""Longest status line with headers that is read."""

CHUNKS = 8192
"""Most chunks of a body that are read: a body of tiny chunks costs the event loop more than its bytes tell."""

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] ([1-9]\d\d)(?: |$)")
_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,15}")
_BODILESS = frozenset({204, 304})  # RFC 9110 §6.4.1
_PATH_SAFE = "/:@!$&'()*+,;=~-._%"
_QUERY_SAFE = _PATH_SAFE + "?"


class BadAnswer(ValueError):
    """What came is not HTTP, or breaks off; the message goes on after the target's name."""


@dataclass(frozen=True, slots=True)
class Address:
    """What a URL says, ready for the wire.

    Attributes:
        secure: Whether it is ``https``.
        host: Host name or address, without brackets; international names in their ASCII form.
        port: Port.
        request_target: Path and query.
        authorization: Value of the Authorization header, from the user part of the URL; empty without one.
        shown: The URL for people: no credentials, no query (where tokens live), no fragment.
    """

    secure: bool
    host: str
    port: int
    request_target: str
    authorization: str
    shown: str


def address_of(url: str) -> Address:
    """The address in a URL.

    Raises:
        ValueError: It is no ``http`` or ``https`` URL with a host and a valid port.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("no http or https URL with a host")
    secure = parts.scheme == "https"
    host = parts.hostname if parts.hostname.isascii() else parts.hostname.encode("idna").decode("ascii")
    if re.search(r"[\s\x00-\x1f\x7f/\\@]", host):
        raise ValueError("no host name")
    query = f"?{quote(parts.query, safe=_QUERY_SAFE)}" if parts.query else ""
    return Address(
        secure=secure,
        host=host,
        port=parts.port if parts.port is not None else (443 if secure else 80),
        request_target=(quote(parts.path, safe=_PATH_SAFE) or "/") + query,
        authorization=_basic(parts),
        shown=shown_url(url),
    )


def shown_url(url: str) -> str:
    """The URL without what may be secret: user part, query and fragment; empty when it is none."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port is not None else ""
    except ValueError:
        return ""
    if not parts.hostname:
        return parts.path if not parts.scheme else ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}{port}{parts.path}{'?…' if parts.query else ''}"


def _basic(parts: SplitResult) -> str:
    """The Authorization header for a URL's user part. Source: RFC 7617 §2."""
    if parts.username is None and parts.password is None:
        return ""
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(pair.encode()).decode("ascii")


def request_bytes(method: str, address: Address, agent: str) -> bytes:
    """The request: a new connection that the server may close, an answer that needs no unpacking."""
    host = f"[{address.host}]" if ":" in address.host else address.host
    default_port = 443 if address.secure else 80
    lines = [
        f"{method} {address.request_target} HTTP/1.1",
        f"Host: {host}" + ("" if address.port == default_port else f":{address.port}"),
        f"User-Agent: {agent}",
        "Accept: */*",
        "Accept-Encoding: identity",
        "Connection: close",
    ]
    if address.authorization:
        lines.append(f"Authorization: {address.authorization}")
    if method == "POST":
        lines.append("Content-Length: 0")
    return "\r\n".join([*lines, "", ""]).encode("ascii")


class AnswerReader:
    """Takes an answer in pieces of any size, keeps at most ``limit_bytes`` of its body, and knows when it is whole.

    Attributes:
        status: The final status; 0 until it is read.
        headers: Header values by lower-case name, of repeated headers the last.
        body: The body, unpacked, at most ``limit_bytes`` of it.
        cut: Whether the body is longer than that.
        unreadable: The content coding that is not understood, in which ``body`` still is; empty otherwise.
        complete: Whether no more bytes are needed.
    """

    def __init__(self, *, method: str, limit_bytes: int) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.cut = False
        self.unreadable = ""
        self.complete = False
        self._method = method
        self._limit_bytes = limit_bytes
        self._pending = bytearray()
        self._left_bytes = 0
        self._chunks = 0
        self._step: Callable[[], bool] = self._read_head
        self._unpack: zlib._Decompress | None = None

    def feed(self, piece: bytes) -> None:
        """The piece is taken in.

        Raises:
            BadAnswer: It is not HTTP.
        """
        self._pending += piece
        while not self.complete and self._step():
            pass

    def finish(self) -> None:
        """The server has closed the connection: the answer is whole, or it breaks off here.

        Raises:
            BadAnswer: It breaks off.
        """
        if self.complete:
            return
        if self._step == self._read_until_close:
            self.complete = True
            return
        if not self.status:
            raise BadAnswer(
                "closed the connection " + ("in the middle of its headers" if self._pending else "without an answer")
            )
        raise BadAnswer("closed the connection in the middle of its answer")

    def _read_head(self) -> bool:
        """Status line and headers, when they are all there."""
        pending = self._pending
        if not b"HTTP/1."[: len(pending)] == pending[:7]:
            raise BadAnswer("answers, but not in HTTP/1")
        end = re.search(rb"\r?\n\r?\n", pending)
        if end is None:
            if len(pending) > HEAD_BYTES:
                raise BadAnswer(f"sends more than {HEAD_BYTES // 1024} KiB of headers")
            return False
        status_line, *lines = bytes(pending[: end.start()]).splitlines()
        del pending[: end.end()]
        found = _STATUS_LINE.match(status_line)
        if found is None:
            raise BadAnswer("answers with a status line that is not HTTP")
        status = int(found[1])
        if 100 <= status < 200 and status != 101:  # interim answers come before the final one: RFC 9110 §15.2
            return True
        self.status = status
        self.headers = _headers(lines)
        self._begin_body()
        return True

    def _begin_body(self) -> None:
        """How the body's end is known. Source: RFC 9112 §6.3."""
        if self._method == "HEAD" or self.status in _BODILESS or self.status == 101:
            self.complete = True
            return
        coding = self.headers.get("content-encoding", "identity").strip().lower()
        if coding in ("gzip", "x-gzip", "deflate"):
            self._unpack = zlib.decompressobj(wbits=47)  # 32 + 15: gzip or zlib, found out by its header
        elif coding != "identity":
            self.unreadable = coding
        if self.headers.get("transfer-encoding", "").lower().split(",")[-1].strip() == "chunked":
            self._step = self._read_chunk_size
        elif "content-length" in self.headers:
            length = self.headers["content-length"]
            if not re.fullmatch(r"\d{1,18}", length):
                raise BadAnswer("answers with a Content-Length that is no number")
            self._left_bytes = int(length)
            self._step = self._read_sized
        else:
            self._step = self._read_until_close

    def _read_sized(self) -> bool:
        """A body of announced length."""
        self._take(self._left_bytes)
        self.complete = self.complete or not self._left_bytes
        return False

    def _read_until_close(self) -> bool:
        """A body that ends with the connection."""
        self._left_bytes = len(self._pending)
        self._take(self._left_bytes)
        return False

    def _read_chunk_size(self) -> bool:
        """The line before a chunk. Source: RFC 9112 §7.1."""
        newline = self._pending.find(b"\n")
        if newline < 0:
            if len(self._pending) > HEAD_BYTES:
                raise BadAnswer("answers with a chunk header that has no end")
            return False
        size = _CHUNK_SIZE.match(self._pending)
        if size is None:
            raise BadAnswer("answers with a chunk that has no size")
        self._left_bytes = int(size[0], 16)
        del self._pending[: newline + 1]
        self._chunks += 1
        self.cut = self._chunks > CHUNKS and bool(self._left_bytes)
        self.complete = self.cut or not self._left_bytes  # trailers are nobody's business here
        self._step = self._read_chunk
        return True

    def _read_chunk(self) -> bool:
        """The bytes of a chunk and the line end behind them."""
        self._take(self._left_bytes)
        if self._left_bytes or len(self._pending) < 2:
            return False
        del self._pending[: self._pending.index(b"\n") + 1 if b"\n" in self._pending[:2] else 0]
        self._step = self._read_chunk_size
        return True

    def _take(self, most: int) -> None:
        """Up to ``most`` pending bytes move into the body, unpacked, until its limit."""
        piece = bytes(self._pending[:most])
        del self._pending[: len(piece)]
        self._left_bytes -= len(piece)
        room = self._limit_bytes - len(self.body)
        if self._unpack is not None:
            try:
                piece = self._unpack.decompress(piece, room + 1)  # a bomb unpacks no further than the limit
            except zlib.error:
                raise BadAnswer("answers with a compressed body that cannot be unpacked") from None
        self.body += piece[:room]
        if len(piece) > room:
            self.cut = self.complete = True


def _headers(lines: list[bytes]) -> dict[str, str]:
    """Header values by lower-case name. Source: RFC 9112 §5."""
    pairs = (line.decode("latin-1").partition(":") for line in lines)
    return {name.strip().lower(): value.strip() for name, colon, value in pairs if colon}
