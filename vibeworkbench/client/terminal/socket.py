"""One WebSocket connection to a terminal: bytes are the terminal's, text is one JSON control message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, NegotiationError, WebSocketException
from websockets.typing import Subprotocol

from vibeworkbench.client.api import headers
from vibeworkbench.client.discovery import Address
from vibeworkbench.client.rooms.model import ABNORMAL, CODE_OF_STATUS, Lost, Timing
from vibeworkbench.client.rooms.socket import LARGEST_FRAME_BYTES
from vibeworkbench.handshakes import UNLOGGED

PROTOCOL = Subprotocol("room-terminal.v1")
BAD_MESSAGE = 4400


class LostConnection(Exception):
    """The connection has ended, or there was none."""

    def __init__(self, lost: Lost) -> None:
        super().__init__(lost.reason)
        self.lost = lost


async def opened(url: str, address: Address, timing: Timing) -> ClientConnection:
    """The open connection, kept alive by pings of the WebSocket protocol.

    Raises:
        LostConnection: There is none.
    """
    try:
        connection = await connect(
            url,
            additional_headers=headers(address),
            subprotocols=[PROTOCOL],
            proxy=None if address.is_loopback else True,
            open_timeout=timing.handshake_s,
            close_timeout=1,
            ping_interval=timing.ping_s,
            ping_timeout=timing.pong_s,
            max_size=LARGEST_FRAME_BYTES,
            compression=None,
            logger=UNLOGGED,
        )
    except InvalidStatus as refused:
        status = refused.response.status_code
        raise LostConnection(
            Lost(CODE_OF_STATUS.get(status, ABNORMAL), f"the handshake was refused with {status}")
        ) from None
    except NegotiationError:
        raise LostConnection(Lost(BAD_MESSAGE, f"the server does not speak {PROTOCOL}")) from None
    except (OSError, WebSocketException, TimeoutError) as error:
        reason = "the server does not answer" if isinstance(error, OSError) else "no handshake"
        raise LostConnection(Lost(ABNORMAL, reason)) from None
    if connection.subprotocol != PROTOCOL:
        await connection.close()
        raise LostConnection(Lost(BAD_MESSAGE, f"the server does not speak {PROTOCOL}"))
    return connection


async def received(connection: ClientConnection) -> bytes | dict[str, Any]:
    """The next bytes of the terminal, or the next control message; empty for one that means nothing to us.

    Raises:
        LostConnection: The connection has ended.
    """
    try:
        frame = await connection.recv()
    except ConnectionClosed as closed:
        said = closed.rcvd
        raise LostConnection(Lost(said.code if said else ABNORMAL, said.reason if said else "", joined=True)) from None
    if isinstance(frame, bytes):
        return frame
    try:
        return msgspec.json.decode(frame, type=dict[str, Any])
    except msgspec.MsgspecError:
        return {}


def control(message: Mapping[str, Any]) -> str:
    """A control message as its frame's text."""
    return msgspec.json.encode(message).decode()
