"""WebSocket frames as bytes: each message is encoded once, whoever gets it. Pure.

Source: RFC 6455 5.2 (base framing); a server's frames are not masked (5.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

_TEXT = 0x81
_BINARY = 0x82
_AT_TOP_LEVEL = frozenset({"hil-state"})
"""Types whose data keys also stand beside ``data``, as older clients expect."""
_ENVELOPE = frozenset({"type", "seq", "timestamp", "data"})


def _header(first: int, size: int) -> bytes:
    if size < 126:
        return bytes((first, size))
    if size < 65_536:
        return bytes((first, 126)) + size.to_bytes(2, "big")
    return bytes((first, 127)) + size.to_bytes(8, "big")


def text_frame(payload: bytes) -> bytes:
    """``payload`` (UTF-8) as one final text frame."""
    return _header(_TEXT, len(payload)) + payload


def binary_frame(payload: bytes) -> bytes:
    """``payload`` as one final binary frame."""
    return _header(_BINARY, len(payload)) + payload


def payload_of(frame: bytes) -> bytes:
    """What a frame of ours carries."""
    return frame[{126: 4, 127: 10}.get(frame[1], 2) :]


def message_payload(kind: str, seq: int, timestamp_ms: int, data: bytes) -> bytes:
    """The JSON object ``{"type", "seq", "timestamp", "data"}`` of a message.

    Args:
        kind: The message's type.
        seq: Its place in the room's history, or the last one for frames outside it.
        timestamp_ms: Unix milliseconds.
        data: JSON text, taken as it is.
    """
    head = b'{"type":%b,"seq":%d,"timestamp":%d,"data":' % (msgspec.json.encode(kind), seq, timestamp_ms)
    return head + data + (_beside(data) if kind in _AT_TOP_LEVEL else b"") + b"}"


def _beside(data: bytes) -> bytes:
    keys: dict[str, msgspec.Raw] = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    beside = {name: value for name, value in keys.items() if name not in _ENVELOPE}
    return b"," + msgspec.json.encode(beside)[1:-1] if beside else b""


def message_frame(kind: str, seq: int, timestamp_ms: int, data: bytes) -> bytes:
    """A message as one text frame; see ``message_payload``."""
    return text_frame(message_payload(kind, seq, timestamp_ms, data))


def control_frame(kind: str, seq: int, timestamp_ms: int, data: Mapping[str, Any], **beside: Any) -> bytes:
    """A frame outside the history (``connected``, ``gap``, ``presence``, ``pong``, ``error``) as one text frame."""
    body = {"type": kind, "seq": seq, "timestamp": timestamp_ms, **beside, "data": data}
    return text_frame(msgspec.json.encode(body))
