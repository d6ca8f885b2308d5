"""Spikes: what chance and the hours of the day explain is none; and how often that is wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from vibeworkbench.logs.judging.rates import SpikeRules, discoveries, spikes, tail
from vibeworkbench.logs.judging.ratios import rises

RULES = SpikeRules(least=10, times=3.0, false_ratio=0.01, history_hours=48)
WEEK = 168
TEMPLATES = 200


def judged(counts, tested=1, known=WEEK):
    """The verdicts on rows of hours, all known for as long."""
    rows = np.atleast_2d(np.asarray(counts, dtype=float))
    return spikes(rows, tested, np.full(len(rows), known), RULES)


def steady(count, newest):
    """A week of the same, and a newest hour."""
    return [*[count] * WEEK, newest]


@pytest.mark.parametrize(
    ("past", "newest", "expected"),
    [(0, 9, False), (0, 12, True), (3, 9, False), (3, 60, True), (100, 250, False), (100, 900, True)],
)
def test_a_steady_template(past, newest, expected):
    """A minimum count, a minimum factor, and chance: all three must be passed."""
    assert bool(judged(steady(past, newest)).is_spike[0, 0]) is expected


def test_the_same_hours_of_the_days_before_are_compared():
    """Five hundred records at three in the morning are usual where they come every night, and a spike at noon."""
    nightly = np.zeros(WEEK + 1)
    nightly[::24] = 500.0  # the newest hour is one of these
    assert not judged(nightly).is_spike.any()
    shifted = np.roll(nightly, 12)
    shifted[-1] = 500.0
    assert judged(shifted).is_spike[0, 0]


def test_a_spike_of_earlier_hours_is_found_where_it_was():
    """Scans are hours apart: every hour since the last one is judged."""
    counts = np.full((1, WEEK + 6), 2.0)
    counts[0, -4] = 90.0
    assert judged(counts, tested=6).is_spike[0].tolist() == [False, False, True, False, False, False]


def test_a_short_past_tells_nothing():
    """Fewer hours than the rules ask for, and hours before the source was there, are no past."""
    counts = steady(0, 500)
    assert not judged(counts, known=47).is_spike.any()
    assert judged(counts, known=48).is_spike.any()
    assert not judged(np.zeros((1, 10)), known=9).is_spike.any()


def test_a_storm_in_every_template_is_found_in_each():
    """The limit for false discoveries is a share: many true ones make it wider."""
    generator = np.random.default_rng(3)
    counts = generator.poisson(4.0, (TEMPLATES, WEEK + 1)).astype(float)
    counts[:, -1] *= 15
    assert judged(counts).is_spike.mean() > 0.9


@given(past=st.lists(st.integers(0, 50), min_size=WEEK, max_size=WEEK), newest=st.integers(0, 2000))
@settings(max_examples=60, deadline=None)
def test_more_records_are_never_less_of_a_spike(past, newest):
    """With the same past, the chance of as many or more falls as the count grows."""
    found = spikes(np.array([[*past, newest], [*past, newest + 1]], dtype=float), 1, np.full(2, WEEK), RULES)
    assert found.chance[1, 0] <= found.chance[0, 0]
    assert found.is_spike[1, 0] >= found.is_spike[0, 0]


@given(count=st.integers(0, 500), mean=st.floats(0.01, 300), size=st.floats(0.05, 50))
@settings(max_examples=100, deadline=None)
def test_the_tail_is_that_of_the_negative_binomial(count, mean, size):
    """As scipy's own distribution has it."""
    told = tail(np.array([float(count)]), np.array([mean]), np.array([size]))[0]
    assert told == pytest.approx(stats.nbinom.sf(count - 1, size, size / (size + mean)), rel=1e-6, abs=1e-300)


@given(st.lists(st.floats(0, 1), max_size=80), st.floats(0.001, 0.2))
@settings(max_examples=100, deadline=None)
def test_discoveries_are_benjaminis_and_hochbergs(chances, ratio):
    """As scipy adjusts the probabilities."""
    found = discoveries(np.array(chances), ratio)
    adjusted = stats.false_discovery_control(chances) if chances else np.array([])
    sure = np.abs(adjusted - ratio) > 1e-9
    assert (found == (adjusted <= ratio))[sure].all()


