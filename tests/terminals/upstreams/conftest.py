"""Local terminals for the tests of upstreams."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.terminals.upstreams.conformance import gone
from tests.terminals.upstreams.local_terminals import Making, holders, making


@pytest.fixture
async def mark() -> AsyncIterator[str]:
    """How this test's terminals are called; afterwards no holder of theirs is left."""
    mark = uuid.uuid4().hex[:12]
    yield mark
    for pid in holders(mark):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)  # a test that failed ended nothing
        await gone(pid)


@pytest.fixture
def local(tmp_path: Path, mark: str) -> Making:
    """Makes the upstream of a new local terminal, or of the one that is named."""
    return making(tmp_path, mark)
