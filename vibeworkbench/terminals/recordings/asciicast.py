"""The lines of an asciicast v3 file. Pure.

A file begins with its header; each line after it is an event ``[seconds since the one before, code, text]``. Comments
are legal everywhere but on the first line, and ours say how far the terminal's stream is in the file.

Source: https://docs.asciinema.org/manual/asciicast/v3/
"""

from __future__ import annotations

from typing import Any

import msgspec

from vibeworkbench.terminals.model import Size

IDLE_LIMIT_S = 5.0
"""Players wait no longer than this where nothing happened; the file has the true times."""

OUTPUT = "o"
SIZE = "r"
MARK = "m"
EXIT = "x"
_COMMENT = b"# "


class Position(msgspec.Struct, frozen=True):
    """How far a recording is, after all the lines before the one it stands in.

    Attributes:
        at: Unix time of the last event.
        shell: Whose stream it is.
        offset: Absolute offset, in that stream, of the first byte that is not in the file yet.
        rows: Of the screen.
        cols: The same.
    """

    at: float
    shell: str
    offset: int
    rows: int
    cols: int

    @property
    def size(self) -> Size:
        """Of the screen."""
        return Size(self.rows, self.cols)


def header(size: Size, *, at: float, title: str) -> bytes:
    """The first line of a file whose screen has this size at its beginning."""
    said: dict[str, Any] = {
        "version": 3,
        "term": {"cols": size.cols, "rows": size.rows, "type": "xterm-256color"},
        "timestamp": int(at),
        "idle_time_limit": IDLE_LIMIT_S,
    }
    if title:
        said["title"] = title
    return msgspec.json.encode(said) + b"\n"


def event(interval_ms: int, code: str, text: str) -> bytes:
    """The line of an event; whole milliseconds add up without an error."""
    said = msgspec.json.encode(text)
    return b'[%d.%03d, "%s", %s]\n' % (*divmod(interval_ms, 1000), code.encode(), said)


def comment(position: Position) -> bytes:
    """The line that says how far the file is."""
    return _COMMENT + msgspec.json.encode(position) + b"\n"


def read_position(line: bytes) -> Position | None:
    """What such a line says; ``None`` for every other line."""
    if not line.startswith(_COMMENT):
        return None
    try:
        return msgspec.json.decode(line[len(_COMMENT) :], type=Position)
    except msgspec.DecodeError:
        return None


def read_event(line: bytes) -> tuple[float, str, str] | None:
    """Interval in seconds, code and text; ``None`` for every other line."""
    if not line.startswith(b"["):
        return None
    try:
        return msgspec.json.decode(line, type=tuple[float, str, str])
    except msgspec.DecodeError:
        return None


def is_event(line: bytes) -> bool:
    """Whether a line that was written whole is an event."""
    return line.startswith(b"[") and line.endswith(b"]")


def is_header(line: bytes) -> bool:
    """Whether a line that was written whole is a header."""
    return line.startswith(b'{"version":3,') and line.endswith(b"}")


def size_text(size: Size) -> str:
    """A size as an event says it."""
    return f"{size.cols}x{size.rows}"
