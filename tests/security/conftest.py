"""One server for all attacks of a worker, with everything on it that is worth attacking."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.security.staging import Stage, build
from tests.servers import Server, serve


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A server with dashboards, notebooks, a kernel, a stranger's extension and tokens of every kind."""
    started: list[Server] = []

    def start(settings: str, **collaborators: Any) -> Server:
        started.append(serve(settings=settings, **collaborators))
        return started[-1]

    try:
        yield build(start, tmp_path_factory.mktemp("stage"))
    finally:
        for server in started:
            server.stop()
