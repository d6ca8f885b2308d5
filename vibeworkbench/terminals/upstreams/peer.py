"""A WebSocket to an upstream: opened or refused with the reason, read when asked, and found out when it is dead."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidMessage,
    InvalidStatus,
    InvalidUpgrade,
    WebSocketException,
)
from websockets.typing import Subprotocol

from vibeworkbench.errors import NotAllowed, NotFound, Unavailable, UpstreamFailed, WorkbenchError
from vibeworkbench.handshakes import UNLOGGED
from vibeworkbench.terminals.upstreams.trust import untrusted

ANSWER_S = 10.0
"""How long an upstream has for an answer."""
KEEP_ALIVE_S = 20.0
"""Proxies forget connections on which nothing happens, the strictest after half a minute."""
MESSAGE_BYTES: Final = 64 * 2**20
"""Largest message: the replay of a terminado server may have 24 MB."""
REPLAY_S = 60.0
"""How long a replay may take: it is one message of up to 24 MB."""
WAITING_FRAMES = 4
"""Frames that may wait to be read; then the connection is read no further."""
PAUSED_S = 1.0
"""Who has not read for this long does not read: the answer would stand behind what waits."""
CLOSE_S = 1.0
"""How long the other side may take to close a connection that has ended."""
TOO_BIG = 1009
BROKEN = 1006
_BETWEEN_FRAMES = "unexpected end of stream"
"""How websockets says that a connection without a farewell ended where a frame might have begun."""
TEMPORARY = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Limits:
    """What an upstream may take.

    Attributes:
        answer_s: How long it has for each answer.
        replay_s: How long it has for what it kept of the stream.
        keep_alive_s: How often it is asked whether it is there.
        silent_s: How long it may say nothing after that, although it is read; then the connection is cut.
        message_bytes: Largest message.
    """

    answer_s: float = ANSWER_S
    replay_s: float = REPLAY_S
    keep_alive_s: float = KEEP_ALIVE_S
    silent_s: float = ANSWER_S
    message_bytes: int = MESSAGE_BYTES


USUAL = Limits()


class _Ending(ClientConnection):
    """Waits for the other side's farewell no longer than for any close: whoever reads would wait for it."""

    hung_up = False

    def eof_received(self) -> None:
        """The other side sends nothing more; whether it stopped between two frames is known."""
        super().eof_received()
        is_between = str(self.protocol.parser_exc) == _BETWEEN_FRAMES and self.protocol.current_size is None
        self.hung_up = is_between  # neither in a frame nor in a message of several

    def data_received(self, data: bytes) -> None:
        """The bytes were taken; where they end it, the connection ends."""
        super().data_received(data)
        if self.protocol.close_expected():
            self.loop.call_later(CLOSE_S, self.transport.abort)


