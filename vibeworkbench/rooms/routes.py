"""Rooms over the network: the WebSocket, and the same messages for those who have none."""

from __future__ import annotations

import base64
import binascii

import msgspec

from vibeworkbench.errors import InvalidInput
from vibeworkbench.rooms.model import RoomKey, handshake_of
from vibeworkbench.rooms.service import Rooms
from vibeworkbench.rooms.socket import RoomSocket
from vibeworkbench.rooms.wire import Listing, PageBody, Polling, RoomBody, RoomsBody, SaidBody, Utterance
from vibeworkbench.settings import WebSettings
from vibeworkbench.web.handlers import WEB_SETTINGS, ApiHandler
from vibeworkbench.web.operation import operation
from vibeworkbench.web.roles import Role
from vibeworkbench.web.routes import Route

PAGE_ROOMS = 1_000


class RoomHandler(ApiHandler):
    """A REST handler that asks the rooms."""

    subsystem = "rooms"

    def initialize(self, service: Rooms) -> None:
        """The handler works for ``service``."""
        self.rooms = service


class RoomList(RoomHandler):
    """``/api/rooms``."""

    @operation(
        summary="List rooms with members, rates, backlog and drops", role=Role.viewer, query=Listing, answer=RoomsBody
    )
    async def get(self, *, query: Listing) -> RoomsBody:
        """A page of rooms, in the order of their addresses."""
        if not 1 <= query.limit <= PAGE_ROOMS:
            raise InvalidInput(f"limit: from 1 to {PAGE_ROOMS}.", field="limit")
        items, rest = await self.rooms.rooms(self.caller, query.limit, _key_of(query.cursor))
        return RoomsBody(items=items, next_cursor=None if rest is None else _cursor_of(rest))


class OneRoom(RoomHandler):
    """``/api/rooms/{party}/{room}``."""

    @operation(summary="Show a room and its members", role=Role.viewer, answer=RoomBody, errors=(404,))
    async def get(self, *, party: str, room: str) -> RoomBody:
        """The room."""
        return await self.rooms.room(self.caller, (party, room))


class RoomMessages(RoomHandler):
    """``/api/rooms/{party}/{room}/messages``."""

    @operation(
        summary="Read a room's messages, waiting for the next one",
        role=Role.viewer,
        query=Polling,
        answer=PageBody,
        errors=(404,),
        description="The same objects as the socket's. Without since, or when since is not kept any more, a snapshot.",
    )
    async def get(self, *, party: str, room: str, query: Polling) -> PageBody:
        """What is new after ``since``."""
        longest: WebSettings = self.settings.get(WEB_SETTINGS, WebSettings())
        if not query.wait >= 0:  # so written, NaN is refused too
            raise InvalidInput("wait: seconds, 0 or more.", field="wait")
        handshake = handshake_of({"since": query.since, "epoch": query.epoch})
        page = await self.rooms.poll(self.caller, (party, room), handshake, min(query.wait, longest.poll_s))
        self.check_still_admitted()
        messages = [msgspec.Raw(each) for each in page.messages]
        return PageBody(epoch=self.rooms.epoch, last_seq=page.last_seq, gap=page.gap, messages=messages)

    @operation(
        summary="Say something in a room",
        role=Role.viewer,
        body=Utterance,
        answer=SaidBody,
        errors=(404, 413, 429),
        description="Takes the party's right to write. In relay, text or json goes verbatim to the members; "
        "elsewhere json is an object with type and data.",
    )
    async def post(self, *, party: str, room: str, body: Utterance) -> SaidBody:
        """The message is said."""
        json = None if body.json is msgspec.UNSET else bytes(body.json)
        seq, members = await self.rooms.post(self.caller, (party, room), text=body.text, json=json)
        return SaidBody(seq=seq, members=members)


def _cursor_of(key: RoomKey) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode()


def _key_of(cursor: str) -> RoomKey:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(cursor), type=RoomKey) if cursor else ("", "")
    except (msgspec.DecodeError, binascii.Error, ValueError):
        raise InvalidInput("cursor: this is none of this list.", field="cursor") from None


def routes(service: Rooms) -> list[Route]:
    """The addresses of rooms."""
    given = {"service": service}
    return [
        Route("/parties/{party}/{room}", RoomSocket, given),
        Route("/api/rooms", RoomList, given),
        Route("/api/rooms/{party}/{room}", OneRoom, given),
        Route("/api/rooms/{party}/{room}/messages", RoomMessages, given),
    ]
