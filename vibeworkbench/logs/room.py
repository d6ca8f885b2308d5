"""What is said live of logs: new lines in batches, never more than a room can take."""

from __future__ import annotations

PARTY = "logs"
ROOM = "main"
TYPE = "lines"
INTERVAL_S = 0.1
"""Between two batches: ten a second, at most."""
