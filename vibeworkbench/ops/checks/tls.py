"""Judges TLS targets: reachable, trusted, and valid for long enough."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vibeworkbench.ops.checks import CheckContext, check
from vibeworkbench.ops.checks.probed import down_title, failure_of, hint_for, sweep_check, tries
from vibeworkbench.ops.model import Finding, Observation, Severity, Snapshot

CLEAR_DAYS = 1.0
"""A certificate that was too near its end is well again only this many days beyond the warning: several servers behind
one name, each with a certificate of its own, would make it flap."""


def _where(seen: Observation) -> str:
    """Host and port, and the name asked for where that is another."""
    facts = seen.attributes
    name = "" if facts["serverName"] == facts["host"] else f" as {facts['serverName']}"
    return f"{facts['host']}:{facts['port']}{name}"


def _evidence(seen: Observation) -> dict[str, Any]:
    """The certificate's facts."""
    kept = (
        "host",
        "port",
        "serverName",
        "expiresAt",
        "daysLeft",
        "issuer",
        "commonName",
        "names",
        "trusted",
        "problem",
    )
    return {name: seen.attributes[name] for name in kept if name in seen.attributes}


@check(
    id="tls.connect",
    collector="tls",
    type="availability",
    severity=Severity.high,
    hint="See whether the service runs and speaks TLS on this port.",
    tags={"tls", "probe"},
)
def connect(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """No certificate could be read, because there was no connection or no handshake."""
    for seen in snapshot.observations("tls.state"):
        if seen.value == "down":
            yield connect.finding(
                seen.subject,
                down_title(seen, _where(seen)),
                hint=hint_for(seen),
                evidence={
                    **_evidence(seen),
                    "phasesMs": seen.attributes["phasesMs"],
                    "failure": failure_of(seen),
                    "tries": tries(seen),
                },
            )


@check(
    id="tls.expiry",
    collector="tls",
    type="security",
    severity=Severity.medium,
    hint="Renew the certificate and have the service load it. If renewal is automatic, see why it did not happen.",
    tags={"tls", "probe"},
)
def expiry(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """A certificate ends soon or has ended."""
    for seen in snapshot.observations("tls.state"):
        facts = seen.attributes
        if seen.value != "up":
            continue
        clear_days = facts["warnDays"] + CLEAR_DAYS
        if facts["daysLeft"] >= (clear_days if context.holds(expiry, seen.subject) else facts["warnDays"]):
            continue
        yield expiry.finding(
            seen.subject,
            f"The certificate of {facts['name']} {_spoken_end(facts['daysLeft'])} ({_where(seen)})",
            severity=_severity(facts["daysLeft"], facts["criticalDays"]),
            evidence={
                **_evidence(seen),
                "warnDays": facts["warnDays"],
                "criticalDays": facts["criticalDays"],
                "clearDays": clear_days,
            },
        )


def _severity(days_left: float, critical_days: float) -> Severity:
    """Medium while there is time, critical when there is none."""
    if days_left <= 0:
        return Severity.critical
    return Severity.high if days_left < critical_days else Severity.medium


def _spoken_end(days_left: float) -> str:
    """When a certificate ends or ended."""
    distance = abs(days_left)
    spoken = f"{distance * 24:.0f} hours" if distance < 2 else f"{distance:.0f} days"
    return f"expired {spoken} ago" if days_left <= 0 else f"expires in {spoken}"


@check(
    id="tls.trust",
    collector="tls",
    type="security",
    severity=Severity.high,
    hint="Serve the whole chain for the right name, or name the authority's file in the target's ca_file.",
    tags={"tls", "probe"},
)
def trust(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """A certificate is not to be trusted for a reason other than its age: chain, name, authority."""
    for seen in snapshot.observations("tls.state"):
        if seen.value == "up" and seen.attributes["problem"]:
            yield trust.finding(
                seen.subject,
                f"The certificate of {seen.attributes['name']} is not trusted: {seen.attributes['problem']} "
                f"({_where(seen)})",
                evidence=_evidence(seen),
            )


CHECKS = (connect, expiry, trust, sweep_check("tls"))
