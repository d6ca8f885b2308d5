"""Which kernel messages drawing needs: what somebody who may only look may say to a kernel, and may hear. Pure.

What passes is written anew from the fields that were understood. Nothing that two parsers could read in two ways, and
no field that nobody looked at, reaches a kernel.

Source: Jupyter messaging protocol 5.4; the Jupyter widgets' protocol 2.1.0 (control comm 1.0.0).
"""

from __future__ import annotations

import itertools
import json
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

CONTROL_TARGET = "jupyter.widget.control"
"""Target of the comm by which a page asks for the state of all widgets."""
WIDGET_TARGET = "jupyter.widget"
"""Target of each widget's own comm."""
MESSAGE_BYTES = 64 * 2**10
"""What drawing says is short."""
CONTROLS = 16
"""Control comms that are remembered of one connection; a page opens one each time it is drawn."""
WIDGETS = 100_000
"""Widgets that are remembered of one connection."""

HEARD = frozenset(
    {
        "clear_output",
        "comm_close",
        "comm_info_reply",
        "comm_msg",
        "comm_open",
        "display_data",
        "execute_result",
        "kernel_info_reply",
        "status",
        "stream",
        "update_display_data",
    }
)
"""What a kernel may tell somebody who may only look: everything that is drawn; no code and no traceback."""

_HEADER_FIELDS = ("msg_id", "msg_type", "username", "session", "date", "version")
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


@dataclass(slots=True)
class Drawing:
    """What one connection has opened, and what it was told that there is.

    A comm that a page opens has another id at the kernel than at the page: a page that names the id of a comm that is
    there would otherwise take its place.

    Attributes:
        prefix: With what the ids begin that this connection's comms have at the kernel; nobody can guess it.
        controls: The page's id of each comm that it opened → the kernel's.
        widgets: The ids of widgets that the page was told.
        opened: How many comms the page has opened so far.
    """

    prefix: str
    controls: dict[str, str] = field(default_factory=dict)
    widgets: set[str] = field(default_factory=set)
    opened: int = 0

    def permitted(self, message: Message) -> Message | None:
        """What may be sent in place of ``message``; ``None`` when drawing does not need it.

        Raises:
            Malformed: A part that drawing needs is no word.
        """
        content = self._content(message) if message.channel == "shell" else None
        if content is None:
            return None
        header = {name: _word(message.header.get(name, "")) for name in _HEADER_FIELDS}
        version = message.metadata.get("version")
        metadata = {"version": _word(version)} if message.kind == "comm_open" and version is not None else {}
        return Message("shell", header, metadata, content)

    def _content(self, message: Message) -> dict[str, Any] | None:
        content = message.content
        if message.kind == "kernel_info_request":
            return {}
        if message.kind == "comm_info_request":
            return {"target_name": WIDGET_TARGET}
        if message.kind not in {"comm_open", "comm_msg", "comm_close"}:
            return None
        comm_id = _word(content.get("comm_id"))
        if message.kind == "comm_open":
            return self._open(comm_id, content)
        if message.kind == "comm_close":
            known = self.controls.pop(comm_id, None)
            return None if known is None else {"comm_id": known, "data": {}}
        return self._ask(comm_id, content)

    def _open(self, comm_id: str, content: Mapping[str, Any]) -> dict[str, Any] | None:
        if content.get("target_name") != CONTROL_TARGET or comm_id in self.controls:
            return None
        if len(self.controls) >= CONTROLS:
            del self.controls[next(iter(self.controls))]
        self.opened += 1
        self.controls[comm_id] = f"{self.prefix}{self.opened}"
        return {"comm_id": self.controls[comm_id], "target_name": CONTROL_TARGET, "data": {}}

    def _ask(self, comm_id: str, content: Mapping[str, Any]) -> dict[str, Any] | None:
        asked = content.get("data")
        if asked == {"method": "request_states"} and comm_id in self.controls:
            return {"comm_id": self.controls[comm_id], "data": {"method": "request_states"}}
        if asked == {"method": "request_state"} and comm_id in self.widgets:
            return {"comm_id": comm_id, "data": {"method": "request_state"}}
        return None

    def heard(self, kind: str, content: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """What the page is told in place of a kernel's message; ``None`` when it is none of what is drawn."""
        if kind not in HEARD or (kind == "stream" and content.get("name") != "stdout"):
            return None
        if kind == "comm_info_reply":
            self._learn(content.get("comms", {}))
        if kind in {"comm_msg", "comm_close"} and str(content.get("comm_id", "")).startswith(self.prefix):
            return self._at_page(content)
        return content

    def _learn(self, comms: Mapping[str, Any]) -> None:
        for comm_id, about in comms.items():
            if isinstance(about, dict) and about.get("target_name") == WIDGET_TARGET and len(self.widgets) < WIDGETS:
                self.widgets.add(comm_id)

    def _at_page(self, content: Mapping[str, Any]) -> dict[str, Any] | None:
        names = (page for page, kernel in self.controls.items() if kernel == content["comm_id"])
        name = next(names, None)
        return None if name is None else {**content, "comm_id": name}


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
    if not 6 <= count <= 1024:  # the channel, four parts and the end; more are buffers
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
        if not 1 <= count <= 1024:
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
    _word(header["msg_type"])
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


def _word(value: Any) -> str:
    if not isinstance(value, str) or len(value) > _WORD_LENGTH or not value.isprintable():
        raise Malformed("no word where one belongs")
    return value
