"""One request and its answer without any socket: h11 speaks HTTP/1.1, here stands what a probe wants beside it.

A probe wants what clients hide: no redirect followed, no proxy, no pool, no cookie, a bound on everything.
"""

from __future__ import annotations

import re
import zlib

import h11

HEAD_BYTES = 64 * 1024
"""Longest status line with headers that is read."""

PARTS = 8192
"""Most interim answers and chunks that are read: tiny ones cost the event loop more than their bytes tell."""

PADDING = 512
"""Longest run of blanks that headers may hold: in longer ones h11 looks for the end of a value in quadratic time."""

_STEP = 2048
"""Bytes that h11 is given at once, so that such a run is noticed before it is whole."""
_BLANKS = re.compile(rb"\s{%d}" % PADDING)
_PROTOCOL = b"HTTP/1."

_WORDS = {
    "illegal status line": "answers with a status line that is not HTTP",
    "illegal header line": "answers with a header line that is not HTTP",
    "bad Content-Length": "answers with a Content-Length that is no number",
    "conflicting Content-Length": "answers with two lengths that contradict each other",
    "Only Transfer-Encoding: chunked": "answers in a Transfer-Encoding other than chunked",
    "illegal chunk header": "answers with a chunk that has no size",
    "Received server _SWITCH_UPGRADE": "answers 101, a switch to a protocol that nobody asked for",
}
"""How h11's message begins → what people are told; a message that is not listed is told as h11 says it."""


class BadAnswer(ValueError):
    """What came is not HTTP, or breaks off; the message goes on after the target's name."""


class AnswerReader:
    """Takes an answer in pieces of any size, keeps at most ``limit_bytes`` of its body, and knows when it is whole.

    Attributes:
        request_bytes: The request, to be sent first.
        status: The final status; 0 until it is read.
        headers: Header values by lower-case name, of repeated headers the last.
        body: The body, unpacked, at most ``limit_bytes`` of it.
        cut: Whether the body is longer than that.
        unreadable: The content coding that is not understood, in which ``body`` still is; empty otherwise.
        complete: Whether no more bytes are needed.
    """

    def __init__(self, request: h11.Request, *, limit_bytes: int) -> None:
        self._connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD_BYTES)
        self.request_bytes = self._connection.send(request) + self._connection.send(h11.EndOfMessage())
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.cut = False
        self.unreadable = ""
        self.complete = False
        self._limit_bytes = limit_bytes
        self._start = b""
        self._parts = 0
        self._unpack: zlib._Decompress | None = None

    def feed(self, piece: bytes) -> None:
        """The piece, which is not empty, is taken in.

        Raises:
            BadAnswer: It is not HTTP.
        """
        if len(self._start) < len(_PROTOCOL):
            # h11 waits for the end of the headers, to which a mail or SSH server never comes
            self._start = (self._start + piece)[: len(_PROTOCOL)]
            if not _PROTOCOL.startswith(self._start):
                raise BadAnswer("answers, but not in HTTP/1")
        try:
            for start in range(0, len(piece), _STEP):
                self._connection.receive_data(piece[start : start + _STEP])
                self._read()
                if self.complete:
                    return
                self._refuse_padding()
        except h11.RemoteProtocolError as error:
            raise BadAnswer(self._words(error)) from None

    def finish(self) -> None:
        """The server has closed the connection: the answer is whole, or it breaks off here.

        Raises:
            BadAnswer: It breaks off.
        """
        if self.complete:
            return
        self._connection.receive_data(b"")
        try:
            self._read()
        except h11.RemoteProtocolError:
            if self.status:
                raise BadAnswer("closed the connection in the middle of its answer") from None
            begun = bool(self._connection.trailing_data[0])
            where = "in the middle of its headers" if begun else "without an answer"
            raise BadAnswer(f"closed the connection {where}") from None

    def _read(self) -> None:
        """Everything that the pieces so far make up is read."""
        while not self.complete:
            match self._connection.next_event():
                case h11.InformationalResponse():  # these come before the final one: RFC 9110 §15.2
                    self._parts += 1
                    if self._parts > PARTS:
                        raise BadAnswer("sends interim answers without end")
                case h11.Response() as response:
                    self._begin(response)
                case h11.Data() as data:
                    self._parts += data.chunk_start
                    self._take(bytes(data.data))
                case h11.EndOfMessage():
                    self.complete = True
                case _:
                    return

    def _refuse_padding(self) -> None:
        """What h11 still waits to see the end of, which is never a body, has no long run of blanks."""
        waiting = self._connection.trailing_data[0]
        if _BLANKS.search(waiting, max(0, len(waiting) - _STEP - PADDING)):
            raise BadAnswer("sends headers padded with blanks")

    def _begin(self, response: h11.Response) -> None:
        """Status and headers are known."""
        self.status = response.status_code
        self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in response.headers}
        coding = self.headers.get("content-encoding", "identity").strip().lower()
        if coding in ("gzip", "x-gzip", "deflate"):
            self._unpack = zlib.decompressobj(wbits=47)  # 32 + 15: gzip or zlib, found out by its header
        elif coding != "identity":
            self.unreadable = coding

    def _take(self, piece: bytes) -> None:
        """A piece of the body is kept, unpacked, as far as there is room."""
        room = self._limit_bytes - len(self.body)
        if self._unpack is not None:
            try:
                piece = self._unpack.decompress(piece, room + 1)  # a bomb unpacks no further than the limit
            except zlib.error:
                raise BadAnswer("answers with a compressed body that cannot be unpacked") from None
        self.body += piece[:room]
        self.cut = self.complete = len(piece) > room or self._parts > PARTS

    def _words(self, error: h11.RemoteProtocolError) -> str:
        """What h11 objects to, for people."""
        if error.error_status_hint == 431:
            where = (
                "a line between chunks that has no end"
                if self.status
                else f"more than {HEAD_BYTES // 1024} KiB of headers"
            )
            return f"sends {where}"
        said = str(error)
        return next((words for begin, words in _WORDS.items() if said.startswith(begin)), f"breaks HTTP: {said[:160]}")
