"""What a container is and how it stands, out of the Engine's ``inspect``. Pure.

Environments hold secrets under names that nobody can foresee, so their values are masked unless the name is known to be
harmless. Labels are kept: tools find containers by them; what looks like a secret in them is masked as in any text.

Source: Docker Engine API v1.47, ContainerInspect.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from vibeworkbench.engine.lines import instant_of, nanoseconds_of
from vibeworkbench.masking import MASK, masked

_HARMLESS = re.compile(
    r"PATH|LANG|LANGUAGE|LC_[A-Z]+|TZ|HOME|HOSTNAME|TERM|PWD|SHELL|USER|DEBIAN_FRONTEND|PYTHONUNBUFFERED|NODE_ENV"
    r"|[A-Z0-9_]*VERSION"
)
_SHOWN_CHARACTERS = 2000


@dataclass(frozen=True, slots=True)
class Facts:
    """One container.

    Attributes:
        container_id: The Engine's 64 hexadecimal digits.
        name: Its name, without the slash.
        image: The image's name as it was asked for.
        state: ``created``, ``running``, ``paused``, ``restarting``, ``removing``, ``exited`` or ``dead``.
        health: ``healthy``, ``unhealthy`` or ``starting``; empty when it has no health check.
        health_output: What the last health check said, masked.
        exit_code: How it ended last; 0 while it runs.
        oom_killed: Whether it ended because its memory was used up.
        error: Why it could not be started, masked.
        restarts: How often the Engine has started it again.
        created_at: When it was made.
        started_at: When it was started last; ``None`` when never.
        finished_at: When it ended last; ``None`` when never.
        terminal: Whether it has a terminal, which decides the form of its log.
        memory_limit_bytes: Its limit; 0 when it has none.
        cpu_limit: How many processors it may use; 0 when it has no limit.
        restart_policy: ``no``, ``always``, ``unless-stopped``, ``on-failure``.
        labels: Name → value.
        environment: Name → value, masked.
    """

    container_id: str
    name: str
    image: str
    state: str
    health: str = ""
    health_output: str = ""
    exit_code: int = 0
    oom_killed: bool = False
    error: str = ""
    restarts: int = 0
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    terminal: bool = False
    memory_limit_bytes: int = 0
    cpu_limit: float = 0.0
    restart_policy: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_running(self) -> bool:
        """Whether it has processes."""
        return self.state in {"running", "paused"}


def facts_of(inspected: Mapping[str, Any]) -> Facts:
    """The facts in the Engine's JSON; what it leaves out is empty."""
    state, config, host = (_part(inspected, name) for name in ("State", "Config", "HostConfig"))
    health = _part(state, "Health")
    return Facts(
        container_id=str(inspected.get("Id", "")),
        name=str(inspected.get("Name", "")).removeprefix("/"),
        image=str(config.get("Image") or inspected.get("Image", "")),
        state=str(state.get("Status", "")).lower() or ("running" if state.get("Running") else "exited"),
        health=_health(health),
        health_output=_health_output(health),
        exit_code=int(state.get("ExitCode") or 0),
        oom_killed=bool(state.get("OOMKilled")),
        error=masked(str(state.get("Error") or ""))[:_SHOWN_CHARACTERS],
        restarts=int(inspected.get("RestartCount") or 0),
        created_at=_instant(inspected.get("Created")),
        started_at=_instant(state.get("StartedAt")),
        finished_at=_instant(state.get("FinishedAt")),
        terminal=bool(config.get("Tty")),
        memory_limit_bytes=int(host.get("Memory") or 0),
        cpu_limit=_cpu_limit(host),
        restart_policy=str(_part(host, "RestartPolicy").get("Name") or ""),
        labels=masked_labels(_part(config, "Labels")),
        environment=masked_environment(config.get("Env") or ()),
    )


def masked_environment(lines: Iterable[str]) -> dict[str, str]:
    """Name → value of ``NAME=value`` lines; the values of names that are not known to be harmless are masked."""
    pairs = (line.partition("=") for line in lines)
    return {name: masked_value(name, value) for name, _, value in pairs}


def masked_value(name: str, value: str) -> str:
    """What may be shown of a variable's value."""
    return masked(value) if _HARMLESS.fullmatch(name) else MASK


def masked_labels(labels: Mapping[str, Any]) -> dict[str, str]:
    """The labels; a value that looks like a secret, or whose label's name says that it is one, is masked."""
    return {name: masked(f"{name}={value}").partition("=")[2] for name, value in labels.items()}


def _cpu_limit(host: Mapping[str, Any]) -> float:
    nano, quota, period = (int(host.get(name) or 0) for name in ("NanoCpus", "CpuQuota", "CpuPeriod"))
    return nano / 1e9 if nano > 0 else quota / (period or 100_000) if quota > 0 else 0.0


def _health(health: Mapping[str, Any]) -> str:
    said = str(health.get("Status") or "").lower()
    return "" if said == "none" else said


def _health_output(health: Mapping[str, Any]) -> str:
    log = health.get("Log") or []
    return masked(str(log[-1].get("Output") or "").strip())[:_SHOWN_CHARACTERS] if log else ""


def _instant(text: Any) -> datetime | None:
    at_ns = nanoseconds_of(str(text or ""))
    return instant_of(at_ns) if at_ns else None


def _part(whole: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = whole.get(name)
    return part if isinstance(part, Mapping) else {}
