"""Logs over REST."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from vibeworkbench.logs.asking import SourceSaid, Wanted
from vibeworkbench.logs.catalogue import Template, WantedTemplates
from vibeworkbench.logs.columns import instant, microseconds
from vibeworkbench.logs.doors import EventsHandler, IngestHandler, OtlpHandler
from vibeworkbench.logs.events import Events
from vibeworkbench.logs.follower import Follower
from vibeworkbench.logs.model import Kind, Level
from vibeworkbench.logs.service import Logs, body_of
from vibeworkbench.logs.wire import (
    CourseBody,
    ExplainBody,
    LinesPage,
    LinesQuery,
    SourceBody,
    SourcesPage,
    SourcesQuery,
    TemplateBody,
    TemplatesPage,
    TemplatesQuery,
    WhoBody,
)
from vibeworkbench.web.handlers import ApiHandler
from vibeworkbench.web.lists import cursor_of, keys_of
from vibeworkbench.web.operation import operation
from vibeworkbench.web.roles import Role
from vibeworkbench.web.routes import Route


class _Handler(ApiHandler):
    subsystem = "logs"

    def initialize(self, service: Logs) -> None:
        """The service is at hand."""
        self.service = service


class LinesHandler(_Handler):
    """What is kept."""

    @operation(
        summary="Search the log lines",
        role=Role.analyst,
        query=LinesQuery,
        answer=LinesPage,
        errors=(503,),
        description="Newest first. level asks for that level and worse ones; text is words, and phrases in double "
        "quotes, that all stand in the message, however they are capitalised.",
    )
    async def get(self, *, query: LinesQuery) -> LinesPage:
        """Lines of all that was acknowledged before."""
        before = None
        if query.cursor:
            at_us, seq = keys_of(query.cursor, (int, int))
            before = (instant(at_us), seq)
        wanted = Wanted(
            kind=query.kind,
            source=query.source,
            instance=query.instance,
            level=Level[query.level] if query.level else None,
            template=query.template,
            text=query.text,
            begin=query.from_,
            end=query.to,
            before=before,
            limit=query.limit + 1,
        )
        found = await self.service.lines(wanted)
        page = found[: query.limit]
        more = len(found) > len(page)
        following = cursor_of(microseconds(page[-1].said_at), page[-1].seq) if more else None
        return LinesPage(items=[body_of(each) for each in page], next_cursor=following)


class SourcesHandler(_Handler):
    """Who speaks."""

    def initialize(self, service: Logs, follower: Follower) -> None:  # type: ignore[override]
        """The service is at hand, and what reads files."""
        super().initialize(service)
        self._follower = follower

    @operation(
        summary="List the sources of log lines",
        role=Role.analyst,
        query=SourcesQuery,
        answer=SourcesPage,
        errors=(503,),
    )
    async def get(self, *, query: SourcesQuery) -> SourcesPage:
        """Sources that have said something, or tried to."""
        after = None
        if query.cursor:
            kind, source = keys_of(query.cursor, (str, str))
            after = (kind, source)
        found = await self.service.sources(after=after, limit=query.limit + 1)
        page = found[: query.limit]
        behind = self._follower.behind_bytes()
        items = [_source_body(each, behind.get(each.source) if each.kind == Kind.files else None) for each in page]
        following = cursor_of(page[-1].kind, page[-1].source) if len(found) > len(page) else None
        return SourcesPage(items=items, next_cursor=following)


class TemplatesHandler(_Handler):
    """What is said over and over."""

    @operation(
        summary="List the templates of log lines",
        role=Role.analyst,
        query=TemplatesQuery,
        answer=TemplatesPage,
        errors=(503,),
        description="sort: count (most often first), lastSeen (last first), firstSeen (first first), new (the last to "
        "be seen for the first time first).",
    )
    async def get(self, *, query: TemplatesQuery) -> TemplatesPage:
        """Templates of all that was acknowledged before."""
        (offset,) = keys_of(query.cursor, (int,)) if query.cursor else (0,)
        wanted = WantedTemplates(
            kind=query.kind,
            source=query.source,
            level=Level[query.level] if query.level else None,
            text=query.text,
            begin=query.from_,
            end=query.to,
            sort=query.sort,
            offset=max(offset, 0),
            limit=query.limit + 1,
        )
        found = await self.service.templates(wanted)
        page = found[: query.limit]
        following = cursor_of(wanted.offset + len(page)) if len(found) > len(page) else None
        return TemplatesPage(items=[_template_body(each) for each in page], next_cursor=following)


class TemplateHandler(_Handler):
    """One of them."""

    @operation(
        summary="Show a template and how its lines get there",
        role=Role.analyst,
        answer=TemplateBody,
        errors=(404, 503),
    )
    async def get(self, *, template_id: str) -> TemplateBody:
        """The template, with the explanation of a sample."""
        return _template_body(*await self.service.template(template_id))


class ExplainHandler(_Handler):
    """How a line is understood."""

    @operation(
        summary="Explain how a line is understood",
        role=Role.analyst,
        body=ExplainBody,
        answer=dict[str, Any],
        errors=(503,),
        action="read",
        description="Nothing of the line is kept. With a source, its layout is tried first; without one, those of all.",
    )
    async def post(self, *, body: ExplainBody) -> Mapping[str, Any]:
        """The steps from the line to its template."""
        return await self.service.explain(body.line, body.kind or "", body.source)


def _source_body(said: SourceSaid, behind_bytes: int | None) -> SourceBody:
    return SourceBody(
        kind=said.kind,
        source=said.source,
        state="silent" if said.is_silent else "speaking",
        lines=said.lines,
        first_at=said.first_at,
        last_at=said.last_at,
        layout=said.layout,
        rejected=said.refused,
        rejected_sample=said.sample,
        files_behind_bytes=behind_bytes,
    )


def _template_body(template: Template, explanation: Mapping[str, Any] | None = None) -> TemplateBody:
    course = template.course
    return TemplateBody(
        template_id=template.template_id,
        text=template.text,
        level=template.level.name,
        sources=[WhoBody(each["kind"], each["source"]) for each in template.sources],
        count=template.count,
        first_seen_at=template.first_at,
        last_seen_at=template.last_at,
        samples=[*template.samples],
        sparkline=None if course is None else CourseBody(course.begin, course.bucket_s, [*course.counts]),
        version=template.version,
        parent=template.parent or None,
        explanation=msgspec.UNSET if explanation is None else dict(explanation),
    )


def routes(service: Logs, events: Events, follower: Follower) -> list[Route]:
    """What the logs mount."""
    mine = {"service": service}
    return [
        Route("/api/logs/worker", IngestHandler, {**mine, "kind": Kind.worker}),
        Route("/api/logs/build", IngestHandler, {**mine, "kind": Kind.build}),
        Route("/v1/logs", OtlpHandler, mine),
        Route("/api/logs", LinesHandler, mine),
        Route("/api/logs/sources", SourcesHandler, {**mine, "follower": follower}),
        Route("/api/logs/templates", TemplatesHandler, mine),
        Route("/api/logs/templates/{templateId}", TemplateHandler, mine),
        Route("/api/logs/explain", ExplainHandler, mine),
        Route("/api/patches/events", EventsHandler, {"service": events}),
    ]
