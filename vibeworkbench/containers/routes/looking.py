"""How containers are: each one, their health, their metrics over time, and their lines counted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from vibeworkbench.containers import asking
from vibeworkbench.containers.asking import SERIES, Bucket, Container
from vibeworkbench.containers.pages import (
    AggregatePage,
    AggregateQuery,
    ContainersPage,
    ContainersQuery,
    HealthPage,
    MetricsPage,
    MetricsQuery,
    buckets,
)
from vibeworkbench.containers.records import naive
from vibeworkbench.containers.service import Containers
from vibeworkbench.containers.wire import (
    ContainerBody,
    EngineBody,
    GroupBody,
    HealthBody,
    MetricsBody,
    SeriesBody,
)
from vibeworkbench.logs.model import Level
from vibeworkbench.web.handlers import ApiHandler
from vibeworkbench.web.lists import cursor_of, keys_of
from vibeworkbench.web.operation import operation
from vibeworkbench.web.roles import Role

_A_DAY = timedelta(days=1)


class _Handler(ApiHandler):
    subsystem = "containers"

    def initialize(self, service: Containers) -> None:
        """The service is at hand."""
        self.service = service

    def engine(self) -> EngineBody:
        """How the engine of this server stands."""
        standing = self.service.watcher.engine()
        return EngineBody(state=standing["state"], reason=standing["reason"])  # type: ignore[arg-type]


def _page(found: Sequence[Container], cursor: str, limit: int) -> tuple[Sequence[Container], str | None]:
    """Containers in the order of their names after ``cursor``, and where the next page begins."""
    after = keys_of(cursor, (str, str)) if cursor else ("", "")
    rest = [each for each in sorted(found, key=_key) if _key(each) > after]
    page = rest[:limit]
    return page, cursor_of(*_key(page[-1])) if len(rest) > len(page) else None


def _key(container: Container) -> tuple[str, str]:
    return container.name, container.container_id


class ContainersHandler(_Handler):
    """The list."""

    @operation(
        summary="List the containers", role=Role.analyst, query=ContainersQuery, answer=ContainersPage, errors=(503,)
    )
    async def get(self, *, query: ContainersQuery) -> ContainersPage:
        """Containers as they were last heard of."""
        found = [each for each in await self.service.containers() if query.state in {None, each.standing.state}]
        page, more = _page(found, query.cursor, query.limit)
        return ContainersPage(items=[asking.body_of(each) for each in page], next_cursor=more, engine=self.engine())


class ContainerHandler(_Handler):
    """One of them."""

    @operation(summary="One container", role=Role.analyst, answer=ContainerBody, errors=(404, 503))
    async def get(self, *, container_id: str) -> ContainerBody:
        """The container as it was last heard of."""
        return asking.body_of(await self.service.container(container_id))


class HealthHandler(_Handler):
    """How well they are."""

    @operation(
        summary="How well the containers are",
        role=Role.analyst,
        query=ContainersQuery,
        answer=HealthPage,
        errors=(503,),
        description="Worst first. The score is 100 less what each reason takes; removed containers are left out.",
    )
    async def get(self, *, query: ContainersQuery) -> HealthPage:
        """Scores with their reasons."""
        found = [each for each in await self.service.containers() if each.standing.state != "removed"]
        chosen = [each for each in found if query.state in {None, each.standing.state}]
        page, more = _page(chosen, query.cursor, query.limit)
        items = [_health_body(each) for each in sorted(page, key=lambda each: each.score)]
        return HealthPage(items=items, next_cursor=more, engine=self.engine())


def _health_body(container: Container) -> HealthBody:
    return HealthBody(
        container_id=container.container_id,
        container_name=container.name,
        state=container.standing.state,
        health=container.standing.health,
        score=container.score,
        reasons=[each.reason for each in container.reasons],
        last_seen_at=container.known.last_at,
    )


class MetricsHandler(_Handler):
    """Their metrics."""

    @operation(
        summary="Metrics of containers",
        role=Role.analyst,
        query=MetricsQuery,
        answer=MetricsPage,
        errors=(503,),
        description="The newest sample of each; with from, mean and max of each metric by bucket, too. Buckets begin "
        "at whole multiples of bucketS since 1970, the same for all containers; an empty one is null.",
    )
    async def get(self, *, query: MetricsQuery) -> MetricsPage:
        """The newest samples, and series."""
        chosen = [
            each
            for each in await self.service.containers()
            if not query.container_id or each.container_id in query.container_id
        ]
        page, more = _page(chosen, query.cursor, query.limit)
        if query.from_ is None:
            return MetricsPage(items=[_metrics(each, {}) for each in page], next_cursor=more)
        end = query.to or datetime.now(UTC)
        begin, bucket_s, count = buckets(query.from_, end, query.bucket_s)
        found = await self.service.ask(asking.series([each.container_id for each in page], begin, end, bucket_s))
        items = [_metrics(each, _series(each.container_id, found, begin, bucket_s, count)) for each in page]
        return MetricsPage(items=items, next_cursor=more, from_=begin, bucket_s=bucket_s)


def _metrics(container: Container, series: dict[str, SeriesBody]) -> MetricsBody:
    latest = asking.use_of(container.known)
    return MetricsBody(container_id=container.container_id, container_name=container.name, latest=latest, series=series)


def _series(
    container_id: str, found: Sequence[Bucket], begin: datetime, bucket_s: int, count: int
) -> dict[str, SeriesBody]:
    """Metric → values of each bucket, for metrics of which there are any."""
    mine = {
        int((each.at - begin).total_seconds()) // bucket_s: each for each in found if each.container_id == container_id
    }
    series: dict[str, SeriesBody] = {}
    for number, name in enumerate(SERIES):
        values = [mine[at].values[number] if at in mine else (None, None) for at in range(count)]
        if any(mean is not None for mean, _ in values):
            series[name] = SeriesBody(mean=[mean for mean, _ in values], max=[most for _, most in values])
    return series


class AggregateHandler(_Handler):
    """Their lines, counted."""

    @operation(
        summary="Count the log lines of containers",
        role=Role.analyst,
        query=AggregateQuery,
        answer=AggregatePage,
        errors=(503,),
        description="By any of time, level, container and template; the last day unless from and to say otherwise. "
        "text stands somewhere in the message, in any case.",
    )
    async def get(self, *, query: AggregateQuery) -> AggregatePage:
        """How many lines, of all that was acknowledged before."""
        end = query.to or datetime.now(UTC)
        begin, bucket_s, _ = buckets(query.from_ or end - _A_DAY, end, query.bucket_s)
        given = {
            "by_time": "time" in query.by,
            "by_level": "level" in query.by,
            "by_container": "container" in query.by,
            "by_template": "template" in query.by,
            "bucket": f"{bucket_s} seconds",
            "begin": naive(query.from_ or end - _A_DAY),
            "end": naive(end),
            "container_id": query.container_id,
            "level": None if query.level is None else int(Level[query.level]),
            "template": query.template,
            "text": query.text or None,
            "limit": query.limit,
        }
        found = await self.service.ask(asking.aggregate(given))
        items = [
            GroupBody(
                count=each.count,
                bucket_at=each.bucket_at,
                level=each.level,
                container_id=each.container_id,
                container_name=each.container_name,
                template_id=each.template_id,
                template=each.template,
            )
            for each in found
        ]
        return AggregatePage(items=items, from_=begin, to=end, bucket_s=bucket_s)
