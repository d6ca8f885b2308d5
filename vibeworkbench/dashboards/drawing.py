"""Which kernel messages drawing needs: what somebody who may only look may say to a kernel, and may hear. Pure.

What passes is written anew from the fields that were understood. Nothing that two parsers could read in two ways, and
no field that nobody looked at, reaches a kernel.

Source: Jupyter messaging protocol 5.4; the Jupyter widgets' protocol 2.1.0 (control comm 1.0.0).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vibeworkbench.dashboards.kernel_messages import Message, word

CONTROL_TARGET = "jupyter.widget.control"
"""Target of the comm by which a page asks for the state of all widgets."""
WIDGET_TARGET = "jupyter.widget"
"""Target of each widget's own comm."""
CONTROLS = 16
"""Control comms that are remembered of one connection; a page opens one each time it is drawn."""
WIDGETS = 100_000
"""Widgets that are remembered of one connection."""

UNDRAWN = "This part could not be drawn."
"""What is told in place of a traceback."""

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
        header = {name: word(message.header.get(name, "")) for name in _HEADER_FIELDS}
        version = message.metadata.get("version")
        metadata = {"version": word(version)} if message.kind == "comm_open" and version is not None else {}
        return Message("shell", header, metadata, content)

    def _content(self, message: Message) -> dict[str, Any] | None:
        content = message.content
        if message.kind == "kernel_info_request":
            return {}
        if message.kind == "comm_info_request":
            return {"target_name": WIDGET_TARGET}
        if message.kind not in {"comm_open", "comm_msg", "comm_close"}:
            return None
        comm_id = word(content.get("comm_id"))
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
        if not kind.startswith("comm_") or kind == "comm_info_reply":
            return content
        own = str(content.get("comm_id", "")).startswith(self.prefix)
        told = self._at_page(content) if own else content
        return None if told is None else without_failures(told)

    def _learn(self, comms: Mapping[str, Any]) -> None:
        for comm_id, about in comms.items():
            if isinstance(about, dict) and about.get("target_name") == WIDGET_TARGET and len(self.widgets) < WIDGETS:
                self.widgets.add(comm_id)

    def _at_page(self, content: Mapping[str, Any]) -> dict[str, Any] | None:
        names = (page for page, kernel in self.controls.items() if kernel == content["comm_id"])
        name = next(names, None)
        return None if name is None else {**content, "comm_id": name}


def without_failures(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """The content of a message; where widgets hold outputs that tell what failed, they only tell that something did."""
    data = content.get("data")
    if not isinstance(data, dict):
        return content
    changed: dict[str, Any] = {}
    if _tells(data.get("state")):
        changed["state"] = _hushed(data["state"])
    states = data.get("states")
    if isinstance(states, dict):
        told = {key: {**each, "state": _hushed(each["state"])} for key, each in states.items() if _has_told(each)}
        changed |= {"states": {**states, **told}} if told else {}
    return {**content, "data": {**data, **changed}} if changed else content


def _has_told(model: Any) -> bool:
    return isinstance(model, dict) and _tells(model.get("state"))


def _tells(state: Any) -> bool:
    outputs = state.get("outputs") if isinstance(state, dict) else None
    return isinstance(outputs, list) and any(_is_failure(each) or _is_stderr(each) for each in outputs)


def _hushed(state: Mapping[str, Any]) -> dict[str, Any]:
    said = {"output_type": "stream", "name": "stdout", "text": f"{UNDRAWN}\n"}
    kept = [said if _is_failure(each) else each for each in state["outputs"] if not _is_stderr(each)]
    return {**state, "outputs": kept}


def _is_failure(output: Any) -> bool:
    return isinstance(output, dict) and output.get("output_type") == "error"


def _is_stderr(output: Any) -> bool:
    return isinstance(output, dict) and output.get("output_type") == "stream" and output.get("name") != "stdout"
