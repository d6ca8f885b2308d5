"""The REST of access, for admins: decode, one call, encode."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar

import msgspec

from vibeworkbench.access import wire
from vibeworkbench.access.service import Access, By
from vibeworkbench.errors import Conflict
from vibeworkbench.web.handlers import ApiHandler
from vibeworkbench.web.identity import knows_one_user
from vibeworkbench.web.operation import operation
from vibeworkbench.web.roles import Role
from vibeworkbench.web.routes import Route


class AccessHandler(ApiHandler):
    """Has the service at hand."""

    subsystem: ClassVar[str] = "access"

    def initialize(self, service: Access) -> None:
        """The service is at hand."""
        self.access = service

    def by(self) -> By:
        """Who changes something, and from where."""
        return By(self.caller, self.request.remote_ip or "")

    def refuse_if_meaningless(self) -> None:
        """What is to be given means something to this server.

        Raises:
            Conflict: Its provider of identities is Jupyter's own, which asks nobody.
        """
        if knows_one_user(self.settings):
            raise Conflict(
                "This Jupyter server has one user, and asks nobody about tokens and roles. `vibeworkbench serve` does; "
                "docs/howto/access.md says how to have that here."
            )


class TokensHandler(AccessHandler):
    """The tokens."""

    @operation(
        summary="List tokens, newest first",
        role=Role.admin,
        query=wire.TokenQuery,
        answer=wire.TokenPage,
        description="Those that expired or were revoked are listed until the audit record forgets them too.",
    )
    async def get(self, *, query: wire.TokenQuery) -> wire.TokenPage:
        """A page of tokens."""
        found = await self.access.tokens(wire.place_of(query.cursor), query.limit + 1)
        page, now = found[: query.limit], datetime.now(UTC)
        return wire.TokenPage(
            items=[wire.token_body(each, now) for each in page],
            next_cursor=wire.cursor_of(page[-1]) if len(found) > len(page) else None,
        )

    @operation(
        summary="Create a token",
        role=Role.admin,
        body=wire.TokenOrder,
        answer=wire.NewTokenBody,
        status=201,
        errors=(409,),
        description=(
            "The answer's `token` is told this once. `scope` narrows it: `dashboard:NAME`, `room:PARTY/ROOM`, "
            "`room:PARTY/*`, `metrics`. Without `expiresAt` the settings say when it ends; null means never."
        ),
    )
    async def post(self, *, body: wire.TokenOrder) -> wire.NewTokenBody:
        """The token, with its text."""
        self.refuse_if_meaningless()
        wanted = wire.new_token_of(body, datetime.now(UTC), self.access.settings.token_days)
        made, text = await self.access.create_token(wanted, self.by())
        shown = wire.token_body(made, made.created_at)
        return wire.NewTokenBody(
            token=text,
            id=shown.id,
            role=shown.role,
            expires_at=shown.expires_at,
            name=shown.name,
            scope=shown.scope,
        )


class OneTokenHandler(AccessHandler):
    """One token."""

    @operation(
        summary="Revoke a token",
        role=Role.admin,
        answer=wire.TokenBody,
        errors=(404, 409),
        description="At once, with its open sockets and what was lent on it; a token that was revoked before stays so.",
    )
    async def delete(self, *, token_id: str) -> wire.TokenBody:
        """The token, revoked."""
        return wire.token_body(await self.access.revoke_token(token_id, self.by()), datetime.now(UTC))


class RolesHandler(AccessHandler):
    """The roles of names and groups."""

    @operation(summary="List roles by name", role=Role.admin, query=wire.RoleQuery, answer=wire.RolePage)
    async def get(self, *, query: wire.RoleQuery) -> wire.RolePage:
        """People of the database, then those of the settings, then the settings' groups."""
        every, start = self._all(), int(query.cursor or 0)
        end = start + query.limit
        return wire.RolePage(items=every[start:end], next_cursor=str(end) if end < len(every) else None)

    def _all(self) -> list[wire.RoleBody]:
        settings, people = self.access.settings, self.access.people()
        stored = {each.name for each in people}
        return [
            *map(wire.person_body, people),
            *(
                wire.settings_body(name, "person", role, in_force=name not in stored)
                for name, role in sorted(settings.roles.items())
            ),
            *(wire.settings_body(name, "group", role, in_force=True) for name, role in sorted(settings.groups.items())),
        ]


class OneRoleHandler(AccessHandler):
    """The role of one name."""

    @operation(
        summary="Give somebody a role",
        role=Role.admin,
        body=wire.RoleOrder,
        answer=wire.RoleBody,
        errors=(409,),
        description=(
            "It wins over the settings file. With `password` the person can log in at the login page; another password "
            "ends the sessions that were open."
        ),
    )
    async def put(self, *, name: str, body: wire.RoleOrder) -> wire.RoleBody:
        """The role, as it is now."""
        self.refuse_if_meaningless()
        role = Role[body.role]
        if isinstance(body.password, msgspec.UnsetType):
            return wire.person_body(await self.access.set_role(name, role, self.by()))
        return wire.person_body(await self.access.set_password(name, role, body.password, self.by()))

    @operation(summary="Take somebody's role away", role=Role.admin, status=204, errors=(404, 409))
    async def delete(self, *, name: str) -> None:
        """The database says nothing of the name any more; open sessions have ended."""
        await self.access.remove_person(name, self.by())


class AuditHandler(AccessHandler):
    """The record of who came in, who was refused, and who changed rights."""

    @operation(summary="List audit events, newest first", role=Role.admin, query=wire.AuditQuery, answer=wire.AuditPage)
    async def get(self, *, query: wire.AuditQuery) -> wire.AuditPage:
        """A page of events."""
        after = int(query.cursor) if query.cursor else None
        found = await self.access.audit.page(wire.filter_of(query), after, query.limit + 1)
        page = [wire.audit_body(each) for each in found[: query.limit]]
        return wire.AuditPage(items=page, next_cursor=str(page[-1].id) if len(found) > len(page) else None)


def routes(service: Access) -> list[Route]:
    """What access mounts."""
    kwargs = {"service": service}
    return [
        Route("/api/tokens", TokensHandler, kwargs),
        Route("/api/tokens/{tokenId}", OneTokenHandler, kwargs),
        Route("/api/roles", RolesHandler, kwargs),
        Route("/api/roles/{name}", OneRoleHandler, kwargs),
        Route("/api/audit", AuditHandler, kwargs),
    ]
