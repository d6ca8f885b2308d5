"""Settings of where the state lives."""

from __future__ import annotations

from vibeworkbench.settings.parts import Count, Positive, Section


class StorageSettings(Section, frozen=True):
    """Where the state lives."""

    url: str = ""
    """SQLAlchemy URL of the state; empty means SQLite in the data directory. Never put a password here: name an
    environment variable with ``url_env`` instead."""
    url_env: str = ""
    """Name of the environment variable that holds the URL; wins over ``url``."""
    busy_timeout_s: Positive = 15.0
    """How long a transaction waits for another process's lock."""
    readers: Count = 2
    """Threads that run read transactions."""
