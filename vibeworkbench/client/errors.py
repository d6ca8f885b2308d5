"""Every failure that a caller of the client may meet.

    ClientError
    ├── NoServer          nobody to ask: no address given and none found on this machine     exit 4
    ├── NoAddress         what was given as the address is no URL                           exit 2
    ├── Unreachable       the address does not answer                                       exit 4
    ├── Refused           the server answered with an error body
    │   ├── Invalid       400, 405, 413: the request cannot be meant; ``field`` says where  exit 2
    │   ├── NotLoggedIn   401 (or a page that asks for a login): no valid token             exit 3
    │   ├── NotAllowed    403: the token is known and lacks the right                       exit 3
    │   ├── NotFound      404                                                               exit 1
    │   ├── Conflict      409: the present state does not allow it                          exit 1
    │   ├── TooOften      429: wait ``retry_after_s``                                       exit 1
    │   ├── Unavailable   502, 503, 504: passing trouble, ask again after ``retry_after_s`` exit 4
    │   └── ServerFailed  every other status                                                exit 1
    ├── Misunderstood     the answer is not what this version of the client knows           exit 1
    ├── RoomClosed        the server closed the room for good (4400, 4401, 4403, 4404)      exit 1, 3
    ├── InputRefused      a terminal did not take what was sent; ``code`` says why          exit 3, 4
    ├── NotSeen           what was expected of a terminal did not come in time              exit 1
    └── TerminalEnded     its shell has ended; ``shell_exit_code`` says how                 exit 1

Each is a sentence for people (``message``), a word for programs (``code``) and a number for shells (``exit_code``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ClientError(Exception):
    """A failure with a sentence for people and an exit code for shells.

    Args:
        message: One sentence: what is wrong and what to do about it. Holds no token.
    """

    exit_code: int = 1
    code: str = "failed"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def body(self) -> dict[str, Any]:
        """The same shape as the server's error body, for programs that read either."""
        return {"error": {"code": self.code, "message": self.message}}


class NoServer(ClientError):
    """No address was given and no running server was found on this machine."""

    exit_code = 4
    code = "no-server"


class NoAddress(ClientError):
    """What was given as the server's address is none."""

    exit_code = 2
    code = "no-address"


class Unreachable(ClientError):
    """Nobody answers at the address, or too late."""

    exit_code = 4
    code = "unreachable"


class Misunderstood(ClientError):
    """The server answered with something this version of the client cannot read."""

    code = "misunderstood"


class Refused(ClientError):
    """The server answered with an error.

    Args:
        message: The server's sentence.
        status: The HTTP status.
        code: The server's word for the failure.
        details: The server's facts about it (``field``, ``allowed``, ``scanId``).
        request_id: What to look for in the server's log.
    """

    def __init__(
        self, message: str, *, status: int, code: str, details: Mapping[str, Any] | None = None, request_id: str = ""
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.details = dict(details or {})
        self.request_id = request_id

    @property
    def field(self) -> str | None:
        """The field of the request that was wrong, where the server named one."""
        named = self.details.get("field")
        return str(named) if named is not None else None

    @property
    def retry_after_s(self) -> float | None:
        """Seconds to wait before asking again, where the server named them."""
        named = self.details.get("retryAfterS")
        return float(named) if isinstance(named, int | float) else None

    def body(self) -> dict[str, Any]:
        """The server's error body."""
        error: dict[str, Any] = {"code": self.code, "message": self.message, "requestId": self.request_id}
        return {"error": {**error, "details": self.details} if self.details else error}


class Invalid(Refused):
    """The request cannot be meant; ``field`` says where."""

    exit_code = 2


class NotLoggedIn(Refused):
    """The token is missing, wrong or expired."""

    exit_code = 3


class NotAllowed(Refused):
    """The token is known and lacks the right."""

    exit_code = 3


class NotFound(Refused):
    """No such thing, or none that the caller may know of."""


class Conflict(Refused):
    """The present state does not allow it; ``details`` say which state."""


class TooOften(Refused):
    """Asked too often."""


class Unavailable(Refused):
    """Passing trouble on the server's side."""

    exit_code = 4


class ServerFailed(Refused):
    """The server failed; its log knows more under ``request_id``."""


class RoomClosed(ClientError):
    """The server closed the room for good.

    Args:
        close_code: The WebSocket close code (or the one that stands for the HTTP status of a poll).
        reason: The server's reason, possibly empty.
    """

    def __init__(self, close_code: int, reason: str, address: str) -> None:
        meaning = CLOSE_MEANINGS.get(close_code, "the server closed it")
        super().__init__(f"room {address}: {reason or meaning} [{close_code}]")
        self.close_code = close_code
        self.reason = reason
        self.code = "room-closed"
        self.exit_code = 3 if self.is_refusal else 1

    @property
    def is_refusal(self) -> bool:
        """Whether a right is missing, rather than the room or the sense of what was sent."""
        return self.close_code in (4401, 4403)


class InputRefused(ClientError):
    """A terminal did not take what was sent: nothing of it reached the program.

    Args:
        code: ``not-driver``, ``not-allowed``, ``held``, ``upstream-away`` or ``too-much-input``.
        message: The server's sentence.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message or f"the terminal refused it: {code}")
        self.code = code
        self.exit_code = 4 if code in {"upstream-away", "too-much-input"} else 3


class NotSeen(ClientError):
    """What was expected of a terminal did not come in time.

    Args:
        pattern: What was looked for.
        before: What was there instead, unread still.
        timeout_s: How long it was waited for.
    """

    code = "not-seen"

    def __init__(self, pattern: str, before: str, timeout_s: float | None) -> None:
        super().__init__(f"{pattern!r} did not come within {timeout_s} s; the last that came was {before[-200:]!r}")
        self.pattern = pattern
        self.before = before


class TerminalEnded(ClientError):
    """The shell of a terminal has ended.

    Args:
        terminal: Its name for people.
        shell_exit_code: The shell's exit code, where it is known.
    """

    code = "terminal-ended"

    def __init__(self, terminal: str, shell_exit_code: int | None) -> None:
        how = "" if shell_exit_code is None else f" with exit code {shell_exit_code}"
        super().__init__(f"terminal {terminal}: its shell has ended{how}")
        self.shell_exit_code = shell_exit_code


CLOSE_MEANINGS = {
    4400: "the server could not read what was sent",
    4401: "not logged in; check the token",
    4403: "your role may not read this room",
    4404: "there is no such party or room",
}

_BY_STATUS: dict[int, type[Refused]] = {
    400: Invalid,
    401: NotLoggedIn,
    403: NotAllowed,
    404: NotFound,
    405: Invalid,
    409: Conflict,
    413: Invalid,
    422: Invalid,
    429: TooOften,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}


def refusal(status: int) -> type[Refused]:
    """The class that stands for an HTTP status."""
    return _BY_STATUS.get(status, ServerFailed)
