"""``vibeworkbench schedules``: scans on a clock."""

from __future__ import annotations

import click

from vibeworkbench.cli.arguments import WithDefault, json_option, workbench
from vibeworkbench.cli.output import ago, emit, emit_items, show, table
from vibeworkbench.cli.report import report
from vibeworkbench.cli.watching import watched


@click.group(cls=WithDefault)
def schedules() -> None:
    """Schedules: scans on a clock. They stand in the settings file.

    \b
    vibeworkbench schedules
    vibeworkbench schedules run full
    """


@schedules.command(name="list")
@json_option
@click.pass_context
def list_schedules(ctx: click.Context, *, as_json: bool) -> None:
    """List the schedules with their next and last fire."""
    with workbench(ctx) as found:
        listed = found.schedules()
    if as_json:
        emit_items(listed)
        return
    rows = [
        (
            each.name,
            each.scope,
            each.cron,
            each.timezone,
            ago(each.next_fire_at),
            ago(each.last_fire_at),
            each.last_outcome,
        )
        for each in listed
    ]
    if rows:
        show(table(("name", "scope", "cron", "zone", "next", "last", "outcome"), rows, wrap="outcome"))
    else:
        show("No schedules in the settings.")


@schedules.command()
@click.argument("name")
@click.option("--wait/--no-wait", default=True, help="Wait for the end of the scan, or only start it.")
@json_option
@click.pass_context
def run(ctx: click.Context, *, name: str, wait: bool, as_json: bool) -> int:
    """Fire a schedule now."""
    with workbench(ctx) as found, found.run_schedule(name) as running:
        if not wait:
            emit({"scanId": running.scan_id}) if as_json else show(running.scan_id)
            return 0
        finished = watched(running, f"schedule {name}")
        if as_json:
            emit(finished)
        else:
            report(found, finished)
        return 0 if finished.ok else 1
