"""Bringing the buffer to the workbench: in order, compressed, until it says that it has them."""

from __future__ import annotations

import asyncio
import gzip
import logging
import random
from collections.abc import Callable, Sequence
from contextlib import suppress

import httpx
import msgspec

from vibeworkbench.client.agent.buffer import Buffer
from vibeworkbench.client.agent.model import Outgoing, by_kind, ndjson, wait_s
from vibeworkbench.client.discovery import Address
from vibeworkbench.client.errors import ClientError

RECORDS_AT_ONCE, BYTES_AT_ONCE = 2000, 512 * 2**10
LIMIT_S = 30.0

log = logging.getLogger(__name__)


class Answer(msgspec.Struct):
    """What the workbench says of a batch. Fields of a newer version are passed over."""

    accepted: int = 0
    duplicates: int = 0
    rejected: list[dict[str, msgspec.Raw]] = []


class NotNowError(Exception):
    """The batch has not arrived and is to be sent again.

    Args:
        reason: Why, in a sentence.
        after_s: How long the workbench wants to be left in peace.
    """

    def __init__(self, reason: str, after_s: float | None = None) -> None:
        super().__init__(reason)
        self.after_s = after_s


class TooLargeError(Exception):
    """The workbench takes no batch of this size."""


class Sender:
    """Sends what the buffer holds.

    Args:
        buffer: What is to be sent.
        address: Tells the workbench's address, each time that it is asked.
        chance: Between 0 and 1, another one each time.
    """

    def __init__(
        self, *, buffer: Buffer, address: Callable[[], Address], chance: Callable[[], float] = random.random
    ) -> None:
        self.failures = 0
        self.refused = 0
        self._buffer = buffer
        self._address = address
        self._chance = chance
        self._limit = RECORDS_AT_ONCE
        self._more = asyncio.Event()
        self._is_ending = False

    def notice(self) -> None:
        """There may be something to send."""
        self._more.set()

    def end(self) -> None:
        """Nothing more comes: :meth:`run` returns when all was sent, or at the first failure."""
        self._is_ending = True
        self._more.set()

    async def run(self) -> None:
        """All is sent as it comes."""
        async with httpx.AsyncClient(timeout=LIMIT_S, trust_env=True) as http:
            while True:
                self._more.clear()
                pending = await asyncio.to_thread(self._buffer.pending, self._limit, BYTES_AT_ONCE)
                if not pending:
                    if self._is_ending:
                        return
                    await self._more.wait()
                elif not await self._sent(http, pending) and self._is_ending:
                    return

    async def _sent(self, http: httpx.AsyncClient, pending: Sequence[Outgoing]) -> bool:
        try:
            for kind, records in by_kind(pending).items():
                await self._post(http, kind, records)
        except NotNowError as failed:
            await self._rest(failed)
            return False
        except TooLargeError:
            if len(pending) > 1:
                self._limit = max(len(pending) // 2, 1)
                return True
            log.error("agent: a record is too large for the workbench, and is left out")  # noqa: TRY400 - no bug of ours
            self.refused += 1
        if self.failures:
            log.warning("agent: the workbench answers again")
        self.failures = 0
        self._limit = min(self._limit * 2, RECORDS_AT_ONCE)
        await asyncio.to_thread(self._buffer.acknowledge, pending[-1].place)
        return True

    async def _rest(self, failed: NotNowError) -> None:
        self.failures += 1
        delay_s = wait_s(self.failures, self._chance(), failed.after_s)
        if self.failures in {1, 10} or self.failures % 100 == 0:
            waiting = self._buffer.waiting
            log.warning("agent: %s; %d records wait on disk, next try in %.1f s", failed, waiting, delay_s)
        if self._is_ending:
            return
        await asyncio.sleep(delay_s)

    async def _post(self, http: httpx.AsyncClient, kind: str, records: Sequence[Outgoing]) -> None:
        try:
            address = await asyncio.to_thread(self._address)
        except ClientError as error:
            raise NotNowError(error.message) from None
        body = await asyncio.to_thread(gzip.compress, ndjson(self._buffer.agent_id, records), 6)
        headers = {
            "Authorization": f"token {address.token}",
            "Content-Type": "application/x-ndjson",
            "Content-Encoding": "gzip",
        }
        try:
            answer = await http.post(address.http(f"api/monitoring/{kind}"), content=body, headers=headers)
        except httpx.HTTPError as error:
            raise NotNowError(f"the workbench does not answer ({type(error).__name__})") from None
        self._judge(answer, kind)

    def _judge(self, answer: httpx.Response, kind: str) -> None:
        if answer.status_code == 413:
            raise TooLargeError
        if answer.status_code in {401, 403}:
            raise NotNowError("the workbench does not accept the token: VIBEWORKBENCH_TOKEN holds it, role ingest")
        if answer.status_code != 200:
            raise NotNowError(f"the workbench answers {answer.status_code}", _asked_s(answer))
        try:
            told = msgspec.json.decode(answer.content, type=Answer)
        except msgspec.DecodeError:
            raise NotNowError("what answers is no workbench") from None
        if told.rejected:
            self.refused += len(told.rejected)
            first = {name: bytes(value).decode() for name, value in told.rejected[0].items()}
            log.error("agent: %d of the %s were refused, the first: %s", len(told.rejected), kind, first)


def _asked_s(answer: httpx.Response) -> float | None:
    with suppress(ValueError):
        return min(float(answer.headers.get("Retry-After", "")), 3600.0)
    return None
