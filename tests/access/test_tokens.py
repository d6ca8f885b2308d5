"""Tokens: made, used, narrowed, expired, revoked, lent."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.access.staging import ADMIN, BY, NOON, Clock, Stage, staged, texts_in
from vibeworkbench.access.model import digest
from vibeworkbench.errors import Conflict, InvalidInput, NotFound
from vibeworkbench.web.roles import Role

HOUR = timedelta(hours=1)


async def test_a_token_opens_what_its_role_may(stage: Stage) -> None:
    """Under the identity of the token."""
    token, text = await stage.token(Role.analyst)
    grant = stage.access.by_token(text)
    assert grant is not None
    assert (grant.identity, grant.role, grant.scope) == (f"token:{token.token_id}", Role.analyst, None)


async def test_a_token_s_text_is_long_known_by_its_prefix_and_kept_nowhere(stage: Stage, tmp_path: Path) -> None:
    """Neither in the database nor in a repr; its hash is."""
    token, text = await stage.token()
    assert re.fullmatch(r"vwb_[A-Za-z0-9_-]{43}", text)
    assert text not in repr(token)
    assert token.hash not in repr(token)
    await stage.access.audit.write()
    assert not any(text.encode() in content for content in texts_in(tmp_path))


@pytest.mark.parametrize("text", ["", "vwb_", "x" * 2000, "\udcff", "vwb_" + "A" * 43])
async def test_what_is_no_token_opens_nothing(stage: Stage, text: str) -> None:
    """Nor does a hash open what it is the hash of."""
    token, _ = await stage.token()
    assert stage.access.by_token(text) is None
    assert stage.access.by_token(token.hash) is None
    assert stage.access.by_token(digest(ADMIN)) is None


async def test_the_server_s_own_token_is_admin_and_cannot_be_revoked(stage: Stage) -> None:
    """Nobody can lock themselves out."""
    grant = stage.access.by_token(ADMIN)
    assert grant is not None
    assert (grant.identity, grant.role) == ("server", Role.admin)
    with pytest.raises(Conflict):
        await stage.access.revoke_token("server", BY)


async def test_a_token_ends_at_its_instant(tmp_path: Path) -> None:
    """Not a microsecond later, and again not when the clock goes back and forth."""
    clock = Clock()
    async with staged(tmp_path, clock=clock, refresh_s=3600) as stage:
        _, text = await stage.token(expires_at=NOON + HOUR)
        clock.now = NOON + HOUR - timedelta(microseconds=1)
        assert stage.access.by_token(text) is not None
        clock.now = NOON + HOUR
        assert stage.access.by_token(text) is None
        clock.now = NOON
        assert stage.access.by_token(text) is not None


async def test_listeners_hear_of_an_expiry_when_it_is_due(tmp_path: Path) -> None:
    """Though nobody looks at the database meanwhile."""
    async with staged(tmp_path, clock=lambda: datetime.now(UTC), refresh_s=3600) as stage:
        token, text = await stage.token(expires_at=datetime.now(UTC) + timedelta(milliseconds=300))
        assert stage.access.by_token(text) is not None
        assert await stage.told() == {token.identity}
        assert stage.access.by_token(text) is None


async def test_listeners_hear_of_an_expiry_once(tmp_path: Path) -> None:
    """And not at every look."""
    clock = Clock()
    async with staged(tmp_path, clock=clock) as stage:
        token, _ = await stage.token(expires_at=NOON + HOUR)
        clock.now = NOON + 2 * HOUR
        assert await stage.told() == {token.identity}
        other, _ = await stage.token()
        await stage.access.revoke_token(other.token_id, BY)
        assert await stage.told() == {other.identity}


async def test_a_revoked_token_opens_nothing_and_listeners_hear_of_it(stage: Stage) -> None:
    """At once; revoking it again changes nothing, and says since when it is."""
    token, text = await stage.token()
    revoked = await stage.access.revoke_token(token.token_id, BY)
    assert revoked.revoked_at == NOON
    assert stage.access.by_token(text) is None
    assert await stage.told() == {token.identity}
    stage.clock.now += HOUR  # type: ignore[attr-defined]
    assert (await stage.access.revoke_token(token.token_id, BY)).revoked_at == NOON
    assert stage.nothing_told


async def test_a_token_that_is_none_cannot_be_revoked(stage: Stage) -> None:
    """Whoever mistypes an id hears so."""
    with pytest.raises(NotFound):
        await stage.access.revoke_token("0123456789ab", BY)


async def test_a_token_cannot_be_born_expired(stage: Stage) -> None:
    """That would be a mistake of whoever asks."""
    with pytest.raises(InvalidInput):
        await stage.token(expires_at=NOON)


async def test_an_ingest_token_takes_no_scope(stage: Stage) -> None:
    """It reads nothing that could be narrowed."""
    with pytest.raises(InvalidInput):
        await stage.token(Role.ingest, "metrics")


async def test_a_dashboard_brings_its_rooms_as_they_are_now(stage: Stage) -> None:
    """Also those that it has only since the token was made."""
    rooms = {"ops": [("ops-monitor-broadcast", "main")]}
    stage.access.imply(lambda name: rooms.get(name, []))
    _, text = await stage.token(Role.viewer, "dashboard:ops", "room:relay/x")
    before = stage.access.by_token(text)
    rooms["ops"] = [("tasks", "7")]
    after = stage.access.by_token(text)
    assert before is not None
    assert before.scope is not None
    assert before.scope.rooms == {("ops-monitor-broadcast", "main"), ("relay", "x")}
    assert after is not None
    assert after.scope is not None
    assert after.scope.rooms == {("tasks", "7"), ("relay", "x")}


async def test_a_lent_token_has_its_lender_s_rights_until_it_is_ended(stage: Stage) -> None:
    """Under the lender's identity, and it shows in no repr."""
    _, text = await stage.token(Role.viewer, "metrics")
    grant = stage.access.by_token(text)
    assert grant is not None
    lent = stage.access.lend(grant, "kernel 1")
    assert lent.token not in repr(lent)
    assert stage.access.by_token(lent.token) == grant
    lent.end()
    lent.end()
    assert stage.access.by_token(lent.token) is None
    assert await stage.told() == {grant.identity}, "what was opened with it must close"
    assert stage.nothing_told


