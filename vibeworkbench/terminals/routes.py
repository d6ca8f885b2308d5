"""Terminals over REST, and their sockets."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from tornado.iostream import StreamClosedError

from vibeworkbench.terminals.bodies import body_of, grants_of, order_of
from vibeworkbench.terminals.definition import identity_of
from vibeworkbench.terminals.model import PARTY, Right
from vibeworkbench.terminals.service import Terminals
from vibeworkbench.terminals.site import By
from vibeworkbench.terminals.socket import TerminalSocket
from vibeworkbench.terminals.wire import (
    GRANTED,
    GrantBody,
    GrantPage,
    HilBody,
    OpenBody,
    TerminalBody,
    TerminalPage,
    TerminalsQuery,
)
from vibeworkbench.web.handlers import ApiHandler
from vibeworkbench.web.lists import cursor_of, keys_of
from vibeworkbench.web.operation import Answer, operation
from vibeworkbench.web.roles import Role
from vibeworkbench.web.routes import PREFIX, Route

ASCIICAST = "application/x-asciicast"
_BY_GRANT = "Operators may watch and drive all terminals; analysts and viewers those that were granted to them."


class _Handler(ApiHandler):
    subsystem = "terminals"

    def initialize(self, service: Terminals) -> None:
        """The service is at hand."""
        self.terminals = service

    @property
    def by(self) -> By:
        """Who asks, and from where."""
        return By(self.caller, self.request.remote_ip or "")


class TerminalsHandler(_Handler):
    """All terminals."""

    @operation(
        summary="List the terminals that the caller has a right on",
        role=Role.viewer,
        query=TerminalsQuery,
        answer=TerminalPage,
        description=_BY_GRANT,
    )
    async def get(self, *, query: TerminalsQuery) -> TerminalPage:
        """Terminals after ``cursor``, in the order in which they were made."""
        after = keys_of(query.cursor, (str, str)) if query.cursor else ("", "")
        seen = self.terminals.seen_by(self.caller)
        keys = {each.terminal_id: (each.definition.created_at.isoformat(), each.terminal_id) for each in seen}
        later = [each for each in seen if keys[each.terminal_id] > after]
        page = later[: query.limit]
        more = cursor_of(*keys[page[-1].terminal_id]) if len(later) > len(page) else None
        return TerminalPage(items=[body_of(each, self.caller) for each in page], next_cursor=more)

    @operation(
        summary="Open a terminal",
        role=Role.operator,
        body=OpenBody,
        answer=TerminalBody,
        status=201,
        errors=(429, 503),
        action="execute",
        description="What belongs into `upstream` depends on its `kind`: see the how-to about terminals.",
    )
    async def post(self, *, body: OpenBody) -> Answer:
        """The terminal, whose shell runs or is being reached."""
        opened = await self.terminals.open(order_of(body), self.by)
        location = f"{self.base_url.rstrip('/')}{PREFIX}/api/terminals/{opened.terminal_id}"
        return Answer(201, body_of(opened, self.caller), {"Location": location})


class TerminalHandler(_Handler):
    """One terminal."""

    @operation(
        summary="How a terminal stands", role=Role.viewer, answer=TerminalBody, errors=(404,), description=_BY_GRANT
    )
    async def get(self, *, terminal_id: str) -> TerminalBody:
        """The terminal, if the caller has a right on it."""
        return body_of(self.terminals.terminal(terminal_id, self.caller), self.caller)

    @operation(
        summary="End a terminal",
        role=Role.operator,
        status=204,
        errors=(404,),
        description="Its owner and admins may: the shell is ended, and the recording is forgotten.",
    )
    async def delete(self, *, terminal_id: str) -> None:
        """It is gone."""
        await self.terminals.end(terminal_id, self.by)


class RestartHandler(_Handler):
    """A new shell."""

    @operation(
        summary="Begin a terminal's shell anew, or try its lost upstream now",
        role=Role.operator,
        answer=TerminalBody,
        errors=(404,),
        action="execute",
        description="Its owner and admins may. Members stay; the epoch is another one once there is a new shell.",
    )
    async def post(self, *, terminal_id: str) -> TerminalBody:
        """The terminal as it stands now."""
        return body_of(await self.terminals.restart(terminal_id, self.by), self.caller)


class RecordingHandler(_Handler):
    """What was recorded."""

    @operation(
        summary="Download a terminal's recording",
        role=Role.viewer,
        answer=str,
        media_type=ASCIICAST,
        errors=(404,),
        description=f"One asciicast v3 file of all that is kept. {_BY_GRANT}",
    )
    async def get(self, *, terminal_id: str) -> None:
        """The recording up to now, in pieces, each of which waits for the one before it to be sent."""
        self.terminals.terminal(terminal_id, self.caller)
        pieces: Any = self.terminals.recordings.download(terminal_id)
        first = await anext(pieces, b"")  # whatever is wrong is wrong before anything is sent
        self.set_header("Content-Type", ASCIICAST)
        self.set_header("Content-Disposition", f'attachment; filename="terminal-{terminal_id}.cast"')
        with suppress(StreamClosedError):  # nobody waits for the rest
            await self._send(first)
            async for piece in pieces:
                await self._send(piece)

    async def _send(self, piece: bytes) -> None:
        self.write(piece)
        await self.flush()


class GrantsHandler(_Handler):
    """Who else may come in."""

    @operation(
        summary="What was granted on a terminal",
        role=Role.operator,
        answer=GrantPage,
        errors=(404,),
        description="Its owner and admins may ask. Operators need no grant to watch and drive.",
    )
    async def get(self, *, terminal_id: str) -> GrantPage:
        """Identities with their rights."""
        return grants_of(self.terminals.terminal(terminal_id, self.caller, Right.own).definition)

    @operation(
        summary="Grant a right on a terminal",
        role=Role.operator,
        body=GrantBody,
        answer=GrantPage,
        errors=(404,),
        description=(
            "Its owner and admins may. `identity` is a person's name, or `user:NAME`, `token:ID`, `server`. "
            "Whoever has the role viewer only watches, whatever is granted."
        ),
    )
    async def put(self, *, terminal_id: str, body: GrantBody) -> GrantPage:
        """All that is granted now."""
        await self.terminals.grant(terminal_id, identity_of(body.identity), GRANTED[body.right], self.by)
        return grants_of(self.terminals.terminal(terminal_id, self.caller).definition)


class GrantHandler(_Handler):
    """What one identity was granted."""

    @operation(summary="Take a right on a terminal away", role=Role.operator, status=204, errors=(404,))
    async def delete(self, *, terminal_id: str, identity: str) -> None:
        """Who was connected by it alone is sent away."""
        await self.terminals.withdraw(terminal_id, identity_of(identity), self.by)


class HilHandler(_Handler):
    """Tasks that wait for people."""

    @operation(
        summary="Hold a terminal's program while a task waits for a person",
        role=Role.operator,
        body=HilBody,
        status=204,
        errors=(404,),
        description="`paused` and `review` hold the program and say so to all; `resumed` lets it go on.",
    )
    async def post(self, *, terminal_id: str, body: HilBody) -> None:
        """All members have been told."""
        self.terminals.hil(terminal_id, body, self.by)


def routes(service: Terminals) -> list[Route]:
    """What terminals mount; the socket stands before that of all other rooms."""
    one = "/api/terminals/{terminalId}"
    table = {
        "/api/terminals": TerminalsHandler,
        one: TerminalHandler,
        f"{one}/restart": RestartHandler,
        f"{one}/recording": RecordingHandler,
        f"{one}/members": GrantsHandler,
        f"{one}/members/{{identity}}": GrantHandler,
        f"{one}/hil": HilHandler,
        f"/parties/{PARTY}/{{terminalId}}": TerminalSocket,
        "/terminals/websocket/{terminalId}": TerminalSocket,
    }
    return [Route(path, handler, {"service": service}) for path, handler in table.items()]
