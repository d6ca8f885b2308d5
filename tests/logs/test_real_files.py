"""What real programs write into files is kept record by record: each once, whatever becomes of the files."""

from __future__ import annotations

import asyncio
import gzip
import os
import shutil
import socket
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.logs.following import Stage, followed
from tests.patience import PATIENCE_S
from vibeworkbench.logs.asking import Wanted
from vibeworkbench.logs.model import Kind, Level
from vibeworkbench.logs.tail.lines import Patience
from vibeworkbench.settings import FilesTarget

WORKER = """
import logging, sys
logging.basicConfig(filename=sys.argv[1], format="%(asctime)s %(levelname)s %(name)s: %(message)s", level="INFO")
log = logging.getLogger("cart")
sys.stderr = open(sys.argv[1], "a", buffering=1)
def opened(number):
    return {1: "one"}[number]
for number in range(1, 40):
    log.info("cart %d was opened", number)
try:
    opened(2)
except KeyError:
    log.exception("cart %d cannot be opened", 2)
opened(3)
"""
PAGES = 25


async def run(*command: str, into: Path | None = None, **environment: str) -> int:
    """The exit code of a program, whose output is appended to a file."""
    output = os.open(into or os.devnull, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=output, stderr=output, env={**os.environ, **environment}
        )
        async with asyncio.timeout(PATIENCE_S):
            return await process.wait()
    finally:
        os.close(output)


async def crash(folder: Path) -> None:
    """A worker logs 40 records, the last of them with a trace, and dies of an exception that nobody catches."""
    assert await run(sys.executable, "-c", WORKER, str(folder / "worker.log")) == 1


async def count(stage: Stage, source: str) -> int:
    return len(await stage.messages(source))


def targets(folder: Path) -> list[FilesTarget]:
    """One for each kind of program."""
    return [FilesTarget(name, str(folder / f"{name}.log*")) for name in ("worker", "web", "build")]


async def test_a_crash_is_one_record_with_its_stack_and_a_rerun_adds(tmp_path: Path) -> None:
    """The caught one belongs to the error that logs it, the fatal one stands alone; rotation changes nothing."""
    log = tmp_path / "worker.log"
    async with followed(tmp_path / "data", targets(tmp_path)) as stage:
        await crash(tmp_path)
        messages = await stage.messages("worker")
        assert len(messages) == 39 + 2
        caught, fatal = messages[-2:]
        assert "cart 2 cannot be opened\nTraceback (most recent call last):\n" in caught
        assert caught.endswith("KeyError: 2")
        assert fatal.startswith("Traceback (most recent call last):\n")
        assert fatal.endswith("KeyError: 3")
        errors = await stage.logs.lines(Wanted(kind=Kind.files, source="worker", level=Level.error))
        assert [each.message for each in errors if "KeyError: 2" in each.message] == [caught]

        await crash(tmp_path)
        assert await count(stage, "worker") == 2 * 41
        log.rename(tmp_path / "worker.log.1")
        await crash(tmp_path)
        assert await count(stage, "worker") == 3 * 41
        shutil.copy(log, tmp_path / "worker.log.0")
        os.truncate(log, 0)
        await crash(tmp_path)
        (tmp_path / "worker.log.1.gz").write_bytes(gzip.compress((tmp_path / "worker.log.1").read_bytes()))
        (tmp_path / "worker.log.1").unlink()
        assert await count(stage, "worker") == 4 * 41
    async with followed(tmp_path / "data", targets(tmp_path)) as stage:
        assert await count(stage, "worker") == 4 * 41


async def test_a_web_server_s_requests_are_a_record_each(tmp_path: Path) -> None:
    """Python's http.server logs them as they come, and they are followed as they come."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (tmp_path / "web.log").open("wb")
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        "-u",
        "-m",
        "http.server",
        str(port),
        "--bind",
        "127.0.0.1",
        stdout=log,
        stderr=log,
        cwd=tmp_path,
    )
    try:
        await asyncio.to_thread(until_it_listens, port)
        async with followed(tmp_path / "data", targets(tmp_path), Patience(0.2, 3600)) as stage:
            for number in range(PAGES):
                await asyncio.to_thread(asked, f"http://127.0.0.1:{port}/{number if number % 2 else ''}")
            requests = [each for each in await stage.messages("web") if "GET /" in each]
            assert len(requests) == PAGES
            assert sum("404" in each for each in requests) >= PAGES // 2
            assert all("\n" not in each for each in requests)
    finally:
        server.terminate()
        await server.wait()
        log.close()


def until_it_listens(port: int) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
    pytest.fail("http.server does not listen")


def asked(url: str) -> None:
    try:
        with urllib.request.urlopen(url) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        error.close()


async def test_builds_that_fail_are_told_with_why(tmp_path: Path) -> None:
    """Of npm and pip; Node's stack is one record."""
    log, project = tmp_path / "build.log", tmp_path / "project"
    project.mkdir()
    (project / "build.js").write_text("function open() { throw new TypeError('no cart'); }\nopen();\n")
    (project / "package.json").write_text('{"name": "cart", "version": "1.0.0", "scripts": {"build": "node build.js"}}')
    (project / "setup.py").write_text("raise RuntimeError('no cart')\n")
    npm, pip = shutil.which("npm"), shutil.which("pip")
    if npm is None or pip is None:
        pytest.skip("npm and pip are not both on the path")
    home = {"HOME": str(tmp_path), "npm_config_update_notifier": "false", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    async with followed(tmp_path / "data", targets(tmp_path)) as stage:
        assert await run(npm, "--prefix", str(project), "run", "build", into=log, **home) != 0
        stacks = [each for each in await stage.messages("build") if "TypeError: no cart" in each]
        assert len(stacks) == 1
        assert "build.js:1\n" in stacks[0]
        assert "    at open (" in stacks[0]
        install = (pip, "install", "--no-index", "--no-deps", "--no-build-isolation", str(project))
        assert await run(*install, into=log, **home) != 0
        before = await stage.messages("build")
        assert sum("RuntimeError: no cart" in each for each in before) == 1
        log.rename(tmp_path / "build.log.1")
        assert await run(*install, into=log, **home) != 0
        again = await stage.messages("build")
        assert sum("RuntimeError: no cart" in each for each in again) == 2
        assert again[: len(before)] == before
