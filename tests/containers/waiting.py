"""Waiting for what processes do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

LIMIT_S = 90.0


async def until(asked: Callable[[], Any], what: str) -> Any:
    """What ``asked`` answers, in a thread of its own, as soon as that is true.

    Raises:
        TimeoutError: It never was.
    """
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        if found := await asyncio.to_thread(asked):
            return found
        await asyncio.wait({asyncio.ensure_future(asyncio.Event().wait())}, timeout=0.1)
    raise TimeoutError(f"it never came to it that {what}")
