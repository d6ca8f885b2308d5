"""Judges HTTP targets: one check says that a target does not answer as it must, another that it is slow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vibeworkbench.ops.checks import CheckContext, check
from vibeworkbench.ops.checks.probed import down_title, failure_of, hint_for, spoken_ms, sweep_check, tries
from vibeworkbench.ops.model import Finding, Observation, Severity, Snapshot

SLOW_CLEAR_RATIO = 0.8
"""A slow target is well again below this share of its threshold."""

_EVIDENCE = ("url", "method", "status", "location", "phasesMs", "totalMs", "attempts", "bodyBytes")


def _evidence(seen: Observation) -> dict[str, Any]:
    """The measured facts of a probe."""
    return {name: seen.attributes[name] for name in _EVIDENCE if name in seen.attributes}


@check(
    id="http.answer",
    collector="http",
    type="availability",
    severity=Severity.high,
    hint="See the service's log at this time.",
    tags={"http", "probe"},
)
def answer(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """A target does not answer, or not as expected: one trouble, whichever way it shows today."""
    for seen in snapshot.observations("http.state"):
        if seen.value != "down":
            continue
        yield answer.finding(
            seen.subject,
            down_title(seen, seen.attributes["url"]),
            hint=hint_for(seen),
            evidence={**_evidence(seen), "failure": failure_of(seen), "tries": tries(seen)},
        )


@check(
    id="http.slow",
    collector="http",
    type="performance",
    severity=Severity.medium,
    hint="The evidence says which phase took the time. First byte: the service; connect or TLS: the way there.",
    tags={"http", "probe"},
)
def slow(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """A target answers as expected, and takes longer than its ``slow_after_s``."""
    for seen in snapshot.observations("http.state"):
        total_ms, limit_ms = seen.attributes["totalMs"], seen.attributes["slowAfterMs"]
        clear_ms = limit_ms * SLOW_CLEAR_RATIO
        if seen.value != "up" or total_ms < (clear_ms if context.holds(slow, seen.subject) else limit_ms):
            continue
        yield slow.finding(
            seen.subject,
            f"{seen.attributes['name']} took {spoken_ms(total_ms)} to answer, limit {spoken_ms(limit_ms)} "
            f"({seen.attributes['url']})",
            evidence={**_evidence(seen), "thresholdMs": limit_ms, "clearMs": clear_ms},
        )


CHECKS = (answer, slow, sweep_check("http"))
