"""The holder's memory of a shell's output."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vibeworkbench.terminals.holder.ring import Ring

SIZE = 64


@given(st.lists(st.binary(max_size=SIZE)), st.integers(0, 1_000), st.integers(0, SIZE))
def test_the_last_bytes_are_there(said: list[bytes], ago: int, count: int) -> None:
    """From each offset that is kept, the ring gives what was put there."""
    ring, stream = Ring(SIZE), b"".join(said)
    for data in said:
        room = ring.room(len(data))
        rest = data
        for view in room:
            view[:] = rest[: len(view)]
            rest = rest[len(view) :]
        ring.put(len(data))
    assert (ring.base, ring.head) == (max(0, len(stream) - SIZE), len(stream))
    offset = max(ring.base, ring.head - ago)
    assert b"".join(ring.at(offset, count)) == stream[offset : offset + count]
