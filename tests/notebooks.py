"""A server for the notebooks that nbval executes; a pytest plugin, because it must reach items outside ``tests``.

Fixtures do not reach the cells that nbval runs, but their kernels inherit this process's environment.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import Server, serve

running = pytest.StashKey[Server]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """A notebook's kernel starts with the server's address in its environment; other tests see none of it."""
    if type(item).__name__ != "IPyNbCell":
        return (yield)
    if running not in item.config.stash:
        item.config.stash[running] = serve(Path(tempfile.mkdtemp(prefix="vibeworkbench-notebooks-")))
    server = item.config.stash[running]
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("VIBEWORKBENCH_URL", server.url)
        environment.setenv("VIBEWORKBENCH_TOKEN", server.token)
        return (yield)


def pytest_unconfigure(config: pytest.Config) -> None:
    """The notebooks' server has ended and left nothing."""
    server = config.stash.get(running, None)
    if server is not None:
        server.stop()
        shutil.rmtree(server.data)
