"""People: roles, passwords, sessions, single sign-on."""

from __future__ import annotations

import asyncio
import getpass
import unicodedata
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import VerifyMismatchError

from tests.access.staging import ADMIN, BY, NOON, PASSWORD, Clock, Stage, staged, texts_in
from vibeworkbench.access import passwords
from vibeworkbench.access.account import account_name
from vibeworkbench.errors import Conflict, InvalidInput, LimitExceeded, NotFound
from vibeworkbench.settings import AccessSettings
from vibeworkbench.web.roles import Role

SETTINGS = AccessSettings(
    roles={"ana": "operator", "bo": "viewer"}, groups={"staff": "viewer", "ops": "operator", "admins": "admin"}
)


async def test_a_password_opens_what_the_role_may(stage: Stage) -> None:
    """Under the identity of the name, however its letters are encoded."""
    await stage.access.set_password("müller", Role.analyst, PASSWORD, BY)
    grant = await stage.access.password_grant(unicodedata.normalize("NFD", "müller"), PASSWORD)
    assert grant is not None
    assert (grant.identity, grant.role) == ("user:müller", Role.analyst)


@pytest.mark.parametrize(
    ("name", "password"),
    [("ana", "wrong"), ("ana", ""), ("ana", PASSWORD + " "), ("nobody", PASSWORD), ("", PASSWORD), ("ana", "\ud800")],
)
async def test_a_wrong_name_or_password_opens_nothing(stage: Stage, name: str, password: str) -> None:
    """Whichever of the two it is."""
    await stage.person("ana")
    assert await stage.access.password_grant(name, password) is None


async def test_a_wrong_name_costs_as_much_as_a_wrong_password(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """How long an answer takes tells nobody who has an account."""
    verified: list[str] = []

    def verify(_hasher: PasswordHasher, hash_: str, password: bytes) -> bool:
        verified.append(hash_)
        raise VerifyMismatchError

    await stage.person("ana")
    monkeypatch.setattr(PasswordHasher, "verify", verify)
    await stage.access.password_grant("ana", "wrong")
    await stage.access.password_grant("nobody", "wrong")
    of_somebody, of_nobody = map(extract_parameters, verified)
    assert of_somebody == of_nobody


async def test_passwords_are_looked_at_a_few_at_a_time(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than can wait are refused at once: each costs memory and a core."""
    monkeypatch.setattr(passwords, "WAITING", 3)
    tried = await asyncio.gather(
        *(stage.access.password_grant("nobody", "wrong") for _ in range(50)), return_exceptions=True
    )
    assert tried.count(None) == 3
    assert all(isinstance(each, LimitExceeded) for each in tried if each is not None)
    assert await stage.access.password_grant("nobody", "wrong") is None


async def test_who_has_no_password_cannot_log_in(stage: Stage) -> None:
    """Not with an empty one either."""
    await stage.access.set_role("ana", Role.admin, BY)
    assert await stage.access.password_grant("ana", "") is None


@pytest.mark.parametrize("password", ["", "1234567", "x" * 1025])
async def test_a_password_has_a_decent_length(stage: Stage, password: str) -> None:
    """Or nothing is changed."""
    with pytest.raises(InvalidInput):
        await stage.access.set_password("ana", Role.viewer, password, BY)
    assert stage.access.people() == []


async def test_a_password_is_kept_nowhere(stage: Stage, tmp_path: Path) -> None:
    """Only its Argon2 hash, which shows in no repr."""
    await stage.person("ana")
    await stage.access.audit.write()
    (person,) = stage.access.people()
    assert person.password_hash is not None
    assert person.password_hash.startswith("$argon2id$")
    assert person.password_hash not in repr(person)
    assert not any(PASSWORD.encode() in content for content in texts_in(tmp_path))


async def test_a_session_opens_what_its_person_may(stage: Stage) -> None:
    """Until it expires, however often it is used."""
    session = stage.access.session_for(await stage.named("ana"))
    grant = stage.access.by_session(session)
    assert grant is not None
    assert (grant.identity, grant.role, grant.expires_at) == ("user:ana", Role.operator, NOON + timedelta(hours=12))


async def test_a_session_expires_though_it_is_used(tmp_path: Path) -> None:
    """A dashboard that is never left must not keep it open; listeners hear of it."""
    clock = Clock()
    async with staged(tmp_path, clock=clock) as stage:
        session = stage.access.session_for(await stage.named("ana"))
        stage.forget_told()
        clock.now = NOON + timedelta(hours=12, microseconds=-1)
        assert stage.access.by_session(session) is not None
        clock.now = NOON + timedelta(hours=12)
        assert stage.access.by_session(session) is None
        assert await stage.told() == {"user:ana"}


async def test_a_session_that_was_ended_stays_so_on_replay(tmp_path: Path) -> None:
    """After a restart too, and though the clock goes back; another session of the same person goes on."""
    clock = Clock()
    async with staged(tmp_path, clock=clock) as stage:
        grant = await stage.named("ana")
        session, other = stage.access.session_for(grant), stage.access.session_for(grant)
        stage.forget_told()
        await stage.access.end_session(session)
        await stage.access.end_session(session)
        assert await stage.told() == {"user:ana"}
        assert stage.access.by_session(session) is None
        assert stage.access.by_session(other) is not None
    clock.now = NOON + timedelta(hours=13)
    async with staged(tmp_path, clock=clock) as stage:
        await stage.access._keeper._forget()
    clock.now = NOON
    async with staged(tmp_path, clock=clock) as stage:
        assert stage.access.by_session(session) is None
        assert stage.access.by_session(other) is not None


async def test_another_password_ends_sessions_and_the_same_role_again_does_not(stage: Stage) -> None:
    """Whoever was logged in by the old one is out."""
    session = stage.access.session_for(await stage.person("ana"))
    await stage.access.set_role("ana", Role.operator, BY)
    assert stage.access.by_session(session) is not None
    await stage.access.set_password("ana", Role.operator, "another good password", BY)
    assert stage.access.by_session(session) is None


async def test_another_role_holds_at_once_and_listeners_hear_of_it(stage: Stage) -> None:
    """In sessions that are open."""
    session = stage.access.session_for(await stage.named("ana"))
    stage.forget_told()
    await stage.access.set_role("ana", Role.viewer, BY)
    grant = stage.access.by_session(session)
    assert grant is not None
    assert grant.role is Role.viewer
    assert await stage.told() == {"user:ana"}


async def test_who_is_removed_is_out_for_good(stage: Stage) -> None:
    """A new person of the same name does not inherit the old one's sessions."""
    session = stage.access.session_for(await stage.named("ana"))
    await stage.access.remove_person("ana", BY)
    assert stage.access.by_session(session) is None
    await stage.named("ana")
    assert stage.access.by_session(session) is None


async def test_a_session_of_the_server_s_token_ends_with_another_token(stage: Stage) -> None:
    """Whoever restarts the server with a new one has closed all doors."""
    grant = stage.access.by_token(ADMIN)
    assert grant is not None
    session = stage.access.session_for(grant)
    assert stage.access.by_session(session) is not None
    stage.access.bootstrap("another one")
    assert stage.access.by_session(session) is None


async def test_a_session_of_a_token_ends_with_it(stage: Stage) -> None:
    """Be it revoked or expired, whichever of session and token ends first."""
    token, text = await stage.token(expires_at=NOON + timedelta(hours=1))
    grant = stage.access.by_token(text)
    assert grant is not None
    session = stage.access.session_for(grant)
    opened = stage.access.by_session(session)
    assert opened is not None
    assert opened.expires_at == NOON + timedelta(hours=1)
    await stage.access.revoke_token(token.token_id, BY)
    assert stage.access.by_session(session) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"identity": "user:bo"},
        {"identity": "server"},
        {"identity": "user:"},
        {"identity": None},
        {"generation": ""},
        {"generation": "settings"},
        {"generation": "groups"},
        {"generation": 7},
        {"session": ""},
        {"session": ["x"]},
        {"session": "x" * 300},
        {"expires": "9999999999"},
        {"expires": 10**30},
        {"expires": 1e10},
        {"expires": True},
        {"expires": 0},
    ],
)
async def test_a_session_that_is_none_opens_nothing(stage: Stage, changed: dict[str, Any]) -> None:
    """Though it was signed, it may have been so by another version."""
    session = stage.access.session_for(await stage.named("ana"))
    await stage.named("bo")
    assert stage.access.by_session({**session, **changed}) is None
    for key in changed:
        assert stage.access.by_session({name: value for name, value in session.items() if name != key}) is None
    await stage.access.end_session({**session, **changed})


