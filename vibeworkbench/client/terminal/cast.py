"""Recordings as they are kept: asciicast, version 3 (and 2, which others still write)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from vibeworkbench.client.errors import ClientError

_QUERY = re.compile(
    r"\x1b\[[>=?]?[0-9;]*[cn]"
    r"|\x1b\[>[0-9;]*q"
    r"|\x1b\[\??[0-9;]*\$p"
    r"|\x1b\[(?:1[1-689]|2[01])t"
    r"|\x1b\](?:4;\d+|1[0-9]|52;[^;\x07\x1b]*);\?(?:\x07|\x1b\\)"
    r"|\x1bP[+$]q[^\x1b]*\x1b\\"
    r"|\x05"
)
"""What makes a terminal answer as if somebody typed: attributes, status, modes, colours, clipboard, sizes, version.

Source: xterm, ctlseqs.
"""


@dataclass(frozen=True, slots=True)
class CastEvent:
    """Something that happened while it was recorded.

    Attributes:
        at_s: Seconds since the beginning.
        code: ``o`` output, ``i`` input, ``r`` another size, ``m`` a marker, ``x`` the end with its exit code.
        text: What belongs to it.
    """

    at_s: float
    code: str
    text: str


@dataclass(frozen=True, slots=True)
class Cast:
    """A recording.

    Attributes:
        cols: Columns of the screen at first.
        rows: Rows of the screen at first.
        idle_limit_s: The longest pause that is to be shown, where the recording says so.
        events: What happened, in order.
        header: All that it says of itself.
    """

    cols: int
    rows: int
    idle_limit_s: float | None
    events: tuple[CastEvent, ...]
    header: dict[str, Any] = field(repr=False)

    @property
    def duration_s(self) -> float:
        """Seconds from its beginning to the last event."""
        return self.events[-1].at_s if self.events else 0.0

    def output(self) -> str:
        """All output, without its times."""
        return "".join(each.text for each in self.events if each.code == "o")


def cast_of(text: str) -> Cast:
    """A recording, from what its file holds; a last line that was not written to its end is left out.

    Raises:
        ClientError: It is no asciicast of version 2 or 3.

    Source: asciinema, asciicast v3 and v2 file formats.
    """
    first, _, rest = text.partition("\n")
    header = _json(first)
    if not isinstance(header, dict) or header.get("version") not in {2, 3}:
        raise ClientError("this is no asciicast of version 2 or 3")
    size = header.get("term") if header["version"] == 3 else {"cols": header.get("width"), "rows": header.get("height")}
    if not isinstance(size, dict) or not all(isinstance(size.get(name), int) for name in ("cols", "rows")):
        raise ClientError("this asciicast does not say how large its screen is")
    limit = header.get("idle_time_limit")
    return Cast(
        cols=size["cols"],
        rows=size["rows"],
        idle_limit_s=float(limit) if isinstance(limit, int | float) else None,
        events=tuple(_events(rest, is_relative=header["version"] == 3)),
        header=header,
    )


def _events(text: str, *, is_relative: bool) -> Iterator[CastEvent]:
    at_s = 0.0
    for line in text.splitlines():
        event = None if line.startswith("#") else _json(line)
        match event:
            case [int() | float() as time_s, str() as code, str() as data]:
                at_s = at_s + time_s if is_relative else float(time_s)
                yield CastEvent(at_s, code, data)


def _json(line: str) -> Any:
    try:
        return msgspec.json.decode(line)
    except msgspec.DecodeError:
        return None


def without_queries(text: str) -> str:
    """The output without what makes a terminal answer, for it would answer whoever shows the recording."""
    return _QUERY.sub("", text)
