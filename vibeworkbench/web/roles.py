"""What a caller may do. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Role(IntEnum):
    """What a caller may do; each role may do all that the lower ones may."""

    viewer = 1
    analyst = 2
    operator = 3
    admin = 4


@dataclass(frozen=True, slots=True)
class Caller:
    """An identity that the server knows, with its role.

    Attributes:
        name: Stable name for records (``claimedBy``, ``trigger``).
        role: The caller's role.
    """

    name: str
    role: Role

    def may(self, role: Role) -> bool:
        """Whether the caller's role reaches ``role``."""
        return self.role >= role
