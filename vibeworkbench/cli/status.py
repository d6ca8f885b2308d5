"""``vibeworkbench status``: how the server is."""

from __future__ import annotations

import click
from rich.text import Text

from vibeworkbench.cli.arguments import json_option, workbench
from vibeworkbench.cli.output import emit, safe, show, table, word
from vibeworkbench.client.results import counted


@click.command()
@json_option
@click.pass_context
def status(ctx: click.Context, *, as_json: bool) -> int:
    """How the server is, who you are to it, and how healthy what it watches is.

    \b
    vibeworkbench status
    vibeworkbench status --json

    Exit code 1 when a part of the server has failed.
    """
    with workbench(ctx) as found:
        now = found.status()
        if as_json:
            emit(now)
        else:
            health, summary = found.health(), found.summary()
            score = "nothing scanned yet" if health.score is None else f"{health.score:.0f} of 100"
            open_issues = summary.total - (summary.by_state["resolved"].count if "resolved" in summary.by_state else 0)
            show(
                Text(f"vibeworkbench {now.version} at {found.url}, you are {safe(now.caller.name)} ({now.caller.role})")
            )
            show(f"health: {score}, {counted(open_issues, 'unresolved issues')}")
            rows = [
                (
                    name,
                    word(str(each.get("state"))),
                    ", ".join(f"{key} {safe(str(value))}" for key, value in each.items() if key != "state"),
                )
                for name, each in now.subsystems.items()
            ]
            show("", table(("part", "state", ""), rows, wrap=""))
    return 1 if any(each.get("state") == "failed" for each in now.subsystems.values()) else 0
