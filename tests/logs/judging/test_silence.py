"""Silence is judged by the pauses that a source makes, restarts by what stands between them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vibeworkbench.logs.judging.silence import (
    RestartRules,
    SilenceRules,
    ended_by_itself,
    restarts_of,
    says_start,
    silence_of,
)

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
RULES = SilenceRules(least_s=900.0, times=2.0, spoke=30, history_s=DAY, forget_s=7 * DAY)
RESTARTS = RestartRules(least=5, within_s=HOUR, times=3.0)


def silence(spoke, now, lasted=MINUTE):
    """What a past says; each instant lasted as long."""
    spoke = np.asarray(spoke, dtype=float)
    return silence_of(spoke, np.full(spoke.shape, lasted), now, RULES)


def test_a_heartbeat_that_stops_is_found_soon():
    """One that came every minute for two days is unusual after a quarter of an hour."""
    spoke = np.arange(0, 2 * DAY, MINUTE)
    assert not silence(spoke, 2 * DAY + 800).unusual
    found = silence(spoke, 2 * DAY + 1000)
    assert (found.unusual, found.limit_s, found.silent_s, found.usual_s) == (True, 900.0, 1000.0, 0.0)


def test_nights_are_usual_where_there_were_nights():
    """Who speaks by day only is silent for sixteen hours every night; a day more is unusual."""
    spoke = np.concatenate([day * DAY + np.arange(0, 8 * HOUR, MINUTE) for day in range(16)])
    end = spoke[-1]
    assert not silence(spoke, end + 17 * HOUR).unusual
    assert silence(spoke, end + 40 * HOUR).unusual


def test_one_outage_teaches_nothing():
    """The second longest pause counts, so the next outage is found as soon."""
    spoke = np.concatenate([np.arange(0, DAY, MINUTE), np.arange(1.5 * DAY, 3 * DAY, MINUTE)])
    assert silence(spoke, 3 * DAY + 1000).unusual


@pytest.mark.parametrize(
    "spoke",
    [[], [0.0], np.arange(0, 29 * MINUTE, MINUTE), np.arange(0, 3 * HOUR, MINUTE), np.arange(0, 40) * 3 * HOUR],
)
def test_who_spoke_seldom_or_shortly_is_not_missed(spoke):
    """A past that is too short says nothing of the present."""
    last = float(spoke[-1]) if len(spoke) else 0.0
    assert not silence(spoke, last + DAY).unusual or len(spoke) == 40


def test_a_past_must_be_ten_times_as_long_as_what_it_calls_unusual():
    """Pauses of nine hours are known well after eight days, and not after four."""
    bursts = [start + np.arange(0, HOUR, MINUTE) for start in np.arange(0, 10 * DAY, 10 * HOUR)]
    long, short = np.concatenate(bursts), np.concatenate(bursts[:9])
    assert silence(long, long[-1] + 19 * HOUR).unusual
    assert not silence(short, short[-1] + 19 * HOUR).unusual


def test_who_is_silent_for_a_week_is_gone():
    """Nobody is told of it for ever."""
    assert not silence(np.arange(0, 2 * DAY, MINUTE), 10 * DAY).unusual


@given(st.integers(0, 10**6), st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_longer_silence_is_never_less_unusual(one, other):
    """Up to the week after which a source is gone."""
    spoke = np.arange(0, 2 * DAY, MINUTE)
    short, long = sorted((one % (6 * DAY), other % (6 * DAY)))
    assert silence(spoke, 2 * DAY + long).unusual >= silence(spoke, 2 * DAY + short).unusual


def test_random_pauses_are_rarely_unusual():
    """Of pauses as random as all before them, less than one in two hundred is called unusual."""
    generator = np.random.default_rng(5)
    alarms = 0
    for _ in range(400):
        instants = np.cumsum(generator.exponential(20 * MINUTE, 800) + MINUTE)
        alarms += silence(instants[:-1], instants[-1]).unusual
    assert alarms <= 2


@pytest.mark.parametrize(
    ("kind", "words", "expected"),
    [
        ("build", ["compiling"], True),
        ("worker", ["all pages fetched", "Shutting down"], True),
        ("worker", ["worker exited with 0"], True),
        ("worker", ["fetched page 7"], False),
        ("container", [], False),
    ],
)
def test_who_ends_by_itself_is_not_silent(kind, words, expected):
    """Builds, and whoever says that it ends."""
    assert ended_by_itself(kind, words) is expected


def starts(count, every=300.0):
    """Instants of starts."""
    return [number * every for number in range(count)]


def test_a_crash_loop_has_errors_between_its_starts():
    """Also where the source is new, so that nothing is usual yet."""
    crashes = [at + 10 for at in starts(6)]
    found = restarts_of(starts(6), crashes, -1.0, says=True, rules=RESTARTS)
    assert (found.unusual, found.loop, found.count, found.interval_s, found.crashes) == (True, True, 6, 300.0, 5)


def test_a_storm_is_unusual_by_its_own_past():
    """Without errors: more starts than usual, of a source with a past, that says that it starts."""
    storm = restarts_of(starts(12), [], 1.0, says=True, rules=RESTARTS)
    assert (storm.unusual, storm.loop) == (True, False)
    assert not restarts_of(starts(12), [], 6.0, says=True, rules=RESTARTS).unusual
    assert not restarts_of(starts(12), [], -1.0, says=True, rules=RESTARTS).unusual
    assert not restarts_of(starts(12), [], 1.0, says=False, rules=RESTARTS).unusual
    assert not restarts_of(starts(4), [], 0.0, says=True, rules=RESTARTS).unusual


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Starting worker <number>", True),
        ("Server listening on <ip>", True),
        ("Uvicorn running: application startup complete", True),
        ("fetched page <number>", False),
        ("restarted after <duration>", True),
    ],
)
def test_how_starts_sound(text, expected):
    """Words of programs that begin."""
    assert says_start(text) is expected
