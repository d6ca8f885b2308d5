"""bench resume: a thousand members come back at once, each 10,000 messages behind. No peer replays at all."""

from __future__ import annotations

import json
import select
import socket
import statistics
import time
from typing import Any

from benchmarks import servers
from benchmarks.fanout import SETTINGS, recorded
from benchmarks.load import Load, Member, connected
from benchmarks.servers import Server

MEMBERS = 1000
BEHIND = 10_000
LIMIT_S = 300.0
PATH = "/vibeworkbench/parties/bench/main"


def measured(members: int = MEMBERS, behind: int = BEHIND, repeats: int = 3) -> dict[str, Any]:
    """Wall and CPU seconds until every member has every message once, from the ring and from the event log."""
    rows = {
        "from memory": f"{SETTINGS.replace('[rooms]', '[rooms]' + chr(10) + 'ring_bytes = 33554432')}",
        "from the event log": f"{SETTINGS.replace('[rooms]', '[rooms]' + chr(10) + 'ring_bytes = 262144')}",
    }
    several = {name: [_one_run(settings, members, behind) for _ in range(repeats)] for name, settings in rows.items()}
    return {
        "members": members,
        "behind": behind,
        "rows": {
            name: {key: statistics.median(run[key] for run in runs) for key in runs[0]}
            for name, runs in several.items()
        },
        "reached": [
            {
                "promise": f"resume {name}: every member has every message once, in order",
                "wanted": str(members * behind),
                "measured": int(min(run["deliveries"] for run in runs)),
                "met": all(run["deliveries"] == members * behind for run in runs),
            }
            for name, runs in several.items()
        ],
    }


def _one_run(settings: str, members: int, behind: int) -> dict[str, float]:
    with servers.vibeworkbench(settings) as server:
        epoch, before = _present(server)
        load = Load(server.port, PATH, 1, token=server.token, constant=False)
        load.encode = recorded
        try:
            while load.next < behind:
                load.paced(5000.0, (behind - load.next) / 5000.0)
        finally:
            load.close()
        cpu_before, rss_before, started = server.cpu_s(), server.rss_bytes(), time.perf_counter()
        deliveries, peak = _come_back(server, f"{PATH}?since={before}&epoch={epoch}", members, load.next)
        return {
            "wall_s": time.perf_counter() - started,
            "cpu_s": server.cpu_s() - cpu_before,
            "deliveries": deliveries,
            "grown_mib": (peak - rss_before) / 2**20,
        }


def _present(server: Server) -> tuple[str, int]:
    connection, rest = connected(server.port, PATH, server.token)
    while b'"epoch"' not in rest or b"}}" not in rest:
        rest += connection.recv(65536)
    connection.close()
    first = json.loads(rest[rest.index(b"{") : rest.index(b"}}") + 2])
    return first["data"]["epoch"], first["seq"]


def _come_back(server: Server, path: str, members: int, behind: int) -> tuple[int, int]:
    epoll, waiting = select.epoll(), {}
    peak = server.rss_bytes()
    for _ in range(members):
        connection, rest = connected(server.port, path, server.token)
        member = Member(connection)
        member.numbers(rest)
        connection.setblocking(False)
        waiting[connection.fileno()] = member
        epoll.register(connection.fileno(), select.EPOLLIN)
    deadline = time.perf_counter() + LIMIT_S
    held: list[socket.socket] = []
    looked = 0.0
    while waiting:
        if time.perf_counter() > deadline:
            raise TimeoutError(f"{len(waiting)} members still wait for messages")
        if time.perf_counter() - looked > 0.5:
            looked = time.perf_counter()
            peak = max(peak, server.rss_bytes())
        for descriptor, _ in epoll.poll(1.0):
            member = waiting[descriptor]
            data = member.connection.recv(1 << 20)
            if not data:
                raise ConnectionError("the server closed a member that was replaying")
            member.numbers(data)
            if member.last == behind - 1:
                epoll.unregister(descriptor)
                held.append(waiting.pop(descriptor).connection)
    for connection in held:
        connection.close()
    return members * behind, peak


def table(figures: dict[str, Any]) -> str:
    """The figures as a Markdown table."""
    lines = [
        f"| {figures['members']} members, {figures['behind']} messages | wall s | CPU s | µs CPU each | grew MiB |",
        "|---|--:|--:|--:|--:|",
    ]
    for name, row in figures["rows"].items():
        each = row["cpu_s"] / row["deliveries"] * 1e6
        lines.append(f"| {name} | {row['wall_s']:.1f} | {row['cpu_s']:.1f} | {each:.2f} | {row['grown_mib']:.0f} |")
    return "\n".join(lines)
