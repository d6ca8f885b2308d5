"""Every failure that has a name.

WorkbenchError
├── InvalidInput      the caller sent what cannot be meant          400 · 4400 · exit 2
├── NotAllowed        known caller, missing right                   403 · 4403 · exit 3
├── NotFound          no such thing, or none the caller may know of 404 · 4404 · exit 1
├── Conflict          the state does not allow it                   409 ·      · exit 1
├── LimitExceeded     too large (413) or too often (429)            413/429 · 4429 · exit 1
├── Unavailable       passing trouble; the only temporary one       503 · 1011 · exit 4
└── UpstreamFailed    somebody we asked failed                      500 · 1011 · exit 1
"""

from __future__ import annotations

from typing import Any, ClassVar


class WorkbenchError(Exception):
    """A failure with a code for programs and a sentence for people.

    Args:
        message: One sentence: what is wrong and, where possible, what to do. Reaches clients, so it names no
            path of this machine and carries no secret.
        **attributes: JSON-able facts for programs (``field``, ``allowed``, ``scanId``); they become ``details``.
    """

    code: ClassVar[str] = "internal"

    def __init__(self, message: str, **attributes: Any) -> None:
        super().__init__(message)
        self.message = message
        self.attributes = attributes


class InvalidInput(WorkbenchError):
    """What was sent cannot be meant; ``field`` names where and ``allowed`` what would do."""

    code = "invalid"


class NotAllowed(WorkbenchError):
    """The caller is known and lacks the right."""

    code = "not-allowed"


class NotFound(WorkbenchError):
    """No such thing, or none that the caller may know of."""

    code = "not-found"


class Conflict(WorkbenchError):
    """The present state does not allow it; the attributes say which state and whose."""

    code = "conflict"


class LimitExceeded(WorkbenchError):
    """A stated limit is passed: too large when ``limit_bytes`` is given, else too often."""

    code = "limit-exceeded"


class Unavailable(WorkbenchError):
    """Passing trouble: the same call may succeed after ``retry_after_s`` seconds."""

    code = "unavailable"

    def __init__(self, message: str, *, retry_after_s: float = 1.0, **attributes: Any) -> None:
        super().__init__(message, **attributes)
        self.retry_after_s = retry_after_s


class UpstreamFailed(WorkbenchError):
    """Somebody we asked (a target, a peer, a tool) failed, and asking again will not mend it."""

    code = "upstream-failed"
