"""Our identity provider where the server is not ours: switched on in Jupyter's own configuration."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.patience import PATIENCE_S

CONFIGURED = """
from vibeworkbench.web.authorizer import WorkbenchAuthorizer
from vibeworkbench.web.provider import WorkbenchIdentityProvider

c.ServerApp.identity_provider_class = WorkbenchIdentityProvider
c.ServerApp.authorizer_class = WorkbenchAuthorizer
"""


@dataclass(frozen=True, slots=True)
class Jupyter:
    """A plain Jupyter server, so configured, in a process of its own."""

    process: subprocess.Popen[bytes]
    folder: Path

    def left(self, name: str) -> Path:
        """The file of this name in the runtime directory, once it is there."""
        path = self.folder / "runtime" / name.format(pid=self.process.pid)
        deadline = time.monotonic() + PATIENCE_S
        while not path.exists():
            assert time.monotonic() < deadline, self.log()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(0.05)
                break
        assert path.exists(), self.log()
        return path

    def log(self) -> str:
        """What it has written so far."""
        return (self.folder / "log").read_text()


@contextmanager
def jupyter(folder: Path, *arguments: str, **environment: str) -> Iterator[Jupyter]:
    """It runs, and has ended afterwards."""
    (folder / "config").mkdir()
    (folder / "config" / "jupyter_server_config.py").write_text(CONFIGURED)
    own = {
        "VIBEWORKBENCH_DATA": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        **environment,
    }
    command = [sys.executable, "-m", "jupyter_server", "--port=0", "--allow-root", "--ServerApp.open_browser=False"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, *arguments], env={**os.environ, **own}, cwd=folder, stdout=log, stderr=log
        )
    try:
        yield Jupyter(process, folder)
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


@pytest.mark.parametrize("given", ["", "the-admin-s-own-token"])
def test_a_plain_jupyter_server_can_have_roles(tmp_path: Path, given: str) -> None:
    """The admin's token is the environment's or a new one: it stands in the runtime file, and nowhere of Jupyter's."""
    environment = {"VIBEWORKBENCH_TOKEN": given} if given else {}
    with jupyter(tmp_path, **environment) as server:
        path = server.left("vibeworkbench-{pid}.json")
        assert path.stat().st_mode & 0o777 == 0o600
        left = json.loads(path.read_bytes())
        assert given in {"", left["token"]}
        admin = {"Authorization": f"token {left['token']}"}
        made = httpx.post(
            f"{left['url']}vibeworkbench/api/tokens", json={"role": "viewer"}, headers=admin, timeout=PATIENCE_S
        )
        viewer = {"Authorization": f"token {made.json()['token']}"}
        assert httpx.get(f"{left['url']}api/contents", headers=admin, timeout=PATIENCE_S).status_code == 200
        assert httpx.get(f"{left['url']}api/contents", headers=viewer, timeout=PATIENCE_S).status_code == 403
        assert json.loads(server.left("jpserver-{pid}.json").read_bytes())["token"] == ""
        assert left["token"] not in server.left("jpserver-{pid}-open.html").read_text()
        assert left["token"] not in server.log()


def test_a_shared_token_is_refused(tmp_path: Path) -> None:
    """It would stand in every page, and in every error page."""
    with jupyter(tmp_path, "--IdentityProvider.token=shared") as server:
        assert server.process.wait(PATIENCE_S) != 0
        assert "a shared token would be in every page" in server.log()
        assert "Traceback" not in server.log()


def test_nobody_is_let_in_where_the_workbench_cannot_be_opened(tmp_path: Path) -> None:
    """The server lives, and every door of it is shut, those of other extensions too."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "vibeworkbench.toml").write_text("[rooms]\nheartbeat = 3\n")
    with jupyter(tmp_path, VIBEWORKBENCH_TOKEN="token") as server:
        url = json.loads(server.left("jpserver-{pid}.json").read_bytes())["url"]
        for path in ("api/contents", "voila/static/voila.js", "api", "lsp/status"):
            answer = httpx.get(url + path, headers={"Authorization": "token token"}, timeout=PATIENCE_S)
            assert answer.status_code == 401, path
        assert httpx.get(f"{url}lab", timeout=PATIENCE_S).status_code == 302
