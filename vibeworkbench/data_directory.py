"""The data directory: where the state of a server lives, its settings file, and its database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import platformdirs

from vibeworkbench.errors import InvalidInput, Unavailable
from vibeworkbench.settings import Settings, StorageSettings, settings_from_file
from vibeworkbench.storage import dialects, schema
from vibeworkbench.storage.records import Database

DATA_VARIABLE = "VIBEWORKBENCH_DATA"
SETTINGS_VARIABLE = "VIBEWORKBENCH_SETTINGS"
_DATABASE_FILE = "state.db"
_SETTINGS_FILE = "vibeworkbench.toml"


def default_data_dir() -> Path:
    """Where the state lives when nobody says otherwise: the environment's choice, else this user's data directory."""
    return Path(os.environ.get(DATA_VARIABLE) or platformdirs.user_data_path("vibeworkbench"))


def read_settings(data_dir: Path, settings_file: Path | None = None) -> Settings:
    """The settings of the given file, else of the one that the environment names, else of the data directory's.

    Raises:
        InvalidInput: The file was named and is not there, or it means nothing; ``field`` says where.
    """
    named = settings_file or (Path(given) if (given := os.environ.get(SETTINGS_VARIABLE)) else None)
    if named is not None and not named.is_file():
        raise InvalidInput(f"settings: there is no file {named}", field="settings", reason="no such file")
    return settings_from_file(_settings_path(data_dir, settings_file))


@contextmanager
def settings_file_named(data_dir: Path, settings_file: Path | None = None) -> Iterator[None]:
    """A setting that means nothing is refused with the file in which it stands, for whoever starts the server.

    Raises:
        InvalidInput: The same refusal, whose message ends with the file's path. No client may read it.
    """
    try:
        yield
    except InvalidInput as refused:
        path = _settings_path(data_dir, settings_file)
        if not path.is_file():
            raise
        raise InvalidInput(f"{refused.message} (in {path})", **refused.attributes) from refused


def _settings_path(data_dir: Path, settings_file: Path | None) -> Path:
    return settings_file or Path(os.environ.get(SETTINGS_VARIABLE) or data_dir / _SETTINGS_FILE)


def open_database(settings: StorageSettings, data_dir: Path) -> Database:
    """The database of the settings, else the one in the data directory, which only its owner may enter.

    Raises:
        InvalidInput: The environment variable that is to hold the URL is not set.
        Unavailable: The data directory cannot be used.
    """
    url = os.environ.get(settings.url_env, "") if settings.url_env else settings.url
    if settings.url_env and not url:
        raise InvalidInput(f"settings: storage.url_env: {settings.url_env} is not set", field="storage.url_env")
    engine = dialects.open_engine(url or f"sqlite:///{quote(str(prepare_data_dir(data_dir)))}", settings.busy_timeout_s)
    return Database(engine, settings.readers)


def prepare_data_dir(data_dir: Path) -> Path:
    """The data directory and the database's file are there, for their owner alone; the result is that file.

    Raises:
        Unavailable: The directory cannot be made or written to.
    """
    path = (data_dir / _DATABASE_FILE).absolute()
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch(mode=0o600)  # SQLite gives its other files the same mode
    except OSError as error:
        reason = error.strerror or "it cannot be used"
        raise Unavailable(f"the data directory {data_dir} cannot be used: {reason}", reason=reason) from error
    return path


@dataclass(frozen=True, slots=True)
class Revision:
    """What the database is, and what this version of the code expects it to be."""

    present: str | None
    newest: str | None
    differences: tuple[str, ...] = ()
    """How the tables differ from those that the newest revision makes; empty before it is reached."""
    later: bool = False
    """Whether a later version of the code has made the tables, so that this one can only leave them alone."""

    @property
    def migrated(self) -> bool:
        """Whether nothing is to be migrated."""
        return self.present == self.newest

    @property
    def current(self) -> bool:
        """Whether a server can work with it as it is."""
        return self.migrated and not self.differences


def database_revision(data_dir: Path, settings: Settings) -> Revision:
    """How far the database is migrated; looking creates nothing."""
    if not (settings.storage.url or settings.storage.url_env or (data_dir / _DATABASE_FILE).exists()):
        return Revision(None, schema.newest_revision())
    database = open_database(settings.storage, data_dir)
    try:
        present, newest = database.read_now(schema.present_revision), schema.newest_revision()
        differences = database.read_now(schema.differences_said) if present == newest else ()
        return Revision(present, newest, differences, later=schema.is_later(present))
    finally:
        database.close()


def upgrade_database(data_dir: Path, settings: Settings) -> Revision:
    """The database is what this version of the code expects; the revision is what it was before."""
    before = database_revision(data_dir, settings)
    database = open_database(settings.storage, data_dir)
    try:
        schema.upgrade(database.engine)
    finally:
        database.close()
    return before
