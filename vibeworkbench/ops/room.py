"""The rooms that ops speaks in, and how."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from vibeworkbench.ops.records import to_us
from vibeworkbench.storage.records import Message, Transaction, encode

PARTY = "ops-monitor-broadcast"
HEALTH_PARTY = "health-check-broadcast"
ROOM = "main"


def say(transaction: Transaction, type_: str, data: Mapping[str, Any] | msgspec.Struct, at: datetime) -> None:
    """The ops room hears this with the commit."""
    transaction.say(Message(PARTY, ROOM, type_, to_us(at) // 1000, encode(data)))
