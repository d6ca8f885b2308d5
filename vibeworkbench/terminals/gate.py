"""Whether a terminal's source is read: it waits for its driver, and for nobody else that is slow."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable

from vibeworkbench.terminals.courtesy import Manners
from vibeworkbench.terminals.viewer import Viewer

PATIENCE_S = 0.5
"""A viewer that takes nothing for this long is not waited for until it has caught up."""
PROGRESS_BYTES = 65_536
"""What a viewer that does not drive must take in that time: a bad line somewhere must not slow a program down."""


class Gate:
    """Open while the source may be read.

    With a driver that reads, its pace is the source's; without one, the fastest viewer's; where nobody healthy watches
    the program runs on.

    Args:
        holds_back: Whether the program waits when the source is not read; where it does not, the gate is always open.
        viewers: All viewers.
        driver: Who drives.
        manners: Towards those who type in other terminals, where there are any.
    """

    def __init__(
        self,
        *,
        holds_back: bool,
        viewers: Callable[[], Iterable[Viewer]],
        driver: Callable[[], Viewer | None],
        manners: Manners | None = None,
    ) -> None:
        self._holds_back = holds_back
        self._viewers = viewers
        self._driver = driver
        self._manners = manners
        self._loop = asyncio.get_running_loop()
        self._opened = asyncio.Event()
        self._opened.set()
        self._hurried = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._marks: dict[Viewer, tuple[bool, int]] = {}
        self._is_held = False
        self.is_open = True

    def hold(self, *, on: bool) -> None:
        """The program is held, or goes on."""
        self._is_held = on
        self.check()

    def moved(self) -> None:
        """A viewer has taken something."""
        if not self.is_open:
            self.check()

    def check(self) -> None:
        """Open or closed, as things stand now."""
        self.is_open = self._may_read()
        if self.is_open:
            self._opened.set()
            self._forget()
            return
        self._opened.clear()
        if self._timer is None and not self._is_held:
            self._marks = {viewer: viewer.standing for viewer in self._viewers() if viewer.is_healthy}
            self._timer = self._loop.call_later(PATIENCE_S, self._judge)

    async def opened(self) -> None:
        """It is open."""
        await self._opened.wait()

    async def rest(self, count: int) -> None:
        """As long as it is to stay unread now that so many bytes were read, or until somebody types in it."""
        rest_s = self._manners.rest_s(count) if self._holds_back and self._manners is not None else 0.0
        if not rest_s:
            return
        self._hurried.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(rest_s):
                await self._hurried.wait()

    def hurry(self) -> None:
        """Somebody typed, and waits for what is said to it: a rest is over."""
        self._hurried.set()

    def close(self) -> None:
        """Nothing is planned any more."""
        self._forget()

    def _forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._marks = {}

    def _may_read(self) -> bool:
        if not self._holds_back:
            return True
        if self._is_held:
            return False
        driver = self._driver()
        if driver is not None and driver.is_healthy:
            return driver.is_current
        is_watched = False
        for viewer in self._viewers():
            if viewer.is_healthy:
                if viewer.is_current:
                    return True
                is_watched = True
        return not is_watched

    def _judge(self) -> None:
        self._timer = None
        driver = self._driver()
        for viewer, (acknowledged, mark) in self._marks.items():
            enough = 1 if viewer is driver else PROGRESS_BYTES
            acknowledges, taken = viewer.standing
            if not viewer.is_current and acknowledges == acknowledged and taken - mark < enough:
                viewer.is_healthy = False
        self.check()
