"""Log lines on a terminal: time, level, source, message; nothing of a line is obeyed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

import click
import msgspec
from rich.text import Text

from vibeworkbench.cli.output import console, safe
from vibeworkbench.client.displays import visible
from vibeworkbench.client.log_values import LEVELS, Line

LEVEL_STYLES = {
    "fatal": "bold magenta",
    "critical": "bold magenta",
    "error": "bold red",
    "warning": "yellow",
    "notice": "blue",
    "info": "blue",
    "debug": "dim",
    "trace": "dim",
    "unknown": "dim",
}
_BLOCKS = "\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588"

level_option = click.option("--level", type=click.Choice(LEVELS), help="At least so serious.")
source_option = click.option("--source", metavar="[KIND:]NAME", help="Who says it, for instance worker:fetcher.")
instance_option = click.option("--instance", metavar="NAME", help="Which of several of one source.")


def level_word(level: str) -> Text:
    """A level in its colour."""
    return Text("-" if level == "unknown" else safe(level), style=LEVEL_STYLES.get(level, ""))


def line_text(line: Line) -> Text:
    """A line as it stands on a terminal; further lines of its message are indented."""
    level = level_word(line.level)
    level.pad_right(max(0, 8 - len(level)))
    head = Text.assemble((_clock(line.at), "dim"), " ", level, " ", (safe(f"{line.kind}:{line.source}"), "cyan"), "  ")
    first, *rest = visible(line.message).splitlines() or [""]
    head.append(safe(first))
    for each in rest:
        head.append(f"\n    {safe_indented(each)}", style="dim")
    return head


def safe_indented(text: str) -> str:
    """``text`` without what a terminal would obey; the spaces that it begins with are kept."""
    return safe(text.expandtabs(4))


def print_lines(lines: Iterable[Line], *, as_json: bool) -> None:
    """The lines stand on stdout, one JSON object in each for programs."""
    if as_json:
        for line in lines:
            click.echo(msgspec.json.encode(line))
        return
    out = console()
    for line in lines:
        out.print(line_text(line), soft_wrap=True)


def blocks(counts: Sequence[int], width: int = 24) -> str:
    """The course of counts as a row of blocks, at most ``width`` of them."""
    size = -(-len(counts) // width) or 1
    sums = [sum(counts[start : start + size]) for start in range(0, len(counts), size)]
    highest = max(sums, default=0)
    return "".join(" " if not each else _BLOCKS[(len(_BLOCKS) - 1) * each // highest] for each in sums)


def _clock(at: datetime) -> str:
    utc = at.astimezone(UTC)
    day = "" if utc.date() == datetime.now(UTC).date() else f"{utc:%Y-%m-%d} "
    return f"{day}{utc:%H:%M:%S}.{utc.microsecond // 1000:03d}Z"
