"""Tokens and roles in a Jupyter server that somebody starts, with Jupyter's own identities and with ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S
from tests.servers import Server

OURS = """
c.ServerApp.identity_provider_class = "vibeworkbench.web.provider.WorkbenchIdentityProvider"
c.ServerApp.authorizer_class = "vibeworkbench.web.authorizer.WorkbenchAuthorizer"
c.ServerApp.allow_unauthenticated_access = False
"""
TOKEN = "the-token-of-a-test"
Starter = Callable[..., Server]


@pytest.fixture
def jupyter_server(tmp_path: Path) -> Iterator[Starter]:
    """Starts ``jupyter server`` with the workbench on and these lines of configuration."""
    started: list[Server] = []

    def start(configuration: str, **environment: str) -> Server:
        (tmp_path / "config").mkdir()
        (tmp_path / "config" / "jupyter_server_config.py").write_text(configuration)
        own = {
            "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
            "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
            "VIBEWORKBENCH_DATA": str(tmp_path),
        }
        named = ["--port=0", "--allow-root", "--no-browser", f"--ServerApp.root_dir={tmp_path}"]
        with (tmp_path / "server.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "jupyter_server", *named],
                env={**os.environ, **own, **environment},
                cwd=tmp_path,
                stdout=log,
                stderr=log,
            )
        left = tmp_path / "runtime" / f"vibeworkbench-{process.pid}.json"
        deadline = time.monotonic() + PATIENCE_S
        while not left.exists():
            try:
                process.wait(0.05)
            except subprocess.TimeoutExpired:
                assert time.monotonic() < deadline, (tmp_path / "server.log").read_text()
            else:
                pytest.fail((tmp_path / "server.log").read_text())
        said = json.loads(left.read_bytes())
        started.append(Server(said["url"], said["token"], tmp_path, process))
        return started[-1]

    yield start
    for server in started:
        server.stop()


def test_where_jupyter_says_who_comes_in_tokens_and_roles_are_refused(jupyter_server: Starter) -> None:
    """They would open nothing: its one user is admin, and there is nobody else."""
    server = jupyter_server(f"c.IdentityProvider.token = {TOKEN!r}")
    with server.http() as admin:
        assert admin.get("api/status").json()["caller"]["role"] == "admin"
        assert admin.post("api/tokens", json={"role": "viewer"}).status_code == 409
        assert admin.put("api/roles/ana", json={"role": "viewer"}).status_code == 409
        assert admin.get("api/tokens").json()["items"] == []


def test_with_our_provider_tokens_and_roles_count_there_too(jupyter_server: Starter) -> None:
    """The admin's token comes from the environment, and a viewer reaches nothing of Jupyter's."""
    server = jupyter_server(OURS, VIBEWORKBENCH_TOKEN=TOKEN)
    assert server.token == TOKEN
    with server.http(server.grant("viewer")) as viewer:
        assert viewer.get("api/status").json()["caller"]["role"] == "viewer"
        assert viewer.get(f"{server.url}api/contents").status_code == 403
    with server.http("") as stranger:
        assert stranger.get(f"{server.url}api/contents").status_code in {401, 403}
