"""``vibeworkbench scan``: look, watch it look, and read what it saw."""

from __future__ import annotations

from typing import Any

import click

from vibeworkbench.cli.arguments import Instant, json_option, workbench
from vibeworkbench.cli.output import emit, warn
from vibeworkbench.cli.report import report
from vibeworkbench.cli.watching import watched
from vibeworkbench.client import Workbench
from vibeworkbench.client.errors import Conflict
from vibeworkbench.client.scans import RunningScan, Scan
from vibeworkbench.client.values import SEVERITIES

_EXAMPLES = """Look at this machine and all targets, and file what is wrong as issues.

    SCOPE is full (the default: everything) or incremental (what is new since the last scan).

    \b
    vibeworkbench scan
    vibeworkbench scan incremental --source files
    vibeworkbench scan --severity high --severity critical --json
    vibeworkbench scan --source http:shop --no-wait
    vibeworkbench scan --fail-on high          # exit code 1 when something is that bad
    vibeworkbench scan --attach                # watch the scan that runs already
    """


@click.command(help=_EXAMPLES)
@click.argument("scope", type=click.Choice(["full", "incremental"]), default="full")
@click.option("--source", multiple=True, metavar="NAME", help="Read only this collector, or collector:target.")
@click.option("--severity", multiple=True, type=click.Choice(SEVERITIES), help="Report only findings of this severity.")
@click.option("--type", "kind", multiple=True, metavar="TYPE", help="Report only findings of this type.")
@click.option("--since", type=Instant(), help="Report only what happened from here on (an instant, or 2h for ago).")
@click.option("--until", type=Instant(), help="... and before this instant.")
@click.option("--wait/--no-wait", default=True, help="Wait for the end, or only start it.")
@click.option("--attach", is_flag=True, help="When this scope is being scanned already, watch that scan.")
@click.option("--fail-on", type=click.Choice(SEVERITIES), help="Exit with 1 when a finding is at least that severe.")
@json_option
@click.pass_context
def scan(ctx: click.Context, /, **given: Any) -> int:
    """See the help text above."""
    with workbench(ctx) as found, _running(found, **given) as running:
        if not given["wait"]:
            _say_started(running, given["as_json"])
            return 0
        finished = _awaited(running, given["scope"])
        if given["as_json"]:
            emit(finished)
        else:
            report(found, finished)
        return 0 if finished.ok and not _is_too_bad(finished, given["fail_on"]) else 1


def _running(found: Workbench, *, scope: Any, attach: bool, **given: Any) -> RunningScan:
    try:
        return found.scan(
            scope,
            wait=False,
            source=given["source"],
            severity=given["severity"],
            type=given["kind"],
            since=given["since"],
            until=given["until"],
        )
    except Conflict as conflict:
        if attach and "scanId" in conflict.details:
            return found.follow(str(conflict.details["scanId"]))
        raise


def _say_started(running: RunningScan, as_json: bool) -> None:
    if as_json:
        emit({"scanId": running.scan_id})
    else:
        click.echo(running.scan_id)


def _awaited(running: RunningScan, scope: str) -> Scan:
    try:
        return watched(running, f"{scope} scan")
    except KeyboardInterrupt:
        warn(
            f"scan {running.scan_id} goes on in the server; "
            f"`vibeworkbench scan {scope} --attach` watches it again, `vibeworkbench issues` shows what it files"
        )
        raise


def _is_too_bad(finished: Scan, limit: str | None) -> bool:
    if limit is None:
        return False
    bad = SEVERITIES[: [*SEVERITIES].index(limit) + 1]  # type: ignore[arg-type]
    return any(finished.findings.by_severity.get(name) for name in bad)
