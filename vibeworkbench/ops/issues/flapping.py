"""Flap detection: how often the last looks changed their mind about one trouble. Pure.

Source: https://naemon.io/documentation/usersguide/flapping ("Storing the results of the last 21 checks", the newer half
of the transitions weighs more, separate high and low thresholds); the weights 0.75 to 1.25 are those of Naemon's and
Nagios' ``base/flapping.c``.
"""

from __future__ import annotations

LOOKS = 21
"""Looks that are remembered; 20 changes are possible between them."""

OLDEST_WEIGHT = 0.75
NEWEST_WEIGHT = 1.25

_MASK = (1 << LOOKS) - 1


def remembered(looks: int, seen: bool) -> int:
    """The memory ``looks`` with one more look at its newest end.

    Args:
        looks: One bit for each of the last 21 looks, the newest lowest; 1 = the trouble was there.
        seen: Whether the newest look found it.
    """
    return ((looks << 1) | seen) & _MASK


def settled(looks: int) -> bool:
    """Whether all remembered looks agree, so that another equal look changes nothing."""
    return looks in (0, _MASK)


def change_ratio(looks: int) -> float:
    """The weighted share of looks that differed from the one before: 0 never, 1 every time."""
    changes = looks ^ (looks >> 1)
    weights = (
        NEWEST_WEIGHT - age * (NEWEST_WEIGHT - OLDEST_WEIGHT) / (LOOKS - 2)
        for age in range(LOOKS - 1)
        if changes >> age & 1
    )
    return sum(weights) / (LOOKS - 1)


def flaps(looks: int, flapping: bool, start_ratio: float, stop_ratio: float) -> bool:
    """Whether the trouble flaps now: it starts above ``start_ratio`` and stops only below ``stop_ratio``."""
    ratio = change_ratio(looks)
    return ratio >= stop_ratio if flapping else ratio > start_ratio
