"""Dashboards: publishing notebooks, rendering them when it is time, and having their pages at hand.

A page and all that belongs to it is replaced in one transaction, once its render went well; until then, and when it
fails, the old page is served. That a render failed reaches people on the straight line: a scan looks at the dashboards,
a check judges, and the issue is filed as any other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from vibeworkbench.access.model import AuditEvent
from vibeworkbench.dashboards import records
from vibeworkbench.dashboards.claims import Claims
from vibeworkbench.dashboards.model import (
    MESSAGE,
    PARTY,
    Order,
    Progress,
    Publication,
    Standing,
    State,
    checked_ancestors,
    checked_name,
    clock_of,
    name_of,
)
from vibeworkbench.dashboards.notebook import Source
from vibeworkbench.dashboards.render import Told
from vibeworkbench.dashboards.renders import Renders
from vibeworkbench.dashboards.shelf import Shelf
from vibeworkbench.dashboards.site import Site
from vibeworkbench.dashboards.sources import checked_content, located, read_notebook
from vibeworkbench.dashboards.studio import Studio, new_stamp
from vibeworkbench.dashboards.watch import Watch, is_overdue
from vibeworkbench.errors import NotAllowed, Unavailable
from vibeworkbench.ops.service import Ops
from vibeworkbench.rooms.model import Party
from vibeworkbench.rooms.service import Rooms
from vibeworkbench.settings import DashboardSettings
from vibeworkbench.storage.records import Database
from vibeworkbench.web.roles import Caller, Role


class Dashboards:
    """All dashboards of one server.

    Args:
        database: Where publications and pages are.
        rooms: Where it is said that a page is a newer one.
        ops: Who is asked to look when a render ended otherwise than the one before.
        settings: Limits and intervals.
        site: The server: its notebooks, its address, its callers' rights, its clock.
    """

    def __init__(self, *, database: Database, rooms: Rooms, ops: Ops, settings: DashboardSettings, site: Site) -> None:
        self.settings = settings
        self.shelf = Shelf(database, settings.memory_bytes)
        self._database = database
        self._rooms = rooms
        self._site = site
        self._studio = Studio(database=database, shelf=self.shelf, settings=settings, site=site)
        self._claims = Claims(site, settings.render_limit_s)
        self._watch = Watch(database=database, claims=self._claims, shelf=self.shelf, studio=self._studio, ops=ops)
        self._renders = Renders(self._render, self._announce, settings.renders_at_once)
        self._is_stopping = False
        self.shelf.listen(self._judge_again)
        rooms.register(
            Party(
                PARTY,
                recording=False,
                read=Role.viewer,
                write=None,
                snapshot=self.snapshot,
                admits_caller=self._admits,
            )
        )

    async def start(self) -> None:
        """Dashboards are served, and rendered when it is time.

        Raises:
            Unavailable: The storage does not answer.
        """
        await self.shelf.refresh()
        self._watch.start(self._renders, self._announce)

    async def stop(self) -> None:
        """Nothing is rendered any more, and no kernel of a render is left."""
        self._is_stopping = True
        await self._watch.stop()
        await self._renders.stop()
        with suppress(Unavailable):  # a claim that stays ends with this process
            await self._database.write(self._claims.release)

    @property
    def alive(self) -> bool:
        """Whether dashboards are rendered when it is time."""
        return self._watch.alive

    # Publishing

    async def publish(self, order: Order, caller: Caller) -> Standing:
        """The dashboard is published as ordered, in place of a former one of its name; its render has been asked for.

        Raises:
            InvalidInput: The order cannot be meant; ``field`` names where.
            NotAllowed: The dashboard, or the role it is to be for, is above the caller's own.
            Unavailable: The storage does not answer.
        """
        name = checked_name(order.name) if order.name else name_of(order.notebook)
        checked_ancestors(order.frame_ancestors)
        clock_of(name, order.every)
        self._check_right(name, caller)
        if order.role > caller.role:
            raise NotAllowed(f"You may publish for {caller.role.name} at most.", required=order.role.name)
        place, source = await asyncio.to_thread(self._ordered, order)
        standing = self._standing_of(order, name, source, place=place, caller=caller)
        await self._renders.drop(name)
        claim = self._claims.claim()
        await self._database.write(
            lambda transaction: records.put(transaction, standing, order.content, claim, caller.role)
        )
        await self.shelf.refresh()
        self._note("dashboard-published", caller, f"{name} for {order.role.name}")
        self._renders.ask(name)
        return self.shelf.standing(name)

    def _ordered(self, order: Order) -> tuple[Path | None, Source]:
        if order.content is not None:
            return None, checked_content(order, self.settings.notebook_bytes)
        place = located(self._site.root, order.notebook)
        return place, read_notebook(place, self.settings.notebook_bytes)

    def _standing_of(self, order: Order, name: str, source: Source, *, place: Path | None, caller: Caller) -> Standing:
        now = self._site.clock()
        file = order.notebook.rpartition("/")[2]
        publication = Publication(
            name=name,
            title=source.title or name,
            notebook=file if place is None else place.relative_to(self._site.root.resolve()).as_posix(),
            stored=place is None,
            role=order.role,
            interactive=order.interactive,
            every=order.every,
            frame_ancestors=checked_ancestors(order.frame_ancestors),
            publisher=caller.identity,
            published_by=caller.name,
            published_at=now,
        )
        return Standing(publication, new_stamp(), str(place or ""), page=None, failure=None, tried="", slot_at=now)

    def _check_right(self, name: str, caller: Caller) -> None:
        if caller.scope is not None or not caller.may(Role.operator):
            raise NotAllowed("Publishing takes the role operator, without a scope.", required=Role.operator.name)
        known = self.shelf.standings.get(name)
        if known is not None and known.publication.role > caller.role:
            required = known.publication.role.name
            raise NotAllowed(f"This dashboard is for {required}, who alone may change it.", required=required)

    async def unpublish(self, name: str, caller: Caller) -> None:
        """The dashboard is gone, with its page; its notebook stays.

        Raises:
            NotFound: There is no such dashboard.
            NotAllowed: It is above the caller's role.
            Unavailable: The storage does not answer.
        """
        self._check_right(name, caller)
        self.shelf.standing(name)
        await self._renders.drop(name)
        await self._database.write(lambda transaction: records.remove(transaction, name, caller.role))
        await self.shelf.refresh()
        self._announce(name)  # that there is no page any more
        self._note("dashboard-unpublished", caller, name)
        self._watch.news()

    def _note(self, kind: str, caller: Caller, subject: str) -> None:
        self._site.note(AuditEvent(kind, identity=caller.identity, name=caller.name, subject=subject))

    # Rendering

    def ask(self, name: str, caller: Caller) -> asyncio.Task[None]:
        """The dashboard will be rendered from what its notebook says now or later; the task ends with that render.

        Raises:
            NotFound: There is no such dashboard.
            NotAllowed: It is above the caller's role.
        """
        self._check_right(name, caller)
        self.shelf.standing(name)
        return self._renders.ask(name)

    async def rendered(self, name: str) -> Standing:
        """The dashboard as it stands once no render of it is under way or asked for.

        Raises:
            NotFound: There is no such dashboard any more.
            Unavailable: The server is stopping, or the storage did not take what was rendered.
        """
        while tasks := self._renders.of(name):
            await asyncio.wait(tasks)  # not awaited themselves: whoever asked may go, the renders go on
            if self._is_stopping:
                raise Unavailable("The server is stopping.", retry_after_s=5.0)
            for task in tasks:
                if not task.cancelled() and (error := task.exception()) is not None:
                    raise error
        return self.shelf.standing(name)

    async def _render(self, name: str, told: Told) -> None:
        self._announce(name)
        before = self.shelf.standings.get(name)
        try:
            await self._studio.render(name, told)
        except Unavailable:
            self._watch.postpone(name)
            raise
        after = self.shelf.standings.get(name)
        if (before and before.failure) != (after and after.failure):
            self._watch.news()

    # Looking

    def progress_of(self, name: str) -> Progress | None:
        """How far the dashboard's render is; ``None`` when it is not being rendered."""
        return self._renders.progress_of(name)

    def state_of(self, standing: Standing) -> State:
        """How the dashboard stands, in a word."""
        return standing.state(is_rendering=self.progress_of(standing.publication.name) is not None)

    def published(self, notebook: str) -> Publication | None:
        """The publication of the notebook at this path relative to the server's root; no I/O.

        An interactive one comes before one that is not, and a lower role before a higher one.
        """
        return self.shelf.published(notebook)

    def rooms_of(self, name: str) -> tuple[tuple[str, str], ...]:
        """The rooms that the dashboard's present page needs, its own among them; no I/O."""
        return self.shelf.rooms_of(name)

    def facts(self) -> list[dict[str, Any]]:
        """What the collector is told: how each stands, and not why."""
        return [self._facts_of(each) for _, each in sorted(self.shelf.standings.items())]

    def _facts_of(self, standing: Standing) -> dict[str, Any]:
        page = standing.page
        return {
            "name": standing.publication.name,
            "state": standing.state(is_rendering=False).value,
            "renderedAt": page.rendered_at if page else None,
            "overdue": is_overdue(standing, self._site.clock()),
        }

    # Telling

    def _admits(self, caller: Caller, room: str) -> None:
        self.shelf.visible_to(caller, room)

    def _judge_again(self, names: frozenset[str]) -> None:
        for name in names & self.shelf.standings.keys():  # of one that is gone, whoever watched it is told
            self._rooms.judge_again((PARTY, name))

    def snapshot(self, connection: sa.Connection, room: str) -> Mapping[str, Any]:
        """What a member of the dashboard's room is told first."""
        return self._said(room)

    def _announce(self, name: str) -> None:
        self._rooms.announce(PARTY, name, MESSAGE, self._said(name))

    def _said(self, name: str) -> dict[str, Any]:
        standing = self.shelf.standings.get(name)
        page = standing.page if standing else None
        return {
            "name": name,
            "etag": page.etag if page else None,
            "renderedAt": page.rendered_at if page else None,
            "state": (self.state_of(standing) if standing else State.never).value,
        }
