"""Following what comes, until Ctrl-C or until nobody reads it any more."""

from __future__ import annotations

import select
import sys
from collections.abc import Callable, Iterator
from typing import TypeVar

from vibeworkbench.cli.output import warn
from vibeworkbench.client.rooms import Connection

T = TypeVar("T")

LOOK_AGAIN_S = 1.0
"""How long a quiet room keeps a reader that has left from being noticed."""


def followed(next_of: Callable[[float], T | None], is_closed: Callable[[], bool]) -> Iterator[T]:
    """What comes, until the room is closed or nobody reads our output.

    Args:
        next_of: The next thing, or nothing when none came in so many seconds.
        is_closed: Whether nothing more comes.
    """
    while not _is_unread():
        found = next_of(LOOK_AGAIN_S)
        if found:
            yield found
        elif is_closed():
            return


def _is_unread() -> bool:
    """Whether nobody reads what we write any more, as in ``... | head -n 1``: said without writing."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return bool(poll.poll(0))


class ConnectionSaid:
    """Says on stderr when the connection is lost and when it is back."""

    def __init__(self) -> None:
        self._was_lost = False

    def __call__(self, connection: Connection) -> None:
        """The connection is another one."""
        is_lost = connection.quality in {"reconnecting", "offline"}
        if is_lost and not self._was_lost:
            warn(f"connection lost{f' ({connection.reason})' if connection.reason else ''}, reconnecting")
        elif self._was_lost and connection.transport:
            warn("connected again" + (" by long polling" if connection.transport == "poll" else ""))
        self._was_lost = is_lost or (self._was_lost and not connection.transport)
