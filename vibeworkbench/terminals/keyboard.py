"""What was typed and waits for a program that may not read: bounded, in order, and nobody waits for it."""

from __future__ import annotations

import asyncio
from collections import deque

PIECE_BYTES = 4_096
"""What is written at once: a terminal's own buffer has about as much."""
SLACK_BYTES = 4_096
"""A paste of exactly the limit has brackets around it."""


class Keyboard:
    """A queue of input.

    Args:
        limit_bytes: Most bytes that wait.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes + SLACK_BYTES
        self._waiting: deque[memoryview] = deque()
        self._is_filled = asyncio.Event()
        self.waiting_bytes = 0

    def put(self, data: bytes) -> bool:
        """Whether there is room; all of it waits then, else nothing."""
        if self.waiting_bytes + len(data) > self._limit_bytes:
            return False
        if data:
            self._waiting.append(memoryview(data))
            self.waiting_bytes += len(data)
            self._is_filled.set()
        return True

    async def piece(self) -> bytes:
        """What is to be written next, at most ``PIECE_BYTES``, as soon as there is something."""
        await self._is_filled.wait()
        pieces: list[memoryview] = []
        room = PIECE_BYTES
        while room and self._waiting:
            first = self._waiting.popleft()
            pieces.append(first[:room])
            if len(first) > room:
                self._waiting.appendleft(first[room:])
            room -= len(pieces[-1])
        self.waiting_bytes -= PIECE_BYTES - room
        if not self._waiting:
            self._is_filled.clear()
        return b"".join(pieces)

    def clear(self) -> int:
        """Nothing waits; how many bytes did."""
        lost, self.waiting_bytes = self.waiting_bytes, 0
        self._waiting.clear()
        self._is_filled.clear()
        return lost
