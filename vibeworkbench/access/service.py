"""Who may come in, and as what: identified in memory, without I/O; changed in the database, for all servers on it.

What the database says is kept in memory and looked at again every two seconds, and at once after a change of this
server's own. While the database is away, whoever was known stays known.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from vibeworkbench.access import records
from vibeworkbench.access.account import account_name
from vibeworkbench.access.audit import Audit
from vibeworkbench.access.identities import Identities, RoomsOf, session_of
from vibeworkbench.access.keeper import REFRESH_S, Keeper, Listener
from vibeworkbench.access.lending import Lending, Lent, new_token
from vibeworkbench.access.limits import LoginLimits
from vibeworkbench.access.model import (
    SERVER,
    AuditEvent,
    Grant,
    Person,
    Token,
    digest,
    name_of,
    scope_words,
    valid_name,
)
from vibeworkbench.access.passwords import Passwords
from vibeworkbench.errors import Conflict, InvalidInput, LimitExceeded, NotFound
from vibeworkbench.settings import AccessSettings
from vibeworkbench.storage.records import Database, Transaction
from vibeworkbench.web.roles import Caller, Role, Scope

ENDED_SESSIONS = 1_000
"""Ended sessions of one identity that are remembered until they would have expired: whoever logs in and out for ever
must not fill the memory of every server."""
_TOKEN_LENGTH = 1024


@dataclass(frozen=True, slots=True)
class By:
    """Who changes rights, for the record."""

    caller: Caller
    address: str = ""


@dataclass(frozen=True, slots=True)
class NewToken:
    """What a new token is to be.

    Attributes:
        role: The most that its bearer may.
        name: What it is for.
        scope: What it is narrowed to.
        expires_at: When it ends; ``None`` means never.
    """

    role: Role
    name: str
    scope: Scope | None
    expires_at: datetime | None


class Access:
    """Identifies callers, and changes who may come in.

    Args:
        database: Where tokens, people, ended sessions and the audit record are kept.
        settings: Roles by name and group, limits, how long things are kept.
        clock: The present instant, aware UTC.
        refresh_s: How soon this server knows what another one has changed.
    """

    def __init__(
        self,
        *,
        database: Database,
        settings: AccessSettings,
        clock: Callable[[], datetime],
        refresh_s: float = REFRESH_S,
    ) -> None:
        self.settings = settings
        self.limits = LoginLimits(settings.login, time.monotonic)
        self.audit = Audit(database=database, settings=settings.audit, clock=clock)
        self._database = database
        self._clock = clock
        self._identities = Identities(settings, clock)
        self._passwords = Passwords()
        self._keeper = Keeper(
            database=database,
            identities=self._identities,
            clock=clock,
            keep=timedelta(days=settings.audit.keep_days),
            refresh_s=refresh_s,
        )
        self._lending = Lending(self._identities.standing_of, lambda identity: self._keeper.tell(frozenset({identity})))

    async def start(self) -> None:
        """What the database says is known, and stays so.

        Raises:
            Unavailable: The storage does not answer.
        """
        await self._keeper.start()
        self.audit.start()

    async def stop(self) -> None:
        """Nothing is looked at any more; what was noted is written if storage takes it."""
        await self._keeper.stop()
        await self.audit.stop()
        self._passwords.close()

    @property
    def stale_since(self) -> datetime | None:
        """Since when the database has not answered: what other servers changed since then is not known here."""
        return self._keeper.stale_since

    # Identifying: synchronous, from memory

    def by_token(self, token: str) -> Grant | None:
        """What a token opens now: a stored one, a lent one, or the one given when the server was started."""
        if not 0 < len(token) <= _TOKEN_LENGTH:
            return None
        key = digest(token)
        found = self._identities.by_hash(key)
        if found is not None and found.identity != SERVER:
            self._keeper.note_use(found.identity)
        return found or self._lending.by_hash(key)

    def by_name(self, name: str, groups: Collection[str] = ()) -> Grant | None:
        """What somebody may whom an identity provider vouches for.

        The database's role wins over the settings' role of the name, which wins over the highest of the groups'.
        """
        return self._identities.by_name(name, groups)

    def by_session(self, session: Mapping[str, Any]) -> Grant | None:
        """What the content of a signed session cookie opens now."""
        return self._identities.by_session(session)

    def by_identity(self, identity: str) -> Grant | None:
        """What an identity may now, for work that goes on in its name; ``None`` when it may nothing any more.

        Of people whose role follows from a group, only single sign-on knows the groups, and only while it says so:
        whatever is to go on in their name needs a role of the name itself.
        """
        return self._identities.of(identity)

    def session_for(self, grant: Grant) -> dict[str, Any]:
        """The content of a new session's cookie; the session ends when it is ended, expires, or its grant ends."""
        return self._identities.session_for(grant)

    async def end_session(self, session: Mapping[str, Any]) -> None:
        """The session is over, here at once and for every server on the database as soon as storage takes it.

        Raises:
            LimitExceeded: So many sessions of the identity have ended lately that no more can be remembered.
        """
        ended = session_of(session)
        if ended is None or ended.expires_at <= self._clock() or self._identities.has_ended(ended.session_id):
            return
        if self._identities.ended_count(ended.identity) >= ENDED_SESSIONS:
            raise LimitExceeded(
                "Too many sessions of yours have ended lately; this one ends by itself.", retry_after_s=3600.0
            )
        await self._keeper.end(ended)

    async def password_grant(self, name: str, password: str) -> Grant | None:
        """What the person may who has this password; ``None`` when the name, the password or both are wrong.

        Raises:
            LimitExceeded: Too many passwords are being looked at.
        """
        person = self._identities.known.people.get(name_of(name) or "")
        if not await self._passwords.fits(person.password_hash if person else None, password) or person is None:
            return None
        return self._identities.standing(person.identity, person.generation)  # as of now, and not as of before

    def bootstrap(self, token: str) -> None:
        """``token``, given when the server was started, opens everything until the server ends."""
        self._identities.know_server(digest(token), account_name())

    def lend(self, grant: Grant, purpose: str) -> Lent:
        """A token for a kernel or a render that acts for whoever has ``grant``."""
        return self._lending.lend(grant, purpose)

    def imply(self, rooms_of: RoomsOf) -> None:
        """A dashboard in a token's scope brings with it the rooms that ``rooms_of`` says of it, at each use anew."""
        self._identities.imply(rooms_of)

    def implied_otherwise(self, dashboards: frozenset[str]) -> None:
        """Who is connected by a scope that names one of ``dashboards`` was identified anew: it implies other rooms."""
        self._keeper.tell(self._identities.narrowed_to(dashboards))

    def note(self, event: AuditEvent) -> None:
        """The event is in the audit record as soon as storage takes it; never waits, never fails.

        A name that somebody claimed and that is nobody's is left out: it may be a password in the wrong field.
        """
        is_somebody = event.identity or self._identities.is_name(event.name)
        self.audit.note(event if is_somebody else replace(event, name=""))

    def listen(self, changed: Listener) -> None:
        """``changed`` gets the identities whose rights changed or ended, or a session of which ended.

        Whoever is connected as one of them must be identified again, and go unless the same grant stands.
        """
        self._keeper.listen(changed)

    # Changing: for admins

    async def create_token(self, wanted: NewToken, by: By) -> tuple[Token, str]:
        """A new token, and its text, which nobody can be told again.

        Raises:
            InvalidInput: It would have expired already, or its role takes no scope.
        """
        now = self._clock()
        if wanted.expires_at is not None and wanted.expires_at <= now:
            raise InvalidInput("expiresAt: it is past.", field="expiresAt", reason="past")
        if wanted.role is Role.ingest and wanted.scope is not None:
            raise InvalidInput("scope: the role ingest reads nothing.", field="scope", reason="not for this role")
        text = new_token()
        added = Token(
            token_id=uuid.uuid4().hex[:12],
            name=wanted.name or f"{wanted.role.name} token",
            role=wanted.role,
            hash=digest(text),
            scope=wanted.scope,
            created_at=now,
            created_by=by.caller.name,
            expires_at=wanted.expires_at,
        )
        await self._keeper.change(lambda transaction: records.add_token(transaction, added))
        self._note("token-created", by, " ".join([added.token_id, added.role.name, *scope_words(added.scope)]))
        return added, text

    async def revoke_token(self, token_id: str, by: By) -> Token:
        """The token opens nothing any more, nor does what was lent on it; it was so before if it was revoked already.

        Raises:
            NotFound: There is no such token.
            Conflict: It is the server's own.
        """
        if token_id == SERVER:
            raise Conflict("the server's own token ends with the server; start it with another one", id=SERVER)
        now, found = self._clock(), list[Token]()

        def revoke(transaction: Transaction) -> None:
            revoked = records.revoke_token(transaction, token_id, now)
            if revoked is None:
                raise NotFound("There is no such token.", id=token_id)
            found.append(revoked)

        await self._keeper.change(revoke)
        if found[0].revoked_at == now:
            self._note("token-revoked", by, token_id)
        return found[0]

    async def tokens(self, after: tuple[int, str] | None, limit: int) -> list[Token]:
        """At most ``limit`` tokens, ended ones too, newest first."""
        found = await self._database.read(lambda connection: records.tokens(connection, after, limit))
        used = self._keeper.used
        return [replace(each, last_used_at=used.get(each.identity, each.last_used_at)) for each in found]

    def people(self) -> list[Person]:
        """The people of the database, by name."""
        return sorted(self._identities.known.people.values(), key=lambda each: each.name)

    async def set_role(self, name: str, role: Role, by: By) -> Person:
        """The person has this role, from the next request on; the password stays.

        Raises:
            InvalidInput: No name is so.
        """
        person = await self._put_person(name, role, by, lambda before: before.password_hash if before else None)
        self._note("role-set", by, f"{person.name} {role.name}")
        return person

    async def set_password(self, name: str, role: Role, password: str | None, by: By) -> Person:
        """The person has this role and this password (``None``: none any more); sessions opened before have ended.

        Raises:
            InvalidInput: No name or no password is so.
        """
        valid_name(name)
        password_hash = None if password is None else await self._passwords.hash(password)
        person = await self._put_person(name, role, by, lambda before: password_hash)
        self._note("password-set", by, f"{person.name} {role.name}")
        return person

    async def _put_person(
        self, name: str, role: Role, by: By, password_hash_after: Callable[[Person | None], str | None]
    ) -> Person:
        name, now, found = valid_name(name), self._clock(), list[Person]()

        def put(transaction: Transaction) -> None:
            before = records.person_called(transaction.connection, name)
            password_hash = password_hash_after(before)
            is_same = before is not None and before.password_hash == password_hash
            generation = before.generation if before is not None and is_same else uuid.uuid4().hex
            found.append(Person(name, role, generation, password_hash, now, by.caller.name))
            records.put_person(transaction, found[0])

        await self._keeper.change(put)
        return found[0]

    async def remove_person(self, name: str, by: By) -> None:
        """The database says nothing of the person any more, and sessions opened with the password have ended.

        Raises:
            NotFound: It did not before.
            Conflict: The role stands in the settings file.
        """

        def remove(transaction: Transaction) -> None:
            if records.person_called(transaction.connection, name) is None:
                if name in self.settings.roles:
                    raise Conflict("this role stands in the settings file; change it there", name=name)
                raise NotFound("There is no such name.", name=name)
            records.remove_person(transaction, name)

        await self._keeper.change(remove)
        self._note("role-removed", by, name)

    def _note(self, kind: str, by: By, subject: str) -> None:
        self.note(AuditEvent(kind, by.caller.identity, by.caller.name, by.address, subject))
