"""What a workbench and a holder say to each other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibeworkbench.terminals.holder.frames import HEADER, BadFrame, Frames, frame

LONGEST = 50


@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=LONGEST))), st.lists(st.integers(1, 2 * LONGEST)))
def test_frames_come_out_as_they_went_in(said: list[tuple[int, bytes]], cuts: list[int]) -> None:
    """Wherever the stream is cut, the frames are the same, in order."""
    stream = b"".join(frame(kind, body) for kind, body in said)
    frames, heard = Frames(LONGEST), []
    pieces = iter(cuts)
    while stream:
        room = frames.room()
        piece = stream[: min(len(room), next(pieces, LONGEST))]
        room[: len(piece)] = piece
        frames.put(len(piece))
        stream = stream[len(piece) :]
        while (each := frames.taken()) is not None:
            heard.append(each)
    assert heard == said


def test_a_length_that_is_none_is_refused() -> None:
    """Who claims to send more than may be sent is not listened to."""
    frames = Frames(LONGEST)
    claim = HEADER.pack(1, LONGEST + 1)
    frames.room()[: len(claim)] = claim
    frames.put(len(claim))
    with pytest.raises(BadFrame):
        frames.taken()
