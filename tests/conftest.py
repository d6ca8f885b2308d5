"""What all tests share.

``async def`` tests and fixtures simply run (anyio's plugin in auto mode, on asyncio); pytest-jupyter's fixtures are not
loaded, since they would take the event loop over. Servers are real ones: see ``docs/howto/testing.md``.
"""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Async tests run on asyncio, the loop that tornado runs on."""
    return "asyncio"
