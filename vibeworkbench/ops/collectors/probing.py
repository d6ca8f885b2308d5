"""What every probe of an endpoint shares: phases on a clock, failures as values, and a second try before bad news."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

ATTEMPTS = 2
"""A failure is believed when it comes twice in a row."""

_UNCHANGED = frozenset({"timeout", "certificate", "settings", "local", "name"})
"""Kinds of failure that a second try at once cannot change (the resolver repeats lost lookups itself)."""
_LOCAL_ERRNOS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL})
_SHOWN_PHASES = {"dns": "dns", "connect": "connect", "tls": "tls", "first byte": "firstByte", "body": "body"}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a probe has no good answer.

    Attributes:
        phase: Where it ended: ``settings``, ``dns``, ``connect``, ``tls``, ``first byte`` or ``body``; ``answer`` when
            the exchange went well and what came is not what is expected.
        kind: For programs and hints: ``timeout``, ``refused``, ``reset``, ``unreachable``, ``name``, ``certificate``,
            ``tls``, ``protocol``, ``status``, ``content``, ``settings``; ``local`` is trouble of this side, which says
            nothing about the target.
        reason: For people: the rest of a sentence that begins with the target's name.
    """

    phase: str
    kind: str
    reason: str


class Phases:
    """A stopwatch that knows in which phase a probe is, so that a timeout can say where the time ran out."""

    __slots__ = ("_entered", "current", "spent_ms")

    def __init__(self) -> None:
        self.current = "dns"
        self.spent_ms: dict[str, float] = {}
        self._entered = time.perf_counter()

    def enter(self, phase: str) -> None:
        """The time until now belongs to the phase before; what follows belongs to ``phase``, even a second time."""
        now = time.perf_counter()
        spent_ms = self.spent_ms.get(self.current, 0.0) + (now - self._entered) * 1e3
        self.spent_ms[self.current] = round(spent_ms, 3)
        self.current, self._entered = phase, now

    def stop(self) -> None:
        """The present phase, if it still lasts, is over, and with it the probe."""
        if self.current != "done":
            self.enter("done")

    def total_ms(self) -> float:
        """Milliseconds of all phases that are over."""
        return round(sum(self.spent_ms.values()), 3)

    def named_ms(self) -> dict[str, float]:
        """Milliseconds by phase, under the names that observations carry."""
        return {_SHOWN_PHASES[name]: ms for name, ms in self.spent_ms.items()}


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a target.

    Attributes:
        failure: None when all was as expected.
        facts: JSON-able facts that the target showed; empty when it showed none.
    """

    failure: Failure | None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a probe found in the end: the last attempt, its phases, and how many tries there were."""

    attempt: Attempt
    phases: Phases
    attempts: int


def again(failure: Failure) -> bool:
    """Whether a second try at once may bring another answer."""
    return failure.kind not in _UNCHANGED


async def tried(
    attempt: Callable[[Phases], Awaitable[Attempt]], timeout_s: float, *, repeats: Callable[[Failure], bool] = again
) -> Outcome:
    """The outcome of a probe with a second chance: one failure may be an accident, two in a row are believed.

    Args:
        attempt: One try. It may raise what :func:`failure_of` knows.
        timeout_s: Limit for both tries together.
        repeats: Whether a failure is worth the second try.
    """
    phases, last, attempts = Phases(), Attempt(None), 0
    try:
        async with asyncio.timeout(timeout_s):
            while attempts < ATTEMPTS:
                attempts, phases = attempts + 1, Phases()
                last = await _attempted(attempt, phases)
                if last.failure is None or not repeats(last.failure):
                    break
    except TimeoutError:
        last = Attempt(timeout_failure(phases, timeout_s))
    phases.stop()
    return Outcome(last, phases, attempts)


async def _attempted(attempt: Callable[[Phases], Awaitable[Attempt]], phases: Phases) -> Attempt:
    """One try, with the errors of the network as values."""
    try:
        return await attempt(phases)
    except TimeoutError:  # the kernel's own ETIMEDOUT; it is an OSError too
        raise
    except (OSError, ValueError) as error:
        return Attempt(failure_of(error, phases.current))


def timeout_failure(phases: Phases, timeout_s: float) -> Failure:
    """What it means that the time ran out in the present phase."""
    limit = f"within {timeout_s:g} s"
    reasons = {
        "dns": f"was not found by DNS {limit}",
        "connect": f"accepted no connection {limit}",
        "tls": f"did not finish the TLS handshake {limit}",
        "first byte": f"accepted the connection and answered nothing {limit}",
        "body": f"began to answer and did not finish {limit}",
    }
    return Failure(phases.current, "timeout", reasons.get(phases.current, f"was not done {limit}"))


def failure_of(error: OSError | ValueError, phase: str) -> Failure:
    """What an error of resolving, connecting or talking means for the target."""
    if isinstance(error, ssl.SSLError):
        return _tls_failure(error)
    if isinstance(error, ValueError):
        return Failure("settings", "settings", "has a host name or port that cannot be meant")
    if isinstance(error, socket.gaierror):
        if error.errno == socket.EAI_AGAIN:
            return Failure(phase, "name", "cannot be looked up: the name servers do not answer")
        return Failure(phase, "name", "has a host name that DNS does not know")
    if isinstance(error, ConnectionRefusedError):
        return Failure(phase, "refused", "refuses connections")
    if isinstance(error, ConnectionError):
        during = " during the TLS handshake" if phase == "tls" else ""
        return Failure(phase, "reset", f"accepts the connection and drops it{during}")
    if error.errno in _LOCAL_ERRNOS:
        return Failure(phase, "local", f"this server can open no more connections: {_strerror(error.errno)}")
    if error.errno is None:  # several addresses failed in several ways
        return Failure(phase, "unreachable", "cannot be connected to on any of its addresses")
    return Failure(phase, "unreachable", f"cannot be reached: {_strerror(error.errno)}")


def _tls_failure(error: ssl.SSLError) -> Failure:
    """What a failed handshake means."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return Failure("tls", "certificate", f"shows a certificate that is not trusted: {error.verify_message}")
    reason = (error.reason or "protocol error").replace("_", " ").lower()
    return Failure("tls", "tls", f"fails the TLS handshake: {reason}")


def _strerror(number: int) -> str:
    """The system's words for an error number, for the middle of a sentence: ``no route to host``."""
    text = os.strerror(number)
    return text[:1].lower() + text[1:]
