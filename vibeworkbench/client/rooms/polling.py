"""A room without WebSocket: long polling, the same messages with the same places in the history."""

from __future__ import annotations

from collections.abc import AsyncIterator
from time import monotonic, time
from typing import Any, Protocol

import httpx
import msgspec

from vibeworkbench.client.api import headers
from vibeworkbench.client.discovery import Address
from vibeworkbench.client.rooms.model import ABNORMAL, CODE_OF_STATUS, History, Message, Timing
from vibeworkbench.client.rooms.socket import Envelope

SHORTEST_WAIT_S = 1.0
BAD_MESSAGE = 4400


class PolledPlace(Protocol):
    """The room that is polled."""

    @property
    def address(self) -> Address:
        """The server."""

    @property
    def path(self) -> str:
        """Party and room as two segments of a URL path."""


class PollRefused(Exception):
    """A poll had no success: the close code that stands for it, and why."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class Poll(msgspec.Struct, frozen=True, rename="camel"):
    """The answer to one poll."""

    epoch: str
    last_seq: int
    messages: list[Envelope]
    gap: Any = None


async def polled(
    place: PolledPlace, history: History, timing: Timing
) -> AsyncIterator[tuple[float | None, list[Message]]]:
    """Without end: the round-trip time in seconds (of the first poll, which does not wait) and the messages.

    Raises:
        PollRefused: The server refused or does not answer.
    """
    limit = httpx.Timeout(timing.handshake_s, read=timing.poll_s + timing.handshake_s)
    trust_env = not place.address.is_loopback
    url = place.address.http(f"api/rooms/{place.path}/messages")
    async with httpx.AsyncClient(headers=headers(place.address), timeout=limit, trust_env=trust_env) as http:
        wait_s, longest_s = 0.0, timing.poll_s
        while True:
            asked_at = monotonic()
            try:
                poll = await _answer(http, url, {**history.since(), "wait": f"{wait_s:g}"})
            except PollRefused as refused:
                if refused.code != BAD_MESSAGE or wait_s <= SHORTEST_WAIT_S:
                    raise
                longest_s = wait_s = wait_s / 2  # the server's settings allow less
                continue
            messages = [Message(each.type, each.seq, each.timestamp, each.data) for each in poll.messages]
            if poll.gap or poll.epoch != history.epoch:
                messages.insert(0, Message("connected", poll.last_seq, int(time() * 1000), {"epoch": poll.epoch}))
            yield (monotonic() - asked_at if wait_s == 0 else None), messages
            wait_s = longest_s


async def _answer(http: httpx.AsyncClient, url: str, query: dict[str, str]) -> Poll:
    try:
        response = await http.get(url, params=query)
    except httpx.HTTPError:
        raise PollRefused(ABNORMAL, "the server does not answer") from None
    if not response.is_success:
        status = response.status_code
        raise PollRefused(CODE_OF_STATUS.get(status, ABNORMAL), f"the server answered {status}")
    try:
        return msgspec.json.decode(response.content, type=Poll)
    except msgspec.MsgspecError:
        raise PollRefused(ABNORMAL, "the answer cannot be read") from None
