"""``vibeworkbench serve`` as a process: how it starts, refuses to, is stopped and killed, and stands by its data."""

from __future__ import annotations

import json
import os
import signal
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest


def test_the_runtime_file_is_for_its_owner_and_goes_with_the_server(start_server) -> None:
    """Nobody else reads the token, and a server that has ended is not found; SIGTERM ends it with 0."""
    other = start_server("", "--no-lab")
    (left,) = (other.data / "runtime").glob("vibeworkbench-*.json")
    assert left.stat().st_mode & 0o777 == 0o600
    said = json.loads(left.read_bytes())
    assert (said["url"], said["token"], said["pid"]) == (other.url, other.token, other.process.pid)
    assert other.token not in other.log()
    assert (other.data / "state.db").stat().st_mode & 0o777 == 0o600
    assert other.stop() == 0
    assert not left.exists()


def test_a_port_that_is_taken_is_said_in_a_line(start_server) -> None:
    """It is not another port that is taken silently, and there is no stack trace."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(RuntimeError) as error:
            start_server("", "--no-lab", "--port", str(port))
    assert f"port {port}" in str(error.value)
    assert "Traceback" not in str(error.value)


def test_settings_that_mean_nothing_are_refused_by_field(start_server) -> None:
    """The server does not start with a misspelt setting, and says which one it is."""
    with pytest.raises(RuntimeError) as error:
        start_server('[[schedules]]\nname = "x"\ncron = "61 * * * *"\nscope = "full"\n', "--no-lab")
    assert "schedules[0].cron" in str(error.value)
    assert "Traceback" not in str(error.value)
    assert "vibeworkbench.toml)" in str(error.value)


def test_sigterm_in_mid_scan_ends_the_server_and_the_scan(start_server, silent_port: int) -> None:
    """The scan that a stopping server cuts off is recorded as failed, and the next server knows it."""
    silent = (
        f'[[ops.targets]]\nkind = "http"\nname = "silent"\nurl = "http://127.0.0.1:{silent_port}/"\ntimeout_s = 60\n'
    )
    first = start_server(silent, "--no-lab")
    with first.http() as opened:
        begun = opened.post("api/ops/scan", json={"scope": "full"}, headers={"Prefer": "respond-async"}).json()
    assert first.stop() == 0
    second = start_server("", "--no-lab", data=first.data)
    with second.http() as opened:
        assert opened.get(f"api/ops/scans/{begun['scanId']}").json()["status"] == "failed"


def test_a_killed_server_leaves_nothing_running(start_server, silent_port: int) -> None:
    """After kill -9 the next server starts, fails the scan that was cut off, and scans again."""
    silent = (
        f'[[ops.targets]]\nkind = "http"\nname = "silent"\nurl = "http://127.0.0.1:{silent_port}/"\ntimeout_s = 2\n'
    )
    first = start_server(silent, "--no-lab")
    with first.http() as opened:
        begun = opened.post("api/schedules/full/run").json()
    os.kill(first.process.pid, signal.SIGKILL)
    first.process.wait()
    second = start_server("", "--no-lab", data=first.data)
    with second.http() as opened:
        assert opened.get(f"api/ops/scans/{begun['scanId']}").json()["status"] == "failed"
        (full, _) = opened.get("api/schedules").json()["items"]
        assert (full["lastScanId"], full["lastOutcome"]) == (begun["scanId"], "failed")
        assert opened.post("api/ops/scan", json={"scope": "full"}).json()["status"] == "completed"


def test_a_damaged_database_is_told_and_keeps_the_server_neither_up_nor_silent(start_server) -> None:
    """Load balancers read why it is not ready, callers get 503, and SIGTERM ends it."""
    server = start_server("", "--no-lab")
    for path in server.data.glob("state.db*"):
        with path.open("r+b") as file:
            file.write(b"garbage!" * 2000)
    with server.http() as opened:
        ready = opened.get("api/health/ready")
        assert (ready.status_code, ready.json()["status"]) == (503, "not-ready")
        assert ready.json()["reasons"] == ["storage: the storage cannot be used now: its file is damaged"]
        assert opened.get("api/status").json()["subsystems"]["storage"]["state"] == "failed"
        assert opened.get("api/ops/issues").status_code == 503
        failed = opened.post("api/ops/scan", json={"scope": "full"})
        assert (failed.status_code, failed.json()["error"]["code"]) == (500, "upstream-failed")
    assert server.stop() == 0


STAYING = """
import asyncio, threading
from jupyter_server.extension.application import ExtensionApp

class Staying(ExtensionApp):
    name = "staying"

    async def stop_extension(self):
        await asyncio.Event().wait()

def _jupyter_server_extension_points():
    return [{"module": "staying", "app": Staying}]
"""
LINGERING = """
import threading

def _jupyter_server_extension_points():
    return [{"module": "lingering"}]

def _load_jupyter_server_extension(app):
    threading.Thread(target=threading.Event().wait, name="lingers").start()
"""


@pytest.fixture
def beside(start_server, tmp_path: Path):
    """Starts a server with a stranger's extension: ``beside(name, source, configured)``."""

    def start(name: str, source: str, configured: str) -> Any:
        (tmp_path / f"{name}.py").write_text(source)
        (tmp_path / "config").mkdir()
        on = f"c.ServerApp.jpserver_extensions = {{{name!r}: True}}\n"
        (tmp_path / "config" / "jupyter_server_config.py").write_text(on + configured)
        return start_server("", "--no-lab", data=tmp_path, environment={"PYTHONPATH": str(tmp_path)})

    return start


def test_a_part_that_never_stops_holds_the_server_no_longer_than_its_limit(beside) -> None:
    """The log says so, the workbench has stopped in order, and the exit code is 0."""
    server = beside("staying", STAYING, "c.WorkbenchServer.stop_limit_s = 0.5\n")
    assert server.stop() == 0
    assert "the server goes without what has not ended in 0.5 s" in server.log()
    assert not list((server.data / "runtime").glob("vibeworkbench-*.json"))


def test_a_thread_that_never_ends_holds_the_process_no_longer_than_its_limit(beside) -> None:
    """What would keep Python waiting for ever is said, and the process is gone."""
    server = beside("lingering", LINGERING, "c.WorkbenchServer.end_limit_s = 3.0\n")
    assert server.stop() == 1
    assert "Timeout (0:00:03)!" in server.log()


def test_a_shutdown_by_rest_and_a_signal_at_the_same_time_are_one_end(start_server) -> None:
    """The kernel ends with the server, and neither takes anything apart under the other."""
    server = start_server("", "--no-lab")
    with server.http() as admin:
        assert admin.post(f"{server.url}api/kernels", json={}).status_code == 201
        with ThreadPoolExecutor() as threads, suppress(httpx.HTTPError):
            asked = threads.submit(admin.post, f"{server.url}api/shutdown")
            assert server.stop() == 0
            asked.result()
    assert "did not stop in order" not in server.log()


@pytest.fixture
def silent_port():
    """A port that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]
