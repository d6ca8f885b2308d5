"""Judges TCP targets: the port accepts a connection."""

from __future__ import annotations

from collections.abc import Iterator

from vibeworkbench.ops.checks import CheckContext, check
from vibeworkbench.ops.checks.probed import down_title, failure_of, hint_for, sweep_check, tries
from vibeworkbench.ops.model import Finding, Severity, Snapshot


@check(
    id="tcp.connect",
    collector="tcp",
    type="availability",
    severity=Severity.high,
    hint="See whether the service runs and listens on this port.",
    tags={"tcp", "probe"},
)
def connect(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """A port accepts no connection."""
    for seen in snapshot.observations("tcp.state"):
        if seen.value != "down":
            continue
        facts = seen.attributes
        yield connect.finding(
            seen.subject,
            down_title(seen, f"{facts['host']}:{facts['port']}"),
            hint=hint_for(seen),
            evidence={
                **{name: facts[name] for name in ("host", "port", "phasesMs", "totalMs", "attempts")},
                "failure": failure_of(seen),
                "tries": tries(seen),
            },
        )


CHECKS = (connect, sweep_check("tcp"))
