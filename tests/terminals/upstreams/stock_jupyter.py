"""A Jupyter server as it comes, in a process of its own: its terminals are terminado's."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

from tests.patience import PATIENCE_S

OTHERS = ("jupyter_lsp", "jupyterlab", "notebook_shim", "vibeworkbench", "voila.server_extension")


class StockJupyter:
    """A server that can be killed and started again at the same address.

    Args:
        directory: Where its files may be.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.token = secrets.token_hex(16)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/"
        self._process: subprocess.Popen[bytes] | None = None

    def http(self) -> httpx.Client:
        """A client of its REST."""
        headers = {"Authorization": f"token {self.token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=PATIENCE_S, trust_env=False)

    def start(self) -> None:
        """It answers."""
        command = [
            *(sys.executable, "-m", "jupyter_server", "--ServerApp.open_browser=False", "--ServerApp.port_retries=0"),
            *(f"--ServerApp.port={self.port}", f"--ServerApp.root_dir={self.directory}", "--allow-root"),
            f"--ServerApp.jpserver_extensions={dict.fromkeys(OTHERS, False) | {'jupyter_server_terminals': True}}",
            "--ServerApp.terminado_settings={'shell_command': ['/bin/sh']}",
        ]
        own = {name: str(self.directory / name) for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR")}
        own |= {"JUPYTER_TOKEN": self.token, "PS1": "$ "}
        with (self.directory / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, env={**os.environ, **own}, cwd=self.directory, stdout=log, stderr=log
            )
        deadline = time.monotonic() + PATIENCE_S
        with self.http() as client:
            while time.monotonic() < deadline and self._process.poll() is None:
                try:
                    client.get("api/status").raise_for_status()
                except httpx.HTTPError:
                    time.sleep(0.05)
                else:
                    return
        raise RuntimeError("the Jupyter server was not ready:\n" + (self.directory / "server.log").read_text()[-5000:])

    def terminals(self) -> list[str]:
        """The names of its terminals."""
        with self.http() as client:
            return [each["name"] for each in client.get("api/terminals").raise_for_status().json()]

    def kill(self) -> None:
        """It is gone without a word; its shells lose their terminal and end."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """It has ended in order, with its shells."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
            self._process = None
