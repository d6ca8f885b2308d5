"""What rooms decide, as pure values."""

from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vibeworkbench.errors import InvalidInput, LimitExceeded, NotAllowed, NotFound
from vibeworkbench.rooms.model import (
    SLOWEST_READ_BYTES_PER_S,
    Beat,
    Handshake,
    Party,
    Presence,
    Pulse,
    Quality,
    Rate,
    TokenBucket,
    client_message_of,
    gap_reason,
    handshake_of,
    is_room_name,
    quality_of,
)
from vibeworkbench.web.roles import Role

PARTY = Party("p", True, Role.analyst, Role.operator, rooms=frozenset({"main"}))


def test_party_admits_by_room_and_role() -> None:
    """A room that does not exist is not found; one that does takes the party's role."""
    PARTY.admits("main", Role.analyst)
    with pytest.raises(NotFound):
        PARTY.admits("other", Role.admin)
    with pytest.raises(NotFound):
        Party("any", True, Role.viewer, None).admits("a/b", Role.admin)
    with pytest.raises(NotAllowed):
        PARTY.admits("main", Role.viewer)


def test_party_lets_write_by_role() -> None:
    """Writing takes the party's role; where nobody may, not even an admin may."""
    PARTY.lets_write(Role.operator)
    with pytest.raises(NotAllowed):
        PARTY.lets_write(Role.analyst)
    with pytest.raises(NotAllowed):
        Party("mute", True, Role.viewer, None).lets_write(Role.admin)


def test_only_operators_on_relay_are_unlimited() -> None:
    """The limit of messages a second holds for all but operators and above on relay."""
    relay = Party("relay", False, Role.viewer, Role.viewer)
    assert relay.is_relay
    assert not relay.limits_rate_of(Role.operator)
    assert relay.limits_rate_of(Role.viewer)
    assert PARTY.limits_rate_of(Role.admin)


@pytest.mark.parametrize("name", ["a", "x" * 200, "grün", "a b", "a.b", "…"])
def test_room_names(name: str) -> None:
    assert is_room_name(name)


@pytest.mark.parametrize("name", ["", "x" * 201, "a/b", "a\\b", "\0", "a\n", "\x7f", ".", "..", "\ud800"])
def test_no_room_names(name: str) -> None:
    assert not is_room_name(name)


def test_handshakes() -> None:
    """Empty values mean absent ones; what cannot be meant names its field."""
    assert handshake_of({}) == handshake_of({"since": "", "epoch": "", "token": "x"}) == Handshake()
    assert handshake_of({"since": "0", "epoch": "e", "_pk": "me"}) == Handshake(0, "e", "me")
    for field, value in (("since", "x"), ("since", "²"), ("since", "9" * 20), ("epoch", "a b"), ("_pk", "x" * 257)):
        with pytest.raises(InvalidInput) as refused:
            handshake_of({field: value})
        assert refused.value.attributes["field"] == field


@given(st.text() | st.binary())
def test_any_client_message_is_meant_or_refused(text) -> None:
    """Whatever comes is a message or an ``InvalidInput``."""
    with contextlib.suppress(InvalidInput):
        client_message_of(text)


def test_client_messages() -> None:
    """A ping is one; data is kept as it was written; surrogates and depth are refused, not raised."""
    assert client_message_of('{"type":"ping","id":"a"}').is_ping
    said = client_message_of('{"type":"note","data": {"a" : 1.0} }')
    assert not said.is_ping
    assert bytes(said.data) == b'{"a" : 1.0}'
    for text in ("\ud800", '{"type":"note","data":' + "[" * 100_000, '{"type":"gap"}', b"{}"):
        with pytest.raises(InvalidInput):
            client_message_of(text)


@given(st.floats(0.1, 100), st.lists(st.floats(0, 10), min_size=1, max_size=200))
def test_bucket_lets_no_more_through(rate, waits) -> None:
    """In any stretch from the start, no more than its length times the rate, and one bucket, gets through."""
    bucket, now, taken = TokenBucket(rate), 0.0, 0
    for wait in waits:
        now += wait
        with contextlib.suppress(LimitExceeded):
            bucket.take(now)
            taken += 1
    assert taken <= max(1.0, rate) + now * rate + 1e-6


def test_bucket_fills_again() -> None:
    """After the wait that a refusal names, the next one gets through."""
    bucket = TokenBucket(2.0)
    for _ in range(2):
        bucket.take(0.0)
    with pytest.raises(LimitExceeded) as refused:
        bucket.take(0.0)
    bucket.take(refused.value.attributes["retry_after_s"])


