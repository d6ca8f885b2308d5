"""``vibeworkbench roles``: people and their roles."""

from __future__ import annotations

import sys

import click
from rich.text import Text

from vibeworkbench.cli.arguments import WithDefault, json_option, workbench
from vibeworkbench.cli.output import ago, emit, emit_items, faint, safe, show, table
from vibeworkbench.client.access import RoleName

RIGHTS = ("viewer", "analyst", "operator", "admin")


@click.group(cls=WithDefault)
def roles() -> None:
    """Roles: what people may who log in with a password or come by single sign-on.

    \b
    vibeworkbench roles
    vibeworkbench roles set ana operator --password      # asks for it
    vibeworkbench roles set bo@example.org viewer        # comes by single sign-on
    vibeworkbench roles remove ana
    """


@roles.command(name="list")
@json_option
@click.pass_context
def list_roles(ctx: click.Context, *, as_json: bool) -> None:
    """List the roles of the database and of the settings file; where both name somebody, the database's counts."""
    with workbench(ctx) as found:
        listed = found.roles()
    if as_json:
        emit_items(listed)
    elif listed:
        rows = [
            (
                each.name,
                each.role,
                each.kind,
                each.origin if each.in_force else f"{each.origin}, not in force",
                "yes" if each.has_password else None,
                ago(each.changed_at),
                each.changed_by,
            )
            for each in listed
        ]
        show(table(("name", "role", "kind", "from", "password", "changed", "by"), rows, wrap="name"))
    else:
        show(
            "Nobody has a role but whoever holds the server's own token.",
            faint("`vibeworkbench roles set NAME ROLE` gives one."),
        )


@roles.command(name="set")
@click.argument("name")
@click.argument("role", type=click.Choice(RIGHTS))
@click.option("--password", "with_password", is_flag=True, help="Ask for a password, or read it from standard input.")
@json_option
@click.pass_context
def set_role(ctx: click.Context, *, name: str, role: RoleName, with_password: bool, as_json: bool) -> None:
    """Give somebody a role, from now on, whatever the settings file says.

    A password is asked for, or read as one line from standard input: arguments are visible to everybody on the machine.
    Another password ends the sessions that were open. Without --password the present one stays.
    """
    password = _password() if with_password else None
    with workbench(ctx) as found:
        given = found.roles.set(name, role, password=password)
    if as_json:
        emit(given)
    else:
        how = "with a password" if given.has_password else "by single sign-on; --password gives a password"
        show(Text(f"{safe(given.name)} is {given.role} and comes in {how}"))


@roles.command()
@click.argument("name")
@json_option
@click.pass_context
def remove(ctx: click.Context, *, name: str, as_json: bool) -> None:
    """Take somebody's role and password away; open sessions end at once."""
    with workbench(ctx) as found:
        found.roles.remove(name)
    if as_json:
        emit({"name": name})
    else:
        show(Text(f"{safe(name)} has no role any more, unless the settings file gives one"))


def _password() -> str:
    if sys.stdin.isatty():
        asked: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return asked
    read = sys.stdin.readline().rstrip("\r\n")
    if not read:
        raise click.UsageError("--password: there is no line on standard input, and nobody to ask.")
    return read
