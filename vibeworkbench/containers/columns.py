"""Reports as they stand in the spool, and samples as rows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from vibeworkbench.containers.model import Report

PAYLOAD = "container-reports"
USE = {
    "cpuPercent": "cpu_percent",
    "cpuLimit": "cpu_limit",
    "memoryBytes": "memory_bytes",
    "memoryLimitBytes": "memory_limit_bytes",
    "networkReceivedBytes": "network_received_bytes",
    "networkSentBytes": "network_sent_bytes",
    "blockReadBytes": "block_read_bytes",
    "blockWrittenBytes": "block_written_bytes",
    "processes": "processes",
}
"""Field of a sample → column."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Seen(msgspec.Struct, frozen=True, array_like=True):
    """Which of an agent's numbers were seen, this frame's included; none when it is forgotten."""

    agent_id: str
    kind: str
    ranges: list[tuple[int, int]]


class Reports(msgspec.Struct, frozen=True, array_like=True):
    """The payload of a frame."""

    reports: list[Report]
    seen: Sequence[Seen] = ()


_DECODER = msgspec.msgpack.Decoder(Reports)


def encoded(reports: Reports) -> bytes:
    """The payload."""
    return msgspec.msgpack.encode(reports)


def decoded(payload: bytes) -> Reports:
    """The reports of a payload.

    Raises:
        msgspec.DecodeError: It is none.
    """
    return _DECODER.decode(payload)


def microseconds_of(told: Any) -> int | None:
    """Unix microseconds of an instant as it stands in a report; ``None`` for what is none."""
    if not isinstance(told, str):
        return None
    try:
        at = datetime.fromisoformat(told)
    except ValueError:
        return None
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - _EPOCH) // timedelta(microseconds=1)


def sample_columns(samples: Sequence[Report]) -> dict[str, list[Any]]:
    """The samples in columns, one for each of the same instant and container."""
    one = {(each.container_id, each.at_us): each for each in samples}.values()
    columns: dict[str, list[Any]] = {
        "container_id": [each.container_id for each in one],
        "seen_us": [each.at_us for each in one],
        "state": _column(one, "state"),
        "restarts": _column(one, "restarts"),
        "started_us": [microseconds_of(each.fields.get("startedAt")) for each in one],
    }
    return columns | {column: _column(one, field) for field, column in USE.items()}


def _column(samples: Iterable[Report], field: str) -> list[Any]:
    return [each.fields.get(field) for each in samples]
