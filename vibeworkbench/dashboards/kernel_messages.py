"""Kernel messages as a page's WebSocket brings them, in either wire format. Pure.

What two parsers could read in two ways is no message here.

Source: Jupyter messaging protocol 5.4; Jupyter Server, "WebSocket kernel wire protocols".
"""

from __future__ import annotations

import itertools
import json
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

MESSAGE_BYTES = 64 * 2**10
"""What drawing says is short."""
_MOST_PARTS = 1024
_WORD_LENGTH = 256


class Malformed(ValueError):
    """What came is no kernel message."""


@dataclass(frozen=True, slots=True)
class Message:
    """A kernel message from a page, without its buffers."""

    channel: str
    header: Mapping[str, Any]
    metadata: Mapping[str, Any]
    content: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """Its type."""
        return str(self.header["msg_type"])


def from_frame(frame: str | bytes, *, v1: bool) -> Message:
    """The message in a WebSocket frame.

    Args:
        frame: What came: of the default protocol, text or (with buffers) binary.
        v1: Whether the subprotocol ``v1.kernel.websocket.jupyter.org`` was chosen: then it is binary.

    Source: Jupyter Server, "WebSocket kernel wire protocols".

    Raises:
        Malformed: It is none, or longer than any that drawing needs.
    """
    if len(frame) > MESSAGE_BYTES:
        raise Malformed("too long")
    try:
        return _from_v1(frame) if v1 else _from_default(frame)
    except (ValueError, RecursionError, struct.error, AttributeError, TypeError, KeyError, IndexError) as error:
        raise Malformed(str(error)) from None


def _from_v1(frame: str | bytes) -> Message:
    if isinstance(frame, str):
        raise Malformed("a text frame")
    (count,) = struct.unpack_from("<Q", frame)
    if not 6 <= count <= _MOST_PARTS:  # the channel, four parts and the end; more are buffers
        raise Malformed("a wrong number of parts")
    offsets = struct.unpack_from(f"<{count}Q", frame, 8)
    if offsets[0] != 8 * (count + 1) or offsets[-1] != len(frame) or list(offsets) != sorted(offsets):
        raise Malformed("offsets that mean nothing")
    channel, header, _parent, metadata, content = (
        frame[start:end].decode() for start, end in itertools.pairwise(offsets[:6])
    )
    return _message(channel, _object(header), _object(metadata), _object(content))


def _from_default(frame: str | bytes) -> Message:
    if isinstance(frame, bytes):
        (count,) = struct.unpack_from("!I", frame)
        if not 1 <= count <= _MOST_PARTS:
            raise Malformed("a wrong number of parts")
        offsets = [*struct.unpack_from(f"!{count}I", frame, 4), len(frame)]
        if offsets[0] != 4 * (count + 1) or offsets != sorted(offsets):
            raise Malformed("offsets that mean nothing")
        frame = frame[offsets[0] : offsets[1]].decode()
    message = _object(frame)
    return _message(message["channel"], message["header"], message.get("metadata", {}), message["content"])


def _message(channel: Any, header: Any, metadata: Any, content: Any) -> Message:
    parts = (header, metadata, content)
    if not isinstance(channel, str) or not all(isinstance(each, dict) for each in parts):
        raise Malformed("parts of wrong types")
    word(header["msg_type"])
    return Message(channel, header, metadata, content)


def _object(text: str) -> dict[str, Any]:
    found = json.loads(text, object_pairs_hook=_unique)
    if not isinstance(found, dict):
        raise Malformed("no JSON object")
    return found


def _unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    said = list(pairs)
    found = dict(said)
    if len(found) != len(said):
        raise Malformed("a key twice")
    return found


def word(value: Any) -> str:
    """``value``, which is a short printable text.

    Raises:
        Malformed: It is none.
    """
    if not isinstance(value, str) or len(value) > _WORD_LENGTH or not value.isprintable():
        raise Malformed("no word where one belongs")
    return value
