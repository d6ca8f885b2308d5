"""``vibeworkbench doctor``: look for what keeps the workbench from working, and say what to do about it."""

from __future__ import annotations

from collections.abc import Iterable

import click
import msgspec

from vibeworkbench.cli.ailments import Ailment, of_machine, of_server
from vibeworkbench.cli.arguments import json_option
from vibeworkbench.cli.output import Cell, emit, show, table, word


@click.command()
@json_option
@click.pass_context
def doctor(ctx: click.Context, *, as_json: bool) -> int:
    """Check the installation, the data directory, and the running server.

    \b
    vibeworkbench doctor
    vibeworkbench doctor --json | jq '.items[] | select(.state != "ok")'

    Exit code 1 when a check fails; a warning is none.
    """
    found = [*of_machine(), *of_server(ctx.find_root().obj)]
    if as_json:
        emit({"items": [msgspec.to_builtins(each) for each in found], "nextCursor": None})
    else:
        show(
            table(("check", "", "what was found", "what to do"), map(_row, found), wrap="what was found"),
            "",
            _verdict(found),
        )
    return 1 if any(each.state == "fail" for each in found) else 0


def _row(ailment: Ailment) -> tuple[Cell, ...]:
    return (ailment.name, word(ailment.state), ailment.found, ailment.remedy)


def _verdict(found: Iterable[Ailment]) -> str:
    states = [each.state for each in found]
    fails, warns = states.count("fail"), states.count("warn")
    return f"{len(states)} checks: {states.count('ok')} ok, {warns} to look at, {fails} failed"
