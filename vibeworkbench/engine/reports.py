"""What a container says and does, as the records of the workbench's REST interface: JSON-able, camelCase. Pure.

The agent sends them; the workbench makes the same of the engine on its own machine, so that both look alike.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from vibeworkbench.engine.client import Event
from vibeworkbench.engine.facts import Facts
from vibeworkbench.engine.follower import Use
from vibeworkbench.engine.lines import Line, instant_of


def log_of(facts: Facts, line: Line) -> dict[str, Any]:
    """A line as a log record; level and time within the text are the workbench's business."""
    return _told(
        containerId=facts.container_id,
        containerName=facts.name,
        image=facts.image,
        timestamp=line.at,
        stream=line.stream,
        message=line.text,
    )


def sample_of(facts: Facts, use: Use | None, at: datetime) -> dict[str, Any]:
    """How a container stands at ``at`` and, if it runs, what it uses."""
    return _told(
        containerId=facts.container_id,
        containerName=facts.name,
        image=facts.image,
        timestamp=at,
        state=facts.state,
        health=facts.health or "none",
        exitCode=facts.exit_code,
        oomKilled=facts.oom_killed,
        restarts=facts.restarts,
        cpuLimit=facts.cpu_limit or None,
        startedAt=facts.started_at,
        finishedAt=facts.finished_at,
        labels=facts.labels,
        environment=facts.environment,
        **_used(use),
    )


def _used(use: Use | None) -> dict[str, Any]:
    if use is None:
        return {}
    reading = use.reading
    return {
        "cpuPercent": use.cpu_percent,
        "memoryBytes": reading.memory_bytes,
        "memoryLimitBytes": reading.memory_limit_bytes or None,
        "networkReceivedBytes": reading.received_bytes,
        "networkSentBytes": reading.sent_bytes,
        "blockReadBytes": reading.read_bytes,
        "blockWrittenBytes": reading.written_bytes,
        "processes": reading.processes,
    }


def error_of(facts: Facts, event: Event) -> dict[str, Any] | None:
    """The error that an event is: an end with an exit code other than 0, or memory used up; ``None`` if it is none.

    143 and 130 are ends by SIGTERM and SIGINT: somebody wanted them.
    """
    if event.action == "oom":
        kind, message = "OutOfMemory", f"{facts.name}: the kernel killed a process: the memory limit was reached"
    elif event.action == "die" and event.attributes.get("exitCode", "0") not in {"0", "130", "143"}:
        kind, message = "ContainerExited", f"{facts.name} ended with exit code {event.attributes['exitCode']}"
    else:
        return None
    return _told(
        id=f"{event.at_ns}-{event.action}-{facts.container_id[:12]}",
        containerId=facts.container_id,
        containerName=facts.name,
        image=facts.image,
        timestamp=instant_of(event.at_ns),
        type=kind,
        message=message,
    )


def _told(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
