"""Who may come in: tokens, roles and the audit record. All of it is for admins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, Literal

import msgspec

from vibeworkbench.client.api import Answer, Api, decoded, segment
from vibeworkbench.client.displays import Cell
from vibeworkbench.client.errors import ClientError
from vibeworkbench.client.frames import Kind
from vibeworkbench.client.results import Items
from vibeworkbench.client.values import instant_text

Never = Literal["never"]
RoleName = Literal["ingest", "viewer", "analyst", "operator", "admin"]


class Token(Answer, frozen=True, kw_only=True):
    """A token without its text, which nobody knows but its bearer."""

    id: str
    name: str
    role: str
    state: str
    created_at: datetime
    created_by: str = ""
    scope: list[str] = msgspec.field(default_factory=list)
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    def __repr__(self) -> str:
        return f"<token {self.id} {self.role} {self.state}: {self.name}>"


class NewToken(Answer, frozen=True, kw_only=True):
    """A new token. ``token`` is its text, which is told this once and kept nowhere; a repr does not show it."""

    token: str
    id: str
    role: str
    expires_at: datetime | None
    name: str = ""
    scope: list[str] = msgspec.field(default_factory=list)

    def __repr__(self) -> str:
        return f"<new token {self.id} {self.role}: {self.name}>"


class RoleEntry(Answer, frozen=True, kw_only=True):
    """The role of a name or a group."""

    name: str
    kind: str
    role: str
    origin: str
    in_force: bool = True
    has_password: bool = False
    changed_at: datetime | None = None
    changed_by: str | None = None


class AuditEvent(Answer, frozen=True, kw_only=True):
    """Something that happened, as often as it did within a minute."""

    id: int
    kind: str
    identity: str
    name: str
    address: str
    subject: str
    count: int
    first_at: datetime
    last_at: datetime


class TokenItems(Items[Token]):
    """Tokens as a list."""

    noun: ClassVar[str] = "tokens"
    empty: ClassVar[str] = "No tokens beside the server's own. wb.tokens.create('viewer') makes one."
    columns: ClassVar[Mapping[str, Kind]] = {
        "id": "text",
        "name": "text",
        "role": "text",
        "state": "text",
        "scope": "object",
        "created_at": "instant",
        "created_by": "text",
        "expires_at": "instant",
        "revoked_at": "instant",
        "last_used_at": "instant",
    }
    headings: ClassVar[Sequence[str]] = ("id", "name", "role", "scope", "state", "expires", "last used")

    def row(self, item: Token) -> Sequence[Cell]:
        """Id, name, role, scope, state, and the instants that matter."""
        scope = ", ".join(item.scope)
        return (item.id, item.name, item.role, scope, item.state, item.expires_at, item.last_used_at)


class RoleItems(Items[RoleEntry]):
    """Roles as a list."""

    noun: ClassVar[str] = "roles"
    empty: ClassVar[str] = "Nobody has a role but the server's own token. wb.roles.set('ana', 'operator') gives one."
    columns: ClassVar[Mapping[str, Kind]] = {
        "name": "text",
        "kind": "text",
        "role": "text",
        "origin": "text",
        "in_force": "flag",
        "has_password": "flag",
        "changed_at": "instant",
        "changed_by": "text",
    }
    headings: ClassVar[Sequence[str]] = ("name", "role", "kind", "from", "password")

    def row(self, item: RoleEntry) -> Sequence[Cell]:
        """Name, role, kind, origin, and whether there is a password."""
        origin = item.origin if item.in_force else f"{item.origin} (not in force)"
        return (item.name, item.role, item.kind, origin, "yes" if item.has_password else "")


class AuditItems(Items[AuditEvent]):
    """Events of the audit record."""

    noun: ClassVar[str] = "events"
    empty: ClassVar[str] = "Nothing is recorded."
    columns: ClassVar[Mapping[str, Kind]] = {
        "id": "count",
        "kind": "text",
        "identity": "text",
        "name": "text",
        "address": "text",
        "subject": "text",
        "count": "count",
        "first_at": "instant",
        "last_at": "instant",
    }
    headings: ClassVar[Sequence[str]] = ("when", "what", "who", "from", "subject", "times")

    def row(self, item: AuditEvent) -> Sequence[Cell]:
        """Instant, kind, identity, address, subject and count."""
        return (item.last_at, item.kind, item.identity or item.name, item.address, item.subject, item.count)


class Tokens:
    """The server's tokens: call it for the list, or change them."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def __call__(self) -> TokenItems:
        """All tokens, newest first, those too that expired or were revoked not long ago."""
        return TokenItems(self._api.pages("api/tokens", Token))

    def create(
        self,
        role: RoleName,
        *,
        name: str = "",
        scope: Sequence[str] = (),
        expires: datetime | Never | None = None,
    ) -> NewToken:
        """A new token; its ``token`` is told this once.

        Args:
            role: The most that its bearer may.
            name: What it is for.
            scope: ``dashboard:NAME``, ``room:PARTY/ROOM``, ``room:PARTY/*``, ``metrics``; none narrows nothing.
            expires: An aware instant, or ``"never"``; without it the server's settings say.
        """
        body: dict[str, Any] = {"role": role, "name": name, "scope": list(scope)}
        if expires is not None:
            body["expiresAt"] = None if expires == "never" else instant_text(expires)
        return self._api.post("api/tokens", NewToken, body)

    def revoke(self, token: Token | NewToken | str) -> Token:
        """The token opens nothing any more; one that was revoked before stays so. A name must be that of one token."""
        token_id = token if isinstance(token, str) else token.id
        if isinstance(token, str) and token != "server":  # noqa: S105 - an id
            token_id = self.find(token).id
        return decoded(self._api.send("DELETE", f"api/tokens/{segment(token_id)}"), Token)

    def find(self, token: str) -> Token:
        """The token that is meant by its id or name; of several with one name, the one that is live.

        Raises:
            ClientError: None is, or several are.
        """
        every = list(self())
        fitting = [each for each in every if each.id == token] or [each for each in every if each.name == token]
        chosen = fitting if len(fitting) == 1 else [each for each in fitting if each.state == "live"]
        if len(chosen) != 1:
            raise ClientError(f"{'several tokens have' if fitting else 'no token has'} the id or name {token!r}")
        return chosen[0]

    def __repr__(self) -> str:
        return repr(self())

    def _repr_html_(self) -> str:
        return self()._repr_html_()


