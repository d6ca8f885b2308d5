"""Requests as no well-behaved client would send them: every byte of the head is the test's."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from email.message import Message
from http.client import BadStatusLine, HTTPResponse
from urllib.parse import urlsplit

from tests.patience import PATIENCE_S
from tests.servers import Server

NO_ANSWER = 0
"""Status of a request at which the server ended the connection without a word."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said."""

    status: int
    headers: Message = field(default_factory=Message)
    body: bytes = b""

    @property
    def text(self) -> str:
        """Head and body, to be searched."""
        return f"{self.headers}\n{self.body.decode('utf-8', 'replace')}"


def raw(
    server: Server,
    target: str,
    *headers: tuple[str, str],
    method: str = "GET",
    version: str = "HTTP/1.1",
    body: bytes = b"",
) -> Answer:
    """The answer to one request whose target goes out as it is.

    Args:
        server: The server.
        target: The request target, in Latin-1.
        *headers: All headers but ``Connection`` and ``Content-Length``; ``Host`` is the server's unless it is given.
        method: The method.
        version: The protocol's version.
        body: The body.
    """
    address = host_of(server)
    given = list(headers)
    if version != "HTTP/1.0" and "host" not in {name.lower() for name, _ in headers}:
        given.insert(0, ("Host", f"{address[0]}:{address[1]}"))
    if body:
        given.append(("Content-Length", str(len(body))))
    head = "\r\n".join([f"{method} {target} {version}", *lines([*given, ("Connection", "close")]), "", ""])
    return sent(server, head.encode("latin-1") + body, method)


def sent(server: Server, request: bytes, method: str = "GET") -> Answer:
    """The answer to these bytes."""
    with closing(socket.create_connection(host_of(server), timeout=PATIENCE_S)) as opened:
        opened.sendall(request)
        response = HTTPResponse(opened, method=method)
        try:
            response.begin()
        except (BadStatusLine, ConnectionError):
            return Answer(NO_ANSWER)
        return Answer(response.status, response.headers, response.read())


def lines(headers: Iterable[tuple[str, str]]) -> list[str]:
    """The lines of a head."""
    return [f"{name}: {value}" for name, value in headers]


def host_of(server: Server) -> tuple[str, int]:
    """Where it listens."""
    parts = urlsplit(server.url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port
