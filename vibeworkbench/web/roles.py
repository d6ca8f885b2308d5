"""What a caller may do. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Role(IntEnum):
    """What a caller may do; from ``viewer`` on, each role may do all that the lower ones may."""

    ingest = 0
    """Stands apart: posts logs, monitoring and patch events, and nothing else."""
    viewer = 1
    analyst = 2
    operator = 3
    admin = 4

    def reaches(self, required: Role) -> bool:
        """Whether whoever has this role may do what ``required`` may; posting what ``ingest`` posts takes operator."""
        if required is Role.ingest:
            return self is Role.ingest or self >= Role.operator
        return self >= required


@dataclass(frozen=True, slots=True)
class Scope:
    """All that a narrowed token may still reach, with its role at most.

    Attributes:
        dashboards: Names of dashboards, whose pages and rooms it may read.
        rooms: Addresses ``(party, room)`` of rooms; the room ``*`` stands for all of the party.
        metrics: Whether it may read the metrics, whatever its role.
    """

    dashboards: frozenset[str] = frozenset()
    rooms: frozenset[tuple[str, str]] = frozenset()
    metrics: bool = False

    def holds_room(self, party: str, room: str) -> bool:
        """Whether the room is one of those named."""
        return (party, room) in self.rooms or (party, "*") in self.rooms


@dataclass(frozen=True, slots=True)
class Caller:
    """An identity that the server knows, with its rights.

    Attributes:
        name: Stable name for records (``claimedBy``, ``trigger``).
        role: The caller's role.
        identity: Stable id of what vouches for the caller: ``server``, ``token:<id>`` or ``user:<name>``.
        scope: What a narrowed token is narrowed to; ``None`` means all that the role may.
    """

    name: str
    role: Role
    identity: str = "server"
    scope: Scope | None = None

    def may(self, role: Role) -> bool:
        """Whether the caller's role reaches ``role``."""
        return self.role.reaches(role)

    def may_join(self, party: str, room: str) -> bool:
        """Whether the caller's scope leaves it this room; its role is another question."""
        return self.scope is None or self.scope.holds_room(party, room)

    def may_see(self, dashboard: str) -> bool:
        """Whether the caller's scope leaves it this dashboard; its role is another question."""
        return self.scope is None or dashboard in self.scope.dashboards
