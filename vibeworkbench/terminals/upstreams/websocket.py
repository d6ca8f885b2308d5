"""Terminals elsewhere, by WebSocket: of another workbench, of any Jupyter server, of ttyd."""

from __future__ import annotations

import asyncio
import os
import secrets
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any, ClassVar, Literal

import msgspec

from vibeworkbench.errors import InvalidInput, NotFound, UpstreamFailed, WorkbenchError
from vibeworkbench.terminals.model import Seen, Size
from vibeworkbench.terminals.upstreams import Connection, Place, own, ttyd
from vibeworkbench.terminals.upstreams.addresses import address_of, authorization_of
from vibeworkbench.terminals.upstreams.own import OwnConnection
from vibeworkbench.terminals.upstreams.peer import USUAL, Peer, opened
from vibeworkbench.terminals.upstreams.terminado import JupyterTerminals, TerminadoConnection
from vibeworkbench.terminals.upstreams.ttyd import TtydConnection, auth_token

AUTO, OWN, TERMINADO, TTYD = "auto", "room-terminal.v1", "terminado", "ttyd"
TTYD_SOCKET, TTYD_TOKEN = "ws", "token"
THERE_S = 2.0
"""A ttyd that hung up is there if it answers within this time."""


class WebsocketSpec(
    msgspec.Struct,
    frozen=True,
    forbid_unknown_fields=True,
    kw_only=True,
    rename="camel",
    tag_field="kind",
    tag="websocket",
):
    """A terminal elsewhere.

    Attributes:
        url: Of the terminal's WebSocket; of a Jupyter server or a ttyd its root will do.
        protocol: What is spoken there; ``auto`` finds out.
        token_env: Name of the server's environment variable with a token for the other side, or with ``name:password``.
        token: Nothing: a token would have to be stored.
    """

    url: Annotated[str, msgspec.Meta(min_length=1, max_length=2048)]
    protocol: Literal["auto", "room-terminal.v1", "terminado", "ttyd"] = "auto"
    token_env: Annotated[str, msgspec.Meta(max_length=256)] = ""
    token: Any = msgspec.UNSET


