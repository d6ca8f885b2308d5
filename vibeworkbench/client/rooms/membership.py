"""One membership of one room over as many connections as it takes.

    connect → WebSocket ⇄ (lost: at once, then full jitter) → the same room with since + epoch
            ↘ refused twice while HTTP answers → long polling, and back to the WebSocket later

Everything here runs on one event loop; ``subscription.py`` gives it a thread of its own.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any
from urllib.parse import urlencode

from vibeworkbench.client.api import segment
from vibeworkbench.client.discovery import Address
from vibeworkbench.client.errors import RoomClosed
from vibeworkbench.client.rooms.model import (
    TOO_FAST,
    UNRECORDED_PARTIES,
    VERBATIM_PARTIES,
    Connection,
    History,
    Lost,
    Message,
    Timing,
    retry_delay_s,
)
from vibeworkbench.client.rooms.polling import PollRefused, polled
from vibeworkbench.client.rooms.socket import OpenSocket, opened

REFUSALS_BEFORE_POLLING = 2


@dataclass(frozen=True, slots=True)
class Place:
    """The room that is meant, and the server that has it."""

    address: Address
    party: str
    room: str

    def __str__(self) -> str:
        return f"{self.party}/{self.room}"

    @property
    def path(self) -> str:
        """The room as two segments of a URL path."""
        return f"{segment(self.party)}/{segment(self.room)}"

    @property
    def is_verbatim(self) -> bool:
        """Whether the party carries what members say without envelope or heartbeat."""
        return self.party in VERBATIM_PARTIES

    @property
    def is_recorded(self) -> bool:
        """Whether the room has a history: without one nothing can be polled, and nothing comes twice."""
        return self.party not in UNRECORDED_PARTIES


@dataclass(slots=True)
class Membership:
    """Stays in the room until cancelled or refused.

    Attributes:
        place: The room.
        deliver: Gets every new message, in order; the reading waits for it.
        show: Gets the connection at every change.
        timing: All intervals.
        history: How far the room has been read.
    """

    place: Place
    deliver: Callable[[Message], Awaitable[None]]
    show: Callable[[Connection], None]
    timing: Timing = field(default_factory=Timing)
    history: History = field(default_factory=History)
    connection: Connection = field(default_factory=Connection)
    socket: OpenSocket | None = None
    _member_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    _attempt: int = 0
    _refusals: int = 0
    _joined_at: float | None = None
    _lost_at: float = field(default_factory=monotonic)

    async def stay(self) -> None:
        """Never returns: reconnects for as long as coming back may help.

        Raises:
            RoomClosed: It cannot help.
        """
        while True:
            lost: Lost | None = await self._by_socket()
            if lost is None and self._refusals >= REFUSALS_BEFORE_POLLING and self.place.is_recorded:
                lost = await self._by_polling()
            await self._wait_to_retry(lost or Lost(1006))

    async def _by_socket(self) -> Lost | None:
        """How the connection ended; ``None`` when none was made."""
        found = await self._dial()
        if isinstance(found, OpenSocket):
            return await self._listen(found)
        self._refusals += 1
        if found.is_final and (self._refusals >= REFUSALS_BEFORE_POLLING and not self.place.is_recorded):
            raise RoomClosed(found.code, found.reason, str(self.place))
        return None

    async def _dial(self) -> OpenSocket | Lost:
        query = urlencode({"_pk": self._member_id, **self.history.since()})
        url = self.place.address.ws(f"parties/{self.place.path}?{query}")
        return await opened(url, self.place.address, self.timing, verbatim=self.place.is_verbatim)

    async def _listen(self, socket: OpenSocket) -> Lost | None:
        self._opened(socket)
        try:
            lost = await socket.listen(self._take, self._show_rtt)
        finally:
            self.socket = None
            await socket.close()
        if lost.is_final:
            raise RoomClosed(lost.code, lost.reason, str(self.place))
        if self._joined_at is None:
            self._refusals += 1
            return None if self._refusals >= REFUSALS_BEFORE_POLLING else lost
        self._lost_at = monotonic()
        if self._lost_at - self._joined_at >= self.timing.stable_s:
            self._attempt = 0
        return lost

    def _opened(self, socket: OpenSocket) -> None:
        self.socket, self._joined_at = socket, None
        if self.place.is_verbatim:
            self._joined()

    def _joined(self) -> None:
        self._joined_at, self._refusals = monotonic(), 0
        self._show(quality="good", transport="socket", rtt_ms=None, retry_in_s=None, reason="")

    async def _by_polling(self) -> Lost | None:
        """Polls until a WebSocket can be had again (and then uses it) or polling fails too."""
        poll = asyncio.create_task(self._poll())
        try:
            while True:
                await asyncio.wait({poll}, timeout=self.timing.upgrade_s * (0.5 + random.random()))  # noqa: S311 - jitter
                if poll.done():
                    return poll.result()
                found = await self._dial()
                if isinstance(found, OpenSocket):
                    poll.cancel()
                    await asyncio.wait({poll})
                    return await self._listen(found)
        finally:
            poll.cancel()

    async def _poll(self) -> Lost:
        try:
            async for asked_s, messages in polled(self.place, self.history, self.timing):
                if asked_s is not None:
                    self._attempt = 0
                    quality = "slow" if asked_s > self.timing.slow_s else "good"
                    self._show(transport="poll", quality=quality, rtt_ms=1000 * asked_s, retry_in_s=None, reason="")
                for message in messages:
                    await self._take(message)
        except PollRefused as refused:
            lost = Lost(refused.code, refused.reason)
            if lost.is_final:
                raise RoomClosed(lost.code, lost.reason, str(self.place)) from None
            if self.connection.transport == "poll":
                self._lost_at = monotonic()
            return lost
        raise AssertionError("polling ends only by refusal")

    async def _take(self, message: Message) -> None:
        if message.type == "connected" and self.socket is not None:
            self._joined()
        if isinstance(message.data, dict) and isinstance(message.data.get("members"), int):
            self._show(members=message.data["members"])
        is_new = self.history.admits(message) if self.place.is_recorded else True
        if is_new and message.type != "connected":
            await self.deliver(message)

    async def _wait_to_retry(self, lost: Lost) -> None:
        at_least_s = self.timing.backoff_cap_s / 2 if lost.code == TOO_FAST else 0.0
        delay_s = at_least_s + retry_delay_s(self._attempt, self.timing, random.random())  # noqa: S311 - jitter
        self._attempt += 1
        is_long = monotonic() - self._lost_at >= self.timing.offline_s
        self._show(
            quality="offline" if is_long else "reconnecting",
            transport=None,
            rtt_ms=None,
            retry_in_s=delay_s,
            reason=lost.reason,
        )
        await asyncio.sleep(delay_s)

    def _show_rtt(self, rtt_ms: float | None, quality: str) -> None:
        self._show(rtt_ms=rtt_ms, quality=quality)

    def _show(self, **change: Any) -> None:
        shown = replace(self.connection, **change)
        if shown != self.connection:
            self.connection = shown
            self.show(shown)
