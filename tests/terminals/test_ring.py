"""The last output of a terminal: every byte at its offset, bounded, in frames."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vibeworkbench.terminals.ring import FRESH, Chunk, Ring, frame_header

PIECES = st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=400)


@given(PIECES, st.integers(1, 20_000), st.integers(0, 2**40))
def test_a_ring_holds_the_end_of_the_stream(pieces: list[bytes], limit: int, offset: int) -> None:
    """Whatever came in whichever pieces: the last bytes are kept, at least ``limit`` of them, at their offsets."""
    ring, said = Ring(limit, offset), b""
    for piece in pieces:
        chunk = ring.append([piece])
        assert (chunk.offset, chunk.data) == (offset + len(said), piece)
        said += piece
    assert ring.head == offset + len(said)
    kept = ring.read(ring.base, ring.head)
    assert said.endswith(kept)
    assert len(kept) >= min(limit, len(said))
    assert ring.read(0, 2**62) == kept


@given(PIECES, st.data())
def test_reading_on_from_any_offset_gives_all_that_follows(pieces: list[bytes], drawn: st.DataObject) -> None:
    """A cursor may stand anywhere: chunk by chunk it gets all that is kept from there, up to where it may see."""
    ring = Ring(10_000)
    for piece in pieces:
        ring.append([piece[:1], piece[1:]])
    start = drawn.draw(st.integers(ring.base, ring.head))
    stop = drawn.draw(st.integers(start, ring.head))
    read, cursor = b"", start
    while (chunk := ring.at(cursor, stop)) is not None:
        assert chunk.offset == cursor
        read, cursor = read + chunk.data, chunk.end
    assert read == ring.read(start, stop)
    assert cursor == stop


def test_small_chunks_are_joined_when_they_are_no_news() -> None:
    """A million key presses are no million objects, and the newest chunks are left alone."""
    ring = Ring(2**20)
    newest = [ring.append([b"x"]) for _ in range(20_000)][-FRESH:]
    assert len(ring._chunks) < 4 * FRESH
    assert all(ring.at(chunk.offset) is chunk for chunk in newest)
    assert ring.read(0, 20_000) == b"x" * 20_000


def test_the_newest_chunk_is_kept_however_large() -> None:
    """A chunk larger than the ring is there until the next one comes."""
    ring = Ring(100)
    ring.append([b"a" * 500])
    assert ring.base == 0
    ring.append([b"b" * 200])
    assert (ring.base, ring.read(0, 1_000)) == (500, b"b" * 200)


def test_a_restarted_ring_is_empty() -> None:
    """Another stream goes on where it says."""
    ring = Ring(100)
    ring.append([b"a"])
    ring.restart(7)
    assert (ring.base, ring.head, ring.at(7), ring.read(0, 9)) == (7, 7, None, b"")


@given(st.sampled_from([0, 1, 125, 126, 127, 65_535, 65_536, 70_000]))
def test_frames_say_their_length(length: int) -> None:
    """A chunk's frame is what RFC 6455 5.2 says: FIN, binary, unmasked, the shortest form of the length."""
    chunk = Chunk(3, [b"z" * length])
    header = frame_header(length)
    assert chunk.frame == header + b"z" * length
    assert header[0] == 0x82
    short = header[1]
    assert short < 128
    told = short if short < 126 else int.from_bytes(header[2:], "big")
    assert (told, len(header)) == (length, 2 + (0 if length < 126 else 2 if length < 65_536 else 8))
    assert bytes(chunk.view) == chunk.data
