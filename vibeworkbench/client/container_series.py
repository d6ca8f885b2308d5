"""Containers over time: their lines counted, their use by bucket."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

import msgspec

from vibeworkbench.client import displays
from vibeworkbench.client.api import Answer
from vibeworkbench.client.container_values import ContainerItems, Use, percent, size
from vibeworkbench.client.displays import Cell, Html
from vibeworkbench.client.frames import Kind, frame
from vibeworkbench.client.results import Items

if TYPE_CHECKING:
    import pandas as pd


class Group(Answer, frozen=True, kw_only=True):
    """So many lines of one bucket, level, container and template; what was not asked for is ``None``."""

    count: int
    bucket_at: datetime | None = None
    level: str | None = None
    container_id: str | None = None
    container_name: str | None = None
    template_id: str | None = None
    template: str | None = None


class Groups(Items[Group]):
    """Counted lines, in the order of their buckets, then most first."""

    noun: ClassVar[str] = "groups"
    empty: ClassVar[str] = "No line in this time."
    columns: ClassVar[Mapping[str, Kind]] = {
        "bucket_at": "instant",
        "level": "text",
        "container_name": "text",
        "container_id": "text",
        "template_id": "text",
        "template": "text",
        "count": "count",
    }
    headings: ClassVar[Sequence[str]] = ("from", "level", "container", "template", "lines")

    def row(self, item: Group) -> Sequence[Cell]:
        """Bucket, level, container, template, count."""
        level = item.level and displays.badge(item.level)
        return (item.bucket_at, level, item.container_name, item.template, item.count)


class Series(Answer, frozen=True, kw_only=True):
    """One metric by bucket: mean and highest of what was sampled, ``None`` where nothing was."""

    mean: list[float | None]
    max: list[float | None]


class ContainerMetrics(Answer, frozen=True, kw_only=True):
    """A container's newest use, and its metrics over time."""

    container_id: str
    container_name: str
    latest: Use | None = None
    series: dict[str, Series] = msgspec.field(default_factory=dict)


class Metrics(Items[ContainerMetrics]):
    """Metrics of containers over time: buckets of ``bucket_s`` seconds from ``begin`` on."""

    def __init__(self, items: Iterable[ContainerMetrics], begin: datetime | None, bucket_s: int | None) -> None:
        super().__init__(items)
        self.begin, self.bucket_s = begin, bucket_s

    noun: ClassVar[str] = "containers"
    empty: ClassVar[str] = ContainerItems.empty
    headings: ClassVar[Sequence[str]] = ("container", "processor", "", "memory", "")

    def row(self, item: ContainerMetrics) -> Sequence[Cell]:
        """Name, and the course and the newest value of processor and memory."""
        use = item.latest
        return (
            item.container_name,
            _course(item.series.get("cpuPercent"), 100.0),
            percent(use.cpu_percent if use else None),
            _course(item.series.get("memoryBytes"), (use.memory_limit_bytes if use else None) or 0.0),
            size(use.memory_bytes if use else None),
        )

    def to_df(self) -> pd.DataFrame:
        """A frame with a row for each container, metric and bucket: ``at``, ``mean``, ``max``."""
        rows = [
            _Point(each, name, self.begin + place * timedelta(seconds=self.bucket_s or 0), *values)
            for each in self
            if self.begin is not None
            for name, series in each.series.items()
            for place, values in enumerate(zip(series.mean, series.max, strict=True))
        ]
        columns: dict[str, Kind] = {"container_name": "text", "container_id": "text", "metric": "text", "at": "instant"}
        return frame(rows, {**columns, "mean": "number", "max": "number"})


class _Point:
    def __init__(self, of: ContainerMetrics, metric: str, at: datetime, mean: float | None, most: float | None) -> None:
        self.container_name, self.container_id = of.container_name, of.container_id
        self.metric, self.at, self.mean, self.max = metric, at, mean, most


def _course(series: Series | None, highest: float) -> Html:
    values = series.mean if series else []
    return displays.sparkline(values, max(highest, *(value or 0.0 for value in values), 1.0)) if values else Html("")
