"""The agent in processes of its own: without a server, killed, restarted, and what has arrived in the end."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter

from tests.containers.waiting import until
from tests.patience import PATIENCE_S
from tests.servers import Server

SETTINGS = '[containers]\nengine = "none"\n'


class Agent:
    """``vibeworkbench agent`` in a process of its own."""

    def __init__(self, url, token, buffer, *arguments, stdin=None):
        command = [sys.executable, "-m", "vibeworkbench", "--url", url, "agent", "--buffer", str(buffer), *arguments]
        environment = {**os.environ, "VIBEWORKBENCH_TOKEN": token}
        self.buffer = buffer
        self.process = subprocess.Popen(command, env=environment, stdin=stdin, stderr=subprocess.DEVNULL)

    def kill(self):
        """It is gone without a word."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        """Its exit code after SIGTERM."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def buffered(self, text):
        """Whether the text stands in its buffer."""
        return any(text.encode() in path.read_bytes() for path in self.buffer.glob("*.seg"))


def started(start_server, data, *arguments) -> Server:
    return start_server(SETTINGS, "--no-lab", *arguments, data=data)


def messages(server, container_id) -> list[str]:
    """Every line of a container, as the workbench has it."""
    found, cursor = [], ""
    with server.http() as http:
        while True:
            query = {"containerId": container_id, "limit": 1000, "cursor": cursor}
            page = http.get("api/monitoring/logs", params=query).raise_for_status().json()
            found += [each["message"] for each in page["items"]]
            if not (cursor := page["nextCursor"]):
                return found


async def test_each_record_arrives_once(start_server, engine_server, tmp_path):
    """The server is away, the agent is killed twice before it is back, and once while it sends."""
    server = await asyncio.to_thread(started, start_server, tmp_path / "server")
    token, url = await asyncio.to_thread(server.grant, "ingest"), server.url
    port = url.rsplit(":", 1)[1].split("/")[0]
    await asyncio.to_thread(server.stop)
    container = engine_server.add("api")
    begin_ns, said = time.time_ns(), []

    async def say(count):
        lines = [(begin_ns + len(said) + number, "stdout", f"line {len(said) + number}") for number in range(count)]
        said.extend(text for _, _, text in lines)
        await engine_server.log(container, *lines)

    def agent():
        return Agent(url, token, tmp_path / "agent", "--engine", str(engine_server.path), "--interval", "0.3")

    await say(700)
    one = agent()
    await until(lambda: one.buffered(said[-1]), "the first lines are buffered")
    await asyncio.to_thread(one.kill)
    await say(700)
    two = agent()
    await until(lambda: two.buffered('"line 9'), "the second agent reads on")
    await asyncio.to_thread(two.kill)
    await engine_server.happen(container, "die", time.time_ns(), exitCode="3")
    three = agent()
    server = await asyncio.to_thread(started, start_server, tmp_path / "server", "--port", port)
    await until(lambda: messages(server, container.container_id), "something has arrived")
    await asyncio.to_thread(three.kill)
    await say(2500)
    four = agent()
    await until(lambda: len(messages(server, container.container_id)) >= len(said), "all has arrived")
    assert await asyncio.to_thread(four.stop) == 0
    assert Counter(await asyncio.to_thread(messages, server, container.container_id)) == Counter(said)
    with server.http() as http:
        (known,) = http.get("api/monitoring/containers").json()["items"]
        assert (known["containerName"], known["state"], known["environment"]["DB_PASSWORD"]) == (
            "api",
            "running",
            "•••",
        )
        assert known["latest"]["memoryBytes"] == 200 * 2**20
        processes = http.get("api/monitoring/processes").json()["items"]
        assert [each["command"] for each in processes] == ["/usr/bin/python -m shop --token=•••", "gunicorn: worker"]
        samples = http.get("api/monitoring/samples", params={"limit": 1000}).json()["items"]
    assert len({each["use"]["timestamp"] for each in samples}) == len(samples)


async def test_files_are_followed_over_rotation_and_restart(start_server, tmp_path):
    """The line that was unfinished when the file was rotated, too; SIGTERM brings what is there to the server."""
    server = await asyncio.to_thread(started, start_server, tmp_path / "server")
    token = await asyncio.to_thread(server.grant, "ingest")
    path, rotated = tmp_path / "app.log", tmp_path / "app.log.1"
    path.write_text("one\ntwo\n")
    with server.http() as http:

        def arrived():
            found = http.get("api/monitoring/logs", params={"limit": 100}).json()["items"]
            return sorted((each["source"], each["message"]) for each in found)

        def agent():
            return Agent(
                server.url, token, tmp_path / "agent", "--engine", "none", "--file", str(path), "--name", "app"
            )

        first = agent()
        await until(lambda: len(arrived()) == 2, "both lines have arrived")
        with path.open("a") as file:
            file.write("three\nfour")
        path.rename(rotated)
        path.write_text("five\n")
        await until(lambda: len(arrived()) == 5, "the rotated file is read to its end")
        assert await asyncio.to_thread(first.stop) == 0
        with path.open("a") as file:
            file.write("six\n")
        second = agent()
        await until(lambda: len(arrived()) == 6, "the last line has arrived")
        path.write_text("7\n")
        await until(lambda: len(arrived()) == 7, "the truncated file is read anew")
        assert await asyncio.to_thread(second.stop) == 0
        texts = ["one", "two", "three", "four", "five", "six", "7"]
        assert arrived() == sorted(("app", text) for text in texts)


async def test_standard_input_is_sent_to_its_end(start_server, tmp_path):
    """Then the agent ends by itself; a token that was refused keeps all on disk for the next one."""
    server = await asyncio.to_thread(started, start_server, tmp_path / "server")
    token = await asyncio.to_thread(server.grant, "ingest")

    def told(token, text):
        agent = Agent(server.url, token, tmp_path / "agent", "--stdin", "--name", "worker", stdin=subprocess.PIPE)
        agent.process.communicate(text)
        return agent.process.returncode

    assert await asyncio.to_thread(told, "wrong", b"first\n") == 0
    assert await asyncio.to_thread(told, token, b"second\nno newline") == 0
    with server.http() as http:
        found = http.get("api/monitoring/logs").json()["items"]
    assert [each["message"] for each in found[::-1]] == ["first", "second", "no newline"]
