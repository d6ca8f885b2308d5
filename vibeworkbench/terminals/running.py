"""A terminal of this server: what is remembered of it, the room in which it shows, and who is there."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from vibeworkbench.errors import LimitExceeded, NotAllowed, NotFound
from vibeworkbench.settings import TerminalSettings
from vibeworkbench.terminals.courtesy import Courtesy
from vibeworkbench.terminals.definition import Definition
from vibeworkbench.terminals.framing import ControlFrames, TextFrames
from vibeworkbench.terminals.membership import Membership, Wire
from vibeworkbench.terminals.metrics import Metrics
from vibeworkbench.terminals.model import Exit, HopState, Right
from vibeworkbench.terminals.reached import Reached
from vibeworkbench.terminals.recordings import Recording
from vibeworkbench.terminals.room import TerminalRoom
from vibeworkbench.terminals.viewer import Link, Viewer
from vibeworkbench.web.roles import Caller

MEMBER_ID_LENGTH = 64
REPLACED = 4408
SETTLES_WITHIN_S = 2.0
"""How long whoever opens a terminal waits for more than that it is there."""


@dataclass(frozen=True, slots=True)
class Visit:
    """A connection that would join.

    Attributes:
        link: Its socket, as the room sees it.
        wire: The same, as its pulse is taken.
        caller: Who is there.
        most: The most that it may do, whatever the caller might.
        member_id: The id that it wants, for instance the one that it had before its connection was lost.
        is_legacy: Whether it speaks terminado's protocol.
        is_announced: Whether it announced that its first message will say where it stands.
    """

    link: Link
    wire: Wire
    caller: Caller
    most: Right
    member_id: str
    is_legacy: bool
    is_announced: bool


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all terminals of a server share.

    Attributes:
        settings: Limits.
        metrics: Where they count.
        clock: The present instant, aware UTC.
        now: The loop's clock, in seconds.
        courtesy: Towards those who type.
        changed: Called when something of a terminal changed.
        refused: Called when a member would have typed who may not.
    """

    settings: TerminalSettings
    metrics: Metrics
    clock: Callable[[], datetime]
    now: Callable[[], float]
    courtesy: Courtesy
    changed: Callable[[Terminal], None]
    refused: Callable[[Terminal, Caller], None]


