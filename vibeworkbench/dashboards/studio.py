"""One render from end to end: the notebook is read, executed under its publisher's right, and its page is stored."""

from __future__ import annotations

import asyncio
import logging
import uuid
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from vibeworkbench.access.model import AuditEvent
from vibeworkbench.dashboards import records
from vibeworkbench.dashboards.frames import Rendered, RenderOrder
from vibeworkbench.dashboards.model import Failure, PageFacts, Standing
from vibeworkbench.dashboards.notebook import Source
from vibeworkbench.dashboards.records import Made, Stored
from vibeworkbench.dashboards.render import RenderFailed, Told, rendered
from vibeworkbench.dashboards.shelf import Shelf
from vibeworkbench.dashboards.site import Site
from vibeworkbench.dashboards.sources import content_source, read_source, tried_with, tried_without
from vibeworkbench.settings import DashboardSettings
from vibeworkbench.storage.records import Database
from vibeworkbench.web.roles import Role

log = logging.getLogger(__name__)


def new_stamp() -> str:
    """What a dashboard bears that is not as it was."""
    return uuid.uuid4().hex


class Studio:
    """Renders dashboards; who renders when is not its business.

    Args:
        database: Where publications and pages are.
        shelf: What is published.
        settings: Limits.
        site: The server.
    """

    def __init__(self, *, database: Database, shelf: Shelf, settings: DashboardSettings, site: Site) -> None:
        self.settings = settings
        self._database = database
        self._shelf = shelf
        self._site = site

    async def render(self, name: str, told: Told) -> None:
        """The dashboard's page is what its notebook says now; else its old page stays, and why is recorded.

        Raises:
            Unavailable: The storage did not answer; what was made is lost.
        """
        standing = self._shelf.standings.get(name)
        if standing is None:
            return
        began_s = asyncio.get_running_loop().time()
        ended = replace(standing, stamp=new_stamp(), slot_at=self._site.clock())
        tried = ""
        try:
            source = await self._source(standing)
            tried = tried_with(source.digest)
            reply = await self._carried_out(standing, source, told)
        except RenderFailed as error:
            await self._record_failure(ended, error.failure, tried or tried_without(error.failure))
        else:
            render_ms = (asyncio.get_running_loop().time() - began_s) * 1000.0
            title = source.title or name
            await self._record_page(ended, _made(reply, title=title, tried=tried, render_ms=render_ms))
        await self._shelf.refresh()

    async def _source(self, standing: Standing) -> Source:
        publication = standing.publication
        if not publication.stored:
            return await asyncio.to_thread(read_source, self.place_of(standing), self.settings.notebook_bytes)
        content = await self._database.read(lambda connection: records.content_of(connection, publication.name))
        return await asyncio.to_thread(content_source, content or b"")

    def place_of(self, standing: Standing) -> Path:
        """Where the notebook's file is: where it was when it was published, else below the present root."""
        place = Path(standing.place)
        return place if place.is_file() else self._site.root / standing.publication.notebook

    async def _carried_out(self, standing: Standing, source: Source, told: Told) -> Rendered:
        publication, rights = standing.publication, self._site.rights
        grant = rights.by_identity(publication.publisher)
        if grant is None or grant.scope is not None or not grant.caller().may(Role.operator):
            reason = f"{publication.published_by}, who published it, may not any more; publish it again"
            raise RenderFailed(Failure(reason, "no-right"))
        folder = self._site.root if publication.stored else self.place_of(standing).parent
        lent = rights.lend(grant, f"render of dashboard {publication.name}")
        try:
            order = RenderOrder(
                name=publication.name,
                title=source.title or publication.name,
                role=publication.role,
                content=source.content,
                folder=str(folder),
                environment={"VIBEWORKBENCH_URL": self._site.url(), "VIBEWORKBENCH_TOKEN": lent.token},
                page_bytes=self.settings.page_bytes,
            )
            return await rendered(order, limit_s=self.settings.render_limit_s, told=told)
        finally:
            lent.end()

    async def _record_page(self, standing: Standing, made: Made) -> None:
        keep_since = made.page.rendered_at - timedelta(seconds=self.settings.keep_assets_s)
        await self._database.write(lambda transaction: records.record_page(transaction, standing, made, keep_since))

    async def _record_failure(self, standing: Standing, failure: Failure, tried: str) -> None:
        await self._database.write(lambda transaction: records.record_failure(transaction, standing, failure, tried))
        publication = standing.publication
        log.warning("dashboard %s could not be rendered: %s", publication.name, failure.error)
        subject = f"{publication.name}: {failure.error}"
        event = AuditEvent("dashboard-render-failed", publication.publisher, publication.published_by, subject=subject)
        self._site.note(event)


def _made(reply: Rendered, *, title: str, tried: str, render_ms: float) -> Made:
    page = PageFacts(
        etag=reply.etag,
        page_bytes=reply.page_bytes,
        rooms=reply.rooms,
        rendered_at=reply.rendered_at,
        render_ms=render_ms,
    )
    assets = {file: Stored(file, media_type, body) for file, (media_type, body) in reply.assets.items()}
    return Made(page, reply.page, assets, title, tried)