class _Connect(connect):
    """Follows no redirect: it would carry the token to another address."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """The refusal itself."""
        return exc


async def opened(
    url: str,
    *,
    headers: Mapping[str, str],
    subprotocols: Sequence[str] = (),
    tls: ssl.SSLContext | None = None,
    limits: Limits = USUAL,
) -> Peer:
    """The open connection.

    Args:
        url: Of the WebSocket.
        headers: Sent with the handshake.
        subprotocols: What we speak, the best first; the upstream may choose none.
        tls: For ``wss``.
        limits: What the upstream may take.

    Raises:
        Unavailable: It does not answer, or is not ready.
        WorkbenchError: It refuses, and would do so again.
    """
    try:
        connection = await _Connect(
            url,
            additional_headers=headers,
            subprotocols=[Subprotocol(each) for each in subprotocols] or None,
            ssl=tls,
            proxy=None,
            compression=None,
            open_timeout=limits.answer_s,
            close_timeout=CLOSE_S,
            create_connection=_Ending,
            ping_interval=None,
            max_size=limits.message_bytes,
            max_queue=WAITING_FRAMES,
            logger=UNLOGGED,
        )
    except InvalidStatus as refused:
        raise refusal(refused.response.status_code, has_token=bool(headers)) from None
    except ssl.SSLCertVerificationError as error:
        raise untrusted(error) from None
    except TimeoutError:
        raise Unavailable("The upstream does not answer in time.") from None
    except InvalidUpgrade:
        raise UpstreamFailed("What answers at the upstream's address opens no WebSocket.") from None
    except OSError as error:
        raise Unavailable(f"The upstream cannot be reached: {_words(error)}.") from None
    except InvalidMessage as error:
        if isinstance(error.__cause__, EOFError):
            raise Unavailable("The upstream closed the connection during the handshake.") from None
        raise UpstreamFailed("What answers at the upstream's address is no web server.") from None
    except WebSocketException as error:
        raise UpstreamFailed(f"The upstream's handshake cannot be meant ({type(error).__name__}).") from None
    return Peer(connection, limits)


def refusal(status: int, *, has_token: bool) -> WorkbenchError:
    """What it means that an upstream answers with an HTTP status instead of what was asked for."""
    said = f"The upstream answers {status}"
    if status in TEMPORARY:
        return Unavailable(f"{said}: it is not ready.", status=status)
    if status in {401, 403} or 300 <= status < 400:
        do = (
            "it does not accept the token"
            if has_token
            else "it wants a token; name its environment variable in tokenEnv"
        )
        return NotAllowed(f"{said}: {do}.", status=status)
    if status in {404, 410}:
        return NotFound(f"{said}: there is no such terminal; look at the address, or make it there.", status=status)
    return UpstreamFailed(f"{said}: what is at this address is no terminal.", status=status)


def _words(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "its name has no address"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({(error.reason or 'it broke off').replace('_', ' ').lower()})"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    return (error.strerror or "the network failed").lower()


class Peer:
    """An open WebSocket, read by one reader.

    Args:
        connection: After its handshake.
        limits: What the upstream may take.

    Attributes:
        subprotocol: What the upstream chose; ``None`` where it chose nothing.
        close_code: Why the upstream has closed the connection; 1006 where it broke. Source: RFC 6455, 7.4.
        close_reason: The same in the upstream's words.
        is_overfull: Whether it ended because a message was too large.
    """

    def __init__(self, connection: ClientConnection, limits: Limits = USUAL) -> None:
        self._connection = connection
        self._limits = limits
        self._heard_at = monotonic()
        self._waits_since: float | None = None
        self._silent_since: float | None = None
        self.subprotocol: str | None = connection.subprotocol
        self.close_code = BROKEN
        self.close_reason = ""
        self.is_overfull = False
        _keep_alive(connection)
        self._beat = asyncio.create_task(self._keep_alive())

    @property
    def hung_up(self) -> bool:
        """Whether the upstream itself ended the connection, in order, but without a farewell."""
        return self.close_code == BROKEN and isinstance(self._connection, _Ending) and self._connection.hung_up

    async def receive(self) -> str | bytes | None:
        """The next message; ``None`` at the end."""
        self._waits_since = monotonic()
        try:
            return await self._connection.recv()
        except ConnectionClosed as closed:
            if closed.rcvd is not None:
                self.close_code, self.close_reason = closed.rcvd.code, closed.rcvd.reason
            self.is_overfull = closed.sent is not None and closed.sent.code == TOO_BIG and not closed.rcvd_then_sent
            return None
        finally:
            self._heard_at, self._waits_since, self._silent_since = monotonic(), None, None

    def ending(self) -> WorkbenchError:
        """Why it has ended; only an ``Unavailable`` one may be opened again."""
        said = f": {self.close_reason}" if self.close_reason else ""
        if self.is_overfull:
            return UpstreamFailed(f"The upstream sent a message of more than {self._limits.message_bytes} bytes.")
        if self.close_code in {1008, 4401, 4403}:
            return NotAllowed(f"The upstream ended the connection for want of a right{said}")
        if self.close_code == 4404:
            return NotFound(f"The upstream has no such terminal any more{said}")
        return Unavailable(f"The connection with the upstream broke ({self.close_code}){said}")

    async def send(self, message: str | bytes) -> None:
        """The message is on its way; waits while the upstream takes nothing.

        Raises:
            Unavailable: The connection has ended.
        """
        try:
            await self._connection.send(message)
        except ConnectionClosed:
            raise Unavailable("The connection with the upstream has ended.") from None

    async def answer(self, message: str | bytes) -> None:
        """As ``send``, by the reader: while it waits the connection counts as read; an end is told by ``receive``."""
        self._waits_since = monotonic()
        try:
            with contextlib.suppress(ConnectionClosed):
                await self._connection.send(message)
        finally:
            self._waits_since = None

    async def pulse(self) -> float | None:
        """Seconds to the upstream and back. A connection on which nothing comes although it is read is cut.

        Returns:
            ``None`` where nothing can be said: the answer stands behind what is not read, or does not come.
        """
        self._silent_since = self._silent_since or monotonic()
        try:
            self._give_up_if_dead()
            async with asyncio.timeout(self._silent_since + self._limits.silent_s - monotonic()):
                return await self._echo()
        except ConnectionClosed:
            return None
        except TimeoutError:
            self._give_up_if_dead()
            return None

    async def _echo(self) -> float | None:
        answer = await self._connection.ping()
        if self._waits_since is None and monotonic() - self._heard_at > PAUSED_S:
            self._silent_since = None
            return None
        took = float(await answer)
        self._silent_since = None
        return took

    def _give_up_if_dead(self) -> None:
        # Whoever asks may do so with more haste, so what counts is since when there was no answer.
        now, since = monotonic(), self._silent_since
        if since is None or now - since < self._limits.silent_s:
            return
        self._silent_since = None
        if self._waits_since is not None and max(self._waits_since, self._heard_at) <= since:
            self._connection.transport.abort()

    async def _keep_alive(self) -> None:
        while True:
            await asyncio.sleep(self._limits.keep_alive_s)
            await self.pulse()

    async def close(self) -> None:
        """The connection is closed."""
        self._beat.cancel()
        await self._connection.close()


def _keep_alive(connection: ClientConnection) -> None:
    """The kernel finds out a dead upstream of whose data nothing is read: no answer of ours would be seen then.

    Source: tcp(7), TCP_KEEPIDLE and its kin, which not every system has.
    """
    channel = connection.transport.get_extra_info("socket")
    with contextlib.suppress(OSError, AttributeError):
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, int(KEEP_ALIVE_S))
        channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
        channel.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
