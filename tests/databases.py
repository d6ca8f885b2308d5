"""Where a test's database is: a SQLite file, or a database of a PostgreSQL server to which nothing else belongs."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
import sqlalchemy as sa

SERVER = os.environ.get("TEST_POSTGRESQL", "")
"""SQLAlchemy URL of that server, as in ``postgresql+psycopg://me@127.0.0.1:5433``; empty means SQLite."""

sqlite_only = pytest.mark.skipif(bool(SERVER), reason="about SQLite's own locks, limits and catalogue")


def url_of(path: Path) -> str:
    """The URL of the database that ``path`` names; it exists, empty when it is new."""
    if not SERVER:
        return f"sqlite:///{path}"
    name = f"vw_{hashlib.blake2b(str(path).encode(), digest_size=12).hexdigest()}"
    engine = sa.create_engine(f"{SERVER}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        there = sa.text("SELECT count(*) FROM pg_database WHERE datname = :name")
        if not connection.execute(there, {"name": name}).scalar_one():
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return f"{SERVER}/{name}"
