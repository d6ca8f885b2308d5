"""What the stand-in engine tells until its end: what happens, and what containers say."""

from __future__ import annotations

import json
import struct

from tornado.iostream import StreamClosedError

from tests.containers.engine_answers import Answer
from tests.containers.engine_containers import Container, stamp

PIECE_BYTES = 16 * 2**10


class _Events(Answer):
    async def get(self) -> None:
        since = self.get_argument("since", "")
        told = 0 if since else len(self.engine.happened)
        since_ns = _ns(since) if since else 0
        self.engine.streams.add(self)
        self.set_header("Content-Type", "application/json")
        await self.flush()
        try:
            while True:
                for event in self.engine.happened[told:]:
                    told += 1
                    if event["timeNano"] >= since_ns:
                        self.write(json.dumps(event) + "\n")
                        await self.flush()
                async with self.engine.changed:
                    if told == len(self.engine.happened):
                        await self.engine.changed.wait()
        except StreamClosedError:
            return


class _Logs(Answer):
    def say_form(self, container: Container) -> None:
        """Engines before 1.42 do not say it at all."""
        self.clear_header("Content-Type")
        if not self.engine.is_older_than(1, 42):
            form = "raw" if container.terminal else "multiplexed"
            self.set_header("Content-Type", f"application/vnd.docker.{form}-stream")

    async def get(self, name: str) -> None:
        container = self.container(name)
        if container is None:
            return
        self.say_form(container)
        self.engine.streams.add(self)
        follow = self.get_argument("follow", "0") in {"1", "true"}
        since_ns = _ns(self.get_argument("since", "0") or "0")
        stamps = self.get_argument("timestamps", "0") in {"1", "true"}
        limit, self.engine.drop_after = self.engine.drop_after, None
        sent, told = 0, 0
        try:
            await self.flush()
            while True:
                for at_ns, stream, text in container.logged[told:]:
                    told += 1
                    if at_ns < since_ns:
                        continue
                    for message in _messages(at_ns if stamps else None, text):
                        frame = message if container.terminal else _frame(stream, message)
                        if limit is not None and sent + len(frame) > limit:
                            self.write(frame[: limit - sent])
                            await self.flush()
                            self.request.connection.stream.close()
                            return
                        sent += len(frame)
                        self.write(frame)
                        await self.flush()
                if not follow or (container.status != "running" and told == len(container.logged)):
                    return
                async with self.engine.changed:
                    if told == len(container.logged):
                        await self.engine.changed.wait()
        except StreamClosedError:
            return


def _messages(at_ns: int | None, text: bytes) -> list[bytes]:
    prefix = b"" if at_ns is None else stamp(at_ns).encode() + b" "
    pieces = [text[at : at + PIECE_BYTES] for at in range(0, len(text), PIECE_BYTES)] or [b""]
    return [prefix + piece + (b"\n" if last else b"") for *_, last, piece in _marked(pieces)]


def _marked(pieces: list[bytes]) -> list[tuple[bool, bytes]]:
    return [(number == len(pieces) - 1, piece) for number, piece in enumerate(pieces)]


def _frame(stream: str, message: bytes) -> bytes:
    return struct.pack(">BxxxI", 1 if stream == "stdout" else 2, len(message)) + message


def _ns(text: str) -> int:
    seconds, _, fraction = text.partition(".")
    return int(seconds) * 10**9 + int(fraction.ljust(9, "0") or 0)


ROWS = [
    (r"/v[\d.]+/containers/([^/]+)/logs", _Logs),
    (r"/v[\d.]+/events", _Events),
]
