"""Sending against a server that refuses: a real one, which answers what the test says."""

from __future__ import annotations

import asyncio
import gzip
import json

import pytest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from vibeworkbench.client.agent.buffer import Buffer
from vibeworkbench.client.agent.intake import Intake
from vibeworkbench.client.agent.model import known
from vibeworkbench.client.agent.sending import Sender
from vibeworkbench.client.discovery import Address
from vibeworkbench.client.errors import NoServer


class Door:
    """Takes what is sent, or answers with what stands in ``refusals`` first."""

    def __init__(self):
        self.taken, self.sizes, self.refusals = [], [], []
        self.limit = 10**9
        door = self

        class Handler(RequestHandler):
            def post(self, kind):
                records = [json.loads(line) for line in gzip.decompress(self.request.body).splitlines()]
                door.sizes.append(len(records))
                if door.refusals:
                    status, headers, body = door.refusals.pop(0)
                    self.set_status(status)
                    for name, value in headers.items():
                        self.set_header(name, value)
                    self.finish(body)
                    return
                if len(records) > door.limit:
                    self.set_status(413)
                    return
                door.taken += [(kind, each["sequence"], each.get("message")) for each in records]
                self.finish({"accepted": len(records), "duplicates": 0, "rejected": []})

        (listening,) = bind_sockets(0, "127.0.0.1")
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        self.server = HTTPServer(Application([(r"/vibeworkbench/api/monitoring/(\w+)", Handler)]))
        self.server.add_socket(listening)

    def address(self):
        return Address(self.url, "token")


@pytest.fixture
async def door():
    opened = Door()
    yield opened
    opened.server.stop()
    await opened.server.close_all_connections()


@pytest.fixture
def buffer(tmp_path):
    opened = Buffer(tmp_path / "buffer", 2**20)
    opened.open()
    yield opened
    opened.close()


async def all_sent(buffer, sender):
    """Everything is acknowledged; then the sender has ended."""
    running = asyncio.create_task(sender.run())
    while buffer.waiting:
        await asyncio.wait({running}, timeout=0.01)
    sender.end()
    await running


async def test_refusals_cost_time_and_nothing_else(door, buffer):
    """A server that is busy, restarting, no workbench, or does not know the token, gets the same again."""
    door.refusals = [
        (503, {"Retry-After": "0"}, ""),
        (429, {"Retry-After": "soon"}, ""),
        (401, {}, ""),
        (404, {}, ""),
        (200, {}, "<html>"),
    ]
    sender = Sender(buffer=buffer, address=door.address, chance=lambda: 0.0)
    intake = Intake(buffer, sender.notice)
    await asyncio.gather(*(intake.put([("logs", {"message": str(number)})], {"n": number}) for number in range(5)))
    await all_sent(buffer, sender)
    assert sorted(door.taken) == [("logs", number + 1, str(number)) for number in range(5)]
    assert sender.failures == 0
    assert intake.mark_of("n") == 4


async def test_no_secret_stands_in_the_buffer(buffer, tmp_path):
    """Neither of lines nor of what else is told; a line that is JSON stays JSON."""
    said = {"containerId": "c", "message": '{"password": "hunter2", "n": 1}', "attributes": {"token": "hunter2"}}
    error = {"containerId": "c", "message": "no pg://ada:hunter2@db", "stack": "api_key=hunter2"}
    await Intake(buffer, lambda: None).put([("logs", said), ("errors", error)], {"file": 7})
    kept = b"".join(path.read_bytes() for path in (tmp_path / "buffer").glob("*.seg"))
    assert b"hunter2" not in kept
    assert [json.loads(each.body)["containerId"] for each in buffer.pending(2, 2**20)] == ["c", "c"]
    assert json.loads(json.loads(buffer.pending(1, 2**20)[0].body)["message"]) == {"password": "•••", "n": 1}


async def test_what_is_too_large_is_sent_in_parts(door, buffer):
    """Down to one record; one that is too large by itself is left out, and those behind it arrive."""
    door.limit = 3
    sender = Sender(buffer=buffer, address=door.address, chance=lambda: 0.0)
    buffer.put([("logs", {"message": str(number)}) for number in range(20)], {})
    await all_sent(buffer, sender)
    assert [text for _, _, text in door.taken] == [str(number) for number in range(20)]
    door.limit = 0
    buffer.put([("logs", {"message": "huge"})], {})
    await all_sent(buffer, Sender(buffer=buffer, address=door.address, chance=lambda: 0.0))
    assert len(door.taken) == 20


async def test_rejected_records_are_told_and_not_sent_again(door, buffer, caplog):
    """They would be rejected each time."""
    rejected = {"accepted": 0, "duplicates": 0, "rejected": [{"index": 0, "field": "level", "reason": "none"}]}
    door.refusals = [(200, {}, json.dumps(rejected))]
    buffer.put([("logs", {"message": "odd"})], {})
    sender = Sender(buffer=buffer, address=door.address, chance=lambda: 0.0)
    await all_sent(buffer, sender)
    assert (sender.refused, door.sizes) == (1, [1])
    assert "level" in caplog.text


async def test_without_a_server_all_stays_on_disk(buffer, caplog):
    """Nobody at the address, or no address at all: an agent that is told to end does not wait for one."""
    buffer.put([("samples", {})], {})

    def nowhere():
        raise NoServer("no running workbench found")

    for address in (nowhere, lambda: Address("http://127.0.0.1:9/", "")):
        sender = Sender(buffer=buffer, address=address, chance=lambda: 0.0)
        sender.end()
        await sender.run()
        assert (buffer.waiting, sender.failures) == (1, 1)
    assert "1 records wait on disk" in caplog.text


def test_what_says_nothing_is_left_out():
    """Of a record's fields."""
    assert known(a=1, b="", c=None, d={}, e=0) == {"a": 1, "e": 0}
