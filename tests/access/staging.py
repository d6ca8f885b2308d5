"""One server's access to a database that others may share, with a clock that is set by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from tests.databases import url_of
from tests.patience import PATIENCE_S
from vibeworkbench.access.model import Grant, Token, scope_from
from vibeworkbench.access.service import Access, By, NewToken
from vibeworkbench.settings import AccessSettings
from vibeworkbench.storage import dialects, schema
from vibeworkbench.storage.records import Database
from vibeworkbench.web.roles import Caller, Role

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
DEFAULT_SETTINGS = AccessSettings()
ADMIN = "the admin's own token"
BY = By(Caller("root", Role.admin), "192.0.2.1")
PASSWORD = "correct horse battery staple"


class Clock:
    """A clock that is set by hand."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """The present instant."""
        return self.now


class Stage:
    """One server's access, and what its listeners are told.

    Args:
        access: It.
        database: Its database.
        clock: Its clock.
    """

    def __init__(self, access: Access, database: Database, clock: Callable[[], datetime]) -> None:
        self.access = access
        self.database = database
        self.clock = clock
        self._told: asyncio.Queue[frozenset[str]] = asyncio.Queue()
        access.listen(self._told.put_nowait)

    async def told(self) -> frozenset[str]:
        """The identities of the next call of a listener."""
        return await asyncio.wait_for(self._told.get(), PATIENCE_S)

    def forget_told(self) -> None:
        """Nothing was told so far."""
        while not self._told.empty():
            self._told.get_nowait()

    @property
    def nothing_told(self) -> bool:
        """Whether every call of a listener was looked at."""
        return self._told.empty()

    async def token(
        self, role: Role = Role.viewer, *scope: str, expires_at: datetime | None = None
    ) -> tuple[Token, str]:
        """A new token and its text."""
        return await self.access.create_token(NewToken(role, "a test", scope_from(scope), expires_at), BY)

    async def named(self, name: str = "ana", role: Role = Role.operator) -> Grant:
        """The grant of a person without a password: hashing one takes a while."""
        await self.access.set_role(name, role, BY)
        grant = self.access.by_name(name)
        assert grant is not None
        return grant

    async def person(self, name: str = "ana", role: Role = Role.operator, password: str = PASSWORD) -> Grant:
        """The grant of a person with a password."""
        await self.access.set_password(name, role, password, BY)
        grant = await self.access.password_grant(name, password)
        assert grant is not None
        return grant

    def execute(self, *statements: str) -> None:
        """The statements are committed, past all of our code."""
        with self.database.engine.begin() as connection:
            for each in statements:
                connection.execute(sa.text(each))


AWAY = ("ALTER TABLE access_revision RENAME TO access_revision_away",)
BACK = ("ALTER TABLE access_revision_away RENAME TO access_revision",)
"""What makes the tables of access unusable, and usable again."""


@asynccontextmanager
async def staged(
    folder: Path,
    settings: AccessSettings = DEFAULT_SETTINGS,
    *,
    clock: Callable[[], datetime] | None = None,
    refresh_s: float = 0.02,
) -> AsyncIterator[Stage]:
    """A server's access, started, on the database in ``folder``."""
    clock = clock or Clock()
    database = Database(dialects.open_engine(url_of(folder / "state.db"), 5.0))
    schema.upgrade(database.engine)
    access = Access(database=database, settings=settings, clock=clock, refresh_s=refresh_s)
    access.bootstrap(ADMIN)
    await access.start()
    try:
        yield Stage(access, database, clock)
    finally:
        await access.stop()
        await asyncio.to_thread(database.close)


def texts_in(folder: Path) -> Iterable[bytes]:
    """The bytes of every file in ``folder``."""
    return (path.read_bytes() for path in folder.rglob("*") if path.is_file())
