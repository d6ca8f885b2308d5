"""Containers: those of the server's engine and those that agents bring."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from vibeworkbench.client.api import Api, Page, segment
from vibeworkbench.client.container_series import ContainerMetrics, Group, Groups, Metrics
from vibeworkbench.client.container_values import (
    Container,
    ContainerError,
    ContainerErrors,
    ContainerHealth,
    ContainerItems,
    ContainerProcess,
    ContainerProcesses,
    Engine,
    HealthOfContainer,
    Sample,
    Samples,
)
from vibeworkbench.client.errors import ClientError
from vibeworkbench.client.log_values import Line, Lines
from vibeworkbench.client.logs import LogTail, judge_of, query_of
from vibeworkbench.client.rooms import Connection, RoomSubscription
from vibeworkbench.client.values import ago_or_at, instant_text

PARTY = "containers"
FULL_ID_DIGITS = 64

When = datetime | timedelta | None
By = Literal["time", "level", "container", "template"]


class Containers:
    """The containers that the server knows. Calling it lists them.

    Wherever one is asked for, its id, the beginning of its id, its name, or the value itself will do.
    """

    def __init__(self, api: Api) -> None:
        self._api = api

    def list(self, *, state: str | None = None) -> ContainerItems:
        """Every container as it was last heard of, in the order of the names."""
        found: list[Container] = []
        cursor: str | None = None
        while True:
            query = {"state": state, "limit": 1000, "cursor": cursor}
            page = self._api.get("api/monitoring/containers", _ContainersPage, query)
            found += page.items
            cursor = page.next_cursor
            if not cursor:
                return ContainerItems(found, page.engine)

    def __call__(self, *, state: str | None = None) -> ContainerItems:
        """Every container, as ``list`` tells them."""
        return self.list(state=state)

    def find(self, container: Container | str) -> Container:
        """The container that is meant; of several with one name, the one that runs.

        Raises:
            ClientError: None is, or several are.
        """
        if isinstance(container, Container):
            return container
        if len(container) == FULL_ID_DIGITS:
            return self._api.get(f"api/monitoring/containers/{segment(container)}", Container)
        every = self.list()
        fitting = [each for each in every if container in {each.container_name, each.container_id}]
        fitting = fitting or [each for each in every if container and each.container_id.startswith(container)]
        chosen = fitting if len(fitting) == 1 else [each for each in fitting if each.state == "running"]
        if len(chosen) != 1:
            raise ClientError(
                f"{'several containers have' if fitting else 'no container has'} id or name {container!r}"
            )
        return chosen[0]

    def health(self) -> ContainerHealth:
        """How well each is, worst first."""
        every = [*self._api.pages("api/monitoring/health", HealthOfContainer)]
        return ContainerHealth(sorted(every, key=lambda each: each.score))

    def samples(
        self, container: Container | str | None = None, *, since: When = None, until: When = None, limit: int = 1000
    ) -> Samples:
        """What containers used, newest first."""
        query = self._query(container, since, until)
        return Samples(self._api.page("api/monitoring/samples", Sample, query, limit).items)

    def metrics(
        self,
        container: Container | str | None = None,
        *,
        since: When = timedelta(hours=1),
        until: When = None,
        bucket_s: int | None = None,
    ) -> Metrics:
        """Mean and highest use by bucket."""
        query = {**self._query(container, since, until), "bucketS": bucket_s, "limit": 1000}
        page = self._api.get("api/monitoring/metrics", _MetricsPage, query)
        return Metrics(page.items, page.from_, page.bucket_s)

    def errors(
        self,
        container: Container | str | None = None,
        *,
        text: str = "",
        since: When = None,
        until: When = None,
        limit: int = 200,
    ) -> ContainerErrors:
        """What failed, those that came last first; the same errors are one, with a count."""
        query = {**self._query(container, since, until), "text": text or None}
        return ContainerErrors(self._api.page("api/monitoring/errors", ContainerError, query, limit).items)

    def processes(
        self, container: Container | str | None = None, *, state: Literal["running", "ended"] | None = None
    ) -> ContainerProcesses:
        """What runs, or ran, within containers."""
        query = {**self._query(container), "state": state}
        return ContainerProcesses(self._api.pages("api/monitoring/processes", ContainerProcess, query))

    def aggregate(
        self,
        by: Sequence[By] = ("time", "level"),
        *,
        container: Container | str | None = None,
        text: str = "",
        level: str | None = None,
        since: When = None,
        until: When = None,
        bucket_s: int | None = None,
    ) -> Groups:
        """How many lines containers said, by any of time, level, container, template; of the last day by default."""
        query = {
            **self._query(container, since, until),
            "by": ",".join(by),
            "text": text or None,
            "level": level,
            "bucketS": bucket_s,
            "limit": 10_000,
        }
        return Groups(self._api.get("api/monitoring/aggregate", _GroupsPage, query).items)

    def logs(self, container: Container | str | None = None, text: str = "", *, limit: int = 200, **more: Any) -> Lines:
        """Lines of one container, or of all, newest first.

        Args:
            container: Whose; all without one.
            text: Words and quoted phrases, all of which must occur.
            limit: So many at most.
            **more: ``level``, ``template``, ``since``, ``until``, as in ``wb.logs.search``.
        """
        query = {**query_of(text, **more), **self._query(container)}
        page = self._api.page("api/monitoring/logs", Line, query, limit)
        return Lines(page.items, page.next_cursor)

    def tail(
        self,
        container: Container | str | None = None,
        text: str = "",
        *,
        level: str | None = None,
        last: int = 10,
        on_connection: Callable[[Connection], object] | None = None,
    ) -> LogTail:
        """The lines that come from one container, or from all, after the ``last`` ones that are there."""
        one = None if container is None else self.find(container)
        stored = self.logs(one, text, limit=last, level=level) if last > 0 else Lines(())
        room = one.container_id if one else "main"
        joined = RoomSubscription(self._api.address, PARTY, room, on_connection=on_connection)
        return LogTail(joined, stored, judge_of(text, level=level))

    def _query(
        self, container: Container | str | None = None, since: When = None, until: When = None
    ) -> dict[str, str | int | None]:
        begin, end = ago_or_at(since), ago_or_at(until)
        return {
            "containerId": None if container is None else self.find(container).container_id,
            "from": instant_text(begin) if begin else None,
            "to": instant_text(end) if end else None,
        }

    def __repr__(self) -> str:
        return repr(self.list())

    def _repr_html_(self) -> str:
        return self.list()._repr_html_()


class _ContainersPage(Page[Container], frozen=True, rename="camel", kw_only=True):
    engine: Engine | None = None


class _MetricsPage(Page[ContainerMetrics], frozen=True, rename="camel", kw_only=True):
    from_: datetime | None = msgspec.field(name="from", default=None)
    bucket_s: int | None = None


class _GroupsPage(Page[Group], frozen=True, rename="camel", kw_only=True):
    bucket_s: int | None = None
