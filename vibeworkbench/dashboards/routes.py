"""Dashboards over REST, and their pages."""

from __future__ import annotations

import asyncio
import gzip
from typing import ClassVar

from vibeworkbench.dashboards.model import IndexEntry, Standing
from vibeworkbench.dashboards.page_frame import content_security_policy, index_page, waiting_page
from vibeworkbench.dashboards.records import Stored
from vibeworkbench.dashboards.service import Dashboards
from vibeworkbench.dashboards.wire import DashboardBody, DashboardPage, DashboardQuery, PublishBody, body_of, order_of
from vibeworkbench.errors import NotFound
from vibeworkbench.web.bundles import takes_gzip
from vibeworkbench.web.handlers import ApiHandler
from vibeworkbench.web.operation import Answer, operation
from vibeworkbench.web.pages import PageHandler
from vibeworkbench.web.roles import Role
from vibeworkbench.web.routes import PREFIX, Route

_FOR_EVER = "private, max-age=31536000, immutable"
_ASKED_AGAIN = "private, no-cache"
_NOT_READY_S = 5


class _Handler(ApiHandler):
    subsystem: ClassVar[str] = "dashboards"

    def initialize(self, service: Dashboards) -> None:
        """The service is at hand."""
        self.service = service

    def said(self, standing: Standing) -> DashboardBody:
        """How the dashboard stands, for this caller."""
        name = standing.publication.name
        url = f"{self.base_url.rstrip('/')}{PREFIX}/dashboards/{name}"
        return body_of(standing, self.service.progress_of(name), self.caller, url)

    async def ended(self, standing: Standing) -> Answer:
        """The dashboard when its render has ended, or with ``Prefer: respond-async`` as it stands now."""
        name = standing.publication.name
        where = {"Location": f"{self.base_url.rstrip('/')}{PREFIX}/api/dashboards/{name}"}
        if self._prefers_async():
            return Answer(202, self.said(standing), {**where, "Preference-Applied": "respond-async"})
        return Answer(200, self.said(await self.service.rendered(name)), where)

    def _prefers_async(self) -> bool:
        given = ",".join(self.request.headers.get_list("Prefer"))
        return "respond-async" in {part.partition(";")[0].strip().lower() for part in given.split(",")}


_ASYNC = {202: "Asked for, and under way or waiting (Prefer: respond-async); Location says how it stands"}


class DashboardsHandler(_Handler):
    """All dashboards."""

    @operation(
        summary="List the dashboards that the caller may see",
        role=Role.analyst,
        query=DashboardQuery,
        answer=DashboardPage,
        description="Viewers have the page `vibeworkbench/dashboards` for this.",
    )
    async def get(self, *, query: DashboardQuery) -> DashboardPage:
        """Dashboards after ``cursor``."""
        later = [each for each in self.service.shelf.visible(self.caller) if each.publication.name > query.cursor]
        page = [self.said(each) for each in later[: query.limit]]
        return DashboardPage(items=page, next_cursor=page[-1].name if len(later) > len(page) else None)

    @operation(
        summary="Publish a notebook",
        role=Role.operator,
        body=PublishBody,
        answer=DashboardBody,
        also=_ASYNC,
        errors=(503,),
        action="execute",
        description=(
            "The notebook is executed once under the caller's right, and its page is served to every caller of the "
            "role. Published again, its settings are replaced; the old page is served until the new one is good. The "
            "answer's `state` says how the render ended; when it failed, `reason` says why."
        ),
    )
    async def post(self, *, body: PublishBody) -> Answer:
        """The dashboard, rendered or failed to be."""
        return await self.ended(await self.service.publish(order_of(body), self.caller))


class DashboardHandler(_Handler):
    """One dashboard."""

    @operation(summary="How a dashboard stands", role=Role.analyst, answer=DashboardBody, errors=(404,))
    async def get(self, *, name: str) -> DashboardBody:
        """The dashboard, if the caller may see it."""
        return self.said(self.service.shelf.visible_to(self.caller, name))

    @operation(summary="Unpublish a dashboard", role=Role.operator, status=204, errors=(404, 503))
    async def delete(self, *, name: str) -> None:
        """The page is gone, the notebook stays."""
        await self.service.unpublish(name, self.caller)


