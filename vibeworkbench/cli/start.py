"""``vibeworkbench start``: what ``make workbench`` runs. A server with JupyterLab, a first scan, and the addresses."""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import sys
import threading
from importlib.resources import files
from pathlib import Path, PurePosixPath
from typing import Any

import click
from rich.text import Text

from vibeworkbench.cli.db import data_option
from vibeworkbench.cli.output import faint, show, warn
from vibeworkbench.cli.report import report
from vibeworkbench.cli.serve import base_url_option, ip_option, port_option, quiet, settings_option
from vibeworkbench.cli.watching import watched
from vibeworkbench.client import ClientError, Workbench, connect
from vibeworkbench.client.errors import Conflict
from vibeworkbench.client.scans import RunningScan

DASHBOARD = "dashboards/operations.ipynb"
TERMINALS = "dashboards/terminals.ipynb"
PUBLISHED: dict[str, dict[str, Any]] = {
    "operations": {"interactive": True},
    "logs": {"role": "analyst"},
    "containers": {},
    "terminals": {"interactive": True},  # typing takes Voila: the page without a kernel is for reading
}
"""Dashboards of the package that are published at the first start, by name, and for whom."""
TOUR = "tour.ipynb"


@click.command()
@port_option
@ip_option
@data_option
@base_url_option
@settings_option
@click.option("--browser/--no-browser", default=True, help="Open JupyterLab in a browser.")
@click.option("--scan/--no-scan", "with_scan", default=True, help="Look at this machine once when the server is up.")
def start(
    *,
    port: int,
    ip: str,
    data_dir: Path | None,
    base_url: str,
    settings_file: Path | None,
    browser: bool,
    with_scan: bool,
) -> int:
    """Start JupyterLab with the workbench on, look at this machine once, and stay until Ctrl-C.

    \b
    vibeworkbench start
    vibeworkbench start --port 9000 --no-browser --data ./state
    """
    from vibeworkbench import serve as server  # noqa: PLC0415 - seconds that only those who serve pay
    from vibeworkbench.data_directory import default_data_dir, prepare_data_dir  # noqa: PLC0415 - the same

    where = data_dir or default_data_dir()
    prepare_data_dir(where)
    token = os.environ.get("VIBEWORKBENCH_TOKEN") or secrets.token_urlsafe(32)
    root_dir = notebooks(Path(str(files("vibeworkbench"))), where)

    def welcome(root_url: str) -> None:
        guest = threading.Thread(target=_welcome, args=(root_url, token, root_dir, with_scan), daemon=True)
        guest.start()

    show(faint("starting the server ..."))
    quiet(lab=True)
    return server.serve(
        port=port,
        ip=ip,
        data_dir=where,
        token=token,
        base_url=base_url,
        settings_file=settings_file,
        open_browser=browser,
        root_dir=root_dir,
        ready=welcome,
    )


def notebooks(package: Path, data_dir: Path) -> Path:
    """The notebooks' directory: the checkout's, else copies of the packaged ones that the user may change."""
    checkout = package.parent / "notebooks"
    if (package.parent / "pyproject.toml").is_file() and checkout.is_dir():
        return checkout
    own = data_dir / "notebooks"
    for packaged in sorted((package / "notebooks").rglob("*.ipynb")):
        copy = own / packaged.relative_to(package / "notebooks")
        if not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(packaged, copy)
    own.mkdir(parents=True, exist_ok=True)
    return own


def _welcome(root_url: str, token: str, root_dir: Path, with_scan: bool) -> None:
    try:
        if with_scan:
            show(Text(f"the server is up at {root_url}, a first scan of this machine:"))
            _first_scan(root_url, token)
        _publish(root_url, token, root_dir)
    finally:
        show("", *_addresses(root_url, token, root_dir), "", faint("Ctrl-C stops the server."))


def _first_scan(root_url: str, token: str) -> None:
    try:
        with connect(root_url, token) as found, full_scan(found) as running:
            report(found, watched(running, "full scan"))
    except ClientError as error:
        warn(f"the first scan failed: {error.message}; the server is up all the same")


def full_scan(found: Workbench) -> RunningScan:
    """A full scan that runs: a new one, or the one that a clock has begun before us."""
    try:
        return found.scan("full", wait=False)
    except Conflict as error:
        return found.follow(str(error.details["scanId"]))


def _publish(root_url: str, token: str, root_dir: Path) -> None:
    """The dashboards are published, unless something is under their names; their renders go on meanwhile."""
    try:
        with connect(root_url, token) as found:
            there = {each.name for each in found.dashboards()}
            for name, order in PUBLISHED.items():
                notebook = PurePosixPath(f"dashboards/{name}.ipynb")
                if name not in there and (root_dir / notebook).is_file():
                    found.dashboards.publish(notebook, name=name, wait=False, **order)
    except ClientError as error:
        warn(f"the dashboards could not be published: {error.message}; the server is up all the same")


def _addresses(root_url: str, token: str, root_dir: Path) -> list[Text]:
    pages = {
        "JupyterLab": "lab",
        "Tour": f"lab/tree/{TOUR}",
        "Dashboard": "vibeworkbench/dashboards/operations",
        "Logs": "vibeworkbench/dashboards/logs",
        "Containers": "vibeworkbench/dashboards/containers",
        "Terminals": f"voila/render/{TERMINALS}",
        "Voila": f"voila/render/{DASHBOARD}",
    }
    own = {name.capitalize(): f"dashboards/{name}.ipynb" for name in ("logs", "containers", "terminals")}
    needs = {"Tour": TOUR, "Dashboard": DASHBOARD, **own, "Voila": DASHBOARD}
    lines = [
        Text.assemble((f"  {name:<12}", "bold"), f"{root_url}{page}?token={token}")
        for name, page in pages.items()
        if name not in needs or (root_dir / needs[name]).is_file()
    ]
    api = Text.assemble(("  API         ", "bold"), f"{root_url}vibeworkbench/api/openapi.json")
    return [*lines, api, Text.assemble(("  Shell       ", "bold"), f"{_command()} --help")]


def _command() -> str:
    """What to type: the bare name where a shell finds it, else with its path (the environment need not be active)."""
    own = Path(sys.executable).parent / "vibeworkbench"
    is_found = shutil.which("vibeworkbench") is not None
    return "vibeworkbench" if is_found or not own.exists() else shlex.quote(os.path.relpath(own))
