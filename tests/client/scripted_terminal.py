"""A terminal whose faults can be ordered: a real server of ``room-terminal.v1`` for what ours never does on command."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tornado.websocket import WebSocketHandler

from tests.client.scripted_room import serving
from tests.patience import PATIENCE_S
from vibeworkbench.client.discovery import Address

PROTOCOL = "room-terminal.v1"


class ScriptedTerminal:
    """A stream of one epoch with the members who read it.

    Attributes:
        stream: All bytes of the epoch.
        base: Offset of the oldest that is kept.
        heard: Every control message that members said.
        typed: What they typed, in one.
        refusal: Code with which input is refused; nothing is refused while it is empty.
        mute: Whether pings stay unanswered.
        protocol: The subprotocol that is chosen; ``None`` chooses none.
    """

    def __init__(self) -> None:
        self.epoch, self.stream, self.base = "e1", b"", 0
        self.sockets: list[TerminalSocket] = []
        self.handshakes: list[str] = []
        self.heard: list[dict[str, Any]] = []
        self.typed = b""
        self.refusal = ""
        self.mute = False
        self.protocol: str | None = PROTOCOL
        self.changed = threading.Condition()
        self.loop = asyncio.new_event_loop()

    def do(self, act: Any) -> Any:
        """The result of ``act``, run on the server's loop."""

        async def run() -> Any:
            return act()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(PATIENCE_S)

    def print(self, data: bytes) -> None:
        """The program writes."""

        def printed() -> None:
            self.stream += data
            for each in self.sockets:
                each.write_message(data, binary=True)

        self.do(printed)

    def tell(self, message: dict[str, Any]) -> None:
        """Every member hears a control message."""
        self.wait(lambda: self.sockets)
        self.do(lambda: [each.write_message(json.dumps(message)) for each in self.sockets])

    def skip(self) -> None:
        """Every member has fallen behind: what it has not got is left out, the screen comes instead."""

        def skipped() -> None:
            head = self.base + len(self.stream)
            for each in self.sockets:
                each.write_message(json.dumps({"type": "skip", "from": head, "to": head + 1000}))
            self.stream += b"." * 1000
            for each in self.sockets:
                each.sync("snapshot", b"the screen")

        self.wait(lambda: self.sockets)
        self.do(skipped)

    def part(self, code: int = 0, reason: str = "") -> None:
        """Every connection ends: with a close code, or cut without a word."""

        def parted() -> None:
            while self.sockets:
                each = self.sockets.pop()
                if code:
                    each.close(code, reason)
                else:
                    each.ws_connection.stream.close()

        self.wait(lambda: self.sockets)
        self.do(parted)

    def wait(self, predicate: Any) -> None:
        """Returns when ``predicate`` holds."""
        with self.changed:
            assert self.changed.wait_for(predicate, PATIENCE_S)

    def note(self) -> None:
        """Whoever waits looks again."""
        with self.changed:
            self.changed.notify_all()

    def said(self, kind: str) -> list[dict[str, Any]]:
        """The control messages of one type that members said."""
        return [each for each in self.heard if each["type"] == kind]


class TerminalSocket(WebSocketHandler):
    """One member."""

    def initialize(self, terminal: ScriptedTerminal) -> None:
        """The terminal is known."""
        self.terminal = terminal

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        """What the script says."""
        return self.terminal.protocol

    def open(self) -> None:
        """The member is welcomed."""
        terminal = self.terminal
        self.member_id = self.get_query_argument("_pk")
        hello = {
            "type": "hello",
            "epoch": terminal.epoch,
            "base": terminal.base,
            "head": terminal.base + len(terminal.stream),
            "size": {"rows": 30, "cols": 100},
            "role": "driver",
            "hold": None,
            "upstream": {"state": "connected"},
        }
        self.write_message(json.dumps(hello))
        terminal.handshakes.append(self.member_id)
        terminal.note()

    def sync(self, kind: str, data: bytes) -> None:
        """The member is told where it is, and gets the bytes up to the head."""
        offset = self.terminal.base + len(self.terminal.stream) - len(data)
        self.write_message(json.dumps({"type": "sync", "offset": offset, "kind": kind}))
        if data:
            self.write_message(data, binary=True)

    def on_message(self, message: str | bytes) -> None:
        """Input is taken or refused, a control message is kept."""
        terminal = self.terminal
        if isinstance(message, bytes):
            if terminal.refusal:
                self.write_message(json.dumps({"type": "error", "code": terminal.refusal, "message": "no"}))
            else:
                terminal.typed += message
        else:
            asked = json.loads(message)
            terminal.heard.append(asked)
            self.answer(asked)
        terminal.note()

    def answer(self, asked: dict[str, Any]) -> None:
        """What a healthy terminal says to it."""
        terminal = self.terminal
        match asked["type"]:
            case "ping" if not terminal.mute:
                self.write_message(json.dumps({"type": "pong", "id": asked["id"]}))
            case "resume":
                fits = asked["epoch"] == terminal.epoch and asked["offset"] >= terminal.base
                missing = terminal.stream[asked["offset"] - terminal.base if fits else 0 :]
                self.sync("resume" if fits else "tail", missing)
                terminal.sockets.append(self)
            case "drive" if terminal.refusal:
                self.write_message(json.dumps({"type": "error", "code": terminal.refusal, "message": "ana keeps it"}))
            case "drive":
                members = [{"memberId": self.member_id, "name": "bo", "right": "drive", "lagBytes": 3}]
                driver = self.member_id if asked["action"] == "take" else None
                self.write_message(json.dumps({"type": "members", "driver": driver, "members": members}))
            case "hold":
                told = {"type": "hold", "on": asked["on"], "by": "bo", "why": asked.get("why", "")}
                self.write_message(json.dumps(told))

    def on_close(self) -> None:
        """The member is gone."""
        if self in self.terminal.sockets:
            self.terminal.sockets.remove(self)
        self.terminal.note()


@contextmanager
def scripted_terminal() -> Iterator[tuple[ScriptedTerminal, Address]]:
    """A terminal that is served on a free port of this machine, and its address."""
    terminal = ScriptedTerminal()
    paths = [("/vibeworkbench/parties/terminal-server/t1", TerminalSocket, {"terminal": terminal})]
    with serving(terminal.loop, paths) as address:
        yield terminal, address
