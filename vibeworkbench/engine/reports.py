"""What a container says and does, as the records of the workbench's REST interface: JSON-able, camelCase. Pure.

The agent sends them; the workbench makes the same of the engine on its own machine, so that both look alike.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from vibeworkbench.engine.client import Event
from vibeworkbench.engine.facts import Facts
from vibeworkbench.engine.follower import Use
from vibeworkbench.engine.lines import Line, instant_of
from vibeworkbench.engine.processes import Process
from vibeworkbench.masking import masked

_WORD_CHARACTERS, _TEXT_CHARACTERS = 256, 4096


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


def process_of(facts: Facts, process: Process, at: datetime) -> dict[str, Any]:
    """A process of a container at ``at``."""
    since = None if process.elapsed_s is None else at.replace(microsecond=0) - timedelta(seconds=process.elapsed_s)
    return _told(
        **_process_known(facts, process.pid, at),
        parentId=_process_id(facts, process.parent) if process.parent else None,
        name=masked(process.name)[:_WORD_CHARACTERS] or None,
        command=masked(process.command)[:_TEXT_CHARACTERS] or None,
        user=process.user[:_WORD_CHARACTERS] or None,
        state=process.state or None,
        cpuPercent=process.cpu_percent,
        memoryBytes=process.memory_bytes,
        threads=process.threads,
        startedAt=since,
    )


def end_of(facts: Facts, pid: str, at: datetime) -> dict[str, Any]:
    """A process that is there no more at ``at``."""
    return _told(**_process_known(facts, pid, at), endedAt=at)


def _process_known(facts: Facts, pid: str, at: datetime) -> dict[str, Any]:
    return {
        "containerId": facts.container_id,
        "containerName": facts.name,
        "image": facts.image,
        "processId": _process_id(facts, pid),
        "timestamp": at,
    }


def _process_id(facts: Facts, pid: str) -> str:
    """A machine that was restarted gives the same numbers again: they are those of one run of the container."""
    run = 0 if facts.started_at is None else int(facts.started_at.timestamp())
    return f"{pid}@{run}"


def _told(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
