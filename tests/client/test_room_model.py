"""What a member decides: which messages are new, when to come back, whether the connection lives."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from vibeworkbench.client.rooms.model import Heartbeat, History, Lost, Message, Timing, retry_delay_s


def note(seq: int, kind: str = "note", at: int = 0) -> Message:
    return Message(kind, seq, at or seq, {})


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=40))
def test_replays_that_overlap_deliver_each_message_once_and_in_order(connections):
    """Each connection replays from somewhere that was read already up to somewhere; the reader sees 1, 2, 3 ..."""
    history, seen = History(epoch="e", seq=0), []
    for begin, end in connections:
        seen += [seq for seq in range(min(begin, history.seq) + 1, end + 1) if history.admits(note(seq))]
    assert seen == list(range(1, max((end for _, end in connections), default=0) + 1))


def test_an_announcement_with_the_last_seq_is_no_repetition():
    history = History(epoch="e", seq=0)
    assert history.admits(note(1))
    assert history.admits(note(1, "hail", 7))
    assert history.admits(note(1, "hail", 7))
    assert not history.admits(note(1))


def test_where_there_is_no_history_every_message_is_new():
    history = History()
    assert all(history.admits(note(0, "line", 7)) for _ in range(3))
    assert history.since() == {}


def test_a_new_epoch_forgets_the_place():
    history = History(epoch="old", seq=40)
    assert history.since() == {"since": "40", "epoch": "old"}
    assert history.admits(Message("connected", 3, 0, {"epoch": "new"}))
    assert history.since() == {}
    assert history.admits(Message("snapshot", 3, 0, {}))
    assert history.since() == {"since": "3", "epoch": "new"}
    assert not history.admits(note(3, at=2)) or history.seq == 3


def test_a_place_without_epoch_means_the_present_one():
    history = History(seq=5)
    assert history.since() == {"since": "5"}
    assert history.admits(Message("connected", 9, 0, {"epoch": "e"}))
    assert history.since() == {"since": "5", "epoch": "e"}


@given(st.integers(0, 2000), st.floats(0, 1, exclude_max=True))
def test_the_first_retry_is_at_once_and_none_waits_longer_than_the_cap(attempt, random):
    delay_s = retry_delay_s(attempt, Timing(), random)
    assert 0 <= delay_s <= Timing().backoff_cap_s
    assert attempt > 0 or delay_s == 0


def test_silence_after_a_ping_is_death_and_any_frame_is_life():
    heart = Heartbeat(Timing())
    assert heart.next_at == -math.inf
    ping = heart.pinged(100.0)
    assert heart.dead_at == 110.0
    heart.pinged(105.0)
    assert heart.dead_at == 110.0, "a second ping gives no more time"
    heart.heard()
    assert heart.dead_at == math.inf
    heart.ponged(ping, 106.0)
    assert heart.rtt_ms is None, "the answer to an older ping is no measurement"


def test_the_round_trip_time_is_smoothed_and_says_whether_the_connection_is_slow():
    heart = Heartbeat(Timing(slow_s=0.4))
    for rtt_s, expected_ms, quality in ((0.1, 100, "good"), (0.5, 200, "good"), (1.4, 500, "slow")):
        heart.ponged(heart.pinged(10.0), 10.0 + rtt_s)
        assert abs(heart.rtt_ms - expected_ms) < 1e-6
        assert heart.quality() == quality


def test_only_refusals_are_final():
    assert [code for code in range(1000, 5000) if Lost(code).is_final] == [4400, 4401, 4403, 4404]
