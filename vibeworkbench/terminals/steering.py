"""Who drives a terminal as time goes by, who is told, and which size the screen has for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from vibeworkbench.terminals import notices
from vibeworkbench.terminals.driving import Driving, Wish
from vibeworkbench.terminals.model import Right, Size
from vibeworkbench.terminals.viewer import Viewer

SIZE_S = 0.08
"""A size counts when no other came for this long: a window that is dragged has many."""
KEPT = "Whoever drives this terminal goes on."


class Steering:
    """The driver of one terminal.

    Args:
        viewers: Member id → viewer.
        free_after_s: A driver who types nothing for this long drives no more.
        changed: Called after another one drives, or nobody.
        resized: Called with the size that the driver's window has had for a moment.
    """

    def __init__(
        self,
        viewers: Mapping[str, Viewer],
        *,
        free_after_s: float,
        changed: Callable[[], None],
        resized: Callable[[Size, Viewer], None],
    ) -> None:
        self._viewers = viewers
        self._driving = Driving(free_after_s)
        self._changed = changed
        self._resized = resized
        self._loop = asyncio.get_running_loop()
        self._told_driver: str | None = None
        self._told_asker: str | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._size_timer: asyncio.TimerHandle | None = None

    @property
    def member_id(self) -> str | None:
        """Member id of who drives."""
        return self._driving.driver

    @property
    def driver(self) -> Viewer | None:
        """Who drives; ``None`` where nobody does."""
        return self._viewers.get(self._driving.driver or "")

    def may_type(self, viewer: Viewer, right: Right) -> bool:
        """Whether its typing would reach the program; nothing changes."""
        self._driving.passes(self._loop.time())
        return right >= Right.drive and self._driving.driver in {None, viewer.member_id}

    def types(self, viewer: Viewer, right: Right) -> bool:
        """Whether its typing reaches the program; on a free terminal it drives from now on."""
        does = self._driving.types(viewer.member_id, right, self._loop.time())
        self._tell()
        return does

    def speaks(self, viewer: Viewer, right: Right) -> bool:
        """Whether what its terminal says by itself reaches the program."""
        does = self._driving.speaks(viewer.member_id, right, self._loop.time())
        self._tell()
        return does

    def sized(self, viewer: Viewer, right: Right, size: Size) -> bool:
        """Whether the screen gets the size of this viewer's window soon; if not, it does once it drives."""
        viewer.wanted = size
        counts = self.speaks(viewer, right)
        if counts:
            self._plan_size()
        return counts

    def take(self, viewer: Viewer, right: Right) -> Wish:
        """It would drive."""
        wish = self._driving.take(viewer.member_id, right, self._loop.time())
        self._tell()
        return wish

    def release(self, viewer: Viewer) -> None:
        """It drives no more, and asks no more."""
        self._driving.release(viewer.member_id, self._loop.time())
        self._tell()

    def keep(self, viewer: Viewer) -> None:
        """It goes on driving, whoever asked."""
        self._driving.keep(viewer.member_id, self._loop.time())
        self._tell()

    def leave(self, viewer: Viewer) -> None:
        """It is here no more, or may not drive any more."""
        self._driving.leave(viewer.member_id, self._loop.time())
        self._tell()

    def close(self) -> None:
        """Nothing is planned any more."""
        for timer in (self._timer, self._size_timer):
            if timer is not None:
                timer.cancel()
        self._timer = self._size_timer = None

    # Telling

    def _tell(self) -> None:
        """Everybody concerned knows how it is now."""
        self._plan()
        asked = self._driving.asked
        former, self._told_asker = self._told_asker, asked.member_id if asked is not None else None
        if former != self._told_asker:
            self._tell_askers(former)
        if self._told_driver != self._driving.driver:
            self._told_driver = self._driving.driver
            driver = self.driver
            if driver is not None and driver.wanted is not None:
                self._plan_size()
            self._changed()

    def _tell_askers(self, former: str | None) -> None:
        refused = self._viewers.get(former or "")
        if refused is not None and refused.member_id != self._driving.driver:
            refused.link.control(notices.error("not-driver", KEPT))
        driver, asked = self.driver, self._driving.asked
        asker = self._viewers.get(asked.member_id) if asked is not None else None
        if asked is not None and asker is not None and driver is not None:
            until_s = max(0.0, asked.until - self._loop.time())
            driver.link.control(notices.asked(asker.caller.name, asker.member_id, until_s))

    def _plan(self) -> None:
        """The clock looks again when something is due; a key press plans nothing new, the one planned does then."""
        due = self._driving.due_at
        if due is None or (self._timer is not None and self._timer.when() <= due):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(due, self._due)

    def _due(self) -> None:
        self._timer = None
        self._driving.passes(self._loop.time())
        self._tell()

    # The size

    def _plan_size(self) -> None:
        if self._size_timer is not None:
            self._size_timer.cancel()
        self._size_timer = self._loop.call_later(SIZE_S, self._set_size)

    def _set_size(self) -> None:
        self._size_timer = None
        driver = self.driver
        if driver is not None and driver.wanted is not None:
            self._resized(driver.wanted.clamped(), driver)
