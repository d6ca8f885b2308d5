"""Bytes become the text that a browser makes of them, and their number is known."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vibeworkbench.terminals.recordings.decoding import Decoding, length_in_bytes, readable


@given(st.lists(st.one_of(st.binary(max_size=8), st.text(max_size=4).map(lambda text: text.encode())), max_size=8))
def test_any_bytes_in_any_pieces(pieces):
    """The text is that of the whole, at every moment its length is exact, and no byte is lost."""
    decoding, text, count = Decoding(), "", 0
    for piece in pieces:
        text += decoding.add(piece)
        count += len(piece)
        assert length_in_bytes(text) + decoding.waiting_bytes == count
    text += decoding.ended()
    assert length_in_bytes(text) == count
    assert readable(text) == b"".join(pieces).decode(errors="replace")