async def test_a_lent_token_dies_with_its_lender_s(stage: Stage) -> None:
    """Also one that was lent on a lent one."""
    token, text = await stage.token()
    grant = stage.access.by_token(text)
    assert grant is not None
    lent = stage.access.lend(grant, "kernel 1")
    again = stage.access.by_token(lent.token)
    assert again is not None
    further = stage.access.lend(again, "kernel of kernel 1")
    await stage.access.revoke_token(token.token_id, BY)
    assert stage.access.by_token(lent.token) is None
    assert stage.access.by_token(further.token) is None


async def test_a_lent_token_follows_its_lender_s_role_and_outlives_the_session(stage: Stage) -> None:
    """A kernel goes on when its owner's login ends, with what the owner may by then."""
    grant = await stage.named("ana", Role.analyst)
    session = stage.access.session_for(grant)
    by_session = stage.access.by_session(session)
    assert by_session is not None
    lent = stage.access.lend(by_session, "kernel")
    await stage.access.end_session(session)
    await stage.access.set_role("ana", Role.viewer, BY)
    now = stage.access.by_token(lent.token)
    assert now is not None
    assert now.role is Role.viewer
    await stage.access.remove_person("ana", BY)
    assert stage.access.by_token(lent.token) is None


async def test_tokens_are_listed_with_their_last_use_page_by_page(stage: Stage) -> None:
    """Newest first, each once."""
    made = []
    for _ in range(5):
        made.append(await stage.token())
        stage.clock.now += HOUR  # type: ignore[attr-defined]
    assert stage.access.by_token(made[1][1]) is not None
    first = await stage.access.tokens(None, 3)
    last = first[-1]
    us = int(last.created_at.timestamp()) * 1_000_000
    rest = await stage.access.tokens((us, last.token_id), 3)
    assert [each.token_id for each in (*first, *rest)] == [token.token_id for token, _ in reversed(made)]
    assert [each.last_used_at for each in rest] == [stage.clock(), None]


async def test_the_last_use_is_kept_when_the_server_stops(tmp_path: Path) -> None:
    """And told by the next one."""
    async with staged(tmp_path) as stage:
        _, text = await stage.token()
        stage.access.by_token(text)
    async with staged(tmp_path) as stage:
        assert [each.last_used_at for each in await stage.access.tokens(None, 10)] == [NOON]


async def test_tokens_that_ended_long_ago_are_forgotten(tmp_path: Path) -> None:
    """When the server starts, and every ten minutes; those that live are not."""
    clock = Clock()
    async with staged(tmp_path, clock=clock) as stage:
        revoked, _ = await stage.token()
        await stage.token(expires_at=NOON + HOUR)
        lasting, _ = await stage.token()
        await stage.access.revoke_token(revoked.token_id, BY)
    clock.now = NOON + timedelta(days=91)
    async with staged(tmp_path, clock=clock) as stage:
        await stage.access._keeper._forget()
        assert [each.token_id for each in await stage.access.tokens(None, 10)] == [lasting.token_id]
