"""The log of frames: whoever reads it, from wherever, gets each frame once and in order."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from vibeworkbench.rooms import framelog
from vibeworkbench.rooms.framelog import FrameLog, batch_of


class Readers(RuleBasedStateMachine):
    """A log with readers that come, read piece by piece, and fall off its end."""

    readers = Bundle("readers")

    def __init__(self) -> None:
        super().__init__()
        self.log = FrameLog(capacity_bytes=400, last_seq=10)
        self.said: list[tuple[int, int, bytes]] = []  # offset, seq or 0, frame
        self.seq = 10

    @rule(ticks=st.lists(st.tuples(st.booleans(), st.integers(1, 60)), min_size=1, max_size=6))
    def say(self, ticks: list[tuple[bool, int]]) -> None:
        frames, seqs = [], []
        for recorded, size in ticks:
            frame = b"%06d" % (len(self.said) + len(frames)) + b"x" * size
            self.seq += recorded
            frames.append(frame)
            seqs.append(self.seq if recorded else 0)
        offset = self.log.head
        assert self.log.append(frames, seqs) == b"".join(frames)
        for frame, seq in zip(frames, seqs, strict=True):
            self.said.append((offset, seq, frame))
            offset += len(frame)
        assert self.log.head == offset

    @rule(target=readers)
    def come_live(self) -> dict[str, int]:
        return {"cursor": self.log.head, "live_from": self.log.head, "after": self.seq, "first": self.log.head}

    @rule(target=readers, back=st.integers(0, 30))
    def come_back(self, back: int) -> dict[str, int]:
        after = max(self.log.floor_seq, self.seq - back)
        return {"cursor": self.log.offset_after(after), "live_from": self.log.head, "after": after}

    @rule(reader=readers)
    def read(self, reader: dict[str, int]) -> None:
        cursor = reader["cursor"]
        if cursor < self.log.start or cursor == self.log.head:
            return
        data, end, until = self.log.read(cursor, reader["live_from"])
        expected = [
            frame
            for offset, seq, frame in self.said
            if cursor <= offset < end and (seq > 0 or offset >= reader["live_from"])
        ]
        assert bytes(data) == b"".join(expected)
        assert until == max([10, *(seq for offset, seq, _ in self.said if offset < end)])
        reader["cursor"] = end

    @rule(back=st.integers(0, 30), limit=st.integers(1, 8))
    def poll(self, back: int, limit: int) -> None:
        after = max(self.log.floor_seq, self.seq - back)
        expected = [(seq, frame) for _, seq, frame in self.said if seq > after][:limit]
        assert self.log.recorded_after(after, limit) == expected

    @rule(a=st.integers(0, 3000), b=st.integers(0, 3000))
    def announced(self, a: int, b: int) -> None:
        expected = [f for offset, seq, f in self.said if not seq and a <= offset < b and offset >= self.log.start]
        assert self.log.unrecorded(a, b) == b"".join(expected)

    @invariant()
    def is_bounded(self) -> None:
        newest = self.log.head - max((block.start for block in self.log._blocks), default=0)
        assert self.log.head - self.log.start <= max(400, newest)
        assert self.log.last_seq == self.seq
        recorded = [seq for offset, seq, _ in self.said if seq and offset >= self.log.start]
        assert recorded == list(range(self.log.floor_seq + 1, self.seq + 1))


@pytest.fixture(autouse=True, scope="module")
def small_blocks():
    """Blocks small enough that a few frames make several."""
    before, framelog.BLOCK_BYTES = framelog.BLOCK_BYTES, 128
    yield
    framelog.BLOCK_BYTES = before


TestReaders = Readers.TestCase
TestReaders.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


@given(
    st.lists(st.integers(1, 9), max_size=30),
    st.lists(st.binary(min_size=1, max_size=20), min_size=30, max_size=30),
    st.integers(0, 300),
    st.integers(1, 40),
)
def test_batches_are_cut_at_any_seq(steps, frames, after, limit) -> None:
    """A batch gives the frames after any ``seq``, joined, listed or counted."""
    pairs, seq = [], 0
    for step, frame in zip(steps, frames, strict=False):
        seq += step
        pairs.append((seq, frame))
    batch = batch_of(pairs, 1, seq)
    expected = [pair for pair in pairs if pair[0] > after]
    assert bytes(batch.after(after)) == b"".join(frame for _, frame in expected)
    assert batch.recorded_after(after, limit) == expected[:limit]
    assert batch.count_after(after) == len(expected)
