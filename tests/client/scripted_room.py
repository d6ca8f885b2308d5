"""A room whose faults can be ordered: a real tornado server for what a healthy workbench never does on command."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler

from tests.patience import PATIENCE_S
from vibeworkbench.client.discovery import Address


class ScriptedRoom:
    """One recorded room. ``refuse_sockets`` and ``mute`` are faults; ``handshakes`` and ``polls`` what was asked."""

    def __init__(self) -> None:
        self.epoch, self.oldest_seq, self.log = "e1", 1, []
        self.sockets: list[RoomSocket] = []
        self.handshakes: list[dict[str, str]] = []
        self.polls: list[dict[str, str]] = []
        self.refuse_sockets = self.mute = self.drop_unwelcomed = False
        self.poll_status = 200
        self.longest_wait_s = 25.0
        self.changed = threading.Condition()
        self.loop = asyncio.new_event_loop()
        self.said = asyncio.Event()

    def do(self, act: Any) -> Any:
        """The result of ``act``, run on the server's loop."""

        async def run() -> Any:
            return act()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(PATIENCE_S)

    def say(self, *texts: str) -> None:
        """Each text is a message of the room, to everybody there."""

        def said() -> None:
            for text in texts:
                self.log.append(frame("note", self.last_seq + 1, {"text": text}))
                for each in self.sockets:
                    each.write_message(self.log[-1])
            self.said.set()

        self.do(said)

    def announce(self, text: str) -> None:
        """An unrecorded message, to those who are there."""
        self.do(lambda: [each.write_message(frame("hail", self.last_seq, {"text": text})) for each in self.sockets])

    def close_all(self, code: int, reason: str = "") -> None:
        """Every socket is closed with ``code``."""
        self._part(lambda each: each.close(code, reason))

    def cut_all(self) -> None:
        """Every socket's connection is reset, without a close frame."""
        self._part(lambda each: each.ws_connection.stream.close())

    def _part(self, act: Any) -> None:
        def parted() -> None:
            while self.sockets:
                act(self.sockets.pop())

        self.do(parted)

    @property
    def last_seq(self) -> int:
        """The newest message's place."""
        return self.oldest_seq + len(self.log) - 1

    def after(self, query: dict[str, str]) -> list[str]:
        """What a member that says ``query`` gets first."""
        since, epoch = query.get("since"), query.get("epoch")
        snapshot = frame("snapshot", self.last_seq, {"count": len(self.log)})
        if since is None:
            return [snapshot]
        if (epoch or self.epoch) != self.epoch or int(since) < self.oldest_seq - 1:
            return [frame("gap", self.last_seq, {"requested": int(since), "oldestSeq": self.oldest_seq}), snapshot]
        return self.log[int(since) - self.oldest_seq + 1 :]

    def wait(self, predicate: Any) -> None:
        """Returns when ``predicate`` holds."""
        with self.changed:
            assert self.changed.wait_for(predicate, PATIENCE_S)

    def note(self) -> None:
        """Whoever waits looks again."""
        with self.changed:
            self.changed.notify_all()


def frame(kind: str, seq: int, data: dict[str, Any], **beside: Any) -> str:
    return json.dumps({"type": kind, "seq": seq, "timestamp": int(time.time() * 1000), "data": data, **beside})


class RoomSocket(WebSocketHandler):
    """The room by WebSocket."""

    def initialize(self, room: ScriptedRoom) -> None:
        """The room is known."""
        self.room = room

    def prepare(self) -> None:
        """A proxy may stand between."""
        if self.room.refuse_sockets:
            self.set_status(502)
            self.finish("no sockets through this proxy")

    def open(self) -> None:
        """The member is welcomed and told what it missed."""
        query = {name: self.get_query_argument(name) for name in self.request.query_arguments}
        self.room.handshakes.append(query)
        self.room.note()
        if self.room.drop_unwelcomed:
            self.close(1011)
            return
        data = {"memberId": "m", "members": 1, "epoch": self.room.epoch, "oldestSeq": self.room.oldest_seq}
        self.write_message(frame("connected", self.room.last_seq, data))
        for text in self.room.after(query):
            self.write_message(text)
        self.room.sockets.append(self)
        self.room.note()

    def on_message(self, message: str) -> None:
        """A ping is answered."""
        asked = json.loads(message)
        if asked["type"] == "ping" and not self.room.mute:
            self.write_message(frame("pong", self.room.last_seq, {}, id=asked["id"]))

    def on_close(self) -> None:
        """The member is gone."""
        if self in self.room.sockets:
            self.room.sockets.remove(self)
        self.room.note()


class Messages(RequestHandler):
    """The room by long polling."""

    def initialize(self, room: ScriptedRoom) -> None:
        """The room is known."""
        self.room = room

    async def get(self) -> None:
        """One poll."""
        query = {name: self.get_query_argument(name) for name in self.request.query_arguments}
        self.room.polls.append(query)
        self.room.note()
        refused = 400 if float(query["wait"]) > self.room.longest_wait_s else self.room.poll_status
        if refused != 200:
            self.set_status(refused)
            await self.finish({})
            return
        if not self.room.after(query):
            self.room.said.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.room.said.wait(), float(query["wait"]))
        found = self.room.after(query)
        gap = json.loads(found[0])["data"] if found and json.loads(found[0])["type"] == "gap" else None
        messages = [json.loads(text) for text in found[1 if gap else 0 :]]
        await self.finish({"epoch": self.room.epoch, "lastSeq": self.room.last_seq, "gap": gap, "messages": messages})


@contextmanager
def scripted_room() -> Iterator[tuple[ScriptedRoom, Address]]:
    """A room that is served on a free port of this machine, and its address."""
    room = ScriptedRoom()
    paths = [
        ("/vibeworkbench/parties/notes/main", RoomSocket, {"room": room}),
        ("/vibeworkbench/api/rooms/notes/main/messages", Messages, {"room": room}),
    ]
    with serving(room.loop, paths) as address:
        yield room, address


@contextmanager
def serving(loop: asyncio.AbstractEventLoop, paths: list[Any]) -> Iterator[Address]:
    """The handlers are served on a free port of this machine, by a thread that runs the loop."""
    sockets = bind_sockets(0, "127.0.0.1")
    served = threading.Event()

    def serve() -> None:
        asyncio.set_event_loop(loop)

        async def start() -> HTTPServer:
            server = HTTPServer(Application(paths))
            server.add_sockets(sockets)
            return server

        server = loop.run_until_complete(start())
        served.set()
        loop.run_forever()
        server.stop()
        loop.run_until_complete(server.close_all_connections())
        pending = asyncio.all_tasks(loop)
        for task in pending:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*pending, return_exceptions=True))
        loop.close()

    thread = threading.Thread(target=serve)
    thread.start()
    served.wait(PATIENCE_S)
    try:
        yield Address(f"http://127.0.0.1:{sockets[0].getsockname()[1]}/")
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