class WebsocketUpstream:
    """A terminal elsewhere.

    Args:
        spec: What was asked for.
        place: Whose terminal it runs.

    Attributes:
        holds_back: Only another workbench makes its program wait.
        lasting: A shell of ttyd ends with the connection.
        limits: What the other side may take.

    Raises:
        InvalidInput: The address is none, or a secret would be stored or go over an open network.
    """

    kind: ClassVar[str] = "websocket"
    spec: ClassVar[type[msgspec.Struct]] = WebsocketSpec

    def __init__(self, spec: WebsocketSpec, place: Place) -> None:
        if spec.token is not msgspec.UNSET:
            reason = "a token would be stored; name an environment variable of the server in tokenEnv"
            raise InvalidInput(f"token: {reason}.", field="token", reason=reason)
        self._address = address_of(spec.url)
        if spec.token_env and not (self._address.secure or self._address.is_loopback):
            reason = "a token goes to another machine by wss:// or https:// only"
            raise InvalidInput(f"url: {reason}.", field="url", reason=reason)
        self._spec = spec
        self._place = place
        is_own = spec.protocol == AUTO and own.PATH in self._address.path
        self._protocol: str = OWN if is_own else spec.protocol
        self._made: set[str] = set()
        self._fault: WorkbenchError | None = None
        self._tls: ssl.SSLContext | None = None
        self._has_connected = False
        self.limits = USUAL
        self.holds_back = self._protocol == OWN
        self.lasting = self._protocol != TTYD

    async def connect(self, size: Size, seen: Seen | None) -> Connection:
        """A connection with the terminal.

        Raises:
            Unavailable: It cannot be reached, or does not answer.
            NotAllowed: It refuses us.
            NotFound: There is no such terminal.
            UpstreamFailed: What is there is no terminal, or has broken off for a reason that will not go away.
        """
        fault, self._fault = self._fault, None
        if fault is not None:
            raise fault  # the connection before ended for a reason that would end the next one, too
        if self._address.secure:  # each time: who mended the file of authorities starts nothing anew
            self._tls = await asyncio.to_thread(ssl.create_default_context)
        connection = await self._connected(self._headers(), size, seen)
        self._has_connected = True
        return connection

    def _headers(self) -> Mapping[str, str]:
        name = self._spec.token_env
        if not name:
            return {}
        token = os.environ.get(name, "").strip()
        if not token:
            raise UpstreamFailed(f"The server's environment variable {name} is not set; it is to hold the token.")
        if not (token.isascii() and token.isprintable()):
            raise UpstreamFailed(f"The server's environment variable {name} holds no token.")
        return authorization_of(token)

    async def _connected(self, headers: Mapping[str, str], size: Size, seen: Seen | None) -> Connection:
        if self._protocol == AUTO:
            self._protocol = await self._guessed(headers)
        if self._protocol == TERMINADO:
            return await self._terminado(headers, size, seen)
        if self._protocol == TTYD:
            return await self._ttyd(headers, size, seen)
        offered = [own.SUBPROTOCOL] if self._protocol == OWN else [own.SUBPROTOCOL, ttyd.SUBPROTOCOL]
        return await self._by_handshake(headers, offered, size, seen)

    async def _guessed(self, headers: Mapping[str, str]) -> str:
        """What the address says of the protocol, or what else answers there; ``auto`` leaves it to the handshake."""
        address = self._address
        is_socket = address.path.endswith(f"/{TTYD_SOCKET}")
        if address.jupyter is not None:
            return TERMINADO
        if not is_socket and await self._server(address.root, headers).started():
            return TERMINADO
        folder = address.folder if is_socket else address.root
        token = await auth_token(address.http(folder + TTYD_TOKEN), headers, self._tls, self.limits.answer_s)
        return AUTO if token is None else TTYD

    async def _by_handshake(
        self, headers: Mapping[str, str], offered: list[str], size: Size, seen: Seen | None
    ) -> Connection:
        said = {"resumes": "1"} if own.PATH in self._address.path else {}
        peer = await self._opened(self._address.socket(**said), headers, offered)
        async with _closed_on_failure(peer):
            if peer.subprotocol == own.SUBPROTOCOL:
                self._protocol, self.holds_back = OWN, True
                connection = OwnConnection(peer=peer, blame=self._blame)
                await connection.begin(size, seen, self.limits.answer_s)
                return connection
            if self._protocol == OWN:
                raise UpstreamFailed(f"What answers at the upstream's address does not speak {own.SUBPROTOCOL}.")
            if peer.subprotocol == ttyd.SUBPROTOCOL:
                return await self._ttyd_shell(peer, "", headers, size, seen)
            return await self._terminado_shell(peer, self._terminado_of(peer, "", ""), size, seen, is_new=False)

    # Jupyter

    def _server(self, root: str, headers: Mapping[str, str]) -> JupyterTerminals:
        return JupyterTerminals(self._address.http(root), headers, self._tls, self.limits.answer_s)

    async def _terminado(self, headers: Mapping[str, str], size: Size, seen: Seen | None) -> Connection:
        root, name = self._address.jupyter or (self._address.root, f"vw{self._place.terminal_id}")
        server = self._server(root, headers)
        is_new = await server.ensure(name)
        if is_new or self._address.jupyter is None:
            self._made.add(name)
        started = await server.started()
        peer = await self._opened(self._address.socket(f"{root}terminals/websocket/{name}"), headers, ())
        connection = self._terminado_of(peer, name, started)
        if name in self._made:
            connection.finish = lambda: server.end(name)
        async with _closed_on_failure(peer):
            return await self._terminado_shell(peer, connection, size, seen, is_new=is_new)

    def _terminado_of(self, peer: Peer, name: str, started: str) -> TerminadoConnection:
        shell = f"{TERMINADO}:{name}:{started}"
        return TerminadoConnection(peer=peer, blame=self._blame, finish=None, shell=shell)

    async def _terminado_shell(
        self, peer: Peer, connection: TerminadoConnection, size: Size, seen: Seen | None, *, is_new: bool
    ) -> Connection:
        known = seen if seen is not None and seen.shell == connection.shell else None
        await connection.begin(size, known, is_new=is_new, limits=self.limits)
        self._protocol, self.holds_back = TERMINADO if self._address.jupyter else self._protocol, False
        return connection

    # ttyd

    async def _ttyd(self, headers: Mapping[str, str], size: Size, seen: Seen | None) -> Connection:
        token = await self._ttyd_token(headers)
        peer = await self._opened(self._address.socket(self._ttyd_path()), headers, [ttyd.SUBPROTOCOL])
        async with _closed_on_failure(peer):
            if peer.subprotocol != ttyd.SUBPROTOCOL:
                raise UpstreamFailed("What answers at the upstream's address is no ttyd.")
            return await self._ttyd_shell(peer, token or "", headers, size, seen)

    def _ttyd_path(self) -> str:
        address = self._address
        return address.path if address.path.endswith(f"/{TTYD_SOCKET}") else address.root + TTYD_SOCKET

    async def _ttyd_token(self, headers: Mapping[str, str], answer_s: float | None = None) -> str | None:
        url = self._address.http(self._ttyd_path().removesuffix(TTYD_SOCKET) + TTYD_TOKEN)
        return await auth_token(url, headers, self._tls, answer_s or self.limits.answer_s)

    async def _ttyd_shell(
        self, peer: Peer, token: str, headers: Mapping[str, str], size: Size, seen: Seen | None
    ) -> Connection:
        self.lasting = False
        if seen is not None and not self._has_connected:
            raise NotFound("The shell has ended with the connection to its ttyd, which keeps none.")

        async def is_there() -> bool:
            with suppress(WorkbenchError):
                await self._ttyd_token(headers, min(THERE_S, self.limits.answer_s))
                return True
            return False

        shell = f"{TTYD}:{secrets.token_hex(8)}"
        connection = TtydConnection(peer=peer, blame=self._blame, is_there=is_there, shell=shell)
        await connection.begin(size, token)
        return connection

    # All

    async def _opened(self, url: str, headers: Mapping[str, str], subprotocols: Sequence[str]) -> Peer:
        return await opened(url, headers=headers, subprotocols=subprotocols, tls=self._tls, limits=self.limits)

    def _blame(self, error: WorkbenchError) -> None:
        self._fault = error


@asynccontextmanager
async def _closed_on_failure(peer: Peer) -> AsyncIterator[None]:
    try:
        yield
    except BaseException:
        await peer.close()
        raise
