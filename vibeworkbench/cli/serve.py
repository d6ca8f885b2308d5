"""``vibeworkbench serve``: the server alone."""

from __future__ import annotations

import importlib
import logging
import sys
import warnings
from pathlib import Path

import click

from vibeworkbench.cli.db import data_option

port_option = click.option(
    "--port", type=click.IntRange(0, 65535), default=8888, show_default=True, help="0 takes a free one."
)
ip_option = click.option("--ip", default="127.0.0.1", show_default=True, help="The address to listen on.")
base_url_option = click.option("--base-url", default="/", show_default=True, help="Where it stands behind a proxy.")
settings_option = click.option(
    "--settings",
    "settings_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The settings; else VIBEWORKBENCH_SETTINGS, else vibeworkbench.toml in the data directory.",
)


@click.command()
@port_option
@ip_option
@data_option
@click.option("--token", help="The admin's token. Better VIBEWORKBENCH_TOKEN: arguments are visible to everybody.")
@click.option("--lab/--no-lab", default=True, help="With or without JupyterLab and Voila.")
@base_url_option
@settings_option
def serve(
    *,
    port: int,
    ip: str,
    data_dir: Path | None,
    token: str | None,
    lab: bool,
    base_url: str,
    settings_file: Path | None,
) -> int:
    """Run the server until SIGTERM or Ctrl-C, for production and tests.

    It starts no scan of its own; its schedules do.

    \b
    VIBEWORKBENCH_TOKEN=... vibeworkbench serve --port 8888 --data /srv/vibeworkbench --no-lab
    """
    from vibeworkbench import serve as server  # noqa: PLC0415 - seconds that only those who serve pay
    from vibeworkbench.data_directory import default_data_dir  # noqa: PLC0415 - the same

    quiet(lab=lab)
    return server.serve(
        port=port,
        ip=ip,
        data_dir=data_dir or default_data_dir(),
        token=token,
        lab=lab,
        base_url=base_url,
        settings_file=settings_file,
    )


def quiet(*, lab: bool) -> None:
    """What operators cannot act on is not on their screen: other packages' deprecations, and that Lab has loaded."""
    if lab and not sys.warnoptions:
        importlib.import_module("voila")  # its import makes these warnings visible
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="traitlets")
    logging.getLogger("LabApp").addFilter(lambda record: record.levelno >= logging.WARNING)
