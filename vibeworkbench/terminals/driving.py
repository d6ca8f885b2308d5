"""Who drives a terminal. Pure.

At most one member drives. A free terminal is driven by whoever may and types first. Who would drive a driven one asks,
and drives when the driver gives way, leaves, falls silent, or does not answer in time; an owner asks nobody.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from vibeworkbench.terminals.model import Right

ANSWER_S = 10.0
"""How long a driver has to answer whoever asks."""


class Wish(Enum):
    """What became of the wish to drive."""

    granted = auto()
    """The member drives."""
    asked = auto()
    """The driver has been asked."""
    refused = auto()
    """The member lacks the right, or somebody else has asked before."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody waits for the driver's answer.

    Attributes:
        member_id: Who asks.
        until: When silence means yes, on the clock that the calls bring.
    """

    member_id: str
    until: float


class Driving:
    """Who drives one terminal. Instants are seconds of one clock that never goes back.

    Args:
        free_after_s: A driver who types nothing for this long drives no more.

    Attributes:
        driver: Member id of who drives.
        last: Member id of who drove last, or drives; ``None`` where nobody ever did, or who did has left.
        asked: Who waits for the driver's answer.
    """

    def __init__(self, free_after_s: float) -> None:
        self._free_after_s = free_after_s
        self._typed_at = 0.0
        self.driver: str | None = None
        self.last: str | None = None
        self.asked: Asked | None = None
        self._ever = False

    def types(self, member_id: str, right: Right, now: float) -> bool:
        """Whether the member's typing reaches the program; on a free terminal it makes a driver."""
        self.passes(now)
        if right < Right.drive or self.driver not in {None, member_id}:
            return False
        self._drives(member_id, now)
        return True

    def speaks(self, member_id: str, right: Right, now: float) -> bool:
        """Whether a size or a terminal's own answer counts, though nobody typed.

        On a free terminal it does from who drove last, and from anybody who may drive where nobody ever did; it makes
        a driver then, so that a lone window is sized and its terminal can answer programs before anybody typed.
        """
        self.passes(now)
        if right < Right.drive:
            return False
        if self.driver is None and (self.last == member_id or not self._ever):
            self._drives(member_id, now)
        return self.driver == member_id

    def take(self, member_id: str, right: Right, now: float) -> Wish:
        """The member would drive."""
        self.passes(now)
        if right < Right.drive:
            return Wish.refused
        if self.driver in {None, member_id} or right is Right.own:
            self._drives(member_id, now)
            return Wish.granted
        if self.asked is None:
            self.asked = Asked(member_id, now + ANSWER_S)
        return Wish.asked if self.asked.member_id == member_id else Wish.refused

    def release(self, member_id: str, now: float) -> None:
        """The member drives no more, and asks no more."""
        self.passes(now)
        if self.asked is not None and self.asked.member_id == member_id:
            self.asked = None
        if self.driver == member_id:
            self._free(now)

    def keep(self, member_id: str, now: float) -> str | None:
        """The driver goes on though somebody asked; who that was, if the member drives and somebody did."""
        self.passes(now)
        if self.driver != member_id or self.asked is None:
            return None
        asker, self.asked = self.asked.member_id, None
        self._typed_at = now
        return asker

    def leave(self, member_id: str, now: float) -> None:
        """The member is here no more, or may not drive any more."""
        self.release(member_id, now)
        if self.last == member_id:
            self.last = None

    def passes(self, now: float) -> None:
        """Whatever time alone brings about until ``now`` has come about."""
        due = self.due_at
        if due is not None and now >= due:
            self._free(now)

    @property
    def due_at(self) -> float | None:
        """When time alone changes something; ``None`` where it does not."""
        if self.driver is None:
            return None
        silent_at = self._typed_at + self._free_after_s
        return silent_at if self.asked is None else min(silent_at, self.asked.until)

    def _drives(self, member_id: str, now: float) -> None:
        if self.driver != member_id:
            self.asked = None
        self.driver = self.last = member_id
        self._typed_at = now
        self._ever = True

    def _free(self, now: float) -> None:
        asked, self.asked, self.driver = self.asked, None, None
        if asked is not None:
            self._drives(asked.member_id, now)
