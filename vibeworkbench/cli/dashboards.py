"""``vibeworkbench dashboards``: notebooks as pages that many watch without a kernel."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import click
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from vibeworkbench.cli.arguments import WithDefault, confirm, json_option, workbench, yes_option
from vibeworkbench.cli.output import ago, console, emit, emit_items, faint, safe, show, table, warn, word
from vibeworkbench.client import Workbench
from vibeworkbench.client.dashboards import Dashboard, RenderProgress, RoleName

ROLES = ("viewer", "analyst", "operator", "admin")


@click.group(cls=WithDefault)
def dashboards() -> None:
    """Dashboards: notebooks as pages that many watch without a kernel.

    \b
    vibeworkbench dashboards
    vibeworkbench dashboards publish dashboards/operations.ipynb --role viewer
    vibeworkbench dashboards publish shop.ipynb --every '*/15 * * * *' --frame-ancestors https://wall.example
    vibeworkbench dashboards render operations
    vibeworkbench dashboards unpublish operations
    """


@dashboards.command(name="list")
@json_option
@click.pass_context
def list_dashboards(ctx: click.Context, *, as_json: bool) -> None:
    """List the dashboards that you may see."""
    with workbench(ctx) as found:
        listed = found.dashboards()
        voila = [(each.name, found.dashboards.voila_address(each)) for each in listed if each.interactive]
    if as_json:
        emit_items(listed)
    elif listed:
        rows = [
            (each.name, each.title, each.role, word(each.state), ago(each.rendered_at), each.notebook, each.reason)
            for each in listed
        ]
        headings = ("name", "title", "for", "state", "rendered", "notebook", "why")
        show(table(headings, rows, wrap=("title", "notebook", "why")))
        for name, address in voila:
            show(Text(f"{safe(name)} runs in Voila, with a kernel for each visitor: {address}"))
    else:
        show("No dashboards for you.", faint("`vibeworkbench dashboards publish NOTEBOOK` makes one."))


@dashboards.command()
@click.argument("notebook")
@click.option("--role", type=click.Choice(ROLES), default="viewer", show_default=True, help="Lowest role that sees it.")
@click.option("--name", help="What stands in its address; the file's name by default.")
@click.option("--interactive", is_flag=True, help="Voila may run it too, with a kernel for each visitor.")
@click.option("--every", default="", metavar="CRON", help="Render it again by this cron expression (UTC).")
@click.option("--frame-ancestors", multiple=True, metavar="ORIGIN", help="Who may embed it; may be said several times.")
@json_option
@click.pass_context
def publish(  # noqa: PLR0913 - the options of the command
    ctx: click.Context,
    *,
    notebook: str,
    role: RoleName,
    name: str | None,
    interactive: bool,
    every: str,
    frame_ancestors: Sequence[str],
    as_json: bool,
) -> int:
    """Publish a notebook: it is executed once under your right, and its page is served to everybody of the role.

    NOTEBOOK is a file of this machine, or a path below the server's root. One that the server finds below its root is
    rendered again whenever it changes; the content of any other is sent.
    """
    with workbench(ctx) as found, _progress(f"rendering {notebook}") as on_progress:
        made = found.dashboards.publish(
            notebook,
            role=role,
            name=name,
            on_progress=on_progress,
            interactive=interactive,
            every=every,
            frame_ancestors=list(frame_ancestors),
        )
    if made.stored:
        warn("the notebook is not below the server's root: its content was sent, and changes of the file are not seen")
    return _told(found, made, as_json=as_json)


@dashboards.command()
@click.argument("name")
@json_option
@click.pass_context
def render(ctx: click.Context, *, name: str, as_json: bool) -> int:
    """Render a dashboard now; the old page is served until the new one is good."""
    with workbench(ctx) as found, _progress(f"rendering {name}") as on_progress:
        made = found.dashboards.render(name, on_progress=on_progress)
    return _told(found, made, as_json=as_json)


@dashboards.command()
@click.argument("name")
@yes_option
@json_option
@click.pass_context
def unpublish(ctx: click.Context, *, name: str, yes: bool, as_json: bool) -> None:
    """Unpublish a dashboard: whoever watches it finds nothing any more. The notebook stays."""
    with workbench(ctx) as found:
        meant = found.dashboards.find(name)
        confirm(f"Unpublish the dashboard {safe(meant.name)} ({safe(meant.title)}, for {meant.role})?", yes=yes)
        found.dashboards.unpublish(meant.name, confirm=True)
    if as_json:
        emit({"name": meant.name})
    else:
        show(f"{safe(meant.name)} is not published any more")


def _told(found: Workbench, made: Dashboard, *, as_json: bool) -> int:
    if as_json:
        emit(made)
    elif made.is_ready:
        took = f" in {made.render_ms / 1000:.1f} s" if made.render_ms is not None else ""
        again = f", again at {safe(made.every)} (UTC)" if made.every else ""
        show(Text(f"{safe(made.name)} was rendered{took}, for {made.role}{again}:"))
        show(Text(found.dashboards.address(made)))
        if made.interactive:
            show(Text(f"Voila runs it at {found.dashboards.voila_address(made)}"))
    if not made.is_ready:
        kept = "the page from before is still served" if made.rendered_at else "there is no page yet"
        warn(f"{made.name} could not be rendered, {kept}: {made.reason or made.state}")
        warn(f"it stays published; {_next_step(made)}, or `vibeworkbench dashboards unpublish {made.name}`")
    return 0 if made.is_ready else 1


def _next_step(made: Dashboard) -> str:
    if made.stored:
        return "mend the notebook and publish it again"
    return "mend the notebook, and it is rendered again as soon as its file is saved"


@contextmanager
def _progress(title: str) -> Iterator[Callable[[RenderProgress], None]]:
    """Shows a render's progress on a terminal; without one, says nothing."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=32),
        TextColumn("{task.fields[step]}", style="dim"),
    )
    err = console(err=True)
    with Progress(*columns, TimeElapsedColumn(), console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task(safe(title), total=None, step="starting a kernel")

        def told(progress: RenderProgress) -> None:
            if progress.total:
                step = f"cell {min(progress.processed + 1, progress.total)} of {progress.total}"
                bar.update(task, total=progress.total, completed=progress.processed, step=step)

        yield told
