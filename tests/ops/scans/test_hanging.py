"""Collectors whose threads hang for ever, on a real server: they hold neither the others nor the server's end."""

from __future__ import annotations

import psutil

from tests.patience import PATIENCE_S

PLUGIN = '''
import asyncio, threading
from vibeworkbench.ops.model import Look, LookState

class Hanging:
    """Hangs in a thread of asyncio's, as on a network file system that is gone."""

    name, kinds, type = "hanging", frozenset(), "capacity"

    async def look(self, order):
        await asyncio.gather(*(asyncio.to_thread(threading.Event().wait) for _ in range(40)))
        return Look(self.name, LookState.ok)

class Quick:
    """Needs a thread of asyncio's for a moment."""

    name, kinds, type = "quick", frozenset(), "capacity"

    async def look(self, order):
        await asyncio.to_thread(lambda: None)
        return Look(self.name, LookState.ok)
'''
ENTRIES = """
[vibeworkbench.collectors]
hanging = hanging_plugin:Hanging
quick = hanging_plugin:Quick
"""
SETTINGS = """
[ops]
disabled_collectors = ["host", "processes", "jupyter"]
collector_limit_s = 0.5
"""


def test_hanging_threads_hold_neither_other_collectors_nor_later_scans_nor_the_end(start_server, tmp_path):
    """More threads hang than asyncio has; they grow no more from scan to scan, and SIGTERM ends the server."""
    (tmp_path / "hanging_plugin.py").write_text(PLUGIN)
    installed = tmp_path / "hanging_plugin-1.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: hanging-plugin\nVersion: 1\n")
    (installed / "entry_points.txt").write_text(ENTRIES)
    server = start_server(SETTINGS, "--no-lab", environment={"PYTHONPATH": str(tmp_path)})
    process, threads = psutil.Process(server.process.pid), []
    with server.http() as api:
        for scope in ("full", "full", "incremental", "full"):
            collectors = api.post("api/ops/scan", json={"scope": scope}).json()["collectors"]
            runs = {run["name"]: run for run in collectors}
            assert (runs["hanging"]["state"], runs["quick"]["state"]) == ("timed_out", "ok")
            threads.append(process.num_threads())
        assert runs["hanging"]["reason"] == "its look of an earlier scan still hangs"
        assert max(threads[1:]) < threads[0] + 5
    server.process.terminate()
    assert server.process.wait(PATIENCE_S) == 0
