"""A running scan on a terminal: a bar that moves; without a terminal one line for each step."""

from __future__ import annotations

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from vibeworkbench.cli.output import console, safe
from vibeworkbench.client import values
from vibeworkbench.client.scans import RunningScan, Scan


def watched(running: RunningScan, title: str) -> Scan:
    """The finished scan; its progress was shown on stderr meanwhile."""
    return _on_terminal(running, title) if console(err=True).is_terminal else _in_lines(running, title)


def _on_terminal(running: RunningScan, title: str) -> Scan:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=32),
        TextColumn("{task.fields[counts]}"),
        TextColumn("{task.fields[step]}", style="dim"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console(err=True), transient=True) as bar:
        task = bar.add_task(title, total=None, counts="", step="starting")

        def show(progress: values.Progress) -> None:
            counts = f"{progress.processed}/{progress.total}" if progress.total else ""
            total = progress.total or None
            bar.update(task, total=total, completed=progress.processed, counts=counts, step=safe(progress.step))

        return running.result(show)


def _in_lines(running: RunningScan, title: str) -> Scan:
    err = console(err=True)
    last_step = ""

    def show(progress: values.Progress) -> None:
        nonlocal last_step
        if progress.step != last_step:
            last_step = progress.step
            counts = f", {progress.processed} of {progress.total} records" if progress.total else ""
            err.print(f"{title}: {safe(progress.step)}{counts}", soft_wrap=True)

    return running.result(show)
