"""What somebody who may only look can say to a kernel, and hears of it: every wire format, every trick, no crash."""

from __future__ import annotations

import json
import struct
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jupyter_server.services.kernels.connection.base import serialize_binary_message, serialize_msg_to_ws_v1

from vibeworkbench.dashboards.drawing import CONTROL_TARGET, CONTROLS, UNDRAWN, Drawing, without_failures
from vibeworkbench.dashboards.kernel_messages import MESSAGE_BYTES, Malformed, Message, from_frame

PREFIX = "unguessable"
HEADER = {
    "msg_id": "1",
    "msg_type": "kernel_info_request",
    "session": "s",
    "username": "",
    "date": "",
    "version": "5.3",
}


def message(kind: str, content: dict[str, Any] | None = None, channel: str = "shell", **metadata: Any) -> Message:
    """A message of a page."""
    return Message(channel, {**HEADER, "msg_type": kind}, metadata, content or {})


def opened(drawing: Drawing, comm_id: str = "c") -> Message | None:
    """The page opens a control comm."""
    asked = {"comm_id": comm_id, "target_name": CONTROL_TARGET, "data": {"x": 1}}
    return drawing.permitted(message("comm_open", asked, version="1.0.0"))


def frames(said: Message) -> dict[str, tuple[str | bytes, bool]]:
    """The message in each wire format, and whether that is v1; as Jupyter's own code writes it."""
    whole = {"channel": said.channel, "header": dict(said.header), "parent_header": {}, "metadata": dict(said.metadata)}
    whole["content"] = dict(said.content)
    parts = [json.dumps(whole[key]).encode() for key in ("header", "parent_header", "metadata", "content")]
    return {
        "text": (json.dumps(whole), False),
        "binary": (serialize_binary_message({**whole, "buffers": [b"buffer"]}), False),
        "v1": (serialize_msg_to_ws_v1([*parts, b"buffer"], said.channel), True),
    }


@pytest.mark.parametrize("form", ["text", "binary", "v1"])
def test_a_message_is_read_from_every_wire_format(form: str) -> None:
    """With and without buffers, as JupyterLab and Voila send it."""
    said = message("comm_msg", {"comm_id": "ä", "data": {"method": "request_states"}}, version="1.0.0")
    frame, v1 = frames(said)[form]
    assert from_frame(frame, v1=v1) == said


@pytest.mark.parametrize("v1", [False, True])
@pytest.mark.parametrize(
    "frame",
    [
        "",
        "null",
        "[]",
        '{"channel": "shell"}',
        '{"channel": 1, "header": {"msg_type": "x"}, "content": {}}',
        '{"channel": "shell", "header": {"msg_type": 1}, "content": {}}',
        '{"channel": "shell", "header": {"msg_type": "a"}, "content": [], "metadata": {}}',
        '{"channel": "shell", "header": {"msg_type": "a", "msg_type": "b"}, "content": {}}',
        '{"channel": "shell", "header": {"msg_type": "a\\ud800"}, "content": {}}',
        "[" * 50_000,
        "9" * 10_000,
        " " * (MESSAGE_BYTES + 1),
        b"",
        b"\0",
        b"\xff" * 64,
        struct.pack("!2I", 1, 8),
        struct.pack("!3I", 2, 12, 2**31) + b"{}",
        struct.pack("<Q", 2**63),
        struct.pack("<7Q", 6, 56, 56, 56, 56, 56, 2**40),
    ],
)
def test_what_is_no_message_is_refused(frame: str | bytes, v1: bool) -> None:
    """By one exception, whatever is wrong with it."""
    with pytest.raises(Malformed):
        from_frame(frame, v1=v1)


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300)), st.booleans())
def test_no_frame_is_more_than_refused(frame: str | bytes, v1: bool) -> None:
    """Whatever bytes or text."""
    with suppress(Malformed):
        assert isinstance(from_frame(frame, v1=v1), Message)


