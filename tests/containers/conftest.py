"""A container engine on a socket, for every test that asks for one."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.containers.engine_server import EngineServer


@pytest.fixture
async def engine_server() -> AsyncIterator[EngineServer]:
    """A running engine without containers; a unix socket's path is short, so it stands in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        server = EngineServer(Path(folder) / "engine.sock")
        await server.start()
        yield server
        server.silent = False
        await server.stop()
