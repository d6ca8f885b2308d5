"""Measured values as people read them."""

from __future__ import annotations

import pytest

from vibeworkbench.ops.checks.units import in_bytes, in_percent, in_time


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (3 * 2**30, "3.0 GiB"), (2**40, "1.0 TiB")]
)
def test_sizes(size, text):
    """A size has the largest unit that it reaches."""
    assert in_bytes(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.84, "0.8 s"),
        (42, "42 s"),
        (59.9, "1 min"),
        (90, "1 min 30 s"),
        (3600, "1 h"),
        (5400, "1 h 30 min"),
        (86400, "1 d"),
        (100_000, "1 d 3 h"),
    ],
)
def test_durations(seconds, text):
    """A duration has its two largest units."""
    assert in_time(seconds) == text


def test_shares():
    """A ratio is a percentage with one digit."""
    assert in_percent(0.9312) == "93.1 %"
