"""The room of one terminal: who watches, who drives, and what runs behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Literal

from vibeworkbench.errors import LimitExceeded
from vibeworkbench.settings import TerminalSettings
from vibeworkbench.terminals import notices
from vibeworkbench.terminals.audience import Audience
from vibeworkbench.terminals.courtesy import Courtesy
from vibeworkbench.terminals.driving import Wish
from vibeworkbench.terminals.holding import HilState, Holding
from vibeworkbench.terminals.model import Exit, Hold, Hop, HopState, Right, Size
from vibeworkbench.terminals.recordings import Recording
from vibeworkbench.terminals.screen.queries import is_answer
from vibeworkbench.terminals.source import Source
from vibeworkbench.terminals.steering import Steering
from vibeworkbench.terminals.upstreams import Upstream
from vibeworkbench.terminals.viewer import Viewer

FIRST_S = 0.1
"""How long a viewer has to say that it comes back, before it gets a snapshot."""
ANNOUNCED_S = 10.0
"""The same for one that announced that it will say so: however long its way to us is, it gets only what it asks for."""
BEAT_S = 5.0
"""How often all learn how long the hops take."""
ANSWER_EVERY_S = 1.0
"""How often a terminal that answers by itself is told that it does not drive."""
INTERRUPT = 0x03
WORDS: Mapping[str, str] = {
    "not-driver": "You do not drive this terminal.",
    "upstream-away": "The upstream is not connected: what you typed was not sent.",
    "held": "The program is held: what you typed was not sent.",
    "asked-before": "Somebody else has asked to drive, and waits for the answer.",
    "too-much-input": "The program does not read what was typed before: what you typed was not sent.",
    "not-allowed": "You have no right to do this in this terminal.",
}
"""What is said of what is refused."""


class TerminalRoom:
    """A terminal that many share.

    What clients may not do is said to them (``error``) and does not raise. A viewer whose right has ended is closed
    with 4403 at its next message, or at ``rights_changed``.

    Args:
        terminal_id: Its id.
        upstream: What runs it.
        recording: Where it is recorded.
        settings: Of terminals.
        size: Of the screen at first.
        courtesy: Among all terminals of the server; ``None`` where this is the only one.
        changed: Called, in the loop, after hop, exit, epoch, size, driver or hold changed.

    Attributes:
        terminal_id: The same.
        viewers: Member id → viewer.
    """

    def __init__(
        self,
        terminal_id: str,
        *,
        upstream: Upstream,
        recording: Recording,
        settings: TerminalSettings,
        size: Size,
        changed: Callable[[], None],
        courtesy: Courtesy | None = None,
    ) -> None:
        self.terminal_id = terminal_id
        self._loop = asyncio.get_running_loop()
        self._manners = (courtesy or Courtesy(self._loop.time)).of_one()
        self._settings = settings
        self._recording = recording
        self._changed = changed
        self._first: dict[Viewer, asyncio.TimerHandle] = {}
        self._answered_at: dict[Viewer, float] = {}
        self._beating: asyncio.Task[None] | None = None
        self._audience = Audience()
        self.viewers: Mapping[str, Viewer] = self._audience.viewers
        self._holding = Holding(self._held)
        self._source = Source(
            upstream,
            recording=recording,
            settings=settings,
            audience=self._audience,
            size=size.clamped(),
            manners=self._manners,
        )
        self._stream = self._source.stream
        self._steering = Steering(
            self.viewers, free_after_s=settings.free_after_s, changed=self._driver_changed, resized=self._resized
        )
        self._source.changed = changed
        self._source.renewed = self._hello
        self._audience.steered_by = lambda: self.driver

    @property
    def size(self) -> Size:
        """Of the screen."""
        return self._source.size

    @property
    def hop(self) -> Hop:
        """How it stands with its upstream."""
        return self._source.hop

    @property
    def exit(self) -> Exit | None:
        """How the shell ended; ``None`` while it runs or where that is not known."""
        return self._source.exit

    @property
    def epoch(self) -> str:
        """Identity of the shell; empty before the first one."""
        return self._stream.epoch

    @property
    def base(self) -> int:
        """Absolute offset of the oldest output in memory."""
        return self._stream.ring.base

    @property
    def head(self) -> int:
        """Absolute offset of the next byte of output."""
        return self._stream.ring.head

    @property
    def hold(self) -> Hold | None:
        """Who holds the program; ``None`` where nobody does."""
        return self._holding.hold

    @property
    def driver(self) -> Viewer | None:
        """Who drives; ``None`` where nobody does."""
        return self._steering.driver

    # Its life

    def start(self) -> None:
        """The upstream is connected, now and whenever it is lost, until ``close``."""
        self._source.start()

    def recall(self, output: bytes, hop: Hop, ended: Exit | None) -> None:
        """Of a shell that runs no more: its last screen is shown, instead of ``start``; ``restart`` begins anew."""
        self._source.recall(output, hop, ended)

    def restart(self) -> None:
        """The shell is ended where there is one, and a new one begins; an upstream given up is tried anew."""
        self._source.restart()

    def retry(self) -> None:
        """A lost upstream is tried now; nothing happens where it is connected, or its shell has ended."""
        self._source.retry()

    async def close(self, *, end: bool, code: int = 1001, reason: str = "the server is going away") -> None:
        """All viewers are sent away with ``code``, the connection has ended, and with ``end`` the shell too."""
        self._stream.flush()
        for viewer in list(self._first):
            self._forget_first(viewer)
        self._steering.close()
        self._holding.close()
        self._audience.close(code, reason)
        if self._beating is not None:
            self._beating.cancel()
        await self._source.close(end=end)

    # Viewers

    def join(self, viewer: Viewer) -> None:
        """The viewer got its ``hello``; output follows when its first message came, or none did for a moment.

        Raises:
            LimitExceeded: The room is full.
        """
        if len(self.viewers) >= self._settings.members:
            raise LimitExceeded(f"This terminal has {self._settings.members} members already.")
        self._audience.viewers[viewer.member_id] = viewer
        viewer.moved = self._source.gate.moved
        self._hello(viewer)
        for notice in self._holding.waiting:
            viewer.link.control(notice)
        if self.exit is not None:
            viewer.link.control(notices.ended(self.exit))
        if viewer.is_legacy:
            self._begin(viewer)
        else:
            patience_s = ANNOUNCED_S if viewer.is_announced else FIRST_S
            self._first[viewer] = self._loop.call_later(patience_s, self._begin, viewer)
        if self._beating is None:
            self._beating = self._loop.create_task(self._beat())
        self._audience.changed()

    def _hello(self, viewer: Viewer) -> None:
        hello = notices.hello(
            terminalId=self.terminal_id,
            memberId=viewer.member_id,
            epoch=self.epoch,
            base=self.base,
            head=self._stream.stop,
            size=notices.size_of(self.size),
            role=notices.ROLES.get(viewer.right(), ""),
            hold=notices.hold_of(self.hold) if self.hold is not None else None,
            upstream=notices.hop_of(self.hop),
            driver=self._steering.member_id,
        )
        viewer.link.control(hello)

    def _begin(self, viewer: Viewer) -> None:
        self._forget_first(viewer)
        if not viewer.is_started and viewer.member_id in self.viewers:
            self._stream.flush()
            viewer.begin(self._stream)
            self._source.gate.check()

    def _forget_first(self, viewer: Viewer) -> None:
        timer = self._first.pop(viewer, None)
        if timer is not None:
            timer.cancel()

    def leave(self, viewer: Viewer) -> None:
        """The viewer is in the room no more; once is enough."""
        self._forget_first(viewer)
        self._answered_at.pop(viewer, None)
        self._audience.drop(viewer)
        self._steering.leave(viewer)
        self._source.gate.check()
        self._audience.changed()

    def rights_changed(self) -> None:
        """Whoever may not be here any more is sent away with 4403, and who may not drive any more does not."""
        for viewer in self._audience.dismiss():
            self.leave(viewer)
        for viewer in list(self.viewers.values()):
            if viewer.right() < Right.drive:
                self._steering.leave(viewer)
        self._audience.changed()

    def _right(self, viewer: Viewer) -> Right:
        """What it may do now; nothing where it is not in the room, and out it goes where it may not watch."""
        if viewer.member_id not in self.viewers:
            return Right.none
        right = viewer.right()
        if right < Right.watch:
            self.rights_changed()
            return Right.none
        return right

    # What viewers say

    def resumed(self, viewer: Viewer, epoch: str, offset: int) -> None:
        """It has all before ``offset`` of that epoch; what follows is sent, or a snapshot where that cannot be."""
        if self._right(viewer) is Right.none:
            return
        self._forget_first(viewer)
        self._stream.flush()
        viewer.resume(self._stream, epoch, offset)
        self._source.gate.check()

    def acked(self, viewer: Viewer, offset: int) -> None:
        """It has parsed all before ``offset``.

        Raises:
            InvalidInput: It was never sent that much.
        """
        if self._right(viewer) is not Right.none:
            self._begin(viewer)
            viewer.acked(offset, self._loop.time())

    def typed(self, viewer: Viewer, data: bytes) -> None:
        """The program gets the bytes, if this viewer drives or may begin to."""
        right = self._right(viewer)
        if right is Right.none or not data:
            return
        self._begin(viewer)
        if is_answer(data):
            self._answers(viewer, right, data)
            return
        refusal = self._refusal(viewer, right, data)
        if refusal:
            self._refuse(viewer, refusal)
            return
        self._manners.typed()
        self._steering.types(viewer, right)
        if INTERRUPT in data:
            self._manners.interrupted()
            for other in list(self.viewers.values()):  # what came before is of no interest to who is behind
                other.jump()
        self._source.gate.hurry()

    def _refusal(self, viewer: Viewer, right: Right, data: bytes) -> str:
        """Why it may not type this, as a code; empty where it may, and the keyboard has it."""
        if not self._steering.may_type(viewer, right):
            return "not-driver"
        if self.hop.state is not HopState.connected:
            return "upstream-away"
        if self.hold is not None:
            return "held"
        return "" if self._source.keyboard.put(data) else "too-much-input"

    def _answers(self, viewer: Viewer, right: Right, data: bytes) -> None:
        """A terminal says something by itself: only the driver's is heard."""
        now = self._loop.time()
        if self._steering.speaks(viewer, right):
            if self.hop.state is HopState.connected and self.hold is None:
                self._source.keyboard.put(data)
        elif now - self._answered_at.get(viewer, float("-inf")) >= ANSWER_EVERY_S:
            self._answered_at[viewer] = now
            self._refuse(viewer, "not-driver")

    def sized(self, viewer: Viewer, size: Size) -> None:
        """The screen gets that size soon, if this viewer drives."""
        right = self._right(viewer)
        if right is Right.none:
            return
        self._begin(viewer)
        if not self._steering.sized(viewer, right, size) and not viewer.is_legacy:
            self._refuse(viewer, "not-driver")

    def drive(self, viewer: Viewer, action: Literal["take", "release", "keep"]) -> None:
        """The viewer wants to drive, will not any more, or keeps driving though somebody asked."""
        right = self._right(viewer)
        if right is Right.none:
            return
        self._begin(viewer)
        if action == "release":
            self._steering.release(viewer)
        elif action == "keep":
            self._steering.keep(viewer)
        elif self._steering.take(viewer, right) is Wish.refused:
            self._refuse(viewer, "asked-before" if right >= Right.drive else "not-allowed")

    def asked_hold(self, viewer: Viewer, *, on: bool, why: str = "", for_s: float | None = None) -> None:
        """The program is held, or goes on, if this viewer may say so."""
        if self._may_drive(viewer):
            self.holds(viewer.caller.name, on=on, why=why, for_s=for_s)

    def asked_retry(self, viewer: Viewer) -> None:
        """A lost upstream is tried now, if this viewer may say so."""
        if self._may_drive(viewer):
            self.retry()

    def _may_drive(self, viewer: Viewer) -> bool:
        right = self._right(viewer)
        if right is Right.none:
            return False
        self._begin(viewer)
        if right < Right.drive:
            self._refuse(viewer, "not-allowed")
        return right >= Right.drive

    @staticmethod
    def _refuse(viewer: Viewer, why: str) -> None:
        code = "not-driver" if why == "asked-before" else why
        viewer.link.control(notices.error(code, WORDS[why]))

    # What others say

    def holds(self, by: str, *, on: bool, why: str = "", for_s: float | None = None) -> None:
        """The program is held for ``for_s`` seconds at most (the settings say it where nobody does), or goes on."""
        if on:
            self._holding.begin(by, why, self._settings.hold_s if for_s is None else for_s)
        else:
            self._holding.end(by)

    def hil(self, state: HilState, *, task_id: str, reason: str, review_id: str | None) -> None:
        """A task waits for a person and the program is held meanwhile, or it waits no more."""
        self._audience.tell(self._holding.task(state, task_id=task_id, reason=reason, review_id=review_id))

    # What follows from it

    def _held(self, by: str) -> None:
        hold = self._holding.hold
        self._audience.tell(notices.held(hold, by))
        self._source.held(on=hold is not None)
        self._recording.marked(f"held by {by}: {hold.why}".removesuffix(": ") if hold else f"resumed by {by}")
        self._changed()

    def _driver_changed(self) -> None:
        driver = self.driver
        self._recording.marked(f"driver: {driver.caller.name}" if driver is not None else "no driver")
        self._source.gate.check()
        self._audience.changed()
        self._changed()

    def _resized(self, size: Size, by: Viewer) -> None:
        self._source.resized(size, by.member_id)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            if self.viewers:
                self._audience.beat(await self._source.pulse())
