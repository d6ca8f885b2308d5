"""Several servers on one database, and a database that is away."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest

from tests.access.staging import ADMIN, AWAY, BACK, BY, PASSWORD, Stage, staged
from tests.patience import PATIENCE_S
from vibeworkbench.errors import Unavailable
from vibeworkbench.web.roles import Role


async def until_known(stage: Stage, text: str) -> None:
    """The server has looked at the database often enough to know the token."""
    while stage.access.by_token(text) is None:
        await asyncio.wait_for(stage.access._keeper._refresh(), PATIENCE_S)


async def test_what_one_server_changes_the_other_knows(tmp_path: Path) -> None:
    """Tokens, roles and logouts, in both directions; its listeners hear of it."""
    async with staged(tmp_path) as one, staged(tmp_path) as other:
        token, text = await one.token()
        await until_known(other, text)
        assert other.nothing_told
        await one.access.revoke_token(token.token_id, BY)
        assert await other.told() == {token.identity}
        assert other.access.by_token(text) is None

        grant = await other.named("ana", Role.operator)
        assert await one.told() == {token.identity}
        assert await one.told() == {"user:ana"}
        session = other.access.session_for(grant)
        assert one.access.by_session(session) is not None
        await one.access.end_session(session)
        assert await other.told() == {"user:ana"}
        assert await other.told() == {"user:ana"}
        assert other.access.by_session(session) is None


async def test_changes_at_once_are_all_known(tmp_path: Path) -> None:
    """To the servers that made them as to each other."""
    async with staged(tmp_path) as one, staged(tmp_path) as other:
        made = await asyncio.gather(*(each.token() for each in (one, other) * 5))
        for stage in (one, other):
            for _, text in made:
                await until_known(stage, text)


async def test_who_was_known_stays_known_while_the_database_is_away(tmp_path: Path) -> None:
    """Nobody new is, and it is said since when."""
    async with staged(tmp_path, refresh_s=3600) as stage:
        look = partial(stage.access._keeper._in_background, "refresh", stage.access._keeper._refresh)
        _, text = await stage.token()
        session = stage.access.session_for(await stage.person("ana"))
        stage.execute(*AWAY)
        with pytest.raises(Unavailable):
            await stage.token()
        await look()
        assert stage.access.stale_since == stage.clock()
        assert stage.access.by_token(text) is not None
        assert stage.access.by_token(ADMIN) is not None
        assert stage.access.by_session(session) is not None
        assert await stage.access.password_grant("ana", PASSWORD) is not None
        stage.execute(*BACK)
        await look()
        assert stage.access.stale_since is None


async def test_a_logout_holds_while_the_database_is_away_and_is_stored_later(tmp_path: Path) -> None:
    """Whoever logs out is out; the other servers learn it when storage is back."""
    async with staged(tmp_path) as one, staged(tmp_path) as other:
        session = one.access.session_for(await one.named("ana"))
        while other.access.by_session(session) is None:
            await other.told()
        one.execute(*AWAY)
        await one.access.end_session(session)
        assert one.access.by_session(session) is None
        one.execute(*BACK)
        while other.access.by_session(session) is not None:
            await other.told()


async def test_trouble_is_logged_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """And not at every look."""
    async with staged(tmp_path, refresh_s=3600) as stage:
        stage.execute(*AWAY)
        for _ in range(3):
            await stage.access._keeper._in_background("refresh", stage.access._keeper._refresh)
        stage.execute(*BACK)
    assert len([each for each in caplog.records if "refresh" in each.getMessage()]) == 1


async def test_a_listener_that_fails_keeps_no_other_from_hearing(stage: Stage) -> None:
    """Sockets of others must close all the same."""

    def fail(_: frozenset[str]) -> None:
        raise RuntimeError("a made-up failure")

    heard: list[frozenset[str]] = []
    stage.access.listen(fail)
    stage.access.listen(heard.append)
    token, _ = await stage.token()
    await stage.access.revoke_token(token.token_id, BY)
    assert heard == [{token.identity}]


async def test_a_server_does_not_start_without_its_database(tmp_path: Path) -> None:
    """Nobody would be known, and nobody's revocation."""
    async with staged(tmp_path) as stage:
        stage.execute("ALTER TABLE token RENAME TO token_away")
        with pytest.raises(Unavailable):
            async with staged(tmp_path):
                raise AssertionError("it has started")
        stage.execute("ALTER TABLE token_away RENAME TO token")
