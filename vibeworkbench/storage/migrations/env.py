"""How Alembic runs our revisions: on the connection, and in the transaction, that ``schema.upgrade`` gives."""

from __future__ import annotations

from alembic import context

from vibeworkbench.storage.records import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a table by copying it
    compare_type=True,
    compare_server_default=True,
)
context.run_migrations()
