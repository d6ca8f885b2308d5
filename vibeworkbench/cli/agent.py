"""``vibeworkbench agent``: bring what this machine's containers, files and programs say to a workbench elsewhere."""

from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

import click
import platformdirs

from vibeworkbench.client.agent.agent import Order, run
from vibeworkbench.client.discovery import found


@click.command()
@click.option("--buffer", type=click.Path(file_okay=False, path_type=Path), help="Directory for what waits to be sent.")
@click.option("--buffer-mb", type=click.IntRange(1), default=256, show_default=True, help="Its size; the oldest goes.")
@click.option(
    "--engine",
    default="",
    metavar="ADDRESS",
    help="Socket of the container engine; else DOCKER_HOST, else where it usually is; none follows no containers.",
)
@click.option("--file", "files", multiple=True, metavar="GLOB", help="Follow these files, too.")
@click.option("--stdin", is_flag=True, help="Read the standard input, and end with it.")
@click.option("--name", default="", help="Who says what files and standard input hold; else the host's name.")
@click.option(
    "--interval", type=click.FloatRange(0.1), default=10.0, show_default=True, help="Seconds from sample to sample."
)
@click.option(
    "--history",
    type=click.FloatRange(0),
    default=3600.0,
    show_default=True,
    help="Seconds of a container's log that are read when it is seen for the first time.",
)
@click.pass_context
def agent(  # noqa: PLR0913 - the options
    ctx: click.Context,
    *,
    buffer: Path | None,
    buffer_mb: int,
    engine: str,
    files: tuple[str, ...],
    stdin: bool,
    name: str,
    interval: float,
    history: float,
) -> None:
    """Bring logs, samples and errors of this machine's containers to the workbench that --url names.

    What is collected is on disk before it counts as read, and stays there until the workbench has it: an agent without
    network, restarted or killed, goes on where it was, and nothing arrives twice. When the buffer is full, the oldest
    records go. The token (role ingest) stands in VIBEWORKBENCH_TOKEN.

    \b
    VIBEWORKBENCH_TOKEN=... vibeworkbench --url https://workbench.example agent
    worker 2>&1 | vibeworkbench agent --engine none --stdin --name worker
    """
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    order = Order(
        buffer=buffer or platformdirs.user_state_path("vibeworkbench") / "agent",
        limit_bytes=buffer_mb * 2**20,
        engine="none" if stdin and not engine else engine,
        files=files,
        stdin=stdin,
        name=name,
        interval_s=interval,
        history_s=history,
    )
    url = ctx.find_root().obj
    asyncio.run(run(order, lambda: found(url, None, os.environ)))
