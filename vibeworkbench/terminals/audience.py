"""Who is in a terminal's room, and what all of them are told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

from vibeworkbench.terminals import notices
from vibeworkbench.terminals.model import Right
from vibeworkbench.terminals.notices import Notice
from vibeworkbench.terminals.viewer import Viewer

MEMBERS_EVERY_S = 0.25
"""How often changes of who is here are told at most."""
MEMBERS_EACH_S = 0.005
"""... and for each member more, because a list of all goes to all."""
LISTED = 200
"""Most members that are listed; the count is always of all."""
NOT_ALLOWED = 4403


class Audience:
    """The viewers of one terminal.

    Attributes:
        steered_by: Tells who drives, if anybody; set by the room.
        viewers: Member id → viewer, in the order they came.
    """

    def __init__(self) -> None:
        self.viewers: dict[str, Viewer] = {}
        self.steered_by: Callable[[], Viewer | None] = lambda: None
        self._loop = asyncio.get_running_loop()
        self._told_at = float("-inf")
        self._timer: asyncio.TimerHandle | None = None
        self._owed: set[Viewer] = set()

    @property
    def driver(self) -> Viewer | None:
        """Who drives; ``None`` where nobody does."""
        return self.steered_by()

    def tell(self, notice: Notice) -> None:
        """All are told."""
        for viewer in self.viewers.values():
            viewer.link.control(notice)

    def pull(self) -> None:
        """All were sent what they may be sent."""
        for viewer in list(self.viewers.values()):
            viewer.pull()

    def drop(self, viewer: Viewer) -> bool:
        """Whether it was here; it is no more."""
        if self.viewers.get(viewer.member_id) is not viewer:
            return False
        del self.viewers[viewer.member_id]
        self._owed.discard(viewer)
        viewer.end()
        return True

    def dismiss(self) -> list[Viewer]:
        """Those whose right has ended; they are closed and here no more."""
        gone = [viewer for viewer in self.viewers.values() if viewer.right() < Right.watch]
        for viewer in gone:
            self.send_away(viewer, NOT_ALLOWED, "You may not watch this terminal any more.")
        return gone

    def send_away(self, viewer: Viewer, code: int, reason: str) -> None:
        """It is closed and here no more."""
        if self.drop(viewer):
            viewer.link.close(code, reason)

    def close(self, code: int, reason: str) -> None:
        """All are closed, and nothing is planned any more."""
        for viewer in list(self.viewers.values()):
            self.send_away(viewer, code, reason)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # Who is here

    def changed(self) -> None:
        """All learn soon who is here."""
        if self._timer is None:
            pause = max(MEMBERS_EVERY_S, MEMBERS_EACH_S * len(self.viewers))
            self._timer = self._loop.call_at(max(self._loop.time(), self._told_at + pause), self._say_members)

    def _say_members(self) -> None:
        self._timer = None
        self._told_at = self._loop.time()
        self._say(self.viewers.values())

    def _say(self, viewers: Iterable[Viewer]) -> None:
        notice = self._members()
        for viewer in viewers:
            if viewer.is_full:  # what is old by the time it can be sent is not sent at all
                self._owed.add(viewer)
            else:
                self._owed.discard(viewer)
                viewer.link.control(notice)

    def _members(self) -> Notice:
        driver = self.driver
        present = [member_of(viewer) for viewer in list(self.viewers.values())[:LISTED]]
        return notices.members(driver.member_id if driver is not None else None, present, len(self.viewers))

    # The pulse

    def beat(self, upstream_s: float | None) -> None:
        """Each learns how long both hops take; whoever was too busy for the list of members gets it now."""
        for viewer in self.viewers.values():
            if not viewer.is_full:
                viewer.link.control(notices.rtt(viewer.rtt_s, upstream_s, viewer.lag_bytes))
        self._say(list(self._owed))


def member_of(viewer: Viewer) -> Mapping[str, object]:
    """A viewer as the others see it."""
    right = viewer.right()
    return {
        "memberId": viewer.member_id,
        "name": viewer.caller.name,
        "role": notices.ROLES.get(right, ""),
        "right": right.name,
        "lagBytes": viewer.lag_bytes,
        "rttMs": None if viewer.rtt_s is None else round(viewer.rtt_s * 1000, 2),
    }
