"""``vibeworkbench containers``: how containers stand, what they use and say, what failed in them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import click
from rich.text import Text

from vibeworkbench.cli.arguments import Instant, WithDefault, json_option, workbench
from vibeworkbench.cli.following import ConnectionSaid, followed
from vibeworkbench.cli.log_lines import blocks, level_option, print_lines
from vibeworkbench.cli.output import Cell, ago, cell, emit, emit_items, faint, safe, show, table, warn, word
from vibeworkbench.client.container_values import Container, percent, size
from vibeworkbench.client.displays import visible

SHORT_DIGITS = 12
COURSE = timedelta(hours=1)


@click.group(cls=WithDefault)
def containers() -> None:
    """Containers of this server's engine, and those that agents on other machines bring.

    A container is named by its name, its id, or the beginning of its id.

    \b
    vibeworkbench containers
    vibeworkbench containers show shop
    vibeworkbench containers errors --since 1d
    vibeworkbench containers logs shop --level warning
    vibeworkbench containers logs shop --follow
    """


@containers.command(name="list")
@click.option("--state", metavar="STATE", help="Only those that are running, exited, ...")
@json_option
@click.pass_context
def list_containers(ctx: click.Context, *, state: str | None, as_json: bool) -> None:
    """List the containers: how each stands and what it uses."""
    with workbench(ctx) as found:
        listed = found.containers.list(state=state)
    if as_json:
        emit_items(listed)
    elif listed:
        columns = ("state", "container", "processor", "memory", "restarts", "last heard of", "id")
        show(table(columns, map(_row, listed), wrap=("container",)))
    else:
        show("No container was heard of.", faint("`vibeworkbench agent` brings those of another machine."))
    if listed.engine is not None and listed.engine.state == "failing":
        warn(f"the container engine of the server does not answer as it should: {listed.engine.reason}")


def _row(each: Container) -> tuple[Cell, ...]:
    name = Text(safe(visible(each.container_name)))
    for beneath, style in ((each.image, "dim"), ("; ".join(each.reasons), "yellow")):
        if beneath:
            name.append(f"\n{safe(visible(beneath))}", style=style)
    use = (percent(each.cpu_percent), size(each.memory_bytes))
    last, short = ago(each.last_seen_at), each.container_id[:SHORT_DIGITS]
    return (word(each.standing), name, *use, each.restarts or None, last, short)


@containers.command(name="show")
@click.argument("container")
@json_option
@click.pass_context
def show_container(ctx: click.Context, *, container: str, as_json: bool) -> None:
    """Show one container: how it stands, what it uses, its processes, its labels and its masked environment."""
    with workbench(ctx) as found:
        one = found.containers.find(container)
        if as_json:
            emit(one)
            return
        metrics = found.containers.metrics(one, since=COURSE)
        processes = found.containers.processes(one, state="running")
    show(Text.assemble(word(one.standing), f"  {safe(visible(one.container_name))}"))
    _facts(one)
    for name, course in metrics[0].series.items() if metrics else ():
        if name in {"cpuPercent", "memoryBytes"}:
            drawn = blocks([round(1000 * (value or 0)) for value in course.mean], 60)
            show(Text.assemble((f"  {'processor' if name == 'cpuPercent' else 'memory':<10}", "dim"), drawn))
    if processes:
        rows = [
            (
                each.process_id,
                each.name,
                visible(each.command or ""),
                percent(each.cpu_percent),
                size(each.memory_bytes),
            )
            for each in processes
        ]
        show("", table(("process", "name", "command", "processor", "memory"), rows, wrap=("command",)))
    _pairs("labels", one.labels)
    _pairs("environment", one.environment)


def _facts(one: Container) -> None:
    facts: dict[str, str | int | datetime | None] = {
        "id": one.container_id,
        "image": one.image,
        "why": "; ".join(one.reasons),
        "score": None if one.score is None else f"{one.score} of 100",
        "processor": percent(one.cpu_percent),
        "memory": size(one.memory_bytes),
        "restarts": one.restarts or None,
        "exit code": one.exit_code,
        "started": one.started_at,
        "ended": one.finished_at,
        "last heard of": one.last_seen_at,
    }
    for name, value in facts.items():
        if value not in {None, ""}:
            show(Text.assemble((f"  {name}: ", "dim"), cell(value)))


def _pairs(title: str, told: dict[str, str]) -> None:
    if told:
        show("", faint(title), *(Text(f"  {safe(name)}={safe(visible(value))}") for name, value in told.items()))


@containers.command()
@click.argument("container", required=False)
@click.option("--since", type=Instant(), help="Seen from here on: an instant, or 2h for two hours ago.")
@click.option("-n", "--limit", type=click.IntRange(1), default=50, show_default=True)
@json_option
@click.pass_context
def errors(ctx: click.Context, *, container: str | None, since: datetime | None, limit: int, as_json: bool) -> None:
    """List what failed in a container, or in all; the same errors are one, with a count."""
    with workbench(ctx) as found:
        listed = found.containers.errors(container, since=since, limit=limit)
    if as_json:
        emit_items(listed)
        return
    rows: Sequence[tuple[Cell, ...]] = [
        (
            Text.assemble((safe(each.type), "bold red"), f"\n{safe(visible(each.message))}"),
            f"{each.count}\N{MULTIPLICATION SIGN}",
            ", ".join(each.containers),
            ago(each.first_seen_at),
            ago(each.last_seen_at),
        )
        for each in listed
    ]
    if rows:
        show(table(("error", "seen", "in", "first", "last"), rows, wrap=("error", "in")))
    else:
        show("No error was reported.")


@containers.command()
@click.argument("container", required=False)
@click.argument("words", nargs=-1)
@level_option
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@click.option("-n", "--last", type=click.IntRange(1), default=50, show_default=True, help="So many stored ones.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object in each line, named as in REST.")
@click.pass_context
def logs(ctx: click.Context, /, *, container: str | None, words: tuple[str, ...], as_json: bool, **given: Any) -> None:
    """Show the lines of a container, or of all, in which all WORDS occur: the newest ones, oldest of them first."""
    text, level, last = " ".join(words), given["level"], given["last"]
    with workbench(ctx) as found:
        if not given["follow"]:
            lines = found.containers.logs(container, text, level=level, limit=last)
            print_lines(reversed(lines), as_json=as_json)
            return
        said = ConnectionSaid()
        with found.containers.tail(container, text, level=level, last=last, on_connection=said) as tail:
            tail.wait_joined()
            for batch in followed(tail.next, lambda: tail.connection.quality == "closed"):
                print_lines(batch, as_json=as_json)
