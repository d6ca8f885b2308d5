"""Words that the checks of probed endpoints share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vibeworkbench.ops.checks import Check, CheckContext, check
from vibeworkbench.ops.model import Finding, LookState, Observation, Severity, Snapshot

_HINTS = {
    "refused": "Nothing listens there. Is the service running, and on this port?",
    "timeout": "See whether the service hangs or is overloaded, or whether a firewall swallows its packets.",
    "reset": "See the service's log for crashes, and what stands between here and it (proxy, firewall).",
    "unreachable": "Check the route, the address and the firewalls between here and the target.",
    "name": "Check the spelling of the host name and this machine's DNS settings.",
    "certificate": "Renew or replace the certificate, or install its authority on this machine.",
    "tls": "Check that the port speaks TLS 1.2 or later, and that it is the right port.",
    "protocol": "Check that the port speaks HTTP/1.1, and see the service's log for broken answers.",
    "status": "See the service's log at this time. If the answer is right, change the target's expectStatus.",
    "content": "See what the service answers now. If it is right, change what the target expects of the body.",
    "settings": "Correct the target's settings.",
}


def sweep_check(collector: str) -> Check:
    """The check that a sweep over targets came to its end."""

    @check(
        id=f"{collector}.sweep",
        collector=collector,
        type="scan",
        severity=Severity.medium,
        hint="Raise ops.collector_limit_s or ops.probes_at_once, or give slow targets a smaller timeout_s.",
        tags={collector, "probe"},
    )
    def sweep(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
        """Some targets were not probed: their issues stay as they were."""
        for seen in snapshot.observations(f"{collector}.sweep"):
            if seen.value == LookState.partial.value:
                title = f"The {collector} probes are incomplete: {seen.attributes['reason']}"
                yield sweep.finding(seen.subject, title, evidence=dict(seen.attributes))

    return sweep


def hint_for(seen: Observation) -> str:
    """What to do next about a target that is down."""
    return _HINTS.get(failure_of(seen).get("kind", ""), "")


def failure_of(seen: Observation) -> dict[str, Any]:
    """The failure of an observation ``<kind>.state``; empty when there is none."""
    failure: dict[str, Any] = seen.attributes.get("failure", {})
    return failure


def down_title(seen: Observation, where: str) -> str:
    """One line about a target that is down: ``shop refuses connections (127.0.0.1:80)``."""
    facts, failure = seen.attributes, failure_of(seen)
    after = f" after {spoken_ms(facts['totalMs'])}" if failure["phase"] in ("answer", "body") else ""
    if failure["kind"] == "timeout":
        after = ""  # the reason says it
    return f"{facts['name']} {failure['reason']}{after} ({where})"


def tries(seen: Observation) -> str:
    """How often it was tried before it was believed, in words, for the evidence."""
    if seen.attributes["attempts"] > 1:
        return "failed twice in a row"
    kind = failure_of(seen).get("kind")
    return "the time limit left no second try" if kind == "timeout" else "a second try at once would change nothing"


def spoken_ms(duration_ms: float) -> str:
    """A duration for people: ``0.4 ms``, ``41 ms``, ``2.3 s``."""
    if duration_ms >= 1000:
        return f"{duration_ms / 1000:.1f} s"
    return f"{duration_ms:.0f} ms" if duration_ms >= 1 else f"{duration_ms:.1f} ms"
