"""The migrations make exactly the tables that the code declares."""

from __future__ import annotations

import importlib
import pkgutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

import vibeworkbench
from tests.databases import sqlite_only, url_of
from vibeworkbench.errors import Unavailable
from vibeworkbench.storage import dialects, schema
from vibeworkbench.storage.records import metadata


@pytest.fixture(autouse=True, scope="module")
def every_table() -> None:
    """The tables of every subsystem are declared."""
    for module in pkgutil.walk_packages(vibeworkbench.__path__, "vibeworkbench."):
        if module.name.endswith("records"):
            importlib.import_module(module.name)


def engine_in(folder: Path, busy_timeout_s: float = 15.0) -> sa.Engine:
    return dialects.open_engine(url_of(folder / "state.db"), busy_timeout_s)


def test_migrations_agree_with_the_tables(tmp_path: Path) -> None:
    """A migrated database has every declared table, column, key and index, and nothing else."""
    engine = engine_in(tmp_path)
    schema.upgrade(engine)
    with engine.connect() as connection:
        assert schema.differences(connection) == []
        assert schema.present_revision(connection) == schema.newest_revision()
        assert set(sa.inspect(connection).get_table_names()) == {*metadata.tables, "alembic_version"}
    engine.dispose()


@sqlite_only
def test_unique_and_partial_indexes_agree(tmp_path: Path) -> None:
    """Constraints that Alembic does not compare on SQLite are the same as when SQLAlchemy makes the tables itself."""
    migrated, made = engine_in(tmp_path), dialects.open_engine("sqlite://", 1.0)
    schema.upgrade(migrated)
    metadata.create_all(made)
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    tables = "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'alembic%'"
    for text in (query, tables):
        found = []
        for engine in (migrated, made):
            with engine.connect() as connection:
                rows = connection.exec_driver_sql(text)
                found.append({name: normal(sql) for name, sql in rows})
        assert found[0] == found[1]
    migrated.dispose()
    made.dispose()


def normal(sql: str) -> set[str]:
    """The parts of a CREATE statement, whatever their order and layout."""
    return {part.strip().replace('"', "") for part in " ".join(sql.split()).replace("(", ",").split(",")}


def test_differences_are_found(tmp_path: Path) -> None:
    """A column that the code does not know is said."""
    engine = engine_in(tmp_path)
    schema.upgrade(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE event ADD COLUMN stray TEXT")
        assert [difference[0] for difference in schema.differences(connection)] == ["remove_column"]
    engine.dispose()


UPGRADING = """
import sys
from vibeworkbench.storage import dialects, schema
schema.upgrade(dialects.open_engine(sys.argv[1], 15.0))
"""


def test_servers_that_start_at_once_migrate_once(tmp_path: Path) -> None:
    """Several servers on a new database: one migrates, the others wait and find it done."""
    url = url_of(tmp_path / "state.db")
    starting = [subprocess.Popen([sys.executable, "-c", UPGRADING, url]) for _ in range(4)]
    assert [each.wait() for each in starting] == [0, 0, 0, 0]


@sqlite_only
def test_upgrade_of_a_busy_database_is_unavailable(tmp_path: Path) -> None:
    """A lock that lasts is passing trouble, not a trace."""
    engine, other = engine_in(tmp_path, 0.05), sa.create_engine(f"sqlite:///{tmp_path / 'state.db'}")
    schema.upgrade(engine)
    with other.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable):
            schema.upgrade(engine)
        connection.rollback()
    other.dispose()
    engine.dispose()


KILLED = """
import os, signal, sys
import sqlalchemy as sa
from vibeworkbench.storage import dialects, schema
engine = dialects.open_engine(sys.argv[1], 15.0)
made = 0
@sa.event.listens_for(engine, "after_cursor_execute")
def count(connection, cursor, statement, parameters, context, many):
    global made
    made += "CREATE TABLE" in statement
    if made == 5:
        os.kill(os.getpid(), signal.SIGKILL)
schema.upgrade(engine)
"""


def test_killed_migration_is_undone(tmp_path: Path) -> None:
    """A server killed in mid-migration leaves an empty database, and the next start works."""
    killed = subprocess.run([sys.executable, "-c", KILLED, url_of(tmp_path / "state.db")], check=False)
    assert killed.returncode == -signal.SIGKILL
    engine = engine_in(tmp_path)
    with engine.connect() as connection:
        assert sa.inspect(connection).get_table_names() == []
    schema.upgrade(engine)
    with engine.connect() as connection:
        assert schema.differences(connection) == []
    engine.dispose()


def test_database_folder_with_odd_characters(tmp_path: Path) -> None:
    """A percent sign or a space in the path does no harm."""
    folder = tmp_path / "50% of it"
    folder.mkdir()
    engine = engine_in(folder)
    schema.upgrade(engine)
    engine.dispose()


@pytest.mark.parametrize("changed", ["ALTER TABLE scan RENAME COLUMN scan_id TO other", "DROP TABLE scan"])
def test_tables_of_another_version_are_told_from_a_database_that_does_not_answer(tmp_path: Path, changed: str) -> None:
    """Whoever meets them reads what to do, and each difference is said in words."""
    engine = engine_in(tmp_path)
    schema.upgrade(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql(changed)
    reading = sa.select(metadata.tables["scan"].c.scan_id)
    with (
        pytest.raises(Unavailable, match="start with a new data directory") as caught,
        dialects.storage_failures_named(),
        engine.connect() as connection,
    ):
        connection.execute(reading)
    assert caught.value.attributes["reason"] == dialects.OTHER_TABLES
    with engine.connect() as connection:
        said = schema.differences_said(connection)
    missing = "column scan.scan_id is missing" if "RENAME" in changed else "table scan is missing"
    assert missing in said
    engine.dispose()


def test_tables_without_a_revision_are_those_of_another_version(tmp_path: Path) -> None:
    """An upgrade that meets its own tables leaves them alone and says so."""
    engine = engine_in(tmp_path)
    schema.upgrade(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM alembic_version")
    with pytest.raises(Unavailable, match="not those of this version"):
        schema.upgrade(engine)
    engine.dispose()


def test_every_kind_of_difference_has_words(tmp_path: Path) -> None:
    """Tables, columns, indexes and kinds."""
    engine = engine_in(tmp_path)
    schema.upgrade(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE event ADD COLUMN stray TEXT")
        connection.exec_driver_sql("CREATE TABLE strange (text TEXT)")
        connection.exec_driver_sql("CREATE INDEX odd ON event (stray)")
        said = schema.differences_said(connection)
        assert {"column event.stray is unknown", "table strange is unknown", "index event.odd is unknown"} <= {*said}
    engine.dispose()


def test_tables_of_a_later_version_are_left_alone(tmp_path: Path) -> None:
    """Who goes back to an older version is told so, and what to do; the tables stay as they are."""
    engine = engine_in(tmp_path)
    schema.upgrade(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Unavailable, match="revision 9999, which this version does not know: install the later"):
        schema.upgrade(engine)
    with engine.connect() as connection:
        assert schema.present_revision(connection) == "9999"
    engine.dispose()