class RenderHandler(_Handler):
    """The manual trigger."""

    @operation(
        summary="Render a dashboard now",
        role=Role.operator,
        answer=DashboardBody,
        also=_ASYNC,
        errors=(404, 503),
        action="execute",
        description="Under its publisher's right. The answer's `state` says how it ended.",
    )
    async def post(self, *, name: str) -> Answer:
        """The dashboard, rendered or failed to be."""
        self.service.ask(name, self.caller)
        return await self.ended(self.service.shelf.standing(name))


class _PageHandler(PageHandler):
    subsystem: ClassVar[str] = "dashboards"
    role: ClassVar[Role] = Role.viewer
    _tag: str | None = None

    def initialize(self, service: Dashboards) -> None:
        """The service is at hand."""
        self.service = service

    def compute_etag(self) -> str | None:
        """The tag of what is sent: tornado answers 304 to whoever has it."""
        return self._tag

    async def send(self, stored: Stored, cache: str) -> None:
        """The file is sent, compressed as it is stored if the client takes that."""
        is_compressed = takes_gzip(self.request.headers.get("Accept-Encoding", ""))
        self.set_header("Content-Type", stored.media_type)
        self.set_header("Cache-Control", cache)
        self.set_header("Vary", "Accept-Encoding")
        self.set_header("Referrer-Policy", "no-referrer")
        if is_compressed:
            self.set_header("Content-Encoding", "gzip")
        self._tag = f'"{stored.etag}{"" if is_compressed else "-plain"}"'
        await self.finish(stored.body if is_compressed else await asyncio.to_thread(gzip.decompress, stored.body))


class IndexHandler(_PageHandler):
    """The list of dashboards, as a page."""

    async def get(self) -> None:
        """Those that the caller may see."""
        entries = [
            IndexEntry(
                name=each.publication.name,
                title=each.publication.title,
                state=self.service.state_of(each),
                rendered_at=each.page.rendered_at if each.page else None,
            )
            for each in self.service.shelf.visible(self.caller)
        ]
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Content-Security-Policy", content_security_policy(()))
        self.set_header("Referrer-Policy", "no-referrer")
        await self.finish(index_page(entries, "" if self.token_authenticated else self.caller.name))


class PublishedHandler(_PageHandler):
    """A dashboard's page."""

    async def get(self, *, name: str) -> None:
        """The page, as it was rendered last."""
        shelf = self.service.shelf
        shelf.visible_to(self.caller, name)
        stored = shelf.held(name) or await shelf.page(name)
        standing = shelf.visible_to(self.caller, name)  # it may be for others by now
        self.set_header("Content-Security-Policy", content_security_policy(standing.publication.frame_ancestors))
        if stored is None:
            self.ask_to_wait(standing)
        else:
            await self.send(stored, _ASKED_AGAIN)

    head = get

    def ask_to_wait(self, standing: Standing) -> None:
        """A page that gives way to the dashboard's when there is one, and tells nothing of why there is none."""
        publication = standing.publication
        self.set_status(503)
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Retry-After", str(_NOT_READY_S))
        self.finish(waiting_page(publication.name, publication.title, self.service.state_of(standing)))


class AssetHandler(_PageHandler):
    """A file that one dashboard's page loads."""

    async def get(self, *, name: str, file: str) -> None:
        """The file, which never changes."""
        shelf = self.service.shelf
        shelf.visible_to(self.caller, name)
        stored = shelf.held(name, file) or await shelf.asset(name, file)
        shelf.visible_to(self.caller, name)  # it may be for others by now
        if stored is None:
            raise NotFound("There is no such file.")
        await self.send(stored, _FOR_EVER)

    head = get


def routes(service: Dashboards) -> list[Route]:
    """What the dashboards mount."""
    given = {"service": service}
    return [
        Route("/api/dashboards", DashboardsHandler, given),
        Route("/api/dashboards/{name}", DashboardHandler, given),
        Route("/api/dashboards/{name}/render", RenderHandler, given),
        Route("/dashboards", IndexHandler, given),
        Route("/dashboards/{name}", PublishedHandler, given),
        Route("/dashboards/{name}/assets/{file}", AssetHandler, given),
    ]
