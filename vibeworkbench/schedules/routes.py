"""Schedules over REST."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from vibeworkbench.schedules.service import Schedules, Standing
from vibeworkbench.web.handlers import ApiHandler
from vibeworkbench.web.operation import Answer, operation
from vibeworkbench.web.roles import Role
from vibeworkbench.web.routes import PREFIX, Route


class ScheduleBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """A schedule, when it fires next, and what became of its last fire."""

    name: str
    cron: str
    scope: Literal["full", "incremental"]
    timezone: str
    next_fire_at: datetime
    last_fire_at: datetime | None
    last_scan_id: str | None
    last_outcome: str | None


class SchedulePage(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """Schedules in the order of their names."""

    items: list[ScheduleBody]
    next_cursor: str | None


class ScheduleQuery(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """Which part of the list."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = 100
    cursor: Annotated[str, msgspec.Meta(pattern=r"^([a-z][a-z0-9-]{0,63})?$")] = ""


class StartedScan(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """The scan that was started."""

    scan_id: str


class _Handler(ApiHandler):
    subsystem = "schedules"

    def initialize(self, service: Schedules) -> None:
        """The service is at hand."""
        self.service = service


class SchedulesHandler(_Handler):
    """The list."""

    @operation(summary="List the schedules", role=Role.analyst, query=ScheduleQuery, answer=SchedulePage)
    async def get(self, *, query: ScheduleQuery) -> SchedulePage:
        """Schedules after ``cursor``, with their next and last fire."""
        later = [each for each in await self.service.standings() if each.schedule.name > query.cursor]
        page = [_body(each) for each in later[: query.limit]]
        return SchedulePage(items=page, next_cursor=page[-1].name if len(later) > len(page) else None)


class RunHandler(_Handler):
    """The manual trigger."""

    @operation(
        summary="Run a schedule's scan now",
        role=Role.operator,
        answer=StartedScan,
        status=202,
        errors=(404, 409),
        action="execute",
        description="Answers at once; Location is the scan's address. 409 when a scan of its scope is running.",
    )
    async def post(self, *, name: str) -> Answer:
        """The scan runs; its id is the answer."""
        scan_id = await self.service.run(name, self.caller.name)
        where = f"{self.base_url.rstrip('/')}{PREFIX}/api/ops/scans/{scan_id}"
        return Answer(202, StartedScan(scan_id=scan_id), {"Location": where})


def _body(standing: Standing) -> ScheduleBody:
    schedule, last = standing.schedule, standing.last
    return ScheduleBody(
        name=schedule.name,
        cron=schedule.cron,
        scope=schedule.scope.value,
        timezone=schedule.zone.key,
        next_fire_at=standing.next_fire_at,
        last_fire_at=last.at if last else None,
        last_scan_id=last.scan_id if last else None,
        last_outcome=last.outcome if last else None,
    )


def routes(service: Schedules) -> list[Route]:
    """What the schedules mount."""
    return [
        Route("/api/schedules", SchedulesHandler, {"service": service}),
        Route("/api/schedules/{name}/run", RunHandler, {"service": service}),
    ]
