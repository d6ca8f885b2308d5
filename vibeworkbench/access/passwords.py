"""Passwords: hashed by Argon2id in threads of their own, and never more than a few at once.

Source: RFC 9106 (Argon2), section 4, the second recommended option, which is the library's default: 64 MiB, 3 passes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from vibeworkbench.errors import InvalidInput, LimitExceeded

T = TypeVar("T")

SHORTEST, LONGEST = 8, 1024
"""Characters of a password. Source: NIST SP 800-63B, section 3.1.1.2, which asks for no special characters."""
AT_ONCE = 2
"""Hashes computed at the same time; each takes 64 MiB and a core."""
WAITING = 32
"""Attempts that may wait for their turn; more are refused and not kept waiting."""


class Passwords:
    """Hashes and verifies; an unknown name costs as much as a known one."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="vw-password")
        self._waiting = 0
        self._nobody = ""

    async def hash(self, password: str) -> str:
        """The hash of a new password.

        Raises:
            InvalidInput: It is too short or too long.
            LimitExceeded: Too many passwords are being hashed.
        """
        if not SHORTEST <= len(password) <= LONGEST:
            reason = f"{SHORTEST} to {LONGEST} characters"
            raise InvalidInput(f"password: {reason}.", field="password", reason=reason)
        return await self._computed(partial(self._hasher.hash, password.encode("utf-8", "surrogatepass")))

    async def fits(self, password_hash: str | None, password: str) -> bool:
        """Whether the password is the one of the hash; ``None`` takes as long and is never right.

        Raises:
            LimitExceeded: Too many passwords are being looked at.
        """
        given = password[: LONGEST + 1].encode("utf-8", "surrogatepass")
        return await self._computed(partial(self._verified, password_hash, given))

    def _verified(self, password_hash: str | None, given: bytes) -> bool:
        if not self._nobody:
            self._nobody = self._hasher.hash(b"the password of nobody")
        try:
            self._hasher.verify(password_hash or self._nobody, given)
        except (VerificationError, InvalidHashError):
            return False
        return password_hash is not None

    async def _computed(self, work: Callable[[], T]) -> T:
        if self._waiting >= WAITING:
            raise LimitExceeded("Too many logins at once; try again in a moment.", retry_after_s=2.0)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """No password is looked at any more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
