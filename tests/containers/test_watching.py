"""The engine of the server's own machine: what it tells is kept, said live, judged, and resolved when well."""

from __future__ import annotations

import asyncio
import json
import time

from websockets.asyncio.client import connect

from tests.containers.waiting import until
from tests.patience import PATIENCE_S


def settings(path):
    return f'[containers]\nengine = "{path}"\nsample_interval_s = 0.3\n'


async def test_an_engine_is_followed_said_and_judged(start_server, engine_server, tmp_path):
    """Lines once over restarts of engine and server; a container that fails is an issue until it is well again."""
    container = engine_server.add("api", health="unhealthy")
    now_ns = time.time_ns()
    await engine_server.log(container, (now_ns, "stdout", "one"), (now_ns, "stderr", "two"))
    data = tmp_path / "server"
    server = await asyncio.to_thread(start_server, settings(engine_server.path), "--no-lab", data=data)

    def asked(path, **query):
        with server.http() as http:
            return http.get(f"api/{path}", params=query).raise_for_status().json()

    def texts():
        return sorted(each["message"] for each in asked("monitoring/logs")["items"])

    def scanned():
        with server.http() as http:
            http.post("api/ops/scan", json={"scope": "full", "filters": {"source": ["containers"]}}).raise_for_status()
        issues = asked("ops/issues", limit=100)["items"]
        return {each["title"]: each["state"] for each in issues if each["check"].startswith("containers.")}

    await until(lambda: len(texts()) == 2, "both lines are kept")
    await until(lambda: asked("monitoring/containers")["items"], "the container is known")
    assert (await asyncio.to_thread(asked, "monitoring/health"))["engine"] == {"state": "connected", "reason": ""}
    assert await asyncio.to_thread(scanned) == {"Container api fails its health check": "open"}

    found = await until(lambda: asked("monitoring/processes", state="running")["items"], "its processes are known")
    assert [each["command"] for each in found] == ["/usr/bin/python -m shop --token=•••", "gunicorn: worker"]

    room = server.url.replace("http", "ws", 1) + "vibeworkbench/parties/containers/" + container.container_id
    headers = {"Authorization": f"token {server.grant('viewer')}"}
    async with connect(room, additional_headers=headers, open_timeout=PATIENCE_S) as socket:
        assert json.loads(await socket.recv())["type"] == "connected"
        snapshot = json.loads(await socket.recv())
        assert snapshot["data"]["containers"][0]["containerName"] == "api"
        await engine_server.log(container, (time.time_ns(), "stdout", "three"))
        types = set()
        while "lines" not in types or "samples" not in types:
            frame = json.loads(await socket.recv())
            types.add(frame["type"])
            if frame["type"] == "lines":
                assert [each["message"] for each in frame["data"]["lines"]] == ["three"]

    await engine_server.stop()
    await until(lambda: asked("monitoring/containers")["engine"]["state"] != "connected", "the engine is missed")
    container.health = "healthy"
    await engine_server.start()
    await until(lambda: asked("monitoring/containers")["engine"]["state"] == "connected", "the engine is back")
    await until(lambda: asked("monitoring/containers")["items"][0]["health"] == "healthy", "the container is well")
    assert await asyncio.to_thread(scanned) == {"Container api fails its health check": "resolved"}

    await asyncio.to_thread(server.process.kill)
    await asyncio.to_thread(server.process.wait)
    container.status, container.exit_code = "exited", 3
    await engine_server.log(container, (time.time_ns(), "stderr", "four"))
    server = await asyncio.to_thread(start_server, settings(engine_server.path), "--no-lab", data=data)
    await until(lambda: "four" in texts(), "the last line is kept")
    assert await asyncio.to_thread(texts) == sorted(["one", "two", "three", "four"])
    found = await until(lambda: {k: v for k, v in scanned().items() if "exit code" in k}, "the end is an issue")
    assert found == {"Container api ended with exit code 3": "open"}
    del engine_server.containers[container.container_id]
    await until(lambda: asked("monitoring/containers")["items"][0]["state"] == "removed", "the removal is known")


async def test_ends_while_the_server_was_down_are_errors_once(start_server, engine_server, tmp_path):
    """The engine tells of them when it is asked again, over two kills of the server."""
    container = engine_server.add("api")
    data = tmp_path / "server"
    server = await asyncio.to_thread(start_server, settings(engine_server.path), "--no-lab", data=data)

    def asked(path):
        with server.http() as http:
            return http.get(f"api/monitoring/{path}").raise_for_status().json()["items"]

    def ends():
        return sum(each["count"] for each in asked("errors"))

    await until(lambda: asked("containers"), "the engine is followed")
    for number in (1, 2):
        await asyncio.to_thread(server.process.kill)
        await asyncio.to_thread(server.process.wait)
        await engine_server.happen(container, "die", time.time_ns(), exitCode="3")
        server = await asyncio.to_thread(start_server, settings(engine_server.path), "--no-lab", data=data)
        await until(lambda so_many=number: ends() >= so_many, "the end that nobody saw is an error")
        assert await asyncio.to_thread(ends) == number
