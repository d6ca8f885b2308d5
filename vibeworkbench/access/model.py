"""What vouches for a caller. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from vibeworkbench.web.roles import Caller, Role, Scope


@dataclass(frozen=True, slots=True)
class Grant:
    """The rights of one identity as they stand.

    Attributes:
        identity: Stable id: ``server`` (whoever started it), ``token:<id>``, ``user:<name>``.
        name: Name for records.
        role: Its role.
        generation: Changes whenever sessions opened before must end (another password, another secret).
        scope: What it is narrowed to; ``None`` means all that the role may.
        expires_at: When it ends by itself.
    """

    identity: str
    name: str
    role: Role
    generation: str
    scope: Scope | None = None
    expires_at: datetime | None = None

    def caller(self) -> Caller:
        """The caller that this identity is here."""
        return Caller(self.name, self.role, self.identity, self.scope)
