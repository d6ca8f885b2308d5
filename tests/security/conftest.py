"""One server for all attacks of a file, with everything on it that is worth attacking."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.security.staging import Stage, build
from tests.servers import Server


@pytest.fixture(scope="module")
def stage(start_server: Callable[..., Server], tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """A server with dashboards, notebooks, a kernel, a stranger's extension and tokens of every kind."""
    return build(start_server, tmp_path_factory.mktemp("stage"))
