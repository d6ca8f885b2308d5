"""Voila in somebody's own Jupyter server, with Jupyter's identity provider: its one user, and the same door."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.dashboards.voila_staging import ends, kernel_in, kernels, person, publish, write_notebook
from tests.patience import LONG_S, PATIENCE_S
from tests.servers import Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(LONG_S)]

TOKEN = "the-one-token-of-jupyter"
TELLING = "import os; open('token', 'w').write(os.environ['VIBEWORKBENCH_TOKEN']); print('live was drawn')"


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """``jupyter server`` as people start it, with the extensions that are installed."""
    data = tmp_path_factory.mktemp("embedded")
    write_notebook(data / "live.ipynb", TELLING)
    write_notebook(data / "secret.ipynb", "open('secret.ran', 'w').close()")
    environment = {
        **os.environ,
        "VIBEWORKBENCH_DATA": str(data / "state"),
        "JUPYTER_RUNTIME_DIR": str(data / "runtime"),
        "JUPYTER_CONFIG_DIR": str(data / "config"),
        "JUPYTER_TOKEN": TOKEN,
    }
    command = [sys.executable, "-m", "jupyter_server", "--port=0", "--allow-root", "--ServerApp.open_browser=False"]
    with subprocess.Popen(command, env=environment, cwd=data, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        said = b""
        while not (found := re.search(rb"is running at:.*?(http://127\.0\.0\.1:\d+/)", said, re.DOTALL)):
            line = process.stderr.readline()
            assert line, said.decode()
            said += line
        with (data / "server.log").open("wb") as log:
            draining = subprocess.Popen(["cat"], stdin=process.stderr, stdout=log)
        yield Server(found[1].decode(), TOKEN, data, process)
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)
        draining.wait(PATIENCE_S)


def test_what_is_not_published_runs_not_even_for_the_one_user(embedded: Server) -> None:
    """Who is told how to publish it; no kernel starts."""
    answer = person(embedded).get("voila/render/secret.ipynb")
    assert answer.status_code == 403
    assert "vibeworkbench dashboards publish secret.ipynb" in answer.text
    assert kernels(embedded) == set()
    assert not (embedded.data / "secret.ran").exists()


def test_what_is_published_runs_with_the_user_s_own_rights_and_ends_with_its_page(embedded: Server) -> None:
    """In our template, with the server's own token, which is the only one that its provider knows."""
    publish(embedded, "live.ipynb")
    user = person(embedded)
    page = user.page("live.ipynb")
    assert "live was drawn" in page
    assert "static/watch.js" in page
    assert '"vibeworkbenchReadOnly": false' in page
    assert (embedded.data / "token").read_text() == TOKEN
    with ends(embedded) as ended, user.http() as client:
        assert client.post(f"voila/api/shutdown/{kernel_in(page)}").status_code == 204
        ended.wait_for(kernel_in(page))


def test_the_list_and_the_files_are_ours_there_too(embedded: Server) -> None:
    """Nothing from elsewhere, no files."""
    user = person(embedded)
    assert "Interactive dashboards" in user.get("voila").text
    assert user.get("voila/files/token").status_code == 404
