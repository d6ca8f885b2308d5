"""Starting and measuring the servers: each a process of its own, its CPU seconds and memory read from the system."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import secrets
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

HERE = Path(__file__).parent
WORK = HERE / "work"
START_LIMIT_S = 60.0
SETTLE_LIMIT_S = 20.0
SETTLE_LOOKS = 6
"""Memory has settled when that many looks, a fifth of a second apart, differ by no more than ``SETTLE_BYTES``."""
SETTLE_BYTES = 128 * 1024


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: its process tree, its port and, for ours, the token."""

    process: subprocess.Popen[bytes]
    port: int
    token: str = ""

    def cpu_s(self) -> float:
        """User and system CPU seconds of the process and all that it started."""
        return sum(cpu_s_of(each.pid) for each in self._tree())

    def rss_bytes(self) -> int:
        """Resident memory of the process and all that it started."""
        return sum(each.memory_info().rss for each in self._tree())

    def process_count(self) -> int:
        """Processes: itself and all that it started."""
        return len(self._tree())

    def pss_bytes(self) -> int:
        """Proportional set size of the process and all that it started: a page that several share counts once.

        Source: proc(5), /proc/pid/smaps_rollup.
        """
        return sum(pss_bytes_of(each.pid) for each in self._tree())

    def settled_pss_bytes(self) -> int:
        """The same, once it no longer moves (or after ``SETTLE_LIMIT_S``): the median of the last looks."""
        looks: deque[int] = deque(maxlen=SETTLE_LOOKS)
        deadline = time.monotonic() + SETTLE_LIMIT_S
        while time.monotonic() < deadline:
            looks.append(self.pss_bytes())
            if len(looks) == SETTLE_LOOKS and max(looks) - min(looks) <= SETTLE_BYTES:
                break
            time.sleep(0.2)
        return sorted(looks)[len(looks) // 2]

    def _tree(self) -> list[psutil.Process]:
        root = psutil.Process(self.process.pid)
        return [root, *root.children(recursive=True)]


def pss_bytes_of(pid: int) -> int:
    """Proportional set size of one process."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def cpu_s_of(pid: int) -> float:
    """CPU seconds of one process, to the nanosecond, where /proc/pid/stat counts in hundredths of a second.

    Source: clock_getcpuclockid(3), which makes the clock's id of the process id in this way.
    """
    with contextlib.suppress(OSError):  # it has just ended
        return time.clock_gettime((~pid << 3) | 2)
    return 0.0


def raise_file_limit() -> None:
    """This process, and the servers that it starts, may open as many files and sockets as the system lets them."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@contextmanager
def started(command: list[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> Iterator[Server]:
    """A server whose first line of output is its port (or JSON with ``port``); ended with the block."""
    process = subprocess.Popen(
        command, cwd=cwd, env={**os.environ, **(env or {})}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        yield Server(process, _announced_port(process))
    finally:
        _end(process, 10)


def _end(process: subprocess.Popen[bytes], within_s: float) -> None:
    """The process has ended, and so have those that it had started: a server that is killed leaves its kernels."""
    children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.terminate()
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for child in psutil.wait_procs(children, timeout=2)[1]:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()


def _announced_port(process: subprocess.Popen[bytes]) -> int:
    assert process.stdout is not None
    said_something = select.poll()  # select itself takes no descriptor above 1023
    said_something.register(process.stdout, select.POLLIN | select.POLLHUP)
    if not said_something.poll(START_LIMIT_S * 1e3):
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
def stock_voila(notebook: Path, ours: Server) -> Iterator[Server]:
    """Voila alone, with its own template, serving ``notebook``, whose panel finds our server as if behind one proxy."""
    command = [sys.executable, "-m", "benchmarks.peers.stock_voila", str(notebook), str(ours.port)]
    with started(command, cwd=HERE.parent, env={"BENCH_TOKEN": ours.token}) as server:
        yield server


@contextmanager
def vibeworkbench(
    settings_toml: str = "",
    module: str = "vibeworkbench",
    *,
    notebooks: tuple[Path, ...] = (),
    env: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """Our server on an empty data directory: authenticated, everything on that is on in production.

    Args:
        settings_toml: Its settings.
        module: What is run.
        notebooks: Those that lie in its root; with any, Lab and Voila are on too.
        env: Environment variables beside the present ones.
    """
    data = Path(tempfile.mkdtemp(prefix="vibeworkbench-bench-"))
    for notebook in notebooks:
        shutil.copy(notebook, data)
    (data / "vibeworkbench.toml").write_text(settings_toml)
    runtime = data / "runtime"
    token = secrets.token_hex(16)
    environment = {
        **os.environ,
        "VIBEWORKBENCH_TOKEN": token,
        "JUPYTER_RUNTIME_DIR": str(runtime),
        "PYTHONPATH": str(HERE.parent),
        **(env or {}),
    }
    command = [sys.executable, "-m", module, "serve", "--port", "0", "--data", str(data)]
    command += [] if notebooks else ["--no-lab"]
    with (data / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=data, env=environment, stdout=subprocess.DEVNULL, stderr=log)
    try:
        yield Server(process, _runtime_port(process, data), token)
    finally:
        _end(process, 15)
        shutil.rmtree(data, ignore_errors=True)


def _runtime_port(process: subprocess.Popen[bytes], data: Path) -> int:
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            log = (data / "log").read_text("utf-8", "replace")[-2000:]
            raise RuntimeError(f"our server ended with {process.returncode} before it was ready:\n{log}")
        for file in (data / "runtime").glob("vibeworkbench-*.json"):
            url = json.loads(file.read_text())["url"]
            return int(url.split(":")[2].split("/")[0])
        time.sleep(0.05)
    raise TimeoutError("our server wrote no runtime file")
