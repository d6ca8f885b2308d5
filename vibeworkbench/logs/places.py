"""Spools, and how far the warehouse has each."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from vibeworkbench.logs.spool import Spool
from vibeworkbench.storage.warehouse import Connection

POSITION = "INSERT OR REPLACE INTO spool_position VALUES (?, ?)"
_PLACE = "SELECT position FROM spool_position WHERE spool = ?"

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Place:
    """A spool.

    Attributes:
        position: How far the warehouse has it; ``None`` until the warehouse says.
        is_given_back: Whether it is others' to empty again.
    """

    spool: Spool
    position: int | None = None
    is_given_back: bool = False

    @property
    def is_drained(self) -> bool:
        """Whether the warehouse has all of it."""
        return self.position == self.spool.head


def opens(spool: Spool) -> bool:
    """Whether there is such a spool, and nobody else has it."""
    try:
        return spool.directory.exists() and spool.open()
    except OSError:
        log.exception("spool: one that was left behind cannot be opened")
        return False


def position_of(spool: str, connection: Connection) -> int:
    """How far the warehouse has the spool of this id."""
    row = connection.execute(_PLACE, [spool]).fetchone()
    return 0 if row is None else int(row[0])
