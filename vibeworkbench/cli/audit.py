"""``vibeworkbench audit``: who came in, who was refused, who changed rights."""

from __future__ import annotations

from datetime import datetime

import click

from vibeworkbench.cli.arguments import Instant, json_option, workbench
from vibeworkbench.cli.output import emit_items, show, table


@click.command()
@click.option("--kind", metavar="KIND", help="Only those of this kind, one of the words above.")
@click.option("--identity", metavar="ID", help="Only those of user:NAME, token:ID or server.")
@click.option("--since", type=Instant(), metavar="WHEN", help="Only those since an instant, or a time ago such as 2h.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="How many.")
@json_option
@click.pass_context
def audit(
    ctx: click.Context,
    *,
    kind: str | None,
    identity: str | None,
    since: datetime | None,
    limit: int,
    as_json: bool,
) -> None:
    """Who came in, who was refused, and who changed rights, newest first.

    The same event from the same place counts up for a minute. No token and no password is ever recorded.

    Kinds: login, login-failed, login-limited, logout, refused, token-created, token-revoked, role-set, role-removed,
    password-set, dashboard-published, dashboard-unpublished, dashboard-render-failed, lost.

    \b
    vibeworkbench audit
    vibeworkbench audit --kind login-failed --since 24h
    """
    with workbench(ctx) as found:
        events = found.audit(kind=kind, identity=identity, since=since, limit=limit)
    if as_json:
        emit_items(events)
    elif events:
        rows = [
            (each.last_at, each.kind, each.name or each.identity, each.identity, each.address, each.subject, each.count)
            for each in sorted(events, key=lambda event: event.last_at, reverse=True)
        ]
        show(table(("when", "what", "name", "identity", "from", "subject", "times"), rows, wrap=("name", "subject")))
    else:
        show("Nothing is recorded.")