@given(st.integers(0, 400), st.integers(0, 255))
def test_a_frame_with_one_byte_changed_is_read_or_refused(place: int, value: int) -> None:
    """And what is permitted of it is still only what drawing needs."""
    frame, v1 = frames(message("execute_request", {"code": "open('x', 'w')"}))["v1"]
    changed = bytearray(frame if isinstance(frame, bytes) else frame.encode())
    changed[place % len(changed)] = value
    try:
        permitted = Drawing(PREFIX).permitted(from_frame(bytes(changed), v1=v1))
    except Malformed:
        return
    assert permitted is None


@pytest.mark.parametrize("channel", ["control", "stdin", "iopub", "SHELL", "", "shell "])
def test_only_the_shell_channel_is_there(channel: str) -> None:
    """On any other even a harmless message is dropped."""
    assert Drawing(PREFIX).permitted(message("kernel_info_request", channel=channel)) is None


@pytest.mark.parametrize(
    "kind",
    [
        "execute_request",
        "EXECUTE_REQUEST",
        "execute_request ",
        "complete_request",
        "inspect_request",
        "history_request",
        "is_complete_request",
        "debug_request",
        "interrupt_request",
        "shutdown_request",
        "input_reply",
        "create_subshell_request",
        "comm_info_reply",
        "",
    ],
)
def test_what_drawing_does_not_need_is_dropped(kind: str) -> None:
    """Whatever it holds."""
    assert (
        Drawing(PREFIX).permitted(message(kind, {"code": "1", "target_name": CONTROL_TARGET, "comm_id": "c"})) is None
    )


def test_what_passes_holds_nothing_that_nobody_looked_at() -> None:
    """Fields of header, metadata and content are those that are known; a reply finds its request by msg_id."""
    said = Message("shell", {**HEADER, "subshell_id": "x", "more": [1]}, {"cellId": "x"}, {"code": "1"})
    assert Drawing(PREFIX).permitted(said) == Message("shell", HEADER, {}, {})


def test_comms_are_told_of_widgets_only() -> None:
    """Whatever target was asked for."""
    permitted = Drawing(PREFIX).permitted(message("comm_info_request", {"target_name": "secret"}))
    assert permitted is not None
    assert permitted.content == {"target_name": "jupyter.widget"}


def test_a_page_asks_for_all_states_by_a_comm_of_its_own() -> None:
    """Under another id at the kernel, so that it takes no comm's place; the answer has the page's id again."""
    drawing = Drawing(PREFIX)
    first = opened(drawing, "theirs")
    assert first is not None
    known = first.content["comm_id"]
    assert known.startswith(PREFIX)
    assert first.content == {"comm_id": known, "target_name": CONTROL_TARGET, "data": {}}
    assert first.metadata == {"version": "1.0.0"}
    asked = drawing.permitted(message("comm_msg", {"comm_id": "theirs", "data": {"method": "request_states"}}))
    assert asked is not None
    assert asked.content == {"comm_id": known, "data": {"method": "request_states"}}
    answer = {"comm_id": known, "data": {"method": "update_states", "states": {}}}
    assert drawing.heard("comm_msg", answer) == {**answer, "comm_id": "theirs"}
    closed = drawing.permitted(message("comm_close", {"comm_id": "theirs", "data": {"x": 1}}))
    assert closed is not None
    assert closed.content == {"comm_id": known, "data": {}}
    assert drawing.heard("comm_msg", answer) is None


@pytest.mark.parametrize(
    "data",
    [
        {"method": "update", "state": {"value": 1}},
        {"method": "custom", "content": {"event": "click"}},
        {"method": "request_states", "state": {}},
        {"method": ["request_states"]},
        {},
        None,
        "request_states",
    ],
)
def test_a_control_comm_takes_one_question(data: Any) -> None:
    """Nothing beside it, and nothing else."""
    drawing = Drawing(PREFIX)
    opened(drawing)
    assert drawing.permitted(message("comm_msg", {"comm_id": "c", "data": data})) is None


