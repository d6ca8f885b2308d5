"""How results reach people and programs: tables for the ones, JSON for the others, nothing that a terminal obeys."""

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import click
import msgspec
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

STYLES = {
    "critical": "bold magenta",
    "high": "bold red",
    "medium": "yellow",
    "low": "blue",
    "info": "dim",
    "open": "red",
    "acknowledged": "yellow",
    "in_progress": "blue",
    "muted": "dim",
    "resolved": "green",
    "ok": "green",
    "completed": "green",
    "running": "blue",
    "failed": "bold red",
    "fail": "bold red",
    "timed_out": "red",
    "partial": "yellow",
    "degraded": "yellow",
    "warn": "yellow",
    "skipped": "dim",
    "new": "bold red",
    "ready": "green",
    "rendering": "blue",
    "good": "green",
    "connected": "green",
    "connecting": "blue",
    "reconnecting": "red",
    "closed": "dim",
    "held": "yellow",
    "ended": "dim",
    "slow": "yellow",
    "speaking": "green",
    "silent": "dim",
    "healthy": "green",
    "unhealthy": "bold red",
    "restarting": "red",
    "exited": "dim",
    "dead": "bold red",
}
WIDE = 400
"""Columns of output that no terminal shows: wide enough to cut nothing off."""

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

Cell = Text | str | int | float | datetime | None


def console(*, err: bool = False) -> Console:
    """Where people read. Without a terminal there is no colour (nor with NO_COLOR) and no line is cut."""
    stream = sys.stderr if err else sys.stdout
    return Console(stderr=err, width=None if stream.isatty() else WIDE, highlight=False, emoji=False, markup=False)


def safe(text: str) -> str:
    """``text`` without what a terminal would obey; it may come from a log line."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text).replace("\n", " ").replace("\t", " ")


def word(name: str, text: str | None = None) -> Text:
    """A word in its colour."""
    return Text(safe(text or name.replace("_", " ")), style=STYLES.get(name, ""))


def faint(text: str) -> Text:
    """A text of less weight."""
    return Text(safe(text), style="dim")


def cell(value: Cell) -> Text:
    """``value`` as it stands in a table."""
    if isinstance(value, Text):
        return value
    if value is None or value == "":
        return Text("-", style="dim")
    return Text(when(value) if isinstance(value, datetime) else safe(str(value)))


def when(at: datetime) -> str:
    """An instant in UTC, to the second."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"


def ago(at: datetime | None, now: datetime | None = None) -> str:
    """How long ago an instant was, or how long it is until then, in its largest unit."""
    if at is None:
        return "-"
    seconds = ((now or datetime.now(UTC)) - at).total_seconds()
    size = abs(seconds)
    text = next(
        (f"{size / unit:.0f} {name}" for unit, name in ((86400, "d"), (3600, "h"), (60, "min")) if size >= unit),
        f"{size:.0f} s",
    )
    return f"in {text}" if seconds < 0 else f"{text} ago"


def table(columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, wrap: Collection[str] = ()) -> Table:
    """A table whose columns ``wrap`` give way when a terminal is too narrow."""
    ruled = box.SIMPLE_HEAD if sys.stdout.isatty() else None
    made = Table(box=ruled, pad_edge=False, show_edge=False, header_style="bold", padding=(0, 2 if ruled else 3, 0, 0))
    for name in columns:
        gives_way = name in wrap
        made.add_column(name, no_wrap=not gives_way, overflow="fold", min_width=12 if gives_way and name else None)
    for row in rows:
        made.add_row(*map(cell, row))
    return made


def show(*parts: Table | Text | str) -> None:
    """Each part stands on stdout."""
    out = console()
    with out.capture() as captured:
        for part in parts:
            out.print(Text(part) if isinstance(part, str) else part)
    click.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def warn(sentence: str) -> None:
    """``sentence`` stands on stderr."""
    console(err=True).print(Text(f"vibeworkbench: {safe(sentence)}"), soft_wrap=True)


def emit(value: Any) -> None:
    """``value`` stands on stdout as JSON, named as in REST."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def emit_items(items: Iterable[Any], next_cursor: str | None = None) -> None:
    """A list stands on stdout as REST answers it; it goes on at ``next_cursor`` when these are not all."""
    emit({"items": list(items), "nextCursor": next_cursor})
