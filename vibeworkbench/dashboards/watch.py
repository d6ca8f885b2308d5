"""When a dashboard is rendered without anybody asking, and who hears that it ended otherwise than before."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from vibeworkbench.dashboards.claims import Claims
from vibeworkbench.dashboards.model import Standing, clock_of
from vibeworkbench.dashboards.renders import Renders
from vibeworkbench.dashboards.shelf import Shelf
from vibeworkbench.dashboards.sources import Sightings, is_of_this_maker
from vibeworkbench.dashboards.studio import Studio
from vibeworkbench.errors import Conflict, InvalidInput, Unavailable, WorkbenchError
from vibeworkbench.ops.model import Filters, ScanRequest, Scope
from vibeworkbench.ops.service import Ops
from vibeworkbench.schedules.model import due_slot, latest_slot
from vibeworkbench.storage.records import Database

COLLECTOR = "dashboards"
"""The collector that looks at the dashboards."""
AGAIN = timedelta(seconds=30)
"""A render whose outcome could not be stored is tried again after this."""

log = logging.getLogger(__name__)


class Watch:
    """Looks at every dashboard in turn, and asks for the render of those that are due.

    Of several servers on one database, one renders: the one that claims it.

    Args:
        database: Where renders are claimed.
        claims: This server's claims.
        shelf: What is published.
        studio: Who knows where notebooks are, and the settings.
        ops: Who is asked to look at the dashboards.
    """

    def __init__(self, *, database: Database, claims: Claims, shelf: Shelf, studio: Studio, ops: Ops) -> None:
        self._database = database
        self._claims = claims
        self._shelf = shelf
        self._studio = studio
        self._clock = claims.site.clock
        self._ops = ops
        self._sightings = Sightings(studio.settings.notebook_bytes)
        self._not_before: dict[str, datetime] = {}
        self._is_news = False
        self._wake = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None

    def start(self, renders: Renders, changed: Callable[[str], None]) -> None:
        """Dashboards are looked at from now on.

        Args:
            renders: Where renders are asked for.
            changed: Told which dashboard has another page.
        """
        self._loop = asyncio.create_task(self._for_ever(renders, changed), name="dashboards")

    async def stop(self) -> None:
        """Nothing is looked at any more."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.wait({self._loop})

    @property
    def alive(self) -> bool:
        """Whether dashboards are looked at."""
        return self._loop is not None and not self._loop.done()

    def news(self) -> None:
        """Ops looks at the dashboards as soon as it can: one stands otherwise than it did."""
        self._is_news = True
        self._wake.set()

    def postpone(self, name: str) -> None:
        """The dashboard is not asked for of our own accord for a while, and then looked at afresh."""
        self._not_before[name] = self._clock() + AGAIN
        self._sightings.forget(name)

    async def _for_ever(self, renders: Renders, changed: Callable[[str], None]) -> None:
        while True:
            try:
                await self._round(renders, changed)
            except Unavailable as error:
                log.warning("dashboards cannot be looked at now: %s", error.message)
            except Exception:  # border: the background loop outlives any failure of one round
                log.exception("a round of the dashboards failed; the next one tries again")
            with suppress(TimeoutError):
                async with asyncio.timeout(self._studio.settings.watch_interval_s):
                    await self._wake.wait()
            self._wake.clear()

    async def _round(self, renders: Renders, changed: Callable[[str], None]) -> None:
        for name in await self._shelf.refresh():
            changed(name)
        if self._is_news:
            await self._tell_ops()
        for standing in list(self._shelf.standings.values()):
            name = standing.publication.name
            if not renders.of(name) and await self._is_due(standing) and await self._claimed(standing):
                renders.ask(name)

    async def _is_due(self, standing: Standing) -> bool:
        publication, now = standing.publication, self._clock()
        if self._not_before.get(publication.name, now) > now:
            return False
        if not is_of_this_maker(standing.tried):
            return True
        clock = clock_of(publication.name, publication.every)
        if clock is not None and due_slot(clock, standing.slot_at, now) is not None:
            return True
        if publication.stored:
            return False
        return await asyncio.to_thread(self._sightings.changed, standing, self._studio.place_of(standing))

    async def _claimed(self, standing: Standing) -> bool:
        claimed = await self._database.write(lambda transaction: self._claims.take(transaction, standing))
        if not claimed:
            self._sightings.forget(standing.publication.name)  # judged again, should the other server not get to it
        return claimed

    async def _tell_ops(self) -> None:
        try:
            await self._ops.begin(ScanRequest(Scope.incremental, COLLECTOR, Filters(sources=frozenset({COLLECTOR}))))
        except Conflict:
            return  # the scan under way may have looked already: asked again next time
        except InvalidInput:
            log.debug("no scan looks at dashboards: the collector is off")
        except WorkbenchError as error:
            log.warning("ops could not be asked to look at the dashboards: %s", error.message)
            return
        self._is_news = False


def is_overdue(standing: Standing, now: datetime) -> bool:
    """Whether two instants of the dashboard's clock have passed since its page was made."""
    publication, page = standing.publication, standing.page
    clock = clock_of(publication.name, publication.every)
    if clock is None:
        return False
    last = latest_slot(clock, now)
    made_at = page.rendered_at if page else publication.published_at
    return made_at < latest_slot(clock, last - timedelta(seconds=1))
