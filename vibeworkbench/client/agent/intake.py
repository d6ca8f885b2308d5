"""Where all sources meet: what they bring is put on disk together, and is theirs no more when this returns."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from vibeworkbench.client.agent.buffer import Buffer
from vibeworkbench.masking import masked_record

RETRY_S = 1.0

log = logging.getLogger(__name__)

Records = Sequence[tuple[str, Mapping[str, Any]]]


class Intake:
    """The buffer's entrance.

    Args:
        buffer: Where all goes.
        notice: Called when there is something new.
    """

    def __init__(self, buffer: Buffer, notice: Callable[[], None]) -> None:
        self._buffer = buffer
        self._notice = notice
        self._waiting: list[tuple[Records, Mapping[str, Any]]] = []
        self._turn = asyncio.Lock()

    def mark_of(self, source: str) -> Mapping[str, Any] | None:
        """How far the source was kept; ``None`` when nothing of it was."""
        return self._buffer.marks.get(source)

    async def put(self, records: Records, marks: Mapping[str, Any] | None = None) -> None:
        """The records, and how far their source is then kept, are on disk. A full disk is waited for."""
        mine = (records, marks or {})
        self._waiting.append(mine)
        async with self._turn:
            if not any(each is mine for each in self._waiting):
                return  # whoever had the turn took it along
            batch, self._waiting = self._waiting, []
            together = [record for given, _ in batch for record in given]
            newest = {source: mark for _, given in batch for source, mark in given.items()}
            together = await asyncio.to_thread(_discreet, together)
            while not await asyncio.to_thread(self._is_kept, together, newest):  # noqa: ASYNC110 - a disk has no event
                await asyncio.sleep(RETRY_S)
        self._notice()

    def _is_kept(self, records: Records, marks: Mapping[str, Any]) -> bool:
        try:
            self._buffer.put(records, marks)
        except OSError as error:
            log.error("agent: the buffer cannot be written: %s", error.strerror)  # noqa: TRY400 - no bug of ours
            return False
        return True


def _discreet(records: Records) -> list[tuple[str, Mapping[str, Any]]]:
    """The records without secrets: what stands in the buffer stands on a disk of another machine, maybe for days."""
    return [(kind, masked_record(record)) for kind, record in records]
