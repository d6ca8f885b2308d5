"""What dashboards need of the server that they are in, and the rights under which they are rendered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from vibeworkbench.access.lending import Lent
from vibeworkbench.access.model import AuditEvent, Grant


class Rights(Protocol):
    """Who may what now, and tokens for renders; ``access`` is one."""

    def by_identity(self, identity: str) -> Grant | None:
        """The rights of an identity as they stand; ``None`` when it has none any more."""
        ...

    def lend(self, grant: Grant, purpose: str) -> Lent:
        """A token for something that acts for whoever has ``grant``."""
        ...


@dataclass(frozen=True, slots=True)
class Site:
    """The server.

    Attributes:
        root: The directory of its notebooks.
        url: Its root URL as programs on this machine reach it, once it listens.
        rights: Who may what.
        note: Takes what the audit record is to hold; never waits.
        clock: The present instant, aware UTC.
    """

    root: Path
    url: Callable[[], str]
    rights: Rights
    note: Callable[[AuditEvent], None]
    clock: Callable[[], datetime]
