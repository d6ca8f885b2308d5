"""What the agent sends, and when it tries again. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

KINDS = ("logs", "errors", "processes", "samples")
"""What can be sent; each has an address of its own."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 60.0


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One record on its way.

    Attributes:
        place: Its place in the buffer, from 1 on.
        kind: One of ``KINDS``.
        number: Its number among those of its kind, from 1 on.
        body: Its JSON object, without number and agent.
    """

    place: int
    kind: str
    number: int
    body: bytes


def wait_s(failures: int, chance: float, asked_s: float | None = None) -> float:
    """How long to wait after so many failures in a row: exponentially longer, by chance shorter ("full jitter").

    Args:
        failures: At least 1.
        chance: Between 0 and 1.
        asked_s: What the server asked for (``Retry-After``); the wait is never shorter.

    Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """
    most_s = min(FIRST_WAIT_S * 2.0 ** min(failures - 1, 16), LONGEST_WAIT_S)
    return max(chance * most_s, asked_s or 0.0)


def by_kind(records: Iterable[Outgoing]) -> dict[str, list[Outgoing]]:
    """The records of each kind, in their order."""
    found: dict[str, list[Outgoing]] = {}
    for each in records:
        found.setdefault(each.kind, []).append(each)
    return found


def ndjson(agent_id: str, records: Sequence[Outgoing]) -> bytes:
    """One line for each record: its body with the agent's id and its number."""
    return b"".join(
        b"%s%s%s\n" % (each.body[:-1], b"," if len(each.body) > 2 else b"", _numbered(agent_id, each.number))
        for each in records
    )


def _numbered(agent_id: str, number: int) -> bytes:
    return msgspec.json.encode({"agentId": agent_id, "sequence": number})[1:]


def known(**fields: Any) -> Mapping[str, Any]:
    """The fields that say something: ``None``, empty texts and empty mappings are left out."""
    return {name: value for name, value in fields.items() if value is not None and value not in ("", {})}
