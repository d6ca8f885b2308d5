"""Whether a source fails more often than it used to: the ratio of two error rates, with its exact interval. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]

_UNSURE = 0.001
"""Probability that the true ratio lies below ``low``."""


@dataclass(frozen=True, slots=True)
class Rise:
    """How many times as often as before: ``ratio`` as counted, and ``low``, which it exceeds with 99.9 % confidence."""

    ratio: Floats
    low: Floats
    usual: Floats


def rises(errors: Floats, lines: Floats, known: NDArray[np.bool_]) -> Rise:
    """How the newest hour's share of errors compares with that of the hours before.

    Given the sum of both counts of errors, the newer one is binomial, and the bound on its share is that on the ratio.
    Hours whose shares spread more than chance weigh less, by that factor (quasi-likelihood).

    Args:
        errors: Error records by source and hour, the newest hour last.
        lines: All records, in the same shape.
        known: Which hours count, in the same shape; the newest one always does.

    Source: E. L. Lehmann, J. P. Romano, Testing Statistical Hypotheses, 3rd ed., section 4.5 (comparing two Poisson
        rates is a binomial test); C. J. Clopper, E. S. Pearson, Biometrika 26 (1934); P. McCullagh, J. A. Nelder,
        Generalized Linear Models, 2nd ed., section 4.5 (dispersion by Pearson's statistic)
    """
    before_errors = np.where(known, errors, 0.0)[:, :-1]
    before_lines = np.where(known, lines, 0.0)[:, :-1]
    total_errors, total_lines = before_errors.sum(axis=1), before_lines.sum(axis=1)
    usual = total_errors / np.maximum(total_lines, 1.0)
    spread = _spread(before_errors, before_lines, usual)
    now, then = errors[:, -1] / spread, total_errors / spread
    share = special.betaincinv(np.maximum(now, 1e-9), then + 1.0, _UNSURE)
    exposure = total_lines / np.maximum(lines[:, -1], 1.0)
    low = np.where(now > 0, exposure * share / np.maximum(1.0 - share, 1e-12), 0.0)
    present = errors[:, -1] / np.maximum(lines[:, -1], 1.0)
    ratio = present / np.maximum(usual, _UNSEEN / np.maximum(total_lines, 1.0))
    return Rise(ratio, low, usual)


_UNSEEN = 0.5
"""Errors that a past without any is taken to have had, lest the ratio be infinite."""


def _spread(errors: Floats, lines: Floats, usual: Floats) -> Floats:
    """By how much the hours' errors vary more than chance; 1 where they do not."""
    expected = usual[:, None] * lines
    variance = np.maximum(expected * (1.0 - usual[:, None]), 1e-12)
    spoke = expected > 0
    squares = np.where(spoke, (errors - expected) ** 2 / variance, 0.0).sum(axis=1)
    spread: Floats = np.maximum(squares / np.maximum(spoke.sum(axis=1) - 1.0, 1.0), 1.0)
    return spread