async def test_single_sign_on_follows_the_settings(tmp_path: Path) -> None:
    """A role by name wins over groups, of groups the highest counts, and nobody else has a role."""
    async with staged(tmp_path, SETTINGS) as stage:
        by_name = stage.access.by_name
        roles = [by_name("bo", ["admins"]), by_name("cy", ["staff", "ops"]), by_name("cy"), by_name("cy", ["guests"])]
        assert [each and each.role for each in roles] == [Role.viewer, Role.operator, None, None]
        assert by_name("a b", ["admins"]) is None


async def test_the_database_s_role_wins_over_the_settings(tmp_path: Path) -> None:
    """Until it is removed."""
    async with staged(tmp_path, SETTINGS) as stage:
        await stage.access.set_role("ana", Role.viewer, BY)
        now = stage.access.by_name("ana", ["admins"])
        assert now is not None
        assert now.role is Role.viewer
        await stage.access.remove_person("ana", BY)
        then = stage.access.by_name("ana")
        assert then is not None
        assert then.role is Role.operator
        with pytest.raises(Conflict):
            await stage.access.remove_person("ana", BY)
        with pytest.raises(NotFound):
            await stage.access.remove_person("nobody", BY)


async def test_what_was_lent_to_a_member_of_a_group_lasts_until_the_name_gets_a_role(tmp_path: Path) -> None:
    """Only the proxy knows the groups, and a kernel does not come by it."""
    async with staged(tmp_path, SETTINGS) as stage:
        grant = stage.access.by_name("cy", ["ops"])
        assert grant is not None
        lent = stage.access.lend(grant, "kernel")
        assert stage.access.by_token(lent.token) == grant
        assert stage.access.by_identity("user:cy") is None
        await stage.access.set_role("cy", Role.viewer, BY)
        assert stage.access.by_token(lent.token) is None
        assert stage.access.by_identity("user:cy") is not None


@pytest.mark.parametrize("name", ["a b", "..", "a/b", "", "x" * 129])
async def test_a_role_is_given_to_names_only(stage: Stage, name: str) -> None:
    """And the refusal says what a name is."""
    with pytest.raises(InvalidInput):
        await stage.access.set_role(name, Role.viewer, BY)
    with pytest.raises(InvalidInput):
        await stage.access.set_password(name, Role.viewer, PASSWORD, BY)


def test_the_server_s_token_stands_for_the_account_that_runs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some containers have accounts without a name."""

    def no_name() -> str:
        raise KeyError("getpwuid(): uid not found: 1000")

    assert account_name()
    monkeypatch.setattr(getpass, "getuser", no_name)
    assert account_name() == "admin"
