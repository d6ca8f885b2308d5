"""Terminals: opened, found again, shared, ended.

What is remembered of a terminal stands in the database; what it shows now stands in its room. A terminal whose shell
has ended stays, with its last screen and its recording, until somebody ends it or newer ones need its place.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from prometheus_client import CollectorRegistry

from vibeworkbench.access.model import AuditEvent
from vibeworkbench.errors import (
    Conflict,
    InvalidInput,
    LimitExceeded,
    NotAllowed,
    NotFound,
    Unavailable,
    WorkbenchError,
)
from vibeworkbench.settings import Settings
from vibeworkbench.storage.records import Database
from vibeworkbench.terminals import records
from vibeworkbench.terminals.background import Background
from vibeworkbench.terminals.courtesy import Courtesy
from vibeworkbench.terminals.definition import Definition
from vibeworkbench.terminals.kinds import Kinds
from vibeworkbench.terminals.membership import PING_S
from vibeworkbench.terminals.metrics import Metrics
from vibeworkbench.terminals.model import Exit, Hop, HopState, Right
from vibeworkbench.terminals.reached import Reached
from vibeworkbench.terminals.recordings import NoRecording, Recording
from vibeworkbench.terminals.recordings.shelf import Recordings
from vibeworkbench.terminals.running import Surroundings, Terminal
from vibeworkbench.terminals.site import By, Order, Site, definition_of
from vibeworkbench.terminals.upstreams import Place, Upstream
from vibeworkbench.terminals.wire import HilBody
from vibeworkbench.web.roles import Caller
from vibeworkbench.web.standing import Part

LAST_SCREEN_BYTES = 65_536
RESTORE_WAIT_S = 5.0
"""How long the start waits for shells that were there before; who is slower is found while the server runs."""
GONE = 4404
_NOT_STARTED = "the server is starting, or could not start"
_NOT_LASTING = "the workbench was started anew, and what runs this terminal cannot be found again: restart it"

log = logging.getLogger(__name__)


class Terminals:
    """All terminals of one server.

    Args:
        database: Where terminals and grants are remembered.
        settings: All settings.
        site: The server.
        kinds: The upstreams that are installed.
        registry: Where metrics are registered.

    Attributes:
        settings: Those of terminals.
        kinds: The upstreams that are installed.
        recordings: What was recorded.
        problem: Why no terminals can be had; empty where they can.
    """

    def __init__(
        self, *, database: Database, settings: Settings, site: Site, kinds: Kinds, registry: CollectorRegistry
    ) -> None:
        self.settings = settings.terminals
        self.kinds = kinds
        self.recordings = Recordings(site.home.directory, settings.terminals, os.environ)
        self.problem = _NOT_STARTED
        self._all_settings = settings
        self._database = database
        self._site = site
        self._terminals: dict[str, Terminal] = {}
        self._background = Background()
        self._listeners: list[Callable[[], None]] = []
        self._is_stopping = False
        self._around = Surroundings(
            settings=settings.terminals,
            metrics=Metrics(registry, lambda: [each.room for each in self._terminals.values()]),
            clock=site.clock,
            now=lambda: asyncio.get_running_loop().time(),
            courtesy=Courtesy(time.monotonic),
            changed=self._changed,
            refused=self._input_refused,
        )

    async def start(self) -> None:
        """What ran goes on: shells that live are found again, of the others it is said what became of them.

        Raises:
            Unavailable: The storage does not answer.
        """
        try:
            await asyncio.to_thread(self._site.home.take)
        except Unavailable as error:
            self.problem = error.message
            log.warning("terminals: %s", error.message)
            return
        await self.recordings.open()
        home_id = self._site.home.home_id
        known = await self._database.read(lambda connection: records.definitions(connection, home_id))
        restoring = [self._background.begin(self._restore(each)) for each in known]
        self.problem = ""
        self._background.begin(self._beat())
        if restoring:
            await asyncio.wait(restoring, timeout=RESTORE_WAIT_S)

    async def stop(self) -> None:
        """Every member was told to come back; shells live on where the settings let them."""
        self._is_stopping, self.problem = True, "the server is stopping"
        await self._background.cancel()
        ends = self.settings.survive_s == 0
        closing = (each.room.close(end=ends and each.definition.kind == "local") for each in self._terminals.values())
        for failed in await asyncio.gather(*closing, return_exceptions=True):
            if failed is not None:
                log.error("a terminal did not close in order", exc_info=failed)
        await self.recordings.close()
        self._terminals.clear()
        self._site.home.leave()

    def listen(self, changed: Callable[[], None]) -> None:
        """``changed`` is called when a terminal has come, gone, or is another one than before."""
        self._listeners.append(changed)

    # Asking

    def all(self) -> list[Terminal]:
        """Every terminal, in the order in which they were made."""
        return sorted(self._terminals.values(), key=lambda each: (each.definition.created_at, each.terminal_id))

    @property
    def running(self) -> int:
        """How many have a shell of which nothing says that it has ended."""
        return sum(each.is_running for each in self._terminals.values())

    def standing(self) -> Part:
        """How they stand, for whoever asks the server."""
        facts: dict[str, Any] = {"kinds": self.kinds.names, "running": self.running}
        failures = [{"name": each.name, "reason": each.error_type} for each in self.kinds.failures]
        if self.problem:
            return Part("degraded", self.problem, facts)
        if failures:
            return Part("degraded", "some kinds of upstreams could not be loaded", facts | {"plugins": failures})
        if self.recordings.problem:
            return Part("degraded", self.recordings.problem, facts)
        return Part(facts=facts)

    def seen_by(self, caller: Caller) -> list[Terminal]:
        """Those that the caller has a right on."""
        return [each for each in self.all() if each.definition.right_of(caller) > Right.none]

    def terminal(self, terminal_id: str, caller: Caller, least: Right = Right.watch) -> Terminal:
        """The terminal, on which the caller has at least this right.

        Raises:
            NotFound: There is none.
            NotAllowed: There is, and the caller has less.
            Unavailable: No terminals can be had now.
        """
        found = self._terminals.get(terminal_id)
        if found is None:
            if self.problem:
                raise Unavailable(f"Terminals cannot be had: {self.problem}.")
            raise NotFound("There is no such terminal.", terminal_id=terminal_id)
        found.check(caller, least)
        return found

    # Opening and ending

    async def open(self, order: Order, by: By) -> Terminal:
        """The terminal is there and its shell runs, or its upstream is being tried again.

        Raises:
            InvalidInput: The order cannot be meant; ``field`` names where.
            NotAllowed: It is to be somebody else's, and the caller is no admin.
            LimitExceeded: There are as many as the settings let be.
            Unavailable: No terminals can be had now.
        """
        terminal = self._prepared(order, by)
        await self._opened(terminal, by)
        return terminal

    def begin(self, order: Order, by: By) -> Terminal:
        """The terminal is there, and its shell is being started; one that cannot be is gone again.

        Raises:
            WorkbenchError: As ``open``.
        """
        terminal = self._prepared(order, by)
        self._background.begin(self._opened(terminal, by))
        return terminal

    def _prepared(self, order: Order, by: By) -> Terminal:
        names = {each.definition.name for each in self._terminals.values()}
        definition = definition_of(order, by.caller, self._site, names=names, recorded=self.settings.recording)
        upstream = self.kinds.upstream_of(order.upstream, self._place(definition.terminal_id))
        if self.problem:
            raise Unavailable(f"Terminals cannot be had: {self.problem}.")
        if definition.terminal_id in self._terminals:
            raise Conflict("There is a terminal of this name.", terminal_id=definition.terminal_id)
        self._make_room()
        return self._built(definition, upstream, is_old=False)

    async def _opened(self, terminal: Terminal, by: By) -> None:
        definition, home_id = terminal.definition, self._site.home.home_id
        try:
            await self._database.write(lambda transaction: records.add(transaction, definition, home_id))
            await self._reach(terminal)
        except BaseException:
            await self._forget(terminal)
            raise
        terminal.room.start()
        await terminal.settled()
        self._note("terminal-opened", by, f"{definition.terminal_id} {definition.kind}")
        self._tell()

    def _place(self, terminal_id: str) -> Place:
        return Place(terminal_id, self._site.home.of(terminal_id), self._site.root, self._all_settings)

    def _make_room(self) -> None:
        if self.running >= self.settings.terminals:
            raise LimitExceeded(f"There are {self.running} terminals, and no more are let be: end one.")
        for oldest in [each for each in self.all() if not each.is_running][: -self.settings.terminals]:
            self._background.begin(self._forget(oldest))

    def _built(self, definition: Definition, upstream: Upstream, *, is_old: bool) -> Terminal:
        terminal_id = definition.terminal_id
        recording: Recording = NoRecording()
        if definition.recorded:
            recording = self.recordings.of(terminal_id, title=definition.name)
        terminal = Terminal(
            definition, upstream=Reached(upstream, is_old=is_old), recording=recording, around=self._around
        )
        self._terminals[terminal_id] = terminal
        return terminal

    @staticmethod
    async def _reach(terminal: Terminal) -> None:
        try:
            await terminal.upstream.reach(terminal.definition.size)
        except Unavailable:
            return  # the room tries again, and tells
        except (NotAllowed, NotFound) as refused:
            reason = refused.message
            raise InvalidInput(f"upstream: {reason}", field="upstream", reason=reason) from refused

    async def end(self, terminal_id: str, by: By) -> None:
        """The shell is ended, and nothing is remembered of the terminal, its recording included.

        Raises:
            NotFound: There is none.
            NotAllowed: It is not the caller's.
        """
        terminal = self.terminal(terminal_id, by.caller, Right.own)
        await self._forget(terminal)
        self._note("terminal-ended", by, terminal_id)

    async def _forget(self, terminal: Terminal) -> None:
        self._terminals.pop(terminal.terminal_id, None)
        await terminal.upstream.let_go()
        await terminal.room.close(end=True, code=GONE, reason="the terminal was ended")
        await self.recordings.forget(terminal.terminal_id)
        await self._database.write(lambda transaction: records.forget(transaction, terminal.terminal_id))
        self._tell()

    async def restart(self, terminal_id: str, by: By) -> Terminal:
        """Its shell is a new one; an upstream that was given up is tried again.

        Raises:
            NotFound: There is none.
            NotAllowed: It is not the caller's.
        """
        terminal = self.terminal(terminal_id, by.caller, Right.own)
        await terminal.restarted()
        self._note("terminal-restarted", by, terminal_id)
        return terminal

    # What was there before

    async def _restore(self, definition: Definition) -> None:
        upstream = self.kinds.upstream_again(definition.upstream, self._place(definition.terminal_id))
        terminal = self._built(definition, upstream, is_old=definition.exit is None and upstream.lasting)
        if definition.exit is not None:
            await self._recall(terminal, definition.exit)
            return
        if not upstream.lasting:
            await self._recall(terminal, Exit(None, _NOT_LASTING))
            return
        try:
            await terminal.upstream.reach(definition.size)
        except Unavailable as error:
            log.info("terminal %s: %s", definition.terminal_id, error.message)  # the room tries again, and tells
        except WorkbenchError as error:
            await self._recall(terminal, Exit(None, error.message))
            return
        terminal.room.start()

    async def _recall(self, terminal: Terminal, ended: Exit) -> None:
        shown = await self.recordings.last_screen(terminal.terminal_id, LAST_SCREEN_BYTES)
        reason = ended.reason or "its shell has ended"
        terminal.room.recall(b"" if shown is None else shown.output, Hop(HopState.closed, reason=reason), ended)
        self._changed(terminal)

    # Rights

    async def grant(self, terminal_id: str, identity: str, right: Right, by: By) -> None:
        """The identity has this right; its connections have it at once.

        Raises:
            InvalidInput: No identity is so.
            NotFound: There is no such terminal.
            NotAllowed: It is not the caller's.
        """
        terminal, now = self.terminal(terminal_id, by.caller, Right.own), self._site.clock()
        name = by.caller.name
        await self._database.write(lambda tx: records.grant(tx, terminal_id, identity, right, by=name, at=now))
        terminal.granted(identity, right)
        self._note("terminal-granted", by, f"{terminal_id} {identity} {right.name}")

    async def withdraw(self, terminal_id: str, identity: str, by: By) -> None:
        """Nothing is granted to the identity; who was connected by it alone is sent away.

        Raises:
            NotFound: There is no such terminal, or nothing was granted.
            NotAllowed: It is not the caller's.
        """
        terminal = self.terminal(terminal_id, by.caller, Right.own)
        terminal.granted(identity, Right.none)
        await self._database.write(lambda tx: records.withdraw(tx, terminal_id, identity))
        self._note("terminal-withdrawn", by, f"{terminal_id} {identity}")

    # What others say

    def hil(self, terminal_id: str, said: HilBody, by: By) -> None:
        """The program is held while a task waits for a person, or goes on; all members were told.

        Raises:
            NotFound: There is no such terminal.
            NotAllowed: The caller may not drive it.
        """
        terminal = self.terminal(terminal_id, by.caller, Right.drive)
        terminal.room.hil(said.state, task_id=said.task_id, reason=said.reason, review_id=said.review_id)

    # What happens to them

    def _changed(self, terminal: Terminal) -> None:
        if self._is_stopping or terminal.terminal_id not in self._terminals:
            return
        if terminal.room.hop.attempt > terminal.attempt:
            self._around.metrics.reconnects.inc()
        terminal.attempt = terminal.room.hop.attempt
        before, ended, size = terminal.definition, terminal.ended(), terminal.room.size
        at = None if ended is None else before.ended_at or self._site.clock()
        after = replace(before, exit=ended, ended_at=at, size=size)
        if after != before:
            terminal.definition = after
            self._background.begin(self._remember(after))
        self._tell()

    async def _remember(self, definition: Definition) -> None:
        with suppress(Unavailable):  # it is told again by the next change, and by the shell itself
            await self._database.write(lambda transaction: records.put_state(transaction, definition))

    def _input_refused(self, terminal: Terminal, caller: Caller) -> None:
        self._note("input-refused", By(caller), terminal.terminal_id)

    def _note(self, kind: str, by: By, subject: str) -> None:
        self._site.note(AuditEvent(kind, by.caller.identity, by.caller.name, by.address, subject))

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(PING_S)
            now = self._around.now()
            for terminal in self.all():
                for member in terminal.members:
                    member.beat(now)