def test_a_widget_is_asked_for_its_state_once_the_kernel_has_told_of_it() -> None:
    """For kernels with old widgets, and busy ones; what is no widget is not asked, and nothing is changed or closed."""
    drawing = Drawing(PREFIX)
    asked = message("comm_msg", {"comm_id": "w", "data": {"method": "request_state"}})
    assert drawing.permitted(asked) is None
    told = {"status": "ok", "comms": {"w": {"target_name": "jupyter.widget"}, "o": {"target_name": "other"}, "x": 1}}
    assert drawing.heard("comm_info_reply", told) == told
    permitted = drawing.permitted(asked)
    assert permitted is not None
    assert permitted.content == {"comm_id": "w", "data": {"method": "request_state"}}
    for comm_id, data in (("o", "request_state"), ("w", "update"), ("w", "request_states")):
        assert drawing.permitted(message("comm_msg", {"comm_id": comm_id, "data": {"method": data}})) is None
    assert drawing.permitted(message("comm_close", {"comm_id": "w", "data": {}})) is None


@pytest.mark.parametrize("target", ["jupyter.widget", "jupyter.widget.control ", "", None, ["jupyter.widget.control"]])
def test_no_other_comm_is_opened(target: Any) -> None:
    """No widget is made from outside."""
    asked = {"comm_id": "c", "target_name": target, "data": {}}
    assert Drawing(PREFIX).permitted(message("comm_open", asked)) is None


@pytest.mark.parametrize("comm_id", [None, 1, ["c"], "c" * 300, "c\n", "\ud800"])
def test_an_id_is_a_word(comm_id: Any) -> None:
    """Else the message is none."""
    with pytest.raises(Malformed):
        Drawing(PREFIX).permitted(message("comm_open", {"comm_id": comm_id, "target_name": CONTROL_TARGET}))


def test_a_page_that_opens_comms_for_ever_fills_no_memory() -> None:
    """The oldest are forgotten."""
    drawing = Drawing(PREFIX)
    ids = [made.content["comm_id"] for number in range(10 * CONTROLS) if (made := opened(drawing, f"c{number}"))]
    assert len(set(ids)) == 10 * CONTROLS
    assert len(drawing.controls) == CONTROLS


@pytest.mark.parametrize(
    "kind", ["execute_input", "error", "debug_event", "input_request", "execute_reply", "history_reply"]
)
def test_code_and_failures_are_not_heard(kind: str) -> None:
    """Nor answers to what nobody may ask."""
    assert Drawing(PREFIX).heard(kind, {"code": "secret", "traceback": ["secret"]}) is None


def test_what_is_printed_is_heard_but_not_what_went_wrong() -> None:
    """Standard output, and not standard error."""
    drawing = Drawing(PREFIX)
    assert drawing.heard("stream", {"name": "stdout", "text": "x"}) == {"name": "stdout", "text": "x"}
    assert drawing.heard("stream", {"name": "stderr", "text": "Traceback"}) is None


FAILED = {"output_type": "error", "ename": "ValueError", "evalue": "secret", "traceback": ["secret"]}
WARNED = {"output_type": "stream", "name": "stderr", "text": "secret"}
PRINTED = {"output_type": "stream", "name": "stdout", "text": "x"}


def holding(where: str, outputs: list[Any]) -> dict[str, Any]:
    """The content of a message with the state of a widget that holds outputs."""
    state = {"outputs": outputs, "msg_id": "m"}
    models = {"w": {"model_name": "Output", "state": state}, "v": {"state": {"value": 1}}}
    data = {
        "update": {"method": "update", "state": state},
        "open": {"state": state, "buffer_paths": []},
        "states": {"method": "update_states", "states": models},
    }[where]
    return {"comm_id": "w", "data": data}


@pytest.mark.parametrize("where", ["update", "open", "states"])
def test_a_widget_that_holds_outputs_tells_no_traceback(where: str) -> None:
    """In its first state, in a change, and when all states are asked for; all else in them is as it was."""
    told = without_failures(holding(where, [PRINTED, FAILED, WARNED]))
    assert told == holding(where, [PRINTED, {**PRINTED, "text": f"{UNDRAWN}\n"}])


@pytest.mark.parametrize("data", [None, [], "x", {"state": []}, {"state": {"outputs": "x"}}, {"states": {"w": 1}}])
def test_what_holds_no_outputs_is_passed_on_as_it_is(data: Any) -> None:
    """The very same object: nothing is copied."""
    content = {"comm_id": "w", "data": data}
    assert without_failures(content) is content
