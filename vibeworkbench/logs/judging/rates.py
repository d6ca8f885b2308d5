"""Whether a count is unusual against its own past. Pure; all templates of a scan at once, in arrays.

counts of whole hours → expected (same hours before) → tail of a negative binomial → false discoveries limited → spikes

What is expected of an hour is what the same hours of the days before brought, their neighbours at half weight, drawn
towards the mean of all hours where days are few. The variance is the sum of three: of chance (Poisson), of what the
past spread beyond chance (dispersion), and of what so short a past cannot tell (the gamma posterior's own).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

DAY_HOURS = 24
_DRAWN = 2.0
"""Hours of mean behaviour that the same hours are drawn towards."""
_UNSEEN = 0.5
"""Records added to what was counted: of what never came, some will."""
_PRIOR_DISPERSION, _PRIOR_HOURS = 0.5, 24.0
"""Variance beyond chance, relative to the squared mean, that a past without hours is taken to have, and its weight."""
_UPPER = 1.5
"""Standard errors by which the dispersion is taken to be larger than it was measured."""


@dataclass(frozen=True, slots=True)
class SpikeRules:
    """When a count is a spike.

    Attributes:
        least: Records within the hour.
        times: How many times what is expected.
        false_ratio: Share of the spikes told that may be chance (Benjamini and Hochberg).
        history_hours: Hours of past that it takes to be judged.
    """

    least: int
    times: float
    false_ratio: float
    history_hours: int


@dataclass(frozen=True, slots=True)
class Spikes:
    """The verdicts, for each row and tested hour.

    Attributes:
        is_spike: Whether it is one.
        expected: Records that were to be expected.
        chance: Probability of as many or more, by chance; 1 where the rules ask for more records than came.
    """

    is_spike: Flags
    expected: Floats
    chance: Floats


def spikes(counts: Floats, tested: int, known_hours: NDArray[np.int64], rules: SpikeRules) -> Spikes:
    """Which of the newest hours brought more than chance can tell.

    Args:
        counts: Records by row (a template of a source) and hour, oldest hour first, without gaps.
        tested: How many of the newest hours are judged, 1 to 24; the others are the past.
        known_hours: Of each row, how many hours of the past there were to speak in.
        rules: When a count is a spike.
    """
    past, present = counts[:, :-tested], counts[:, -tested:]
    width = past.shape[1]
    hours = np.minimum(known_hours, width)
    known = np.arange(width) >= (width - hours)[:, None]
    past = np.where(known, past, 0.0)
    same = _same_hours(past, known, tested)
    mean = past.sum(axis=1) / np.maximum(hours, 1)
    dispersion = _dispersion(past, known, mean)[:, None]
    drawn = _DRAWN * (1.0 + 2.0 * dispersion)  # the more the hours differ by chance, the less the same ones tell
    records = same.records + drawn * mean[:, None] + _UNSEEN
    expected = records / (same.weight + drawn)
    size = 1.0 / (dispersion * (1.0 + 1.0 / (same.weight + drawn)) + 1.0 / records)
    eligible = (present >= np.maximum(rules.least, rules.times * expected)) & (present > same.most)
    eligible &= (hours >= rules.history_hours)[:, None]
    chance = np.where(eligible, tail(present, expected, size), 1.0)
    return Spikes(discoveries(chance, rules.false_ratio), expected, chance)


def tail(count: Floats, mean: Floats, size: Floats) -> Floats:
    """The probability of ``count`` or more of a negative binomial with that mean and variance ``mean + mean²/size``.

    Source: https://dlmf.nist.gov/8.17 (the incomplete beta function as a binomial sum); scipy.special.betainc
    """
    told: Floats = np.where(count > 0, special.betainc(np.maximum(count, 1.0), size, mean / (mean + size)), 1.0)
    return told


def discoveries(chance: Floats, false_ratio: float) -> Flags:
    """Which of all these tests are discoveries, of which at most this share is false on average.

    Source: Y. Benjamini, Y. Hochberg, Controlling the false discovery rate, J. R. Stat. Soc. B 57 (1995), procedure (1)
    """
    ordered = np.sort(chance, axis=None)
    line = false_ratio * np.arange(1, ordered.size + 1) / max(ordered.size, 1)
    below = np.flatnonzero(ordered <= line)
    limit = ordered[below[-1]] if below.size else -1.0
    found: Flags = chance <= limit
    return found


@dataclass(frozen=True, slots=True)
class _Same:
    """What the same hours of the days before brought: records, hours (both weighted), and the most in one of them."""

    records: Floats
    weight: Floats
    most: Floats


def _same_hours(past: Floats, known: Flags, tested: int) -> _Same:
    rows, width = past.shape
    records, weight, most = (np.zeros((rows, tested)) for _ in range(3))
    for back in range(DAY_HOURS, width + tested, DAY_HOURS):
        for beside, share in ((-1, 0.5), (0, 1.0), (1, 0.5)):
            columns = width + np.arange(tested) - back + beside
            there = (columns >= 0) & (columns < width)
            at = np.where(there, columns, 0)
            counted = known[:, at] & there
            found = np.where(counted, past[:, at], 0.0)
            records += share * found
            weight += share * counted
            most = np.maximum(most, found)
    return _Same(records, weight, most)


def _dispersion(past: Floats, known: Flags, mean: Floats) -> Floats:
    """Variance beyond chance relative to the squared mean, by the method of moments around the hours of the day."""
    rows, width = past.shape
    days = width // DAY_HOURS
    if days == 0:
        return np.full(rows, _PRIOR_DISPERSION)
    shape = (rows, days, DAY_HOURS)
    counts = past[:, width - days * DAY_HOURS :].reshape(shape)
    there = known[:, width - days * DAY_HOURS :].reshape(shape)
    hours = there.sum(axis=1, keepdims=True)
    usual = (counts.sum(axis=1, keepdims=True) + _DRAWN * mean[:, None, None]) / (hours + _DRAWN)
    weight = hours + _DRAWN
    left = weight**2 / ((weight - 1.0) ** 2 + np.maximum(hours - 1.0, 0.0))  # what the mean took up of the spread
    beyond = np.where(there, (counts - usual) ** 2 * left - usual, 0.0).sum(axis=(1, 2))
    squares = np.where(there, usual**2, 0.0).sum(axis=(1, 2))
    found = np.maximum(beyond, 0.0) / np.maximum(squares, 1e-12)
    number = there.sum(axis=(1, 2)).astype(float)
    drawn = (number * found + _PRIOR_HOURS * _PRIOR_DISPERSION) / (number + _PRIOR_HOURS)
    error = np.sqrt((2.0 + 6.0 * drawn) / np.maximum(number, 1.0))  # relative, of a variance with a gamma's kurtosis
    upper: Floats = drawn * (1.0 + _UPPER * error)
    return upper
