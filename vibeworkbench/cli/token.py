"""``vibeworkbench token``: who holds one may come in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import click
from rich.text import Text

from vibeworkbench.cli.arguments import Instant, WithDefault, json_option, workbench
from vibeworkbench.cli.output import ago, emit, emit_items, faint, safe, show, table, warn, when, word
from vibeworkbench.client.access import RoleName

ROLES = ("ingest", "viewer", "analyst", "operator", "admin")


_DASHBOARD = "dashboard:"


class Expiry(Instant):
    """An instant ahead, or ``never``."""

    def __init__(self) -> None:
        super().__init__(ahead=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The aware instant that ``value`` means, or ``never``."""
        return value if value == "never" else super().convert(value, param, ctx)


@click.group(cls=WithDefault)
def token() -> None:
    """Tokens: who holds one may come in, as the role that it carries.

    \b
    vibeworkbench token
    vibeworkbench token create --role viewer --name "screen in the hall" --scope dashboard:operations
    vibeworkbench token create --role ingest --expires 30d --json
    vibeworkbench token revoke 3f2a91c0d4e5
    """


@token.command(name="list")
@json_option
@click.pass_context
def list_tokens(ctx: click.Context, *, as_json: bool) -> None:
    """List the tokens, newest first, those too that ended not long ago; never their text."""
    with workbench(ctx) as found:
        listed = found.tokens()
    if as_json:
        emit_items(listed)
    elif listed:
        rows = [
            (
                each.id,
                each.name,
                each.role,
                " ".join(each.scope),
                word(each.state),
                when(each.expires_at) if each.expires_at else "never",
                ago(each.last_used_at),
            )
            for each in listed
        ]
        show(table(("id", "name", "role", "scope", "state", "expires", "last used"), rows, wrap=("name", "scope")))
    else:
        show("No tokens beside the server's own.", faint("`vibeworkbench token create --role viewer` makes one."))


@token.command()
@click.option("--role", type=click.Choice(ROLES), required=True, help="The most that its bearer may.")
@click.option("--name", default="", help="What it is for.")
@click.option("--expires", type=Expiry(), metavar="WHEN", help="An instant, a time such as 30d, or never.")
@click.option(
    "--scope",
    multiple=True,
    metavar="SCOPE",
    help="Narrow it to dashboard:NAME, room:PARTY/ROOM, room:PARTY/* or metrics; may be said several times.",
)
@json_option
@click.pass_context
def create(
    ctx: click.Context,
    *,
    role: RoleName,
    name: str,
    expires: datetime | Literal["never"] | None,
    scope: Sequence[str],
    as_json: bool,
) -> None:
    """Create a token. Its text is shown this once and kept nowhere.

    Without --expires it ends after access.token_days of the settings file (a year, unless changed).
    """
    with workbench(ctx) as found:
        made = found.tokens.create(role, name=name, scope=scope, expires=expires)
        meant = [each.removeprefix(_DASHBOARD) for each in scope if each.startswith(_DASHBOARD)]
        known = {each.name: found.dashboards.address(each) for each in found.dashboards()} if meant else {}
    if as_json:
        emit({"token": made.token, "id": made.id, "role": made.role, "expiresAt": made.expires_at})
        return
    until = f"until {when(made.expires_at)}" if made.expires_at else "until it is revoked"
    warn(f"token {made.id}: {made.role}, {until}. It is not shown again:")
    show(Text(safe(made.token)))
    for each in meant:
        if each in known:
            warn(f"put it in TOKEN's place, and on a wall add &kiosk: {known[each]}?token=TOKEN")
        else:
            warn(f"no dashboard is published as {each!r} so far; `vibeworkbench dashboards` names them")


@token.command()
@click.argument("token_id", metavar="ID|NAME")
@json_option
@click.pass_context
def revoke(ctx: click.Context, *, token_id: str, as_json: bool) -> None:
    """Revoke a token: at once, with whatever is connected by it. One that was revoked before stays so."""
    with workbench(ctx) as found:
        ended = found.tokens.revoke(token_id)
    if as_json:
        emit(ended)
    else:
        since = f" since {when(ended.revoked_at)}" if ended.revoked_at else ""
        show(Text(f"token {ended.id} ({safe(ended.name)}) is revoked{since}"))
