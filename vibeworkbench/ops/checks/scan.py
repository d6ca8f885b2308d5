"""What a scan says about itself: collectors that failed or ran out of time, checks that crashed, plugins not loaded.

The scan service adds :func:`scan_look` to the collectors' looks before the checks judge, so that these findings rest on
a look of their own (``scan``) and resolve as soon as the collector, check or plugin in question is well again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime

from vibeworkbench.ops.checks import CheckContext, check
from vibeworkbench.ops.model import Finding, Look, LookState, Observation, Severity, Snapshot
from vibeworkbench.plugins import PluginFailure

COLLECTOR = "scan"
CRASHED_ID = "scan.check-crashed"


def scan_look(
    looks: Iterable[Look],
    *,
    taken_at: datetime,
    check_ids: Collection[str],
    failures: Collection[PluginFailure] = (),
    disabled: Collection[str] = (),
) -> Look:
    """The scan's look at itself, to be added to the snapshot's looks.

    Args:
        looks: What the collectors brought home, with the states that raises and time limits were mapped to.
        taken_at: When, aware UTC.
        check_ids: Ids of the checks that are about to judge this scan.
        failures: Plugins that could not be loaded.
        disabled: Names of collectors and ids of checks that are switched off: troubles of theirs are over.

    Returns:
        A look of collector ``scan`` that covers the collectors that ran, the checks that judge, and every plugin.
    """
    ran = [look for look in looks if look.state is not LookState.skipped]
    seen = [_collector_observation(look, taken_at) for look in ran]
    seen += [
        Observation("scan.plugin", f"plugin:{one.group}:{one.name}", one.error_type, "text", taken_at)
        for one in failures
    ]
    covered = {f"collector:{look.collector}" for look in ran} | {f"check:{id_}" for id_ in check_ids} | {"plugin:*"}
    covered |= {f"{kind}:{name}" for name in disabled for kind in ("collector", "check")}
    return Look(COLLECTOR, LookState.ok, tuple(seen), frozenset(covered))


def _collector_observation(look: Look, taken_at: datetime) -> Observation:
    return Observation(
        "scan.collector",
        f"collector:{look.collector}",
        look.state.value,
        "state",
        taken_at,
        {"collector": look.collector, "reason": look.reason, "durationMs": look.duration_ms, "records": look.records},
    )


def crashed_check_finding(check_id: str, error_type: str) -> Finding:
    """The finding about a check that raised while it judged; ``error_type`` is the exception's class name."""
    return Finding(
        check=CRASHED_ID,
        collector=COLLECTOR,
        subject=f"check:{check_id}",
        severity=Severity.high,
        type="scan",
        title=f"Check {check_id} crashed with {error_type}; what it should have judged is not judged",
        hint=f"See the server's log for the trace of {check_id}. Until it is mended, list it in ops.disabled_checks.",
        evidence={"check": check_id, "errorType": error_type},
    )


@check(
    id="scan.collector-failed",
    collector=COLLECTOR,
    type="scan",
    severity=Severity.high,
    hint="See the server's log for the trace. Nothing that this collector looks at is judged until it works again.",
    tags={"scan"},
)
def collector_failed(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """A collector raised instead of bringing home what it saw."""
    for seen in snapshot.observations("scan.collector"):
        if seen.value == LookState.failed.value:
            reason = seen.attributes["reason"]
            yield collector_failed.finding(
                seen.subject,
                f"Collector {seen.attributes['collector']} failed" + (f": {reason}" if reason else ""),
                evidence=dict(seen.attributes),
            )


@check(
    id="scan.collector-timed-out",
    collector=COLLECTOR,
    type="scan",
    severity=Severity.medium,
    hint="Raise ops.collector_limit_s, or give this collector less to look at (fewer targets, smaller max_bytes).",
    tags={"scan"},
)
def collector_timed_out(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """A collector did not finish within its limit."""
    for seen in snapshot.observations("scan.collector"):
        if seen.value == LookState.timed_out.value:
            took_s = seen.attributes["durationMs"] / 1000
            yield collector_timed_out.finding(
                seen.subject,
                f"Collector {seen.attributes['collector']} was stopped after {took_s:.1f} s without finishing",
                evidence=dict(seen.attributes),
            )


@check(
    id="scan.plugin-not-loaded",
    collector=COLLECTOR,
    type="scan",
    severity=Severity.high,
    hint="Reinstall or remove the package that brings this entry point, then restart the server.",
    tags={"scan"},
)
def plugin_not_loaded(snapshot: Snapshot, context: CheckContext) -> Iterator[Finding]:
    """An installed collector or check could not be loaded when the server started."""
    for seen in snapshot.observations("scan.plugin"):
        group, name = seen.subject.removeprefix("plugin:").rsplit(":", 1)
        yield plugin_not_loaded.finding(
            seen.subject,
            f"Plugin {name} of {group} could not be loaded: {seen.value}",
            evidence={"group": group, "name": name, "errorType": seen.value},
        )


CHECKS = (collector_failed, collector_timed_out, plugin_not_loaded)
