"""``vibeworkbench logs``: search them, follow them, send some, and see how lines are understood."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click
import msgspec
from rich.text import Text

from vibeworkbench.cli.arguments import Instant, WithDefault, json_option, workbench
from vibeworkbench.cli.following import ConnectionSaid, followed
from vibeworkbench.cli.log_lines import (
    blocks,
    instance_option,
    level_option,
    level_word,
    print_lines,
    source_option,
)
from vibeworkbench.cli.output import ago, emit, emit_items, faint, safe, show, table, warn, word
from vibeworkbench.client.displays import visible
from vibeworkbench.client.log_values import Receipt, layout_name
from vibeworkbench.client.logs import LogTail

REFUSALS_SHOWN = 5
SORTS = ("lastSeen", "count", "firstSeen", "new")

template_option = click.option("--template", metavar="ID", help="Lines of this template, as `logs templates` names it.")
since_option = click.option("--since", type=Instant(), help="From here on: an instant, or 2h for two hours ago.")
until_option = click.option("--until", type=Instant(), help="... and before this instant.")


class _Searching(WithDefault):
    default = "search"


@click.group(cls=_Searching)
def logs() -> None:
    """Logs of workers, builds, containers, followed files and the journal.

    \b
    vibeworkbench logs                                   # the newest lines
    vibeworkbench logs search timeout --level error --since 2h
    vibeworkbench logs search '"connection reset"' --source worker:fetcher
    vibeworkbench logs tail --level warning
    vibeworkbench logs templates --sort new
    vibeworkbench logs sources
    vibeworkbench logs explain 'ERROR 2026-05-04 12:00:00 cannot reach 10.0.0.5'
    npm run build 2>&1 | vibeworkbench logs send --kind build --source nightly
    """


@logs.command()
@click.argument("words", nargs=-1)
@level_option
@source_option
@instance_option
@template_option
@since_option
@until_option
@click.option("-n", "--limit", type=click.IntRange(1), default=100, show_default=True, help="So many lines at most.")
@json_option
@click.pass_context
def search(ctx: click.Context, /, *, words: tuple[str, ...], limit: int, as_json: bool, **filters: Any) -> None:
    """Show the newest lines in which all WORDS occur, oldest of them first; with --json newest first, as REST has them.

    A phrase stands in double quotes inside the argument: '"connection reset"'.
    """
    with workbench(ctx) as found:
        lines = found.logs.search(" ".join(words), limit=limit, **filters)
    if as_json:
        emit_items(lines, lines.next_cursor)
    elif lines:
        print_lines(reversed(lines), as_json=False)
        if lines.next_cursor:
            warn(f"these are the newest {len(lines)}; there are older ones: -n, --until")
    else:
        show("No line fits.", faint("`vibeworkbench logs sources` shows who has spoken."))


@logs.command()
@click.argument("words", nargs=-1)
@level_option
@source_option
@instance_option
@template_option
@click.option("-n", "--last", type=click.IntRange(0), default=10, show_default=True, help="So many stored ones first.")
@click.option("--count", type=click.IntRange(1), help="End after so many lines.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object in each line, named as in REST.")
@click.pass_context
def tail(
    ctx: click.Context, /, *, words: tuple[str, ...], last: int, count: int | None, as_json: bool, **filters: Any
) -> None:
    """Follow the lines that come, until Ctrl-C.

    How the connection stands is said on stderr, and how many lines were left out because more came than can be
    followed: those are stored, and `logs search` finds them.
    """
    said = ConnectionSaid()
    with workbench(ctx) as found, found.logs.tail(" ".join(words), last=last, on_connection=said, **filters) as lines:
        lines.wait_joined()
        left, skipped = count, 0
        for batch in _batches(lines):
            shown = batch if left is None else batch[:left]
            print_lines(shown, as_json=as_json)
            if lines.skipped > skipped:
                warn(f"{lines.skipped - skipped} lines left out; `vibeworkbench logs search` finds them")
                skipped = lines.skipped
            if left is not None and (left := left - len(shown)) == 0:
                return


def _batches(lines: LogTail) -> Iterator[Any]:
    return followed(lines.next, lambda: lines.connection.quality == "closed")


@logs.command()
@click.argument("words", nargs=-1)
@level_option
@source_option
@since_option
@until_option
@click.option("--sort", type=click.Choice(SORTS), default="lastSeen", show_default=True)
@click.option("-n", "--limit", type=click.IntRange(1), default=50, show_default=True)
@json_option
@click.pass_context
def templates(ctx: click.Context, /, *, words: tuple[str, ...], as_json: bool, **asked: Any) -> None:
    """List templates: what is said over and over, how often, and since when."""
    with workbench(ctx) as found:
        listed = found.logs.templates(" ".join(words), **asked)
    if as_json:
        emit_items(listed, listed.next_cursor)
    elif listed:
        rows = [
            (
                level_word(each.level),
                Text.assemble(safe(visible(each.text)), ("\n" + safe(", ".join(each.source_names)), "dim")),
                each.count,
                blocks(each.sparkline.counts) if each.sparkline else "",
                ago(each.first_seen_at),
                ago(each.last_seen_at),
                each.template_id,
            )
            for each in listed
        ]
        show(table(("level", "template", "seen", "course", "first", "last", "id"), rows, wrap=("template",)))
    else:
        show("No template fits.", faint("They are mined from the lines as these come in."))


@logs.command()
@json_option
@click.pass_context
def sources(ctx: click.Context, *, as_json: bool) -> None:
    """List who has spoken, how their lines are read, and what could not be."""
    with workbench(ctx) as found:
        listed = found.logs.sources()
    if as_json:
        emit_items(listed)
    elif listed:
        rows = [
            (
                f"{each.kind}:{each.source}",
                word(each.state),
                each.lines,
                ago(each.last_at),
                layout_name(each.layout),
                each.files_behind_bytes or None,
                each.rejected or None,
            )
            for each in listed
        ]
        columns = ("source", "state", "lines", "last line", "layout", "bytes behind", "rejected")
        show(table(columns, rows, wrap=("layout",)))
    else:
        show("Nobody has spoken yet.", faint("`vibeworkbench logs send --source mine` sends lines from its stdin."))


@logs.command()
@click.argument("line")
@click.option("--source", default="", metavar="KIND:NAME", help="Who says it: its own layouts are tried first.")
@json_option
@click.pass_context
def explain(ctx: click.Context, *, line: str, source: str, as_json: bool) -> None:
    """Show how a raw LINE is understood: layout, time, level, message, masks, template. Nothing is stored."""
    with workbench(ctx) as found:
        answer = found.logs.explain(line, source=source)
    if as_json:
        emit(answer)
    else:
        show(*_steps(answer))


def _steps(told: dict[str, Any], depth: int = 0) -> Iterator[Text]:
    indent = "  " * depth
    for name, value in told.items():
        if value in (None, "", [], {}):
            continue
        if isinstance(value, dict):
            yield Text(f"{indent}{safe(name)}", style="dim")
            yield from _steps(value, depth + 1)
        elif isinstance(value, list):
            yield Text(f"{indent}{safe(name)}", style="dim")
            for each in value:
                yield from _steps(each if isinstance(each, dict) else {"-": each}, depth + 1)
        else:
            yield Text.assemble((f"{indent}{safe(name)}  ", "dim"), safe(visible(str(value))))


@logs.command()
@click.argument("file", type=click.File("r", errors="replace"), default="-")
@click.option("--source", metavar="NAME", help="Who says it; needed for plain lines.")
@click.option("--kind", type=click.Choice(["worker", "build"]), default="worker", show_default=True)
@click.option("--ndjson", is_flag=True, help="Each line is a record as REST takes it.")
@json_option
@click.pass_context
def send(ctx: click.Context, *, file: Any, source: str | None, kind: Any, ndjson: bool, as_json: bool) -> int:
    """Send the lines of FILE (or of stdin) to the server; those that were accepted are on its disk.

    Exit code 1 when some were rejected; the others are kept.
    """
    if not ndjson and not source:
        raise click.UsageError("plain lines need --source NAME")
    records = (msgspec.json.decode(line) if ndjson else line for line in map(str.rstrip, file) if line)
    with workbench(ctx) as found:
        try:
            receipt = found.logs.send(records, kind=kind, source=source or "")
        except msgspec.DecodeError as error:
            raise click.UsageError(f"a line is no JSON: {error}") from None
    if as_json:
        emit(receipt)
    else:
        _show(receipt)
    return 1 if receipt.rejected_count else 0


def _show(receipt: Receipt) -> None:
    show(f"{receipt.accepted} accepted, {receipt.duplicates} sent before, {receipt.rejected_count} rejected")
    for each in receipt.rejected[:REFUSALS_SHOWN]:
        warn(f"record {each.index}: {each.field}: {each.reason}")
    if receipt.rejected_count > REFUSALS_SHOWN:
        warn(f"... and {receipt.rejected_count - REFUSALS_SHOWN} more")