class Roles:
    """Who has which role: call it for the list, or change them."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def __call__(self) -> RoleItems:
        """The roles of the database, then those of the settings file."""
        return RoleItems(self._api.pages("api/roles", RoleEntry))

    def set(self, name: str, role: RoleName, *, password: str | None = None) -> RoleEntry:
        """The name has this role from now on, whatever the settings file says.

        Args:
            name: As the person logs in, or as single sign-on says it.
            role: The role.
            password: For the login page; the present one stays when none is given.
        """
        body = {"role": role} if password is None else {"role": role, "password": password}
        return decoded(self._api.send("PUT", f"api/roles/{segment(name)}", body=body), RoleEntry)

    def remove(self, name: str) -> None:
        """The database says nothing of the name any more, and open sessions have ended.

        Raises:
            NotFound: It did not before.
        """
        self._api.send("DELETE", f"api/roles/{segment(name)}")

    def __repr__(self) -> str:
        return repr(self())

    def _repr_html_(self) -> str:
        return self()._repr_html_()


def audit_events(
    api: Api, *, kind: str | None = None, identity: str | None = None, since: datetime | None = None, limit: int = 100
) -> AuditItems:
    """Events of the audit record, newest first."""
    query = {"kind": kind, "identity": identity, "since": instant_text(since) if since else None}
    return AuditItems(api.pages("api/audit", AuditEvent, query, limit))
