"""What a member of a room knows, and what it decides: pure values, the same rules as the panels' ``socket.js``.

Times are seconds of a monotonic clock that the caller gives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from vibeworkbench.client.errors import CLOSE_MEANINGS

Quality = Literal["connecting", "good", "slow", "reconnecting", "offline", "closed"]

FINAL_CODES = frozenset(CLOSE_MEANINGS)
"""Close codes after which coming back would change nothing."""
TOO_FAST = 4429
ABNORMAL = 1006
CODE_OF_STATUS = {302: 4401, 400: 4400, 401: 4401, 403: 4403, 404: 4404}
"""The close code that stands for the HTTP status of a refused poll."""
UNRECORDED_PARTIES = frozenset({"relay", "containers", "logs"})
VERBATIM_PARTIES = frozenset({"relay"})


@dataclass(frozen=True, slots=True)
class Timing:
    """Every interval of a membership, in seconds.

    Attributes:
        ping_s: Between two pings of ours.
        pong_s: Silence after a ping that means death.
        handshake_s: Longest opening handshake.
        backoff_base_s: First ceiling of the backoff, doubled after each failure.
        backoff_cap_s: Highest ceiling.
        stable_s: A connection that lived this long makes the next retry immediate again.
        slow_s: Smoothed round-trip time from which a connection is called slow.
        offline_s: Without a connection for this long we say offline rather than reconnecting.
        upgrade_s: Between two tries to get from polling back to the WebSocket.
        poll_s: How long the server may hold a poll.
    """

    ping_s: float = 10.0
    pong_s: float = 10.0
    handshake_s: float = 10.0
    backoff_base_s: float = 1.0
    backoff_cap_s: float = 30.0
    stable_s: float = 5.0
    slow_s: float = 0.4
    offline_s: float = 30.0
    upgrade_s: float = 60.0
    poll_s: float = 25.0


@dataclass(frozen=True, slots=True)
class Message:
    """What the room said.

    Attributes:
        type: ``scan-start``, ``issue``, ``snapshot`` ...; ``relay`` for the verbatim party.
        seq: Its place in the room's history; frames outside the history carry the last place.
        timestamp_ms: Unix milliseconds.
        data: The body: a JSON value, or in the party ``relay`` the text or bytes that a member sent.
    """

    type: str
    seq: int
    timestamp_ms: int
    data: Any

    @property
    def at(self) -> datetime:
        """When it was said, aware UTC."""
        return datetime.fromtimestamp(self.timestamp_ms / 1000, UTC)

    def wire(self) -> dict[str, Any]:
        """The JSON object as the server sent it."""
        return {"type": self.type, "seq": self.seq, "timestamp": self.timestamp_ms, "data": self.data}


@dataclass(frozen=True, slots=True)
class Connection:
    """How a membership stands.

    Attributes:
        quality: ``closed`` is final: somebody has to do something (log in, get the right) or has closed it.
        transport: What carries the messages now.
        rtt_ms: Smoothed round-trip time.
        retry_in_s: The wait before the next try, while there is no connection.
        reason: Why it ended, for people.
        members: How many were in the room when last said.
    """

    quality: Quality = "connecting"
    transport: Literal["socket", "poll"] | None = None
    rtt_ms: float | None = None
    retry_in_s: float | None = None
    reason: str = ""
    members: int | None = None


@dataclass(frozen=True, slots=True)
class Lost:
    """A connection that ended, or was never made (then not ``joined``)."""

    code: int
    reason: str = ""
    joined: bool = False

    @property
    def is_final(self) -> bool:
        """Whether coming back would change nothing."""
        return self.code in FINAL_CODES


def retry_delay_s(attempt: int, timing: Timing, random: float) -> float:
    """The wait before a retry: none before the first, then a draw below an exponentially growing ceiling.

    Args:
        attempt: Failed tries since the last stable connection.
        timing: Base and cap of the ceiling.
        random: In [0, 1).

    Source: Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 ("full jitter").
    """
    if attempt == 0:
        return 0.0
    return random * min(timing.backoff_cap_s, timing.backoff_base_s * 2.0 ** min(attempt - 1, 30))


@dataclass(slots=True)
class History:
    """How far the room has been read, and which messages are new."""

    epoch: str | None = None
    seq: int | None = None
    _newest: tuple[int, str, int] | None = None

    def since(self) -> dict[str, str]:
        """What a reconnect says so that it gets exactly what it missed."""
        if self.seq is None:
            return {}
        return {"since": str(self.seq)} if self.epoch is None else {"since": str(self.seq), "epoch": self.epoch}

    def admits(self, message: Message) -> bool:
        """Whether ``message`` is new; the place in the history moves with it.

        Frames outside the history carry the last ``seq`` and do not advance it, so an equal ``seq`` with another
        identity is an announcement and not a repetition.
        """
        match message.type:
            case "connected":
                epoch = message.data.get("epoch")
                if self.epoch is not None and epoch != self.epoch:
                    self.seq = None
                self.epoch = epoch
            case "gap":
                self.seq = None
            case "snapshot":
                self.seq, self._newest = message.seq, None
            case "presence" | "error":
                pass
            case _ if message.seq > 0:  # 0 is said where there is no history
                return self._follows(message)
        return True

    def _follows(self, message: Message) -> bool:
        name = (message.seq, message.type, message.timestamp_ms)
        if self.seq is None or message.seq > self.seq:
            self.seq, self._newest = message.seq, name
            return True
        return message.seq == self.seq and name != self._newest


@dataclass(slots=True)
class Heartbeat:
    """When to ping, when a connection is slow and when it is dead. ``now`` is in seconds of a monotonic clock."""

    timing: Timing
    ping_at: float = -math.inf
    slow_at: float = math.inf
    dead_at: float = math.inf
    rtt_ms: float | None = None
    ping_id: int = 0
    _asked_at: float = field(default=math.nan)

    @property
    def next_at(self) -> float:
        """The instant at which something is due."""
        return min(self.ping_at, self.slow_at, self.dead_at)

    def pinged(self, now: float) -> int:
        """A ping goes out; its id."""
        self.ping_id += 1
        self._asked_at = now
        self.ping_at = now + self.timing.ping_s
        self.slow_at = now + 2 * self.timing.slow_s
        self.dead_at = min(self.dead_at, now + self.timing.pong_s)
        return self.ping_id

    def heard(self) -> None:
        """Any frame proves life."""
        self.dead_at = math.inf

    def ponged(self, ping_id: Any, now: float) -> None:
        """An answer came: it counts as a measurement when it answers the last ping (smoothed with a gain of 1/4)."""
        self.dead_at = math.inf
        if ping_id != self.ping_id:
            return
        self.slow_at = math.inf
        measured_ms = 1000 * (now - self._asked_at)
        self.rtt_ms = measured_ms if self.rtt_ms is None else self.rtt_ms + (measured_ms - self.rtt_ms) / 4

    def quality(self) -> Literal["good", "slow"]:
        """What the smoothed round-trip time says."""
        return "slow" if self.rtt_ms is not None and self.rtt_ms > 1000 * self.timing.slow_s else "good"
