"""``vibeworkbench db``: the tables' version. Opens the data directory itself; no server is asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from vibeworkbench.cli.arguments import json_option
from vibeworkbench.cli.output import emit, safe, show

data_option = click.option(
    "--data",
    "data_dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="The data directory; else VIBEWORKBENCH_DATA, else this user's.",
)


@click.group()
def db() -> None:
    """The database's tables: their version, and bringing them up to date.

    A server does this by itself when it starts; do it before, when you want to see it happen.

    \b
    vibeworkbench db status
    vibeworkbench db upgrade --data /srv/vibeworkbench
    """


@db.command()
@data_option
@json_option
def status(*, data_dir: Path | None, as_json: bool) -> int:
    """Whether the tables are those of this version. Exit code 1 when they are not."""
    # Here, because only those who open the database pay the second; the workbench declares every table.
    from vibeworkbench import data_directory, workbench  # noqa: F401, PLC0415

    where = data_dir or data_directory.default_data_dir()
    with data_directory.settings_file_named(where):
        revision = data_directory.database_revision(where, data_directory.read_settings(where))
    if as_json:
        emit(
            {
                "present": revision.present,
                "newest": revision.newest,
                "current": revision.current,
                "differences": revision.differences,
            }
        )
    elif revision.current:
        show(f"up to date: {revision.present}")
    elif revision.migrated:
        show(*_unlike(revision.present, revision.differences))
    elif revision.later:
        show(f"a later version has made the tables: {revision.present}, this version knows {revision.newest}")
        show("Install the later version again, or restore the backup that was made before it.")
    else:
        show(f"not up to date: {revision.present or 'empty'}, this version wants {revision.newest}")
        show("`vibeworkbench db upgrade` brings it there; so does starting the server.")
    return 0 if revision.current else 1


@db.command()
@data_option
@json_option
def upgrade(*, data_dir: Path | None, as_json: bool) -> int:
    """Bring the tables to this version. What is there already is kept. Exit code 1 when that is not possible."""
    from vibeworkbench import data_directory, workbench  # noqa: F401, PLC0415 - see above

    where = data_dir or data_directory.default_data_dir()
    with data_directory.settings_file_named(where):
        before = data_directory.upgrade_database(where, data_directory.read_settings(where))
    if as_json:
        emit({"before": before.present, "now": before.newest, "changed": not before.migrated})
    elif before.differences:
        show(*_unlike(before.present, before.differences))
    elif before.migrated:
        show(f"up to date already: {before.newest}")
    else:
        show(f"upgraded from {before.present or 'empty'} to {before.newest}")
    return 1 if before.differences else 0


def _unlike(revision: str | None, differences: Sequence[str]) -> list[str]:
    said = [f"  {safe(each)}" for each in differences]
    remedy = "No upgrade mends that: start with a new data directory or another database."
    return [f"the tables say {revision}, and are not those of this version:", *said, remedy]
