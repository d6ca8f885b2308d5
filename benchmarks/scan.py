"""bench scan: a full scan of this machine with 500 HTTP targets, beside blackbox_exporter and a naive psutil sweep."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psutil

from benchmarks import servers
from benchmarks.load import Load, quantile
from benchmarks.servers import Server
from benchmarks.watched import watched
from vibeworkbench.ops.collectors import LookOrder
from vibeworkbench.ops.collectors.processes import ProcessesCollector
from vibeworkbench.ops.model import Scope
from vibeworkbench.settings import OpsSettings

TARGETS = 500
AT_ONCE = 50
CALLBACK_LIMIT_MS = 50.0
SWEEP_ATTRIBUTES = [
    "pid", "ppid", "name", "username", "status", "create_time", "cpu_times", "memory_info", "num_threads", "nice",
    "cmdline", "exe",
]  # fmt: skip


def measured(repeats: int = 3) -> dict[str, Any]:
    """CPU seconds for each probe and each sweep, and what broadcasting and the event loop felt of a scan."""
    runs = [_one_run() for _ in range(repeats)]
    figures: dict[str, Any] = {key: statistics.median(run[key] for run in runs) for key in runs[0] if key != "longest"}
    worst = max(runs, key=lambda run: run["longest_callback_ms"])
    figures["longest_callback_ms"] = worst["longest_callback_ms"]
    figures["longest"] = worst["longest"]
    figures["probe_cpu_ms_exporter"] = _exporter_cpu_ms(repeats)
    figures["sweep_cpu_ms"] = asyncio.run(_own_sweep_cpu_ms())
    figures["sweep_cpu_ms_psutil"] = statistics.median(_naive_sweep_cpu_ms() for _ in range(5))
    figures["reached"] = list(_reached(figures))
    return figures


def _reached(figures: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if figures["probe_cpu_ms_exporter"] is not None:
        ratio = figures["probe_cpu_ms"] / figures["probe_cpu_ms_exporter"]
        yield {
            "promise": "CPU of a probe against blackbox_exporter (without its caller)",
            "wanted": "≤ 1",
            "measured": round(ratio, 3),
            "met": ratio <= 1,
        }
    ratio = figures["sweep_cpu_ms"] / figures["sweep_cpu_ms_psutil"]
    yield {
        "promise": "CPU of a sweep over all processes against psutil's naive one",
        "wanted": "≤ 1",
        "measured": round(ratio, 3),
        "met": ratio <= 1,
    }
    longest = figures["longest_callback_ms"]
    yield {
        "promise": "longest callback on the event loop during scans, ms of CPU",
        "wanted": f"≤ {CALLBACK_LIMIT_MS:g}",
        "measured": round(longest, 1),
        "met": longest <= CALLBACK_LIMIT_MS,
    }


def _one_run() -> dict[str, Any]:
    with _targets() as port:
        with watched() as bare:
            _scan(bare.server)
            bare_cpu_s, _ = _scan_cost(bare.server)
            idle_p99_ms = _paced_p99_ms(bare.server)
        with watched(_settings(port)) as busy:
            _scan(busy.server)
            busy.longest()
            cpu_s, report = _scan_cost(busy.server)
            p99_ms, scans = _p99_while_scanning(busy.server)
            longest = busy.longest()
    took = {each["name"]: each["durationMs"] for each in report["collectors"]}
    return {
        "scan_cpu_s": cpu_s,
        "bare_scan_cpu_s": bare_cpu_s,
        "probe_cpu_ms": (cpu_s - bare_cpu_s) / TARGETS * 1e3,
        "http_look_ms": took["http"],
        "idle_p99_ms": idle_p99_ms,
        "scanning_p99_ms": p99_ms,
        "scans_meanwhile": scans,
        "longest_callback_ms": longest[0]["cpu_ms"] if longest else 0.0,
        "longest": longest,
    }


@contextmanager
def _targets() -> Iterator[int]:
    with servers.started([sys.executable, "-m", "benchmarks.peers.http_targets"], cwd=servers.HERE.parent) as target:
        yield target.port


def _settings(port: int) -> str:
    targets = (
        f'[[ops.targets]]\nkind = "http"\nname = "t{n}"\nurl = "http://127.0.0.1:{port}/{n}"\n' for n in range(TARGETS)
    )
    return f"[ops]\nprobes_at_once = {AT_ONCE}\n\n" + "\n".join(targets)


def _scan(server: Server) -> dict[str, Any]:
    answer = httpx.post(
        f"http://127.0.0.1:{server.port}/vibeworkbench/api/ops/scan",
        json={"scope": "full"},
        headers={"Authorization": f"token {server.token}"},
        timeout=120,
        trust_env=False,
    )
    answer.raise_for_status()
    report: dict[str, Any] = answer.json()
    assert report["status"] == "completed", report
    return report


def _scan_cost(server: Server, count: int = 5) -> tuple[float, dict[str, Any]]:
    before = server.cpu_s()
    reports = [_scan(server) for _ in range(count)]
    return (server.cpu_s() - before) / count, reports[-1]


def _paced_p99_ms(server: Server, seconds: float = 5.0) -> float:
    load = Load(server.port, "/vibeworkbench/parties/relay/bench", 50, token=server.token, constant=True)
    try:
        load.paced(100.0, 1.0)
        return quantile(load.paced(100.0, seconds).deliveries_ms, 0.99)
    finally:
        load.close()


def _p99_while_scanning(server: Server) -> tuple[float, int]:
    stop, scans = threading.Event(), []

    def scan_on() -> None:
        while not stop.is_set():
            scans.append(_scan(server))

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(scan_on)
        try:
            p99_ms = _paced_p99_ms(server)
        finally:
            stop.set()
            running.result()
    return p99_ms, len(scans)


def _exporter_cpu_ms(repeats: int) -> float | None:
    binary = shutil.which("prometheus-blackbox-exporter") or shutil.which("blackbox_exporter")
    if binary is None:
        return None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    folder = Path(tempfile.mkdtemp(prefix="bench-blackbox-"))
    (folder / "blackbox.yml").write_text("modules:\n  http_2xx:\n    prober: http\n    timeout: 5s\n")
    command = [binary, f"--config.file={folder / 'blackbox.yml'}", f"--web.listen-address={address}"]
    process = servers.subprocess.Popen(command, stderr=servers.subprocess.DEVNULL)
    try:
        with _targets() as port:
            _until_it_answers(f"http://{address}/-/healthy")
            costs = [_exporter_sweep_cpu_ms(process.pid, address, port) for _ in range(repeats + 1)]
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)
    return statistics.median(costs[1:])


def _until_it_answers(url: str) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with contextlib.suppress(httpx.HTTPError):
            httpx.get(url, trust_env=False).raise_for_status()
            return
        time.sleep(0.05)
    raise TimeoutError("blackbox_exporter did not start")


def _exporter_sweep_cpu_ms(pid: int, address: str, port: int) -> float:
    process = psutil.Process(pid)
    before = sum(process.cpu_times()[:2])
    with httpx.Client(trust_env=False, timeout=30) as client, ThreadPoolExecutor(AT_ONCE) as pool:
        targets = [f"http://127.0.0.1:{port}/{n}" for n in range(TARGETS)]
        probes = pool.map(
            lambda target: client.get(f"http://{address}/probe", params={"target": target, "module": "http_2xx"}),
            targets,
        )
        assert all("probe_success 1" in answer.text for answer in probes)
    return (sum(process.cpu_times()[:2]) - before) / TARGETS * 1e3


async def _own_sweep_cpu_ms(looks: int = 6) -> float:
    """The median CPU of a look at all processes, after the first one, whose memory the others have."""
    collector, costs = ProcessesCollector(), []
    for _ in range(looks):
        order = LookOrder(Scope.full, (), {}, OpsSettings(), datetime.now(UTC), deadline_s=10.0)
        before = time.process_time()
        await collector.look(order)
        costs.append((time.process_time() - before) * 1e3)
    return statistics.median(costs[1:])


def _naive_sweep_cpu_ms() -> float:
    before = time.process_time()
    for process in psutil.process_iter():
        try:
            process.as_dict(SWEEP_ATTRIBUTES)
        except psutil.NoSuchProcess:
            continue
    return (time.process_time() - before) * 1e3


def table(figures: dict[str, Any]) -> str:
    """The figures as a Markdown table."""
    exporter = figures["probe_cpu_ms_exporter"]
    rows = [
        (f"full scan with {TARGETS} HTTP targets, CPU s", f"{figures['scan_cpu_s']:.2f}", ""),
        ("full scan without targets, CPU s", f"{figures['bare_scan_cpu_s']:.2f}", ""),
        (
            "one probe, CPU ms",
            f"{figures['probe_cpu_ms']:.2f}",
            f"blackbox_exporter {exporter:.2f}" if exporter is not None else "blackbox_exporter is not installed",
        ),
        ("500 probes, wall ms", f"{figures['http_look_ms']:.0f}", ""),
        (
            "one sweep over all processes, CPU ms",
            f"{figures['sweep_cpu_ms']:.1f}",
            f"psutil, 12 attributes each: {figures['sweep_cpu_ms_psutil']:.1f}",
        ),
        (
            "broadcast p99 while scanning, ms",
            f"{figures['scanning_p99_ms']:.1f} ({figures['scans_meanwhile']:.0f} scans meanwhile)",
            f"idle {figures['idle_p99_ms']:.1f}",
        ),
        ("longest callback on the loop, CPU ms", f"{figures['longest_callback_ms']:.1f}", ""),
    ]
    return "\n".join(["| | ours | beside |", "|---|--:|--:|", *(f"| {a} | {b} | {c} |" for a, b, c in rows)])