class Terminal:
    """A terminal of this server.

    Args:
        definition: What is remembered of it.
        upstream: What runs it.
        recording: Where it is recorded.
        around: What it shares with the others.

    Attributes:
        definition: As it stands.
        room: What it shows, and to whom.
        upstream: What runs it.
        frames: Control messages, encoded once.
        texts: Output for members of terminado's protocol, encoded once.
        active_at: When something was last typed or printed.
        attempt: The last attempt to reach its upstream that was counted.
    """

    def __init__(
        self, definition: Definition, *, upstream: Reached, recording: Recording, around: Surroundings
    ) -> None:
        self.definition = definition
        self.upstream = upstream
        self.frames = ControlFrames()
        self.texts = TextFrames()
        self.active_at = around.clock()
        self.attempt = 0
        self._settled = asyncio.Event()
        self._around = around
        self._members: dict[str, Membership] = {}
        self.room = TerminalRoom(
            definition.terminal_id,
            upstream=upstream,
            recording=Watched(recording, self._printed),
            settings=around.settings,
            size=definition.size,
            changed=self._changed,
            courtesy=around.courtesy,
        )

    @property
    def terminal_id(self) -> str:
        """Its id."""
        return self.definition.terminal_id

    @property
    def is_running(self) -> bool:
        """Whether nothing says that its shell has ended."""
        return self.definition.exit is None

    @property
    def members(self) -> list[Membership]:
        """Who is connected."""
        return list(self._members.values())

    def _changed(self) -> None:
        if self.room.hop.state is not HopState.connecting:
            self._settled.set()
        self._around.changed(self)

    async def settled(self) -> None:
        """Its first connection is there, or has failed, or takes long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLES_WITHIN_S):
                await self._settled.wait()

    async def restarted(self) -> None:
        """Its shell is a new one, or that takes long."""
        self._settled.clear()
        self.room.restart()
        await self.settled()

    def ended(self) -> Exit | None:
        """How its shell ended, as far as the room knows; an upstream that has been given up ended it for us."""
        if self.room.exit is None and self.room.hop.state is HopState.closed and self.definition.kind == "local":
            return Exit(None, self.room.hop.reason)
        return self.room.exit

    def right_of(self, caller: Caller) -> Right:
        """What the caller may do here.

        Raises:
            NotAllowed: Nothing.
        """
        right = self.definition.right_of(caller)
        if right is Right.none:
            raise NotAllowed("You have no right on this terminal: its owner can grant you one.")
        return right

    def check(self, caller: Caller, least: Right) -> None:
        """The caller has at least this right.

        Raises:
            NotAllowed: It has not.
        """
        if self.right_of(caller) < least:
            raise NotAllowed(f"This takes the right to {least.name} this terminal.", required=least.name)

    def granted(self, identity: str, right: Right) -> None:
        """The identity has this right from now on; ``none`` takes it away.

        Raises:
            NotFound: It had none that could be taken away.
        """
        grants = dict(self.definition.grants)
        if right is not Right.none:
            grants[identity] = right
        elif grants.pop(identity, None) is None:
            raise NotFound("Nothing was granted to this identity.", identity=identity)
        self.definition = replace(self.definition, grants=grants)
        self.room.rights_changed()

    def join(self, visit: Visit) -> Membership:
        """The connection is in the room.

        Raises:
            NotAllowed: The caller has no right here.
            LimitExceeded: The room is full.
        """
        self.right_of(visit.caller)
        if len(self._members) >= self._around.settings.members:
            raise LimitExceeded(f"The terminal has {len(self._members)} members and takes no more.")
        viewer = Viewer(
            visit.link,
            member_id=self._member_id(visit),
            caller=visit.caller,
            right=lambda: min(visit.most, self.definition.right_of(visit.caller)),
            is_legacy=visit.is_legacy,
            is_announced=visit.is_announced,
        )
        membership = Membership(
            self.room, viewer, wire=visit.wire, now=self._around.now(), typed=self._typed, left=self._left
        )
        self._members[viewer.member_id] = membership
        self.room.join(viewer)
        return membership

    def _member_id(self, visit: Visit) -> str:
        wanted = visit.member_id
        if not 0 < len(wanted) <= MEMBER_ID_LENGTH or not (wanted.isascii() and wanted.isprintable()):
            return uuid.uuid4().hex
        there = self._members.get(wanted)
        if there is None:
            return wanted
        if there.viewer.caller.identity != visit.caller.identity:
            return uuid.uuid4().hex
        there.close(REPLACED, "you came back on another connection")  # of the one that was lost nobody has told us yet
        return wanted

    def _left(self, membership: Membership) -> None:
        self._members.pop(membership.viewer.member_id, None)

    def _typed(self, membership: Membership, size_bytes: int, is_refused: bool) -> None:
        self.active_at = self._around.clock()
        if is_refused:
            self._around.metrics.refused.inc()
            self._around.refused(self, membership.viewer.caller)
        else:
            self._around.metrics.input_bytes.inc(size_bytes)

    def _printed(self, size_bytes: int) -> None:
        self.active_at = self._around.clock()
        self._around.metrics.output_bytes.inc(size_bytes)


class Watched:
    """A recording that also counts what is printed.

    Args:
        recording: Where it goes.
        printed: Called with the number of bytes.
    """

    def __init__(self, recording: Recording, printed: Callable[[int], None]) -> None:
        self._recording = recording
        self._printed = printed
        self.began = recording.began
        self.resized = recording.resized
        self.marked = recording.marked
        self.ended = recording.ended
        self.close = recording.close

    @property
    def problem(self) -> str:
        """Why output is being lost at present."""
        return self._recording.problem

    @property
    def lost_bytes(self) -> int:
        """Output that is not in the recording and should be."""
        return self._recording.lost_bytes

    def output(self, data: bytes, offset: int) -> None:
        """The shell said this."""
        self._printed(len(data))
        self._recording.output(data, offset)
