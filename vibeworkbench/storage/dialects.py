"""All that differs between databases, in one place: pragmas and locks, insert-on-conflict, failure names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
import sqlalchemy.exc
from sqlalchemy.dialects import postgresql, sqlite

from vibeworkbench.errors import Unavailable


def open_engine(url: str, busy_timeout_s: float) -> sa.Engine:
    """An engine whose transactions take the write lock at once and wait for it, on SQLite as elsewhere.

    Source: https://www.sqlite.org/lang_transaction.html (BEGIN IMMEDIATE), https://www.sqlite.org/wal.html
    """
    away = sa.make_url(url).get_backend_name() != "sqlite"
    engine = sa.create_engine(url, pool_pre_ping=away)  # a database server may restart while its clients go on
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine, busy_timeout_s)
    elif engine.dialect.name == "postgresql":
        _prepare_postgresql(engine, busy_timeout_s)
    return engine


def _prepare_postgresql(engine: sa.Engine, busy_timeout_s: float) -> None:
    @sa.event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = {int(busy_timeout_s * 1000)}")
        connection.commit()


def _prepare_sqlite(engine: sa.Engine, busy_timeout_s: float) -> None:
    @sa.event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver starts no transaction of its own: "begin" below does
        for pragma in (
            f"busy_timeout = {int(busy_timeout_s * 1000)}",
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _on_begin(connection: sa.Connection) -> None:
        reading_only = connection.get_execution_options().get("reading_only", False)
        connection.exec_driver_sql("BEGIN" if reading_only else "BEGIN IMMEDIATE")


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection whose reads all see one instant, and which takes no write lock."""
    with engine.connect() as plain:
        options: dict[str, Any] = (
            {"reading_only": True}
            if engine.dialect.name == "sqlite"
            else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        )
        connection = plain.execution_options(**options)
        with connection.begin():
            yield connection


def migrate_alone(connection: sa.Connection) -> None:
    """Nobody else migrates this database before the transaction under way ends; waits for who does.

    Source: https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS; SQLite has one writer anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))


_MIGRATION_LOCK = int.from_bytes(b"vwmigrat", "big")
"""Number of the advisory lock that migrations take; any that other programs on the database do not use."""


def insert_or_ignore(connection: sa.Connection, table: sa.Table, values: Mapping[str, Any]) -> bool:
    """The row stands in the table; true when this call put it there, false when a unique key was taken."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    put = insert(table).values(**values).on_conflict_do_nothing().returning(sa.literal(1))
    return connection.execute(put).first() is not None  # a row count is not told of every table by every driver


@contextmanager
def storage_failures_named() -> Iterator[None]:
    """A database that is busy, full, read-only, damaged, gone or another version's raises ``Unavailable``."""
    try:
        yield
    except sqlalchemy.exc.OperationalError as error:
        text = str(error.orig).lower()
        raise _unavailable(
            next((said for sign, said in _REASONS.items() if sign in text), "it does not answer")
        ) from error
    except sqlalchemy.exc.ProgrammingError as error:
        text = str(error.orig).lower()
        if not any(sign in text for sign in _FOREIGN_TABLES):
            raise
        raise _unavailable(OTHER_TABLES) from error
    except sqlalchemy.exc.DatabaseError as error:
        if type(error) is not sqlalchemy.exc.DatabaseError:  # its other kinds are mistakes of ours
            raise
        raise _unavailable("its file is damaged") from error


def _unavailable(reason: str) -> Unavailable:
    return Unavailable(f"the storage cannot be used now: {reason}", retry_after_s=2.0, reason=reason)


OTHER_TABLES = (
    "its tables are not those of this version, `vibeworkbench db status` says how; "
    "start with a new data directory or another database"
)
"""What is wrong with a database that another version made, and what to do. A migration mends what was released."""

_FOREIGN_TABLES = ("no such column", "no such table", "does not exist", "already exists")
"""What SQLite (as an operational error) and PostgreSQL (as a mistake of the program) say of tables of another shape."""

_REASONS = {
    **dict.fromkeys(_FOREIGN_TABLES, OTHER_TABLES),  # first: the names that follow it may hold any word of these
    "lock timeout": "another process holds its lock",
    "locked": "another process holds its lock",
    "busy": "another process holds its lock",
    "full": "the disk is full",
    "readonly": "it may only be read",
    "read-only": "it may only be read",
    "unable to open": "its file cannot be opened",
    "disk i/o": "the disk reports an error",
}
