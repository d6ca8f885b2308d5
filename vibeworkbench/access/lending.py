"""Tokens lent to kernels and renders: in memory only, never worth more than the grant they were lent on."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from vibeworkbench.access.model import TOKEN_PREFIX, Grant, digest


def new_token() -> str:
    """The text of a new token: its prefix and 256 random bits in 43 characters."""
    return f"{TOKEN_PREFIX}{secrets.token_urlsafe(32)}"


@dataclass(frozen=True, slots=True)
class Lent:
    """A token lent to something that acts for somebody.

    Attributes:
        token: Its text.
        purpose: What it was lent for, for the log.
        end: Called once that something is gone; the token opens nothing any more. Calling it again does nothing.
    """

    token: str = field(repr=False)
    purpose: str
    end: Callable[[], None] = field(repr=False)


class Lending:
    """The lent tokens of this server.

    A lent token has the rights that its lender has at the moment it is used: it dies when the lender's token is revoked
    or expires, or the lender's password or role is taken away. It outlives the session in which the lender logged in,
    as kernels do.

    Args:
        standing: What the lender may now; ``None`` when it may nothing.
        ended: Gets the lender's identity when a token has ended: what was opened with it must close.
    """

    def __init__(self, standing: Callable[[Grant], Grant | None], ended: Callable[[str], None]) -> None:
        self._standing = standing
        self._ended = ended
        self._lent: dict[str, Grant] = {}

    def lend(self, grant: Grant, purpose: str) -> Lent:
        """A token with the rights of ``grant``, for as long as they stand and until it is ended."""
        token = new_token()
        key = digest(token)
        self._lent[key] = grant

        def end() -> None:
            if self._lent.pop(key, None) is not None:
                self._ended(grant.identity)

        return Lent(token, purpose, end)

    def by_hash(self, token_hash: str) -> Grant | None:
        """What a lent token opens now."""
        lender = self._lent.get(token_hash)
        now = None if lender is None else self._standing(lender)
        return None if now is None else replace(now, is_lent=True)
