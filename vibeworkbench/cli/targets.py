"""``vibeworkbench targets``: what scans look at beside this machine and its Jupyter server."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
import msgspec
from rich.text import Text

from vibeworkbench.cli.arguments import WithDefault, confirm, json_option, workbench, yes_option
from vibeworkbench.cli.output import emit, emit_items, faint, safe, show, table

KINDS = ("http", "tcp", "tls", "files", "workspace")
_PLACE = {"http": "url", "files": "glob", "workspace": "path"}


@click.group(cls=WithDefault)
def targets() -> None:
    """Targets: what scans look at beside this machine and its Jupyter server.

    \b
    vibeworkbench targets
    vibeworkbench targets add http shop https://shop.example/health --set expect_status='[200, 204]'
    vibeworkbench targets add tcp database 10.0.0.5:5432
    vibeworkbench targets add files worker '/var/log/worker/*.log*'
    vibeworkbench targets remove shop
    """


@targets.command(name="list")
@json_option
@click.pass_context
def list_targets(ctx: click.Context, *, as_json: bool) -> None:
    """List all targets, those of the settings file too."""
    with workbench(ctx) as found:
        listed = found.targets()
    if as_json:
        emit_items(each.body() for each in listed)
    elif listed:
        rows = [(each.name, each.kind, each.place, each.origin, each.target_id) for each in listed]
        show(table(("name", "kind", "where", "from", "id"), rows, wrap="where"))
    else:
        show("No targets beside this machine and its Jupyter server.", faint("`vibeworkbench targets add` adds one."))


@targets.command()
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("name")
@click.argument("where", metavar="URL|HOST:PORT|GLOB|PATH")
@click.option("--set", "fields", multiple=True, metavar="FIELD=VALUE", help="Another field of the settings file; JSON.")
@json_option
@click.pass_context
def add(ctx: click.Context, *, kind: str, name: str, where: str, fields: Sequence[str], as_json: bool) -> None:
    """Add a target that the next scan looks at.

    The fields are those of the settings file, for instance --set timeout_s=3 or --set body_contains=ready.
    """
    given = {**_place(kind, where), **dict(map(_field, fields))}
    with workbench(ctx) as found:
        added = found.targets.add(kind, name=name, **given)
    if as_json:
        emit(added.body())
    else:
        show(Text(f"{safe(added.name)} is looked at from the next scan on ({added.target_id})"))


@targets.command()
@click.argument("target", metavar="NAME|ID")
@yes_option
@json_option
@click.pass_context
def remove(ctx: click.Context, *, target: str, yes: bool, as_json: bool) -> None:
    """Remove a target: scans look at it no more."""
    with workbench(ctx) as found:
        meant = found.targets.find(target)
        confirm(f"Remove the {meant.kind} target {safe(meant.name)} ({safe(meant.place)})?", yes=yes)
        found.targets.remove(meant, confirm=True)
    if as_json:
        emit({"targetId": meant.target_id})
    else:
        show(f"{safe(meant.name)} is removed")


def _place(kind: str, where: str) -> dict[str, Any]:
    if kind in _PLACE:
        return {_PLACE[kind]: where}
    host, colon, port = where.rpartition(":")
    if not colon:
        if kind == "tcp":
            raise click.BadParameter("a tcp target needs HOST:PORT", param_hint="where")
        return {"host": where}
    if not port.isdigit():
        raise click.BadParameter(f"{port!r} is no port", param_hint="where")
    return {"host": host.strip("[]"), "port": int(port)}


def _field(assignment: str) -> tuple[str, Any]:
    name, equals, text = assignment.partition("=")
    if not equals or not name.isidentifier():
        raise click.BadParameter(f"{assignment!r} is not FIELD=VALUE", param_hint="--set")
    try:
        return name, msgspec.json.decode(text)
    except msgspec.DecodeError:
        return name, text  # a text needs no quotes
