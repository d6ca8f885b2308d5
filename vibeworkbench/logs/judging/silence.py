"""How long a source may say nothing before that is unusual. Pure.

A pause is usual when the source has made one as long twice before, or one that is not longer by the stated factor. The
second longest pause of the past and not the longest: one outage must not teach that outages are usual; nights and
weekends come more than once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ENDS_BY_THEMSELVES = frozenset({"build"})
"""Kinds whose sources end when they are done."""
_SAID_TO_END = re.compile(
    r"(?i)\b(?:exit(?:ed|ing|s)?|shut(?:ting)?[ -]?down|shutdown|stopp(?:ed|ing)|finish(?:ed|ing)?|complet(?:ed|ing)"
    r"|terminat(?:ed|ing)|(?:good)?bye|quit(?:ting)?|done)\b"
)
_PAST_TIMES = 10.0
"""How many times its limit a source must have been known, lest a short past set it."""


@dataclass(frozen=True, slots=True)
class SilenceRules:
    """When silence is a finding.

    Attributes:
        least_s: Shortest silence that is one.
        times: How many times the longest usual pause.
        spoke: Least number of minutes in which it spoke.
        history_s: How long it must have been known.
        forget_s: A silence longer than this is the end of the source.
    """

    least_s: float
    times: float
    spoke: int
    history_s: float
    forget_s: float


@dataclass(frozen=True, slots=True)
class Silence:
    """How long a source has been silent, and what is usual.

    Attributes:
        silent_s: Since it last spoke.
        limit_s: What it takes to be unusual.
        usual_s: The second longest pause of its past.
        pauses: How many pauses its past has.
        unusual: Whether it is silent for longer than the limit, and its past is long enough to say so.
    """

    silent_s: float
    limit_s: float
    usual_s: float
    pauses: int
    unusual: bool


def silence_of(
    spoke_s: NDArray[np.float64], lasted_s: NDArray[np.float64], now_s: float, rules: SilenceRules
) -> Silence:
    """What its past says of the present silence.

    Args:
        spoke_s: Instants (Unix seconds, ascending) from which on it spoke.
        lasted_s: For how long it spoke then, as far as counts tell: a minute each, or an hour in older days.
        now_s: The present instant.
        rules: When silence is a finding.
    """
    pauses = np.maximum(np.diff(spoke_s) - lasted_s[:-1], 0.0)
    silent_s = max(now_s - float(spoke_s[-1] + lasted_s[-1]), 0.0) if spoke_s.size else 0.0
    usual_s = float(np.partition(pauses, -2)[-2]) if pauses.size >= 2 else 0.0
    limit_s = max(rules.least_s, rules.times * usual_s)
    known_s = float(spoke_s[-1] - spoke_s[0]) if spoke_s.size else 0.0
    tells = spoke_s.size >= rules.spoke and known_s >= max(rules.history_s, _PAST_TIMES * limit_s)
    return Silence(silent_s, limit_s, usual_s, pauses.size, bool(tells and limit_s < silent_s <= rules.forget_s))


def ended_by_itself(kind: str, last_messages: Iterable[str]) -> bool:
    """Whether a source has come to its own end: a build, or one whose last words say so."""
    return kind in ENDS_BY_THEMSELVES or any(_SAID_TO_END.search(message) for message in last_messages)


@dataclass(frozen=True, slots=True)
class RestartRules:
    """When starts are a finding: at least ``least`` within ``within_s``, and ``times`` as many as usual."""

    least: int
    within_s: float
    times: float


@dataclass(frozen=True, slots=True)
class Restarts:
    """How often a source started: ``count`` times, every ``interval_s`` (median), ``crashes`` errors in between."""

    count: int
    interval_s: float
    crashes: int
    unusual: bool
    loop: bool


_SAYS_START = re.compile(
    r"(?i)\b(?:(?:re)?start(?:s|ed|ing|up)?|boot(?:ed|ing)?|listening|launch(?:ed|ing)|initiali[sz](?:ed|ing)"
    r"|serving|ready to accept|worker \S+ (?:up|online))\b"
)


def says_start(text: str) -> bool:
    """Whether a template sounds as if a program had just started."""
    return bool(_SAYS_START.search(text))


def restarts_of(
    started_s: Sequence[float], crashed_s: Sequence[float], usual_ratio: float, says: bool, rules: RestartRules
) -> Restarts:
    """What the starts of a source within the newest ``within_s`` seconds say.

    Between most starts of a crash loop stands an error. Where none does, many starts are a storm only if the source
    says that it starts and did not use to start so often: jobs start by the hundred, and are none.

    Args:
        started_s: Instants at which it (re)started, ascending.
        crashed_s: Instants of its error records, ascending.
        usual_ratio: Starts within as many seconds that are usual; negative where its past is too short to say.
        says: Whether the template says that a program starts (:func:`says_start`).
        rules: When starts are a finding.
    """
    count = len(started_s)
    if count < rules.least:
        return Restarts(count, 0.0, 0, unusual=False, loop=False)
    starts, crashes = np.asarray(started_s), np.asarray(crashed_s)
    interval_s = float(np.median(np.diff(starts)))
    between = np.diff(np.searchsorted(crashes, starts))
    loop = 2 * int((between > 0).sum()) >= between.size
    often = count >= rules.times * max(usual_ratio, 1.0)
    storm = says and usual_ratio >= 0 and often
    return Restarts(count, interval_s, int(between.sum()), unusual=bool((loop and often) or storm), loop=bool(loop))
