"""Starting and measuring the servers: each a process of its own, its CPU seconds and memory read from the system."""

from __future__ import annotations

import json
import os
import secrets
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

HERE = Path(__file__).parent
WORK = HERE / "work"
START_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: its process tree, its port and, for ours, the token."""

    process: subprocess.Popen[bytes]
    port: int
    token: str = ""

    def cpu_s(self) -> float:
        """User and system CPU seconds of the process and all that it started."""
        times = [each.cpu_times() for each in self._tree()]
        return sum(each.user + each.system for each in times)

    def rss_bytes(self) -> int:
        """Resident memory of the process and all that it started."""
        return sum(each.memory_info().rss for each in self._tree())

    def _tree(self) -> list[psutil.Process]:
        root = psutil.Process(self.process.pid)
        return [root, *root.children(recursive=True)]


@contextmanager
def started(command: list[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A server whose first line of output is its port (or JSON with ``port``); ended with the block."""
    process = subprocess.Popen(
        command, cwd=cwd, env={**os.environ, **(env or {})}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        yield Server(process, _announced_port(process))
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _announced_port(process: subprocess.Popen[bytes]) -> int:
    assert process.stdout is not None
    if not select.select([process.stdout], [], [], START_LIMIT_S)[0]:
        raise TimeoutError("the server did not say its port")
    said = json.loads(process.stdout.readline() or b"null")
    if said is None:
        raise RuntimeError(f"the server ended with {process.wait()} before it said its port")
    return int(said["port"] if isinstance(said, dict) else said)


@contextmanager
def websockets_broadcast() -> Iterator[Server]:
    """``websockets`` with its ``broadcast()``."""
    with started([sys.executable, "-m", "benchmarks.peers.websockets_room"], cwd=HERE.parent) as server:
        yield server


@contextmanager
def tornado_loop() -> Iterator[Server]:
    """A tornado loop over ``write_message``."""
    with started([sys.executable, "-m", "benchmarks.peers.tornado_room"], cwd=HERE.parent) as server:
        yield server


def partyserver_built() -> Path:
    """The folder with PartyServer bundled for workerd, installed from the committed lock file when it is not there."""
    folder = WORK / "partyserver"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json", ".npmrc", "worker.js", "config.capnp"):
        shutil.copy(HERE / "peers" / "partyserver" / name, folder / name)
    if not (folder / "node_modules").exists():
        subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"],
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )
    bundle = "--bundle --format=esm --external:cloudflare:* --external:node:* --outfile=bundle.js --log-level=error"
    subprocess.run(["node_modules/.bin/esbuild", "worker.js", *bundle.split()], cwd=folder, check=True)
    return folder


@contextmanager
def partyserver() -> Iterator[Server]:
    """The npm package ``partyserver`` on ``workerd``, its room in memory."""
    folder = partyserver_built()
    binary = next(folder.glob("node_modules/@cloudflare/workerd-*/bin/workerd"))
    with started([str(binary), "serve", "config.capnp", "config", "--control-fd=1"], cwd=folder) as server:
        yield server


@contextmanager
def vibeworkbench(settings_toml: str = "", module: str = "vibeworkbench") -> Iterator[Server]:
    """Our server, alone, on an empty data directory: authenticated, everything on that is on in production."""
    data = Path(tempfile.mkdtemp(prefix="vibeworkbench-bench-"))
    (data / "vibeworkbench.toml").write_text(settings_toml)
    runtime = data / "runtime"
    token = secrets.token_hex(16)
    environment = os.environ | {"VIBEWORKBENCH_TOKEN": token, "JUPYTER_RUNTIME_DIR": str(runtime)}
    command = [sys.executable, "-m", module, "serve", "--port", "0", "--data", str(data), "--no-lab"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=(data / "log").open("wb"))
    try:
        yield Server(process, _runtime_port(process, runtime), token)
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(data, ignore_errors=True)


def _runtime_port(process: subprocess.Popen[bytes], runtime: Path) -> int:
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"our server ended with {process.returncode} before it was ready")
        for file in runtime.glob("vibeworkbench-*.json"):
            url = json.loads(file.read_text())["url"]
            return int(url.split(":")[2].split("/")[0])
        time.sleep(0.05)
    raise TimeoutError("our server wrote no runtime file")
