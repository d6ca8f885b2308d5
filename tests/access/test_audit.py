"""The audit record: what it holds, what it never holds, and that nobody can flood it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from tests.access.staging import ADMIN, BY, NOON, PASSWORD, Clock, Stage, staged, texts_in
from tests.patience import PATIENCE_S
from vibeworkbench.access import audit
from vibeworkbench.access.audit import MANY, SPREAD
from vibeworkbench.access.audit_records import AuditEntry, AuditFilter, page
from vibeworkbench.access.model import AuditEvent
from vibeworkbench.errors import Unavailable
from vibeworkbench.settings import AccessSettings, AuditSettings
from vibeworkbench.web.roles import Role

ALL = AuditFilter()
REFUSED = AuditEvent("refused", "user:ana", "ana", "192.0.2.7", "/lab")
MINUTE = timedelta(minutes=1)
AWAY = "ALTER TABLE audit_event RENAME TO audit_event_away"
BACK = "ALTER TABLE audit_event_away RENAME TO audit_event"


async def entries(stage: Stage, wanted: AuditFilter = ALL) -> list[AuditEntry]:
    """The record, newest first."""
    return await stage.access.audit.page(wanted, None, 500)


async def test_every_change_of_rights_is_recorded(stage: Stage) -> None:
    """With who did it, from where, and to what; revoking again is none."""
    token, _ = await stage.token(Role.viewer, "dashboard:ops")
    await stage.access.revoke_token(token.token_id, BY)
    await stage.access.revoke_token(token.token_id, BY)
    await stage.access.set_role("ana", Role.viewer, BY)
    await stage.access.set_password("ana", Role.viewer, PASSWORD, BY)
    await stage.access.remove_person("ana", BY)
    found = [each.event for each in await entries(stage)]
    assert [(each.kind, each.subject) for each in reversed(found)] == [
        ("token-created", f"{token.token_id} viewer dashboard:ops"),
        ("token-revoked", token.token_id),
        ("role-set", "ana viewer"),
        ("password-set", "ana viewer"),
        ("role-removed", "ana"),
    ]
    assert {(each.identity, each.name, each.address) for each in found} == {("server", "root", "192.0.2.1")}


async def test_the_same_event_within_a_minute_counts_up(stage: Stage) -> None:
    """And is a new entry afterwards, also when it was written in between."""
    clock = stage.clock
    stage.access.note(REFUSED)
    await stage.access.audit.write()
    clock.now += MINUTE / 2  # type: ignore[attr-defined]
    stage.access.note(REFUSED)
    await stage.access.audit.write()
    clock.now += MINUTE  # type: ignore[attr-defined]
    stage.access.note(REFUSED)
    found = await entries(stage)
    assert [(each.count, each.first_at, each.last_at) for each in found] == [
        (1, NOON + 1.5 * MINUTE, NOON + 1.5 * MINUTE),
        (2, NOON, NOON + MINUTE / 2),
    ]


async def test_a_clock_that_goes_back_loses_no_event(stage: Stage) -> None:
    """It starts another entry, or the one goes on counting."""
    stage.access.note(REFUSED)
    await stage.access.audit.write()
    stage.clock.now -= MINUTE * 10  # type: ignore[attr-defined]
    stage.access.note(REFUSED)
    stage.access.note(REFUSED)
    assert sum(each.count for each in await entries(stage)) == 3


async def test_the_record_is_filtered_and_paged(stage: Stage) -> None:
    """Newest first, by kind, identity and instant."""
    for index in range(4):
        stage.access.note(AuditEvent("login", f"user:{index}", str(index)))
        await stage.access.audit.write()
        stage.clock.now += MINUTE  # type: ignore[attr-defined]
    stage.access.note(REFUSED)
    found = await entries(stage)
    assert [each.event.kind for each in found] == ["refused", *["login"] * 4]
    assert len(await entries(stage, AuditFilter(kind="login"))) == 4
    assert len(await entries(stage, AuditFilter(identity="user:3"))) == 1
    assert len(await entries(stage, AuditFilter(since=NOON + 2 * MINUTE))) == 3
    assert await stage.access.audit.page(ALL, found[2].number, 2) == found[3:]


async def test_a_name_that_is_nobody_s_is_left_out(stage: Stage) -> None:
    """People type passwords into the wrong field."""
    await stage.access.set_role("ana", Role.viewer, BY)
    stage.access.note(AuditEvent("login-failed", name=PASSWORD))
    stage.access.note(AuditEvent("login-failed", name="ana"))
    found = await entries(stage, AuditFilter(kind="login-failed"))
    assert [each.event.name for each in found] == ["ana", ""]


async def test_no_secret_reaches_the_record(stage: Stage, tmp_path: Path) -> None:
    """Wherever in an event somebody has put it."""
    _, text = await stage.token()
    stage.access.note(AuditEvent("refused", "user:ana", text, text, f"/x/{text}"))
    stage.access.note(AuditEvent("refused", "user:ana", "ana", "192.0.2.7", f"/lab?token={ADMIN}"))
    assert {each.event.subject for each in await entries(stage, AuditFilter(kind="refused"))} == {"/x/vwb_...", "/lab"}
    await stage.access.stop()
    assert not any(secret in content for secret in (text.encode(), ADMIN.encode()) for content in texts_in(tmp_path))


async def test_one_address_cannot_fill_the_record(stage: Stage) -> None:
    """However many addresses it asks for; another one is still told by its own."""
    for index in range(1000):
        stage.access.note(AuditEvent("refused", address="192.0.2.7", subject=f"/{index}"))
    stage.access.note(AuditEvent("refused", address="192.0.2.8", subject="/lab"))
    found = await entries(stage)
    assert sum(each.count for each in found) == 1001
    assert len(found) == SPREAD + 2
    assert {each.event.subject: each.count for each in found}[MANY] == 1000 - SPREAD


async def test_the_next_minute_has_room_again(stage: Stage) -> None:
    """The memory of what was spread lasts as long as the entries count."""
    for round_ in range(3):
        for index in range(SPREAD):
            stage.access.note(AuditEvent("refused", address="192.0.2.7", subject=f"/{round_}/{index}"))
        await stage.access.audit.write()
        stage.clock.now += MINUTE  # type: ignore[attr-defined]
        await stage.access.audit.write()
        stage.access.note(AuditEvent("login", "server"))
        await stage.access.audit.write()
    assert MANY not in {each.event.subject for each in await entries(stage)}


async def test_what_storage_does_not_take_is_written_later(stage: Stage) -> None:
    """With the count of all that happened meanwhile."""
    stage.execute(AWAY)
    stage.access.note(REFUSED)
    with pytest.raises(Unavailable):
        await stage.access.audit.write()
    stage.clock.now += MINUTE * 5  # type: ignore[attr-defined]
    stage.access.note(REFUSED)
    stage.execute(BACK)
    assert [(each.count, each.last_at) for each in await entries(stage)] == [(2, NOON + MINUTE * 5)]


async def test_what_cannot_be_kept_is_counted(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory is bounded, and the record says how much is missing."""
    monkeypatch.setattr(audit, "REMEMBERED", 10)
    stage.execute(AWAY)
    for index in range(25):
        stage.access.note(AuditEvent("refused", address=f"192.0.2.{index}"))
    stage.execute(BACK)
    found = await entries(stage)
    assert len(found) == 11
    assert {each.event.kind: each.count for each in found}["lost"] == 15
    stage.access.note(AuditEvent("refused", address="198.51.100.1"))
    assert (await entries(stage))[0].event.address == "198.51.100.1"


