"""The tables' history: a database is brought to what this version of the code expects, or is said to differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from vibeworkbench.errors import Unavailable
from vibeworkbench.storage import dialects
from vibeworkbench.storage.records import metadata

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(engine: sa.Engine) -> None:
    """The database has the tables of this version; all in one transaction, which waits for another server's.

    Raises:
        Unavailable: The storage is busy, full or gone, or a later version has made its tables; nothing was changed.
    """
    with dialects.storage_failures_named(), engine.begin() as connection:
        dialects.migrate_alone(connection)
        present = present_revision(connection)
        if is_later(present):
            reason = f"its tables are of revision {present}, which this version does not know"
            remedy = "install the later version again, or restore the backup that was made before it"
            raise Unavailable(f"the storage cannot be used: {reason}: {remedy}", reason=reason)
        command.upgrade(configuration(connection), "head")


def configuration(connection: sa.Connection) -> Config:
    """Alembic's configuration for work on ``connection``, within its transaction."""
    found = Config()
    found.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    found.attributes["connection"] = connection
    return found


def newest_revision() -> str | None:
    """The revision to which ``upgrade`` brings a database."""
    return _history().get_current_head()


def is_later(revision: str | None) -> bool:
    """Whether this version of the code does not know the revision: a later one has made it."""
    return revision is not None and revision not in {each.revision for each in _history().walk_revisions()}


def _history() -> ScriptDirectory:
    location = Config()
    location.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return ScriptDirectory.from_config(location)


def present_revision(connection: sa.Connection) -> str | None:
    """The revision of the database; ``None`` when it is empty."""
    return MigrationContext.configure(connection).get_current_revision()


def differences(connection: sa.Connection) -> list[Any]:
    """How the database differs from the tables that the code declares; empty when they agree."""
    options = {"compare_type": True, "compare_server_default": True}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


def differences_said(connection: sa.Connection) -> tuple[str, ...]:
    """The differences in words, one for each: ``column event.body is missing``."""
    return tuple(map(_said, differences(connection)))


def _said(difference: Any) -> str:
    # Source: https://alembic.sqlalchemy.org/en/latest/api/autogenerate.html; changes of one column come as a list.
    verb, *where = difference[0] if isinstance(difference, list) else difference
    change, _, kind = verb.partition("_")
    if change == "modify":
        return f"column {where[1]}.{where[2]} is of another kind"
    thing = where[-1]
    table = where[1] if kind == "column" else "" if kind == "table" else thing.table.name
    name = ".".join(filter(None, (table, str(thing.name or ""))))
    return f"{kind} {name} is {'missing' if change == 'add' else 'unknown'}"
