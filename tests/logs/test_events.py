"""Events in the warehouse: sent by programs, and copied from the event log of the state, each once."""

from __future__ import annotations

from pathlib import Path

from tests.logs.staging import opened
from vibeworkbench.logs.events import Happened
from vibeworkbench.settings import LogSettings
from vibeworkbench.storage.records import Message

SLOW = LogSettings(drain_interval_s=3600.0)


def said(type: str, number: int, party: str = "ops-monitor-broadcast") -> Message:
    """A message of the ops room."""
    return Message(party, "main", type, 1_764_320_400_000 + number, b'{"number":%d}' % number)


async def test_events_are_stored_once_with_their_time_and_attributes(tmp_path: Path) -> None:
    """Those with an id that came before are duplicates."""
    async with opened(tmp_path, SLOW) as site:
        sent = [
            Happened("patch-applied", 1_764_320_400_000_000, "p-1", '{"ok":true}', "1"),
            Happened("patch-applied", None, "p-2", "{}"),
        ]
        assert (await site.events.take(sent)).accepted == 2
        again = await site.events.take(sent)
        assert (again.accepted, again.duplicates) == (1, 1)
        await site.logs.drained()
        rows = await site.asked("SELECT kind, key, attributes, epoch_us(happened_at) FROM event ORDER BY key")
        assert rows[0] == ("patch-applied", "p-1", '{"ok":true}', 1_764_320_400_000_000)
        assert [row[1] for row in rows] == ["p-1", "p-2", "p-2"]


async def test_scans_and_transitions_of_issues_are_copied_each_once(tmp_path: Path) -> None:
    """Whatever was said before, also after a restart; progress is no event."""
    async with opened(tmp_path, SLOW) as site:
        first = [said("scan-start", 1), said("scan-progress", 2), said("issue", 3), said("issue", 4, "tasks")]
        await site.database.record(first)
        await site.events.copy()  # whatever the server's own copying has left
        assert await site.events.copy() == 0
    async with opened(tmp_path, SLOW) as site:
        await site.database.record([said("scan-result", 5)])
        await site.events.copy()
        assert await site.asked("SELECT kind, attributes FROM event ORDER BY happened_at") == [
            ("scan-start", '{"number":1}'),
            ("issue", '{"number":3}'),
            ("scan-result", '{"number":5}'),
        ]
