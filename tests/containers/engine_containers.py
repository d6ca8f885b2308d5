"""The stand-in engine's containers, in the JSON of the real one.

Source: Docker Engine API v1.47; the shapes are those that engines 20.10 and 28 answer. The former's are kept in
``recorded``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

GIB = 2**30
RUNNING = (
    "4711 4690 root 0.3 20480 Ss 1 3600 /usr/bin/python -m shop --token=hunter2",
    "4722 4711 shop 12.5 40960 Sl 8 3590 gunicorn: worker",
)


def stamp(ns: int) -> str:
    """RFC 3339 with nine digits, as the Engine writes it."""
    whole = datetime.fromtimestamp(ns // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{ns % 10**9:09}Z"


@dataclass
class Container:
    """One container of the stand-in."""

    name: str
    container_id: str
    image: str = "shop/api:1.4"
    terminal: bool = False
    environment: tuple[str, ...] = ("PATH=/usr/bin", "DB_PASSWORD=hunter2")
    labels: dict[str, str] = field(default_factory=lambda: {"com.docker.compose.project": "shop"})
    status: str = "running"
    exit_code: int = 0
    oom_killed: bool = False
    restarts: int = 0
    health: str = ""
    memory_limit: int = GIB
    cpu_ns: int = 10**9
    system_ns: int = 10**12
    memory: int = 300 * 2**20
    inactive_file: int = 100 * 2**20
    created_ns: int = 1_795_000_000 * 10**9
    started_ns: int = 1_795_000_001 * 10**9
    finished_ns: int = 0
    running: list[str] = field(default_factory=lambda: [*RUNNING])
    logged: list[tuple[int, str, bytes]] = field(default_factory=list)

    def inspected(self) -> dict[str, Any]:
        """What ContainerInspect answers."""
        running = self.status in {"running", "paused", "restarting"}
        state: dict[str, Any] = {
            "Status": self.status,
            "Running": running,
            "Paused": self.status == "paused",
            "Restarting": self.status == "restarting",
            "OOMKilled": self.oom_killed,
            "Dead": False,
            "Pid": 4711 if running else 0,
            "ExitCode": self.exit_code,
            "Error": "",
            "StartedAt": stamp(self.started_ns),
            "FinishedAt": stamp(self.finished_ns) if self.finished_ns else "0001-01-01T00:00:00Z",
        }
        if self.health:
            probe = {"Start": stamp(self.started_ns), "End": stamp(self.started_ns), "ExitCode": 1, "Output": "refused"}
            state["Health"] = {"Status": self.health, "FailingStreak": 3, "Log": [probe]}
        return {
            "Id": self.container_id,
            "Created": stamp(self.created_ns),
            "Path": "python",
            "Args": ["-m", "shop"],
            "State": state,
            "Image": "sha256:" + "ab" * 32,
            "Name": f"/{self.name}",
            "RestartCount": self.restarts,
            "Driver": "overlay2",
            "Platform": "linux",
            "HostConfig": {
                "Memory": self.memory_limit,
                "NanoCpus": 0,
                "LogConfig": {"Type": "json-file", "Config": {}},
                "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 5},
            },
            "Config": {
                "Hostname": self.container_id[:12],
                "Tty": self.terminal,
                "Env": list(self.environment),
                "Cmd": ["python", "-m", "shop"],
                "Image": self.image,
                "Labels": self.labels,
            },
            "Mounts": [],
            "NetworkSettings": {"Networks": {}},
        }

    def listed(self) -> dict[str, Any]:
        """What ContainerList answers."""
        return {
            "Id": self.container_id,
            "Names": [f"/{self.name}"],
            "Image": self.image,
            "ImageID": "sha256:" + "ab" * 32,
            "Command": "python -m shop",
            "Created": self.created_ns // 10**9,
            "Ports": [],
            "Labels": self.labels,
            "State": self.status,
            "Status": "Up 3 minutes" if self.status == "running" else f"Exited ({self.exit_code}) 3 minutes ago",
            "HostConfig": {"NetworkMode": "bridge"},
            "NetworkSettings": {"Networks": {}},
            "Mounts": [],
        }

    def counted(self, before: tuple[int, int] | None) -> dict[str, Any]:
        """What ContainerStats answers; ``before``: processor time of container and system at the reading before."""
        return {
            "name": f"/{self.name}",
            "id": self.container_id,
            "read": stamp(self.started_ns + self.system_ns),
            "preread": stamp(self.started_ns) if before else "0001-01-01T00:00:00Z",
            "num_procs": 0,
            "pids_stats": {"current": 7, "limit": 18446744073709551615},
            "networks": {"eth0": {"rx_bytes": 5338, "rx_packets": 36, "tx_bytes": 648, "tx_packets": 8}},
            "memory_stats": {
                "usage": self.memory,
                "limit": self.memory_limit or 16 * GIB,
                "stats": {"anon": self.memory - self.inactive_file, "inactive_file": self.inactive_file},
            },
            "blkio_stats": {
                "io_service_bytes_recursive": [
                    {"major": 8, "minor": 0, "op": "read", "value": 4096},
                    {"major": 8, "minor": 0, "op": "write", "value": 12288},
                ],
                "io_serviced_recursive": None,
            },
            "cpu_stats": _cpu(self.cpu_ns, self.system_ns),
            "precpu_stats": _cpu(*before) if before else {"cpu_usage": {"total_usage": 0}, "throttling_data": {}},
            "storage_stats": {},
        }


def of_cgroup_1(counted: dict[str, Any]) -> dict[str, Any]:
    """The same counters as engines tell them on machines with the older control groups."""
    cached = counted["memory_stats"]["stats"]["inactive_file"]
    stats = {"cache": cached, "inactive_file": 0, "total_inactive_file": cached}
    moved = counted["blkio_stats"]["io_service_bytes_recursive"]
    return counted | {
        "pids_stats": {"current": counted["pids_stats"]["current"]},
        "memory_stats": counted["memory_stats"] | {"stats": stats},
        "blkio_stats": counted["blkio_stats"]
        | {"io_service_bytes_recursive": [each | {"op": each["op"].capitalize()} for each in moved]},
    }


def _cpu(used: int, system: int) -> dict[str, Any]:
    return {
        "cpu_usage": {"total_usage": used, "usage_in_kernelmode": used // 4, "usage_in_usermode": used * 3 // 4},
        "system_cpu_usage": system,
        "online_cpus": 4,
        "throttling_data": {"periods": 0, "throttled_periods": 0, "throttled_time": 0},
    }