def _alarms(generated, scans, known=WEEK, tested=1):
    """The share of scans, of 200 templates each, in which chance alone makes a spike."""
    return np.mean([judged(generated((TEMPLATES, known + tested)), tested, known).is_spike.any() for _ in range(scans)])


@pytest.mark.parametrize("mean", [0.05, 0.5, 3.0, 30.0, 300.0])
def test_chance_alone_makes_no_spike(mean):
    """Poisson counts: not one false alarm in 50 scans of 200 templates."""
    generator = np.random.default_rng(11)
    assert _alarms(lambda shape: generator.poisson(mean, shape), 50) == 0.0


@pytest.mark.parametrize(
    ("mean", "size", "limit"), [(3, 1, 0.06), (30, 1, 0.06), (30, 5, 0.03), (300, 5, 0.03), (30, 0.3, 0.12)]
)
def test_bursty_sources_make_few(mean, size, limit):
    """Negative-binomial counts: the share of scans of 200 templates with a false alarm is bounded.

    A size of 1 means a standard deviation as large as the mean, one of 0.3 nearly twice as large.
    """
    generator = np.random.default_rng(12)
    assert _alarms(lambda shape: generator.negative_binomial(size, size / (size + mean), shape), 80) <= limit


def test_days_and_nights_make_none():
    """A source that says twenty times as much at noon as at midnight."""
    generator = np.random.default_rng(13)
    rate = 20 * (1 + 0.9 * np.sin(np.arange(WEEK + 4) * 2 * np.pi / 24))
    assert _alarms(lambda shape: generator.poisson(np.broadcast_to(rate, shape)), 60, tested=4) == 0.0


def _rise(errors, lines, hours=WEEK):
    """Errors and lines of the newest hour, after hours of one error in a hundred lines."""
    past = np.full((1, hours), 100.0)
    known = np.ones((1, hours + 1), dtype=bool)
    return rises(np.append(past / 100, [[errors]], axis=1), np.append(past, [[lines]], axis=1), known)


def test_the_error_ratio_with_its_interval():
    """Ten times as many errors are surely five times as many; the usual number surely is not twice as many."""
    found = _rise(10, 100)
    assert found.ratio[0] == pytest.approx(10.0)
    assert 2.0 < found.low[0] < 10.0
    assert found.usual[0] == pytest.approx(0.01)
    assert _rise(1, 100).low[0] < 1.0
    assert _rise(0, 100).low[0] == 0.0


def test_errors_where_none_ever_were():
    """The interval is finite where the ratio is not."""
    none, lines = np.zeros((1, 49)), np.full((1, 49), 100.0)
    none[0, -1] = 10
    found = rises(none, lines, np.ones((1, 49), dtype=bool))
    assert np.isfinite(found.low[0])
    assert found.low[0] > 10.0


def test_hours_that_were_always_uneven_say_less():
    """The same newest hour is less surely a rise where errors come in bursts."""
    even, uneven = np.full((1, 49), 2.0), np.zeros((1, 49))
    uneven[0, ::8] = 14.0
    for errors in (even, uneven):
        errors[0, -1] = 30.0
    lines, known = np.full((1, 49), 100.0), np.ones((1, 49), dtype=bool)
    assert rises(uneven, lines, known).low[0] < rises(even, lines, known).low[0]


@given(errors=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_more_errors_are_never_less_of_a_rise(errors):
    """With the same past and the same number of records."""
    assert _rise(errors + 1, 100).low[0] >= _rise(errors, 100).low[0]


def test_a_rise_is_rarely_chance():
    """Of a thousand hours like all others, none seems twice as bad as usual."""
    generator = np.random.default_rng(14)
    lines = generator.poisson(200, (1000, 97)).astype(float)
    errors = generator.binomial(lines.astype(int), 0.05).astype(float)
    assert (rises(errors, lines, np.ones_like(lines, dtype=bool)).low >= 2.0).mean() == 0.0
