"""How long somebody who was wrong several times must wait. Nothing is stored: a restart forgives."""

from __future__ import annotations

import ipaddress
import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from vibeworkbench.settings import LoginSettings

REMEMBERED = 10_000
"""Addresses and names that are remembered; beyond, those that failed longest ago are forgotten."""
_NAME_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class _Failures:
    count: int
    open_at_s: float


class LoginLimits:
    """Counts failed logins by address and by name; the waits grow from failure to failure.

    Guessing many passwords of one name from many addresses is slowed by the name, guessing many names from one address
    by the address. Only passwords are guarded so: who holds a correct token is let in whatever others did from the same
    address, because trying 2**256 tokens needs no hindrance.

    Args:
        settings: How many, and how long.
        clock: Seconds of a clock that never goes back.
    """

    def __init__(self, settings: LoginSettings, clock: Callable[[], float]) -> None:
        self._settings = settings
        self._clock = clock
        self._failures: OrderedDict[str, _Failures] = OrderedDict()

    def attempt(self, address: str, name: str = "") -> float | None:
        """The attempt is counted as a failure, until ``succeeded`` takes it back; or it must wait so many seconds.

        Counted before its outcome is known, so that a thousand attempts at once are a thousand.
        """
        wait_s = self.retry_after_s(address, name)
        if wait_s is None:
            self.failed(address, name)
        return wait_s

    def retry_after_s(self, address: str, name: str = "") -> float | None:
        """Seconds until the next attempt from there, under that name, is looked at; ``None`` when it is at once."""
        now_s = self._clock()
        waits = [self._failures[key].open_at_s - now_s for key, _, _ in self._keys(address, name) if self._is_held(key)]
        return max(waits, default=None)

    def _is_held(self, key: str) -> bool:
        found = self._failures.get(key)
        return found is not None and found.open_at_s > self._clock()

    def failed(self, address: str, name: str = "") -> None:
        """Another login from there, under that name, has failed."""
        now_s = self._clock()
        for key, attempts, longest_s in self._keys(address, name):
            before = self._failures.pop(key, None)
            stale = before is None or before.open_at_s + self._settings.forget_after_s < now_s
            count = 1 if before is None or stale else before.count + 1
            beyond = count - attempts
            wait_s = 0.0 if beyond < 0 else min(longest_s, self._settings.wait_s * 2.0 ** min(beyond, 32))
            self._failures[key] = _Failures(count, now_s + wait_s)
        while len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)

    def succeeded(self, address: str, name: str = "") -> None:
        """A login from there, under that name, has succeeded.

        The name's failures are forgiven; of the address's, only this attempt is taken back: whoever has an account of
        their own must not log in between two guesses to be trusted anew.
        """
        ours, *of_name = (key for key, _, _ in self._keys(address, name))
        for key in of_name:
            self._failures.pop(key, None)
        before = self._failures.pop(ours, None)
        if before is not None and before.count > 1:
            self._failures[ours] = _Failures(before.count - 1, self._clock())

    def _keys(self, address: str, name: str) -> Iterator[tuple[str, int, float]]:
        settings = self._settings
        yield f"address {network_of(address)}", settings.attempts, settings.longest_wait_s
        if name:
            yield (
                f"name {unicodedata.normalize('NFC', name[:256])}",
                settings.name_attempts,
                settings.longest_wait_s * _NAME_SHARE,
            )


def network_of(address: str) -> str:
    """What counts as one address: of IPv6 the /64 network, all of which one household has; else the text itself."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:256]
    if isinstance(found, ipaddress.IPv6Address):
        mapped = found.ipv4_mapped
        return str(mapped) if mapped else str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
