"""Output on its way to the thread that writes it."""

from __future__ import annotations

import threading

import pytest

from vibeworkbench.terminals.recordings.batch import BATCH_BYTES, BATCH_S, Batch


def test_what_follows_soon_joins():
    """In order, and counted."""
    batch = Batch(10.0, b"one ", 100, hurried=False)
    assert batch.add(10.0, b"two ", 104)
    assert batch.add(10.0 + BATCH_S / 2, b"three", 108)
    assert (batch.at, batch.offset, batch.count) == (10.0, 100, 13)
    assert batch.take() == b"one two three"


@pytest.mark.parametrize(
    ("at", "data", "offset"),
    [(10.1, b"late", 104), (10.0, b"after a gap", 105), (10.0, b"again", 100), (10.0, b"x" * BATCH_BYTES, 104)],
    ids=["late", "gap", "again", "large"],
)
def test_what_does_not_belong_stays_out(at, data, offset):
    """It is an event of its own."""
    batch = Batch(10.0, b"one ", 100, hurried=False)
    assert not batch.add(at, data, offset)
    assert batch.take() == b"one "


def test_nothing_joins_what_is_taken():
    """However two threads meet: each byte is in the batch or refused."""
    for _ in range(200):
        batch, refused = Batch(0.0, b"x", 0, hurried=False), []
        meet = threading.Barrier(2)

        def add(batch=batch, refused=refused, meet=meet):
            meet.wait()
            refused += [number for number in range(1, 50) if not batch.add(0.0, b"x", batch.offset + batch.count)]

        adder = threading.Thread(target=add)
        adder.start()
        meet.wait()
        taken = batch.take()
        adder.join()
        assert len(taken) + len(refused) == 50
        assert batch.count == len(taken)
