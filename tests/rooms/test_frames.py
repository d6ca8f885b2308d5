"""Frames are what RFC 6455 says, read back by an independent implementation."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from vibeworkbench.rooms import frames


def parsed(data: bytes) -> Frame:
    reader = StreamReader()
    reader.feed_data(data)
    parsing = Frame.parse(reader.read_exact, mask=False)
    with pytest.raises(StopIteration) as done:
        next(parsing)
    return done.value.value


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 70_000])
def test_frames_of_every_length_form(size: int) -> None:
    """All three forms of the length are final, unmasked, and carry the payload."""
    payload = b"x" * size
    for make, opcode in ((frames.text_frame, Opcode.TEXT), (frames.binary_frame, Opcode.BINARY)):
        frame = parsed(make(payload))
        assert (frame.opcode, frame.data, frame.fin) == (opcode, payload, True)
        assert frames.payload_of(make(payload)) == payload


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(st.text(), st.integers(0, 2**62), st.integers(0, 2**62), json_values)
def test_messages_are_one_json_object(kind, seq, timestamp_ms, data) -> None:
    """A message is its four keys, whatever its type and data."""
    if kind == "hil-state":
        return
    text = json.dumps(data).encode()
    got = json.loads(frames.payload_of(frames.message_frame(kind, seq, timestamp_ms, text)))
    assert got == {"type": kind, "seq": seq, "timestamp": timestamp_ms, "data": data}


@given(st.dictionaries(st.text() | st.sampled_from(["type", "seq", "timestamp", "data", "taskId"]), json_values))
def test_hil_state_is_flat_too(data) -> None:
    """The keys of ``hil-state`` stand at top level too, without touching the envelope, and each key once."""
    payload = frames.message_payload("hil-state", 1, 2, json.dumps(data).encode())
    pairs = json.loads(payload, object_pairs_hook=lambda found: found)
    top = dict(pairs)
    assert len(top) == len(pairs)
    assert (top.pop("type"), top.pop("seq"), top.pop("timestamp")) == ("hil-state", 1, 2)
    assert json.loads(payload)["data"] == data
    envelope = {"type", "seq", "timestamp", "data"}
    assert set(top) - {"data"} == set(data) - envelope


def test_control_frames_may_carry_more_keys() -> None:
    """A pong carries its id beside the envelope."""
    got = json.loads(frames.payload_of(frames.control_frame("pong", 3, 4, {}, id="a")))
    assert got == {"type": "pong", "seq": 3, "timestamp": 4, "id": "a", "data": {}}
