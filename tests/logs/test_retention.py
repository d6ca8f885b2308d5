"""What is forgotten, and what becomes hours."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from tests.logs.staging import AT, opened
from vibeworkbench.settings import LogSettings

SETTINGS = LogSettings(drain_interval_s=3600.0, keep_days=10, keep_counts_days=100, minutes_days=5)


def days(count: float) -> datetime:
    """So many days before the present of these tests, naive as the warehouse has it."""
    return (AT - timedelta(days=count)).replace(tzinfo=None)


async def test_lines_templates_and_counts_go_when_they_are_old(tmp_path: Path) -> None:
    """A template of which lines are kept stays, however old they say they are."""
    async with opened(tmp_path, SETTINGS) as site:

        def fill(connection):
            for name, arrived, said in (("old", 11, 11), ("young", 9, 9), ("imported", 1, 5000)):
                line = [days(arrived), days(said), name, name]
                connection.execute(
                    "INSERT INTO log_line VALUES (1, ?, ?, 'worker', 'w', '', '', 9, ?, ?, NULL, NULL)", line
                )
            for name, last in (("old", 11), ("young", 9), ("imported", 5000), ("ancient", 101)):
                connection.execute(
                    "INSERT INTO log_template (template_id, text, pattern, parent, level, first_at, last_at, count,"
                    " samples, version) VALUES (?, ?, '', '', 9, ?, ?, 1, [], 1)",
                    [name, name, days(last), days(last)],
                )
                source = [name, days(last), days(last)]
                connection.execute("INSERT INTO log_template_source VALUES (?, 'worker', 'w', ?, ?, 1)", source)
                connection.execute("INSERT INTO log_count VALUES (?, 'worker', 'w', 9, ?, 1)", [name, days(last)])
            connection.execute("INSERT INTO log_masked VALUES ('a', 'ancient'), ('b', 'young')")

        await site.warehouse.write(fill)
        await site.logs.forget(AT)
        await site.logs.forget(AT)
        assert await site.asked("SELECT message FROM log_line ORDER BY 1") == [("imported",), ("young",)]
        kept = [("imported",), ("old",), ("young",)]
        for table in ("log_template", "log_template_source", "log_count"):
            assert await site.asked(f"SELECT template_id FROM {table} ORDER BY 1") == kept
        assert await site.asked("SELECT masked FROM log_masked") == [("b",)]


async def test_old_counts_stand_by_the_hour_and_none_is_lost(tmp_path: Path) -> None:
    """Younger ones by the minute; those of the last hours are left alone."""
    async with opened(tmp_path, SETTINGS) as site:

        def fill(connection):
            for ago in (6, 4, 0):
                for minute in (1, 1, 2):
                    at = days(ago) + timedelta(minutes=minute - 3)
                    connection.execute("INSERT INTO log_count VALUES ('t', 'worker', 'w', 9, ?, 10)", [at])
            connection.execute(
                "INSERT INTO log_line VALUES (1, ?, ?, 'worker', 'w', '', '', 9, 'x', 't', NULL, NULL)",
                [days(0), days(0)],
            )

        await site.warehouse.write(fill)
        for _ in range(2):
            await site.logs.forget(AT)
            counts = await site.asked("SELECT bucket, count FROM log_count ORDER BY bucket, count")
            assert counts == [
                (days(6) - timedelta(hours=1), 30),
                (days(4) - timedelta(minutes=2), 20),
                (days(4) - timedelta(minutes=1), 10),
                (days(0) - timedelta(minutes=2), 10),
                (days(0) - timedelta(minutes=2), 10),
                (days(0) - timedelta(minutes=1), 10),
            ]
