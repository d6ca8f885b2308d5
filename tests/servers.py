"""``vibeworkbench serve`` in a process of its own, as users run it."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.patience import PATIENCE_S


@dataclass(frozen=True, slots=True)
class Server:
    """``vibeworkbench serve``, running.

    Attributes:
        url: Its root with base_url, ending in a slash; the workbench stands below ``{url}vibeworkbench/``.
        token: The admin's token.
        data: Its data directory.
        process: The process itself, for those who want to kill it.
    """

    url: str
    token: str
    data: Path
    process: subprocess.Popen[bytes]

    def http(self, token: str | None = None) -> httpx.Client:
        """A client below ``{url}vibeworkbench/``, with the admin's token or another one (``""``: none)."""
        token = self.token if token is None else token
        headers = {"Authorization": f"token {token}"} if token else {}
        return httpx.Client(base_url=f"{self.url}vibeworkbench/", headers=headers, timeout=PATIENCE_S)

    def grant(self, role: str, *scopes: str) -> str:
        """The text of a new token with this role, narrowed to ``scopes`` if there are any."""
        with self.http() as admin:
            made = admin.post("api/tokens", json={"role": role, "name": f"test {role}", "scope": list(scopes)})
        return str(made.raise_for_status().json()["token"])

    def log(self) -> str:
        """What it has written so far."""
        return (self.data / "server.log").read_text("utf-8", "replace")

    def stop(self) -> int:
        """It has ended after SIGTERM; its exit code.

        Raises:
            RuntimeError: It did not, and was killed; the text holds where it hung.
        """
        self.process.terminate()
        try:
            return self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # Python says in the log where its threads are
            self.process.wait()
            raise RuntimeError("the server did not end:\n" + self.log()[-5000:]) from None


def _without_journal(settings: str) -> str:
    """The settings; unless they speak of it, the journal of the machine that tests run on fills no server."""
    if "journal" in settings:
        return settings
    before, table, after = f"\n{settings}".partition("\n[logs]\n")
    return f'{before}\n[logs]\njournal = "off"\n{after}'.lstrip() if table else f'{settings}\n[logs]\njournal = "off"\n'


def serve(data: Path, settings: str = "", *arguments: str, environment: Mapping[str, str] | None = None) -> Server:
    """A server on a free port that answers, its state and its runtime file in ``data``.

    Raises:
        RuntimeError: It ended before it was ready, or was not ready in time; the text holds its log.
    """
    data.mkdir(parents=True, exist_ok=True)
    if settings or not (data / "vibeworkbench.toml").exists():
        (data / "vibeworkbench.toml").write_text(_without_journal(settings))
    runtime = data / "runtime"
    token = secrets.token_hex(16)
    own = {
        "VIBEWORKBENCH_TOKEN": token,
        "PYTHONFAULTHANDLER": "1",
        "JUPYTER_RUNTIME_DIR": str(runtime),
        "JUPYTER_CONFIG_DIR": str(data / "config"),  # what its user has configured for Jupyter does not count here
    }
    command = [sys.executable, "-m", "vibeworkbench", "serve", "--port", "0", "--data", str(data), *arguments]
    with (data / "server.log").open("ab") as log:
        process = subprocess.Popen(
            command, env={**os.environ, **own, **(environment or {})}, cwd=data, stdout=log, stderr=log
        )
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and process.poll() is None:
        left = runtime / f"vibeworkbench-{process.pid}.json"
        if left.exists():
            return Server(json.loads(left.read_bytes())["url"], token, data, process)
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
    process.kill()
    process.wait()
    raise RuntimeError("the server was not ready:\n" + (data / "server.log").read_text("utf-8", "replace")[-5000:])
