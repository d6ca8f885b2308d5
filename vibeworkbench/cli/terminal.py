"""``vibeworkbench terminal``: terminals that many share."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from vibeworkbench.cli.arguments import WithDefault, confirm, json_option, workbench, yes_option
from vibeworkbench.cli.output import ago, emit, emit_items, faint, safe, show, table, warn, word
from vibeworkbench.cli.terminal_attach import attached
from vibeworkbench.cli.terminal_play import played
from vibeworkbench.client.terminal.cast import cast_of
from vibeworkbench.client.terminal.values import RightName
from vibeworkbench.client.terminals import words_of

PROTOCOLS = ("auto", "room-terminal.v1", "terminado", "ttyd")

watch_option = click.option("--watch", is_flag=True, help="Type nothing, whatever your right.")
take_option = click.option("--take", is_flag=True, help="Ask the present driver for the keyboard at once.")


@click.group(cls=WithDefault)
def terminal() -> None:
    """Terminals: shells that many watch, one drives, and a lost connection does not end.

    A terminal is named by its id or its name.

    \b
    vibeworkbench terminal
    vibeworkbench terminal open --attach
    vibeworkbench terminal open --name build --command 'make test'
    vibeworkbench terminal open --websocket wss://other.example/terminals/websocket/1 --token-env OTHER_TOKEN
    vibeworkbench terminal open --docker shop --attach
    vibeworkbench terminal attach build                  # Ctrl-] leaves, and it runs on
    vibeworkbench terminal grant build ana watch
    vibeworkbench terminal record build -o build.cast
    vibeworkbench terminal play build --speed 4 --idle-limit 1
    vibeworkbench terminal close build
    """


@terminal.command(name="list")
@json_option
@click.pass_context
def list_terminals(ctx: click.Context, *, as_json: bool) -> None:
    """List the terminals that you may at least watch."""
    with workbench(ctx) as found:
        listed = found.terminals.list()
    if as_json:
        emit_items(listed)
    elif listed:
        rows = [
            (
                Text.assemble(safe(each.title), (f"\n{safe(each.reason)}" if each.reason else "", "yellow")),
                each.terminal_id,
                word(each.standing),
                f"{each.kind} {each.place}".strip(),
                each.owner,
                each.driver,
                each.members,
                each.role,
                ago(each.created_at),
            )
            for each in listed
        ]
        columns = ("terminal", "id", "state", "runs", "owner", "driver", "members", "you are", "opened")
        show(table(columns, rows, wrap=("terminal", "runs")))
    else:
        show("No terminals for you.", faint("`vibeworkbench terminal open --attach` opens one."))


@terminal.command(name="open")
@click.option("--command", metavar="COMMAND", help="What runs, instead of the usual shell; its words as in a shell.")
@click.option("--cwd", metavar="DIR", help="Where it runs.")
@click.option("--websocket", metavar="URL", help="A terminal elsewhere: of another workbench, a Jupyter server, ttyd.")
@click.option("--protocol", type=click.Choice(PROTOCOLS), help="What that one speaks; found out by itself.")
@click.option("--token-env", metavar="NAME", help="Environment variable of the server with the token for it.")
@click.option("--docker", metavar="CONTAINER", help="A shell, or the command, in a container.")
@click.option("--user", metavar="USER", help="As whom in the container.")
@click.option("--name", default="", help="What people call it.")
@click.option("--sandbox", default="", help="What it belongs to.")
@click.option("--rows", type=click.IntRange(5, 500), help="Rows of the screen; those of this terminal with --attach.")
@click.option("--cols", type=click.IntRange(20, 1000), help="Columns of the screen, likewise.")
@click.option("--no-recording", is_flag=True, help="Keep nothing of it on disk.")
@click.option("--attach", is_flag=True, help="Show it here at once; Ctrl-] leaves, and it runs on.")
@json_option
@click.pass_context
def open_terminal(ctx: click.Context, /, *, attach: bool, as_json: bool, **given: Any) -> int:
    """Open a terminal. It lives until somebody closes it or its shell ends; the server's restarts do not end it.

    A local shell runs as the user of the server, on its machine.
    """
    if attach and as_json:
        raise click.UsageError("--attach and --json exclude each other.")
    size = _size_here() if attach else {}
    size |= {name: given[name] for name in ("rows", "cols") if given[name] is not None}
    recorded = False if given["no_recording"] else None
    with workbench(ctx) as found:
        opened = found.terminals.open(
            _upstream(**given), name=given["name"], recorded=recorded, sandbox=given["sandbox"], **size
        )
        if attach:
            return attached(found, opened, watch=False, take=False)
    if as_json:
        emit(opened)
    else:
        show(Text(f"terminal {safe(opened.title)} is open: vibeworkbench terminal attach {opened.terminal_id}"))
    return 0


def _upstream(**given: Any) -> dict[str, Any]:
    """What runs it, as REST takes it."""
    websocket, docker, command = given["websocket"], given["docker"], given["command"]
    if sum(each is not None for each in (websocket, docker)) > 1 or (websocket and command):
        raise click.UsageError("--websocket stands alone, --docker alone or with --command.")
    kind = "websocket" if websocket else "docker" if docker else "local"
    taken = {"websocket": ("protocol", "token_env"), "docker": ("user", "cwd"), "local": ("cwd",)}[kind]
    for name in ("protocol", "token_env", "user", "cwd"):
        if given[name] is not None and name not in taken:
            raise click.UsageError(f"--{name.replace('_', '-')} means nothing for a {kind} terminal.")
    asked = {
        "url": websocket,
        "container": docker,
        "command": None if command is None else words_of(command),
        "tokenEnv": given["token_env"],
        **{name: given[name] for name in ("protocol", "user", "cwd")},
    }
    return {"kind": kind, **{name: value for name, value in asked.items() if value is not None}}


def _size_here() -> dict[str, int]:
    size = shutil.get_terminal_size()
    return {"rows": size.lines, "cols": size.columns}


@terminal.command()
@click.argument("terminal_id", metavar="TERMINAL")
@watch_option
@take_option
@click.pass_context
def attach(ctx: click.Context, *, terminal_id: str, watch: bool, take: bool) -> int:
    """Show a terminal here, and type into it where your right and its driver let you. Ctrl-] leaves; it runs on.

    Notices stand in the last row, or on stderr when that is elsewhere. When the shell ends, its exit code is this
    command's.
    """
    with workbench(ctx) as found:
        return attached(found, found.terminals.find(terminal_id), watch=watch, take=take)


@terminal.command()
@click.argument("terminal_id", metavar="TERMINAL")
@yes_option
@json_option
@click.pass_context
def close(ctx: click.Context, *, terminal_id: str, yes: bool, as_json: bool) -> None:
    """Close a terminal for everybody: what runs in it ends. Its recording is kept no longer than the settings say."""
    with workbench(ctx) as found:
        meant = found.terminals.find(terminal_id)
        confirm(f"Close terminal {safe(meant.title)} and end what runs in it ({meant.members} members)?", yes=yes)
        found.terminals.end(meant, confirm=True)
    if as_json:
        emit({"terminalId": meant.terminal_id})
    else:
        show(Text(f"terminal {safe(meant.title)} is closed"))


@terminal.command()
@click.argument("terminal_id", metavar="TERMINAL")
@json_option
@click.pass_context
def restart(ctx: click.Context, *, terminal_id: str, as_json: bool) -> None:
    """Begin a new shell in a terminal, or try at once to reach its upstream again."""
    with workbench(ctx) as found:
        made = found.terminals.restart(terminal_id)
    if as_json:
        emit(made)
    else:
        show(Text.assemble(f"terminal {safe(made.title)}: ", word(made.standing)))


@terminal.command()
@click.argument("terminal_id", metavar="TERMINAL")
@click.argument("identity", metavar="WHO")
@click.argument("right", type=click.Choice(["watch", "drive"]))
@json_option
@click.pass_context
def grant(ctx: click.Context, *, terminal_id: str, identity: str, right: RightName, as_json: bool) -> None:
    """Let somebody watch a terminal, or drive it. Who is a viewer watches, whatever is granted.

    WHO is a person's name, or an identity such as token:3f2a91c0d4e5. Operators need no grant.
    """
    with workbench(ctx) as found:
        given = found.terminals.grant(terminal_id, identity, right)
    if as_json:
        emit_items(given)
    else:
        show(Text(f"{safe(identity)} may {right} terminal {safe(terminal_id)}"))


@terminal.command()
@click.argument("terminal_id", metavar="TERMINAL")
@click.argument("identity", metavar="WHO")
@json_option
@click.pass_context
def revoke(ctx: click.Context, *, terminal_id: str, identity: str, as_json: bool) -> None:
    """Take a grant back; whoever is there by it alone is sent away."""
    with workbench(ctx) as found:
        found.terminals.revoke(terminal_id, identity)
    if as_json:
        emit({"identity": identity})
    else:
        show(Text(f"{safe(identity)} is granted nothing any more of terminal {safe(terminal_id)}"))


@terminal.command()
@click.argument("terminal_id", metavar="TERMINAL")
@json_option
@click.pass_context
def grants(ctx: click.Context, *, terminal_id: str, as_json: bool) -> None:
    """List who was granted what of a terminal."""
    with workbench(ctx) as found:
        listed = found.terminals.grants(terminal_id)
    if as_json:
        emit_items(listed)
    elif listed:
        show(table(("who", "may"), [(each.identity, each.right) for each in listed]))
    else:
        show("Nobody was granted anything.", faint("The owner owns it, operators may drive it."))


@terminal.command()
@click.argument("terminal_id", metavar="TERMINAL")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="The file; - or none is stdout.")
@click.pass_context
def record(ctx: click.Context, *, terminal_id: str, output: Path | None) -> None:
    """Get the recording of a terminal, as asciicast v3, which asciinema plays, too."""
    with workbench(ctx) as found:
        text = found.terminals.recording(terminal_id)
    if output is None or str(output) == "-":
        click.echo(text, nl=False)
    else:
        output.write_text(text, "utf-8")
        warn(f"{len(text.encode()):,} bytes in {output}")


@terminal.command()
@click.argument("recording", metavar="TERMINAL|FILE")
@click.option("--speed", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True, help="So many times.")
@click.option("--idle-limit", "idle_limit_s", type=click.FloatRange(0), metavar="SECONDS", help="The longest pause.")
@click.pass_context
def play(ctx: click.Context, *, recording: str, speed: float, idle_limit_s: float | None) -> None:
    """Play the recording of a terminal, or of a file (asciicast v3 or v2), until it ends or Ctrl-C."""
    file = Path(recording)
    if file.is_file():
        text = file.read_text("utf-8", "replace")
    else:
        with workbench(ctx) as found:
            text = found.terminals.recording(recording)
    sys.stdout.flush()
    played(cast_of(text), speed=speed, idle_limit_s=idle_limit_s)
