"""What is old enough to forget, and what is old enough to be counted by the hour."""

from __future__ import annotations

from datetime import datetime, timedelta

from vibeworkbench.logs.asking import naive
from vibeworkbench.logs.sql import statement
from vibeworkbench.settings import LogSettings
from vibeworkbench.storage.warehouse import Connection

INTERVAL_S = 3600.0
FIRST_AFTER_S = 120.0
"""A server that starts has better things to do."""
SETTLED = timedelta(hours=2)
"""Counts younger than this still get more, and are left alone."""


def forget(connection: Connection, settings: LogSettings, now: datetime) -> None:
    """Old lines, counts and templates are gone; old counts stand by the hour.

    Args:
        connection: The writer's, in a transaction under way.
        settings: How old is old.
        now: The present, aware UTC.
    """
    before = {
        "lines_before": now - timedelta(days=settings.keep_days),
        "counts_before": now - timedelta(days=settings.keep_counts_days),
        "minutes_before": (now - timedelta(days=settings.minutes_days)).replace(minute=0, second=0, microsecond=0),
        "settled_before": (now - SETTLED).replace(minute=0, second=0, microsecond=0),
    }
    for each in statement("forget").split(";"):
        connection.execute(each, {name: naive(at) for name, at in before.items() if f"${name}" in each})
