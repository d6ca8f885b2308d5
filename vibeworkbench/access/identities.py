"""Who is who, in memory: tokens, sessions and names become grants without waiting for anything."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from vibeworkbench.access.model import (
    SERVER,
    EndedSession,
    Grant,
    Known,
    Token,
    generation_of,
    highest,
    name_of,
    user_identity,
)
from vibeworkbench.settings import AccessSettings
from vibeworkbench.web.roles import Role, Scope

_OF_SETTINGS, _OF_GROUPS = "settings", "groups"
"""Generations of people whose role does not stand in the database."""

RoomsOf = Callable[[str], Iterable[tuple[str, str]]]


class Identities:
    """The grants of this instant.

    Args:
        settings: Roles by name and group, and how long a session lasts.
        clock: The present instant, aware UTC.
    """

    def __init__(self, settings: AccessSettings, clock: Callable[[], datetime]) -> None:
        self.known = Known()
        self.ended_here: dict[str, EndedSession] = {}
        """Sessions that were logged out of here and do not stand in the database yet."""
        self._session_life = timedelta(hours=settings.session_hours)
        self._roles = {name: Role[role] for name, role in settings.roles.items()}
        self._groups = {group: Role[role] for group, role in settings.groups.items()}
        self._clock = clock
        self._tokens: dict[str, Token] = {}
        self._server: tuple[str, Grant] | None = None
        self._rooms_of: list[RoomsOf] = []
        self._sessions: dict[str, datetime] = {}
        """Identity → when the first of its sessions expires that were seen since it was last asked anew."""
        self._told: set[str] = set()

    def know(self, known: Known) -> frozenset[str]:
        """``known`` is what holds now; the result are the identities whose rights it changes."""
        told = replace(self.known, ended={**self.known.ended, **self.ended_here})
        changed = known.changed_since(told)
        self.known = known
        self._tokens = {each.identity: each for each in known.tokens.values()}
        self.ended_here = {key: each for key, each in self.ended_here.items() if key not in known.ended}
        return changed

    def know_server(self, token_hash: str, name: str) -> None:
        """The token with this hash is the admin's, until the server ends."""
        self._server = (token_hash, Grant(SERVER, name, Role.admin, generation_of(token_hash)))

    def imply(self, rooms_of: RoomsOf) -> None:
        """A dashboard in a scope brings with it the rooms that ``rooms_of`` says of it."""
        self._rooms_of.append(rooms_of)

    def narrowed_to(self, dashboards: Collection[str]) -> frozenset[str]:
        """The identities of tokens whose scope names one of ``dashboards``."""
        scopes = {each.identity: each.scope for each in self._tokens.values() if each.scope is not None}
        return frozenset(identity for identity, scope in scopes.items() if not scope.dashboards.isdisjoint(dashboards))

    def by_hash(self, token_hash: str) -> Grant | None:
        """The grant of the token with this hash."""
        if self._server is not None and hmac.compare_digest(self._server[0], token_hash):
            return self._server[1]
        found = self.known.tokens.get(token_hash)
        return None if found is None else self._of_token(found)

    def by_name(self, name: str, groups: Collection[str]) -> Grant | None:
        """The grant of somebody whom an identity provider vouches for."""
        person = name_of(name)
        if person is None or not self._is_learned:
            return None
        found = self._of_person(person)
        role = highest([self._groups[group] for group in groups if group in self._groups])
        return found or (None if role is None else Grant(user_identity(person), person, role, _OF_GROUPS))

    def is_name(self, name: str) -> bool:
        """Whether somebody is called so, as far as the database and the settings say."""
        return name in self.known.people or name in self._roles

    def of(self, identity: str) -> Grant | None:
        """The grant of an identity; before the database was read, of none but the server's own."""
        kind, _, rest = identity.partition(":")
        if identity == SERVER and self._server is not None:
            return self._server[1]
        if kind == "token" and identity in self._tokens:
            return self._of_token(self._tokens[identity])
        return self._of_person(rest) if kind == "user" and self._is_learned else None

    @property
    def _is_learned(self) -> bool:
        """Whether the database was read: its roles win over the settings', and it knows which sessions have ended."""
        return self.known.revision >= 0

    def standing(self, identity: str, generation: str) -> Grant | None:
        """The grant of an identity, if it is still of that generation."""
        found = self.of(identity)
        return found if found is not None and hmac.compare_digest(found.generation, generation) else None

    def standing_of(self, grant: Grant) -> Grant | None:
        """What somebody with ``grant`` may now, whatever session it came from."""
        if grant.generation == _OF_GROUPS and self._of_person(grant.name) is None:
            return grant  # only the proxy knows the groups, and it is asked at the next login
        return self.standing(grant.identity, grant.generation)

    def session_for(self, grant: Grant) -> dict[str, Any]:
        """The content of a new session's cookie."""
        expires_at = self._clock() + self._session_life
        return {
            "identity": grant.identity,
            "generation": grant.generation,
            "session": secrets.token_urlsafe(18),
            "expires": int(expires_at.timestamp()),
        }

    def by_session(self, session: Mapping[str, Any]) -> Grant | None:
        """The grant of a session that has neither expired nor been logged out of."""
        read = session_of(session)
        if read is None or not self._is_learned or self.has_ended(read.session_id):
            return None
        found = self.standing(read.identity, str(session["generation"]))
        if found is None or read.expires_at <= self._clock():
            return None
        self._sessions[read.identity] = min(read.expires_at, self._sessions.get(read.identity, read.expires_at))
        ends = [read.expires_at, *([found.expires_at] if found.expires_at else [])]
        return replace(found, expires_at=min(ends))

    def expired(self) -> frozenset[str]:
        """The identities of which a token or session has expired since this was last asked."""
        now = self._clock()
        left = {identity for identity, at in self._sessions.items() if at <= now}
        for identity in left:
            del self._sessions[identity]  # of its sessions that go on, each open connection's is seen again
        tokens = {each.identity for each in self._tokens.values() if not each.is_live(now)}
        fresh, self._told = tokens - self._told, tokens
        return frozenset(left | fresh)

    def has_ended(self, session_id: str) -> bool:
        """Whether somebody has logged out of the session."""
        return session_id in self.known.ended or session_id in self.ended_here

    def ended_count(self, identity: str) -> int:
        """How many sessions of the identity are remembered to have ended."""
        return sum(each.identity == identity for each in {**self.known.ended, **self.ended_here}.values())

    def next_expiry_at(self) -> datetime | None:
        """When the next token or session expires of those that have not."""
        now = self._clock()
        tokens = (each.expires_at for each in self._tokens.values() if each.expires_at and each.expires_at > now)
        return min([*tokens, *self._sessions.values()], default=None)

    def _of_token(self, token: Token) -> Grant | None:
        if not token.is_live(self._clock()):
            return None
        scope = None if token.scope is None else self._widened(token.scope)
        return Grant(token.identity, token.name, token.role, generation_of(token.hash), scope, token.expires_at)

    def _of_person(self, name: str) -> Grant | None:
        person = self.known.people.get(name)
        if person is not None:
            return Grant(person.identity, name, person.role, person.generation)
        role = self._roles.get(name)
        return None if role is None else Grant(user_identity(name), name, role, _OF_SETTINGS)

    def _widened(self, scope: Scope) -> Scope:
        implied = {room for rooms_of in self._rooms_of for name in scope.dashboards for room in rooms_of(name)}
        return replace(scope, rooms=scope.rooms | implied)


def session_of(session: Mapping[str, Any]) -> EndedSession | None:
    """The session that a cookie's content names, ``None`` when it is none of ours."""
    texts = [session.get(key) for key in ("session", "identity", "generation")]
    expires = session.get("expires")
    if type(expires) is not int or not all(isinstance(each, str) and 0 < len(each) <= 256 for each in texts):
        return None
    try:
        expires_at = datetime.fromtimestamp(expires, UTC)
    except (OverflowError, OSError, ValueError):
        return None
    return EndedSession(str(texts[0]), str(texts[1]), expires_at)
