"""What the REST of access takes and answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import msgspec

from vibeworkbench.access.audit_records import AuditEntry, AuditFilter
from vibeworkbench.access.model import Person, Token, scope_from, scope_words
from vibeworkbench.access.records import to_us
from vibeworkbench.access.service import NewToken
from vibeworkbench.errors import InvalidInput
from vibeworkbench.settings import Right
from vibeworkbench.web.roles import Role

AnyRole = Literal["ingest", "viewer", "analyst", "operator", "admin"]
Limit = Annotated[int, msgspec.Meta(ge=1, le=500)]
State = Literal["live", "expired", "revoked"]


class TokenOrder(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """A token that is wanted."""

    role: AnyRole
    name: Annotated[str, msgspec.Meta(max_length=128, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    scope: Annotated[list[Annotated[str, msgspec.Meta(max_length=300)]], msgspec.Meta(max_length=100)] = []
    expires_at: datetime | msgspec.UnsetType | None = msgspec.UNSET
    """When it ends; null means never, and without it the settings say."""


class TokenBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """A token without its text, which nobody knows but its bearer."""

    id: str
    name: str
    role: AnyRole
    scope: list[str]
    state: State
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class NewTokenBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """A new token. Its text is told this once and kept nowhere."""

    token: str
    id: str
    role: AnyRole
    expires_at: datetime | None
    name: str
    scope: list[str]


class TokenPage(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """Tokens, newest first."""

    items: list[TokenBody]
    next_cursor: str | None


class TokenQuery(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """Which part of the list."""

    limit: Limit = 100
    cursor: Annotated[str, msgspec.Meta(pattern=r"^(\d{1,18}\.[0-9a-z]{1,32})?$")] = ""


class RoleOrder(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """The role that somebody is to have."""

    role: Right
    password: str | msgspec.UnsetType | None = msgspec.UNSET
    """For the login page; null takes it away, and without it the present one stays."""


class RoleBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """The role of a name or of a group."""

    name: str
    kind: Literal["person", "group"]
    role: Right
    origin: Literal["database", "settings"]
    in_force: bool
    """False for a role of the settings when the database says another one of the name."""
    has_password: bool
    changed_at: datetime | None
    changed_by: str | None


class RolePage(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """Roles by name."""

    items: list[RoleBody]
    next_cursor: str | None


class RoleQuery(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """Which part of the list."""

    limit: Limit = 100
    cursor: Annotated[str, msgspec.Meta(pattern=r"^\d{0,9}$")] = ""


class AuditBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """An event of the audit record, as often as it happened within a minute."""

    id: int
    kind: str
    identity: str
    name: str
    address: str
    subject: str
    count: int
    first_at: datetime
    last_at: datetime


class AuditPage(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """Events, newest first."""

    items: list[AuditBody]
    next_cursor: str | None


class AuditQuery(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """Which events."""

    kind: Annotated[str, msgspec.Meta(max_length=32)] | None = None
    identity: Annotated[str, msgspec.Meta(max_length=256)] | None = None
    since: datetime | None = None
    limit: Limit = 100
    cursor: Annotated[str, msgspec.Meta(pattern=r"^\d{0,18}$")] = ""


def new_token_of(order: TokenOrder, now: datetime, default_days: float) -> NewToken:
    """What the order means at this instant.

    Raises:
        InvalidInput: A scope means nothing, or an instant has no zone.
    """
    expires_at = order.expires_at
    if expires_at is msgspec.UNSET:
        expires_at = now + timedelta(days=default_days)
    return NewToken(Role[order.role], order.name, scope_from(order.scope), _aware(expires_at, "expiresAt"))


def filter_of(query: AuditQuery) -> AuditFilter:
    """Which events the query means.

    Raises:
        InvalidInput: An instant has no zone.
    """
    return AuditFilter(query.kind, query.identity, _aware(query.since, "since"))


def _aware(at: datetime | None, field: str) -> datetime | None:
    if at is not None and at.tzinfo is None:
        reason = "an instant needs its offset from UTC"
        raise InvalidInput(f"{field}: {reason}.", field=field, reason=reason)
    return None if at is None else at.astimezone(UTC)


def token_body(token: Token, now: datetime) -> TokenBody:
    """The token as REST shows it."""
    ended: State = "expired" if token.revoked_at is None else "revoked"
    return TokenBody(
        id=token.token_id,
        name=token.name,
        role=any_role_of(token.role),
        scope=scope_words(token.scope),
        state="live" if token.is_live(now) else ended,
        created_at=token.created_at,
        created_by=token.created_by,
        expires_at=token.expires_at,
        revoked_at=token.revoked_at,
        last_used_at=token.last_used_at,
    )


def cursor_of(token: Token) -> str:
    """Where the list of tokens goes on after this one."""
    return f"{to_us(token.created_at)}.{token.token_id}"


def place_of(cursor: str) -> tuple[int, str] | None:
    """Where a list of tokens goes on, ``None`` for its beginning."""
    at_us, _, token_id = cursor.partition(".")
    return (int(at_us), token_id) if cursor else None


def person_body(person: Person) -> RoleBody:
    """A person of the database as REST shows it."""
    return RoleBody(
        name=person.name,
        kind="person",
        role=right_of(person.role),
        origin="database",
        in_force=True,
        has_password=person.password_hash is not None,
        changed_at=person.changed_at,
        changed_by=person.changed_by,
    )


def settings_body(name: str, kind: Literal["person", "group"], role: Right, *, in_force: bool) -> RoleBody:
    """A role of the settings file as REST shows it."""
    return RoleBody(
        name=name,
        kind=kind,
        role=role,
        origin="settings",
        in_force=in_force,
        has_password=False,
        changed_at=None,
        changed_by=None,
    )


def right_of(role: Role) -> Right:
    """The role's name, of those that people may have."""
    right: Right = msgspec.convert(role.name, Right)
    return right


def any_role_of(role: Role) -> AnyRole:
    """The role's name."""
    named: AnyRole = msgspec.convert(role.name, AnyRole)
    return named


def audit_body(entry: AuditEntry) -> AuditBody:
    """The entry as REST shows it."""
    return AuditBody(
        id=entry.number,
        kind=entry.event.kind,
        identity=entry.event.identity,
        name=entry.event.name,
        address=entry.event.address,
        subject=entry.event.subject,
        count=entry.count,
        first_at=entry.first_at,
        last_at=entry.last_at,
    )