def test_rate_is_a_mean() -> None:
    """An even stream shows its rate; silence lets it fade."""
    rate = Rate(10.0)
    assert rate.at(0.0) == 0.0
    for tick in range(1000):
        rate.add(5, tick / 10)
    assert rate.at(100.0) == pytest.approx(50, rel=0.02)
    assert rate.at(110.0) == pytest.approx(50 / math.e, rel=0.02)


@pytest.mark.parametrize(
    ("rtt_ms", "lag_bytes", "silent", "quality"),
    [
        (None, 0, False, Quality.unknown),
        (5.0, 0, False, Quality.good),
        (400.0, 0, False, Quality.slow),
        (5.0, 65_536, False, Quality.slow),
        (None, 65_536, False, Quality.slow),
        (5.0, 0, True, Quality.silent),
    ],
)
def test_quality(rtt_ms, lag_bytes, silent, quality) -> None:
    assert quality_of(rtt_ms, lag_bytes, silent) is quality


@given(st.lists(st.booleans(), max_size=60), st.integers(1, 5))
def test_presence_loses_no_change(changes, every) -> None:
    """However frames are conflated, what they say adds up to who is there."""
    presence, now, counted, said = Presence(), 0.0, 0, {"members": 0}
    for number, join in enumerate(changes):
        if join or not presence.members:
            presence.join()
        else:
            presence.leave()
        if number % every == 0 and presence.is_news:
            assert presence.due_at() <= now
            said = presence.take(now)
            counted += said["joined"] - said["left"]
            now = presence.due_at()
    if presence.is_news:
        said = presence.take(now)
        counted += said["joined"] - said["left"]
    assert counted == presence.members == said["members"]
    assert not presence.is_news


def test_pulse_pings_and_judges() -> None:
    """A ping after the interval; an answer in time is a measurement; silence is death."""
    pulse = Pulse(10.0, 5.0, heard_at=0.0)
    assert pulse.beat(9.9, 0) is Beat.nothing
    assert pulse.beat(10.0, 0) is Beat.ping
    assert not pulse.is_silent(12.0)
    assert pulse.is_silent(12.5)
    pulse.ponged(12.5)
    assert pulse.rtt_ms == 2500.0
    assert not pulse.is_silent(12.5)
    pulse.ponged(13.0)
    assert pulse.rtt_ms == 2500.0
    assert pulse.beat(22.9, 0) is Beat.nothing
    assert pulse.beat(23.0, 0) is Beat.ping
    assert pulse.beat(27.9, 0) is Beat.nothing
    assert pulse.beat(28.0, 0) is Beat.dead


def test_pulse_spares_who_still_takes_bytes() -> None:
    """A queue that moves before our ping is slow, not dead; one that stands still is dead."""
    slow = Pulse(1.0, 1.0, heard_at=0.0, taken_bytes=150)
    assert slow.beat(1.0, 100) is Beat.ping
    assert slow.beat(2.0, 50) is Beat.nothing
    assert slow.beat(2.9, 50) is Beat.nothing
    assert slow.beat(3.0, 50) is Beat.dead


def test_pulse_spares_who_reads_history() -> None:
    """Who was fed history since it was last heard has the time to read it; the same again, once it was heard, not."""
    pulse = Pulse(1.0, 1.0, heard_at=0.0, taken_bytes=2 * SLOWEST_READ_BYTES_PER_S)
    assert pulse.beat(1.0, 0) is Beat.ping
    assert pulse.beat(3.9, 0) is Beat.nothing
    assert pulse.beat(4.0, 0) is Beat.dead
    pulse.heard(4.0)
    assert pulse.beat(5.0, 0) is Beat.ping
    assert pulse.beat(6.0, 0) is Beat.dead


def test_pulse_forgives_our_own_delay() -> None:
    """Time in which we stood still counts for nobody."""
    pulse = Pulse(1.0, 1.0, heard_at=0.0)
    pulse.forgive(0.5)
    assert pulse.beat(1.0, 0) is Beat.ping
    pulse.forgive(50.0)
    assert pulse.beat(50.9, 0) is Beat.nothing
    assert pulse.beat(51.0, 0) is Beat.dead


@pytest.mark.parametrize(
    ("since", "epoch", "reason"),
    [(4, None, None), (10, "now", None), (3, "now", "forgotten"), (11, None, "ahead"), (10, "then", "epoch")],
)
def test_gap_reasons(since, epoch, reason) -> None:
    """From the message before the oldest one on, up to the last, of this epoch, there is no gap."""
    assert gap_reason(since, epoch, present_epoch="now", oldest_seq=5, last_seq=10) == reason