async def test_the_record_is_bounded_by_age_and_by_rows(tmp_path: Path) -> None:
    """The oldest go first."""
    clock = Clock()
    settings = AccessSettings(audit=AuditSettings(keep_days=1.0, keep_rows=3))
    async with staged(tmp_path, settings, clock=clock) as stage:
        for index in range(6):
            stage.access.note(AuditEvent("login", f"user:{index}"))
            await stage.access.audit.write()
        await stage.access.audit.forget()
        assert [each.event.identity for each in await entries(stage)] == ["user:5", "user:4", "user:3"]
        clock.now += timedelta(days=2)
        stage.access.note(AuditEvent("login", "user:6"))
        await stage.access.audit.write()
        await stage.access.audit.forget()
        assert [each.event.identity for each in await entries(stage)] == ["user:6"]


async def test_what_was_noted_last_is_written_when_the_server_stops(tmp_path: Path) -> None:
    """And whoever looks after the restart finds it."""
    async with staged(tmp_path) as stage:
        stage.access.note(REFUSED)
    async with staged(tmp_path) as stage:
        assert [each.event for each in await entries(stage)] == [REFUSED]


async def test_the_record_is_written_by_itself_and_trouble_is_logged_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Within a second usually, or as soon as storage takes it; nobody has to ask for the record."""
    monkeypatch.setattr(audit, "WRITE_INTERVAL_S", 0.01)
    tried = asyncio.Queue[None]()
    written = stage.access.audit.write

    async def write() -> None:
        try:
            await written()
        finally:
            tried.put_nowait(None)

    monkeypatch.setattr(stage.access.audit, "write", write)
    stage.execute(AWAY)
    stage.access.note(REFUSED)
    for _ in range(3):
        await asyncio.wait_for(tried.get(), PATIENCE_S)
    stage.execute(BACK)
    while not await stage.database.read(lambda connection: page(connection, ALL, None, 10)):
        await asyncio.wait_for(tried.get(), PATIENCE_S)
    assert len([each for each in caplog.records if each.getMessage().startswith("audit:")]) == 1


async def test_what_cannot_be_written_at_the_end_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A server whose storage is gone stops all the same."""
    async with staged(tmp_path, refresh_s=3600) as stage:
        stage.execute(AWAY)
        stage.access.note(REFUSED)
    assert "what was noted last is not written" in caplog.text
