"""Keeps what is known in memory and what stands in the database the same, and tells whose rights changed or ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from vibeworkbench.access import records
from vibeworkbench.access.identities import Identities
from vibeworkbench.access.model import EndedSession, Known
from vibeworkbench.errors import Unavailable
from vibeworkbench.storage.records import Database, Transaction

REFRESH_S = 2.0
"""How soon this server knows what another one on the same database has changed."""
USES_INTERVAL_S = 60.0
"""How often it is written when tokens were last used."""
FORGET_INTERVAL_S = 600.0

Listener = Callable[[frozenset[str]], None]

log = logging.getLogger(__name__)


class Keeper:
    """What goes on in the background.

    Args:
        database: Where tokens, people and ended sessions stand.
        identities: What is known of them in memory.
        clock: The present instant, aware UTC.
        keep: For how long tokens that ended are listed.
        refresh_s: Time between two looks at the database. It is counted by a clock that never goes back.
    """

    def __init__(
        self,
        *,
        database: Database,
        identities: Identities,
        clock: Callable[[], datetime],
        keep: timedelta,
        refresh_s: float,
    ) -> None:
        self._database = database
        self._identities = identities
        self._clock = clock
        self._keep = keep
        self._refresh_s = refresh_s
        self._listeners: list[Listener] = []
        self._used: dict[str, datetime] = {}
        self._failing: dict[str, datetime] = {}
        self._wake = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """What the database says is known, and stays so.

        Raises:
            Unavailable: The storage does not answer.
        """
        self._learn(await self._database.read(records.known))
        self._loop = asyncio.create_task(self._watch(), name="access")

    async def stop(self) -> None:
        """Nothing is looked at any more."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
            await self._in_background("uses", self._store_uses)
            await self._in_background("logouts", self._store_ended)

    @property
    def stale_since(self) -> datetime | None:
        """Since when the database has not answered: what other servers changed since then is not known here."""
        return self._failing.get("refresh")

    @property
    def used(self) -> Mapping[str, datetime]:
        """Identity → instant of uses that the database does not know of yet."""
        return self._used

    def note_use(self, identity: str) -> None:
        """The token of this identity has just opened something."""
        self._used[identity] = self._clock()

    def listen(self, changed: Listener) -> None:
        """``changed`` gets the identities whose rights changed or ended, or a session of which ended."""
        self._listeners.append(changed)

    def tell(self, identities: frozenset[str]) -> None:
        """Every listener has been told of these identities."""
        for changed in self._listeners if identities else ():
            try:
                changed(identities)
            except Exception:  # border: one listener's failure must not keep the sockets of the others open
                log.exception("access: a listener failed")

    async def change(self, change: Callable[[Transaction], None]) -> None:
        """The change is committed, and known here.

        Raises:
            Unavailable: The storage does not take it; nothing has changed.
        """

        def work(transaction: Transaction) -> Known:
            change(transaction)
            return records.changed(transaction)

        known = await self._database.write(work)
        if known.revision > self._identities.known.revision:
            self._learn(known)

    async def end(self, session: EndedSession) -> None:
        """The session has ended: here at once, elsewhere as soon as storage takes it."""
        self._identities.ended_here[session.session_id] = session
        self.tell(frozenset({session.identity}))
        await self._in_background("logouts", self._store_ended)

    def _learn(self, known: Known) -> None:
        self.tell(self._identities.know(known))
        self._wake.set()  # something may expire sooner

    async def _watch(self) -> None:
        clock = asyncio.get_running_loop().time
        rounds = (
            ("refresh", self._refresh, self._refresh_s),
            ("logouts", self._store_ended, self._refresh_s),
            ("uses", self._store_uses, USES_INTERVAL_S),
            ("forgetting", self._forget, FORGET_INTERVAL_S),
        )
        due_s = {name: clock() + interval_s for name, _, interval_s in rounds} | {"forgetting": 0.0}
        while True:
            self._wake.clear()
            self.tell(self._identities.expired())
            for name, work, interval_s in rounds:
                if clock() >= due_s[name]:
                    await self._in_background(name, work)
                    due_s[name] = clock() + interval_s
            await self._woken(min(due_s.values()) - clock())

    async def _woken(self, limit_s: float) -> None:
        """Something expires, a round is due, or something was learned."""
        expiry_at = self._identities.next_expiry_at()
        if expiry_at is not None:
            limit_s = min(limit_s, (expiry_at - self._clock()).total_seconds())
        try:
            async with asyncio.timeout(max(0.0, limit_s)):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _in_background(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Unavailable as error:
            if name not in self._failing:
                log.warning("access: %s: %s", name, error.message)
                self._failing[name] = self._clock()
        except Exception:  # a background loop's border: one failure must not end all refreshing
            log.exception("access: %s failed", name)
        else:
            self._failing.pop(name, None)

    async def _refresh(self) -> None:
        before = self._identities.known
        known = await self._database.read(partial(_known_unless, before.revision))
        if known is not None and self._identities.known is before:  # else a change of our own is newer than the look
            self._learn(known)

    async def _store_ended(self) -> None:
        ended = list(self._identities.ended_here.values())
        if ended:
            await self.change(lambda transaction: records.end_sessions(transaction, ended))

    async def _store_uses(self) -> None:
        used, self._used = self._used, {}
        stored = [(identity.removeprefix("token:"), at) for identity, at in used.items()]
        try:
            if stored:
                await self._database.write(lambda transaction: records.note_uses(transaction, stored))
        except Unavailable:
            self._used = {**used, **self._used}
            raise

    async def _forget(self) -> None:
        now = self._clock()
        await self._database.write(lambda transaction: records.forget_ended(transaction, now, now - self._keep))


def _known_unless(revision: int, connection: Any) -> Known | None:
    return None if records.present_revision(connection) == revision else records.known(connection)
