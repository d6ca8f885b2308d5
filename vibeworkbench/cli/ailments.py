"""The doctor's checks: each looks at one thing and says what it found and what to do."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata, requires, version
from importlib.resources import files
from pathlib import Path
from typing import Literal

from jupyter_core.paths import jupyter_config_path, jupyter_runtime_dir
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from vibeworkbench.client import ClientError, Workbench, connect
from vibeworkbench.client.discovery import runtime_files
from vibeworkbench.client.overview import Status

FREE_WARN_BYTES, FREE_FAIL_BYTES = 2**30, 100 * 2**20
JOIN_LIMIT_S = 10.0
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "firefox", "open")


@dataclass(frozen=True, slots=True)
class Ailment:
    """What one check found.

    Attributes:
        name: What was looked at.
        state: How it is.
        found: What was seen, with numbers.
        remedy: What to do; empty when it is well.
    """

    name: str
    state: Literal["ok", "warn", "fail"]
    found: str
    remedy: str = ""


def of_machine() -> Iterator[Ailment]:
    """The checks that need no server."""
    yield _python()
    yield _packages()
    yield _extension()
    yield _front_end()
    yield from _data_dir()
    yield _runtime_files()
    yield _browser()


def of_server(url: str | None) -> Iterator[Ailment]:
    """The checks of the server that is meant; after the first that fails the others have nothing to look at."""
    try:
        found = connect(url)
    except ClientError as error:
        yield Ailment("server", "fail", error.message, "vibeworkbench start")
        return
    with found:
        try:
            status = found.status()
        except ClientError as error:
            remedy = "set VIBEWORKBENCH_TOKEN" if error.exit_code == 3 else "vibeworkbench start"
            yield Ailment("token" if error.exit_code == 3 else "server", "fail", error.message, remedy)
            return
        yield Ailment("server", "ok", found.url)
        yield _version(status)
        yield Ailment("token", "ok", f"you are {status.caller.name}, {status.caller.role}")
        yield from _parts(status)
        yield _socket(found)


def _python() -> Ailment:
    said = f"{platform.python_version()} ({sys.executable})"
    wanted = metadata("vibeworkbench")["Requires-Python"]
    if platform.python_version() in SpecifierSet(wanted, prereleases=True):
        return Ailment("python", "ok", said)
    return Ailment("python", "fail", said, f"install Python {wanted}")


def _packages() -> Ailment:
    wrong = []
    wanted = [Requirement(line) for line in requires("vibeworkbench") or ()]
    for each in wanted:
        if each.marker is not None and not each.marker.evaluate({"extra": ""}):
            continue
        try:
            present = version(each.name)
        except PackageNotFoundError:
            wrong.append(f"{each.name} is missing")
            continue
        if not each.specifier.contains(present, prereleases=True):
            wrong.append(f"{each.name} {present} is not {each.specifier}")
    if wrong:
        return Ailment("packages", "fail", "; ".join(wrong), "make install, or pip install --upgrade vibeworkbench")
    return Ailment("packages", "ok", f"{len(wanted)} as wanted, jupyter_server {version('jupyter_server')}")


def _extension() -> Ailment:
    name = Path("jupyter_server_config.d") / "vibeworkbench.json"
    if any((Path(directory) / name).is_file() for directory in jupyter_config_path()):
        return Ailment("extension", "ok", "any Jupyter server of this environment loads the workbench")
    remedy = "jupyter server extension enable vibeworkbench"
    return Ailment("extension", "warn", "only `vibeworkbench start` and `serve` load the workbench", remedy)


def _front_end() -> Ailment:
    static = Path(str(files("vibeworkbench"))) / "panels" / "static"
    built = sorted(path.name for path in static.glob("*.js")) if static.is_dir() else []
    if not built:
        return Ailment("panels", "fail", "the panels' scripts were not built", "make install")
    return Ailment("panels", "ok", ", ".join(built))


def _data_dir() -> Iterator[Ailment]:
    where = importlib.import_module("vibeworkbench.data_directory").default_data_dir()
    standing = next(path for path in (where, *where.absolute().parents) if path.exists())
    if not os.access(standing, os.W_OK | os.X_OK):
        yield Ailment("data directory", "fail", f"{standing} cannot be written", "name another one: --data DIR")
    elif where.exists() and stat.S_IMODE(where.stat().st_mode) & 0o077:
        yield Ailment("data directory", "warn", f"{where} can be entered by others", f"chmod 700 {where}")
    else:
        yield Ailment("data directory", "ok", f"{where}{'' if where.exists() else ' (made at the first start)'}")
    free_bytes = shutil.disk_usage(standing).free
    said = f"{free_bytes / 2**30:.1f} GiB free for the data directory"
    if free_bytes < FREE_FAIL_BYTES:
        yield Ailment("disk space", "fail", said, "make room, or name another place: --data DIR")
    elif free_bytes < FREE_WARN_BYTES:
        yield Ailment("disk space", "warn", said, "make room")
    else:
        yield Ailment("disk space", "ok", said)


def _runtime_files() -> Ailment:
    paths = sorted(Path(jupyter_runtime_dir()).glob("vibeworkbench-*.json"))
    open_ones = [path.name for path in paths if stat.S_IMODE(path.stat().st_mode) & 0o077]
    if open_ones:
        remedy = (
            f"chmod 600 {jupyter_runtime_dir()}/vibeworkbench-*.json and restart the server: its token was readable"
        )
        return Ailment("runtime files", "fail", f"others may read {', '.join(open_ones)}", remedy)
    alive = len(runtime_files())
    if stale := len(paths) - alive:
        remedy = f"nothing; they are passed over (or delete them in {jupyter_runtime_dir()})"
        return Ailment("runtime files", "ok", f"{alive} running, {stale} left by servers that were killed", remedy)
    return Ailment("runtime files", "ok", f"{alive} running")


def _browser() -> Ailment:
    present = next((name for name in BROWSERS if shutil.which(name)), None)
    if present:
        return Ailment("browser", "ok", present)
    return Ailment("browser", "warn", "none on this machine", "open the printed addresses from another one")


def _version(status: Status) -> Ailment:
    own = version("vibeworkbench")
    if status.version == own:
        return Ailment("version", "ok", own)
    return Ailment("version", "warn", f"server {status.version}, command {own}", "restart the server after upgrading")


def _parts(status: Status) -> Iterator[Ailment]:
    remedies = {"storage": "vibeworkbench db status, then restart the server"}
    for name, part in status.subsystems.items():
        facts = ", ".join(f"{key} {value}" for key, value in part.items() if key != "state")
        state = part.get("state")
        if state == "ok":
            yield Ailment(name, "ok", facts)
        else:
            bad: Literal["warn", "fail"] = "warn" if state == "degraded" else "fail"
            yield Ailment(name, bad, f"{state}: {facts}", remedies.get(name, "see the server's log"))


def _socket(found: Workbench) -> Ailment:
    try:
        with found.room() as room:
            connection = room.wait_joined(JOIN_LIMIT_S).connection
    except ClientError as error:
        return Ailment("live messages", "fail", error.message, "look for a proxy between here and the server")
    if connection.transport == "poll":
        remedy = "let the proxy pass WebSocket upgrades; until then long polling stands in"
        return Ailment("live messages", "warn", "WebSockets are refused on the way", remedy)
    return Ailment("live messages", "ok", "WebSocket")
