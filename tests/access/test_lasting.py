"""What would last too long or grow without end, and what is known before the database was read."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from tests.access.staging import ADMIN, NOON, Clock, Stage, staged
from tests.databases import url_of
from vibeworkbench.access import records
from vibeworkbench.access.model import EndedSession
from vibeworkbench.access.service import ENDED_SESSIONS, Access
from vibeworkbench.errors import LimitExceeded
from vibeworkbench.settings import AccessSettings
from vibeworkbench.storage import dialects, schema
from vibeworkbench.storage.records import Database, Transaction
from vibeworkbench.web.roles import Role


async def test_nobody_is_known_before_the_database_was_read(tmp_path: Path) -> None:
    """Its roles win over the settings', and it knows which sessions have ended; only the server's own token opens."""
    settings = AccessSettings(roles={"ana": "admin"}, groups={"ops": "operator"})
    database = Database(dialects.open_engine(url_of(tmp_path / "state.db"), 5.0))
    schema.upgrade(database.engine)
    access = Access(database=database, settings=settings, clock=Clock())
    access.bootstrap(ADMIN)
    server = access.by_token(ADMIN)
    assert server is not None
    session = access.session_for(server)
    assert access.by_name("ana") is None
    assert access.by_name("bo", ["ops"]) is None
    assert access.by_identity("user:ana") is None
    assert access.by_session(session) is None
    await access.start()
    assert access.by_name("ana") is not None
    assert access.by_name("bo", ["ops"]) is not None
    assert access.by_session(session) is not None
    await access.stop()
    await asyncio.to_thread(database.close)


async def test_whoever_logs_out_for_ever_fills_no_memory(stage: Stage) -> None:
    """Others log out as before; and the sessions of the one go on until they expire."""
    grant, other = await stage.named("ana"), await stage.named("bo")
    ended = [EndedSession(f"session-{n}", grant.identity, NOON + timedelta(hours=12)) for n in range(ENDED_SESSIONS)]

    def end_all(transaction: Transaction) -> None:
        records.end_sessions(transaction, ended)
        records.changed(transaction)

    stage.forget_told()
    await asyncio.to_thread(stage.database.write_now, end_all)
    assert await stage.told() == {grant.identity}
    session, others = stage.access.session_for(grant), stage.access.session_for(other)
    with pytest.raises(LimitExceeded):
        await stage.access.end_session(session)
    await stage.access.end_session(others)
    assert stage.access.by_session(others) is None


async def test_each_session_of_an_identity_ends_when_it_expires(tmp_path: Path) -> None:
    """Listeners are told at each end, if whoever is connected was identified anew at the one before."""
    clock = Clock()
    async with staged(tmp_path, clock=clock) as stage:
        grant = await stage.named("ana")
        early = stage.access.session_for(grant)
        clock.now += timedelta(hours=1)
        late = stage.access.session_for(grant)
        heard: list[bool] = []
        stage.access.listen(lambda _: heard.append(stage.access.by_session(late) is not None))
        assert stage.access.by_session(late) is not None
        assert stage.access.by_session(early) is not None
        stage.forget_told()
        clock.now += timedelta(hours=11, seconds=1)
        assert await stage.told() == {grant.identity}
        clock.now += timedelta(hours=1)
        assert await stage.told() == {grant.identity}
    assert heard == [True, False]


async def test_what_was_lent_is_known_as_lent(stage: Stage) -> None:
    """So that no session comes of it; the lender's own token is not."""
    _, text = await stage.token(Role.operator)
    grant = stage.access.by_token(text)
    assert grant is not None
    lent = stage.access.lend(grant, "a test")
    seen = stage.access.by_token(lent.token)
    assert seen is not None
    assert (grant.is_lent, seen.is_lent) == (False, True)
    assert seen.caller() == grant.caller()
