"""A server for the notebooks that nbval executes; a pytest plugin, because it must reach items outside ``tests``.

Fixtures do not reach the cells that nbval runs, but their kernels inherit this process's environment.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from tests.servers import Server, serve

running = pytest.StashKey[Server]()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Before the first notebook's kernel starts, a server runs that its ``connect()`` finds."""
    if type(item).__name__ == "IPyNbCell" and running not in item.config.stash:
        server = serve(Path(tempfile.mkdtemp(prefix="vibeworkbench-notebooks-")))
        item.config.stash[running] = server
        os.environ.update(VIBEWORKBENCH_URL=server.url, VIBEWORKBENCH_TOKEN=server.token)


def pytest_unconfigure(config: pytest.Config) -> None:
    """The notebooks' server has ended and left nothing."""
    server = config.stash.get(running, None)
    if server is not None:
        server.stop()
        shutil.rmtree(server.data)
