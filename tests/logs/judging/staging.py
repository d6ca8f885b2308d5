"""A real warehouse with the tables of logs, filled as the pipeline fills them; beside it a real ops service."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from tests.ops.staging import Stage, staged
from vibeworkbench.logs.judging.model import Asked, Seen
from vibeworkbench.logs.masks import masked
from vibeworkbench.logs.model import Level
from vibeworkbench.logs.observing import seen
from vibeworkbench.logs.records import TABLES
from vibeworkbench.ops.checks import logs as log_checks
from vibeworkbench.ops.collectors.logs import BuildLogs, WorkerLogs
from vibeworkbench.ops.wire.issues import IssueQuery
from vibeworkbench.settings import LogThresholds, OpsSettings, WarehouseSettings
from vibeworkbench.storage.warehouse import Warehouse

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def template_of(message: str) -> tuple[str, str]:
    """Id and text of a message's template, in these tests: its first line, masked."""
    text = masked(message.partition("\n")[0])
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest(), text


class Kept:
    """The kept logs, as collectors are told of them."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self.drained = 0

    async def drain(self) -> None:
        """Everything is there already."""
        self.drained += 1

    async def seen(self, asked: Asked) -> Seen:
        """The real queries."""
        return await self.warehouse.read(seen(asked))

    async def put(
        self,
        source: str,
        *said: tuple[str, datetime] | str,
        kind: str = "worker",
        level: Level = Level.error,
        instance: str = "",
        attributes: dict[str, Any] | None = None,
        arrived: datetime | None = None,
    ) -> None:
        """Records are kept: messages said at noon, or each with its instant."""
        records = [(each, NOON) if isinstance(each, str) else each for each in said]
        text = msgspec.json.encode(attributes).decode() if attributes else None
        common = (kind, source, level, instance, text)
        await self.warehouse.write(lambda connection: _put(connection, records, common, arrived))


def _put(connection, records, common, arrived) -> None:
    kind, source, level, instance, attributes = common
    next_seq = connection.execute("SELECT next_seq FROM log_seq").fetchone()[0]
    rows, counts, templates = [], defaultdict(int), {}
    for number, (message, said_at) in enumerate(records):
        at = said_at.replace(tzinfo=None)
        template_id, text = template_of(message)
        received = max(at, NOON.replace(tzinfo=None)) if arrived is None else arrived.replace(tzinfo=None)
        who = [kind, source, instance, "", int(level)]
        rows.append([next_seq + number, received, at, *who, message, template_id, attributes, None])
        counts[template_id, at.replace(second=0, microsecond=0)] += 1
        first, last, count, _ = templates.get(template_id, (at, at, 0, ""))
        templates[template_id] = (min(first, at), max(last, at), count + 1, text)
    _insert(connection, "log_line", rows)
    counted = [[template_id, kind, source, int(level), at, count] for (template_id, at), count in counts.items()]
    _insert(connection, "log_count", counted)
    for template_id, (first, last, count, text) in templates.items():
        connection.execute(
            """INSERT INTO log_template
                (template_id, text, level, first_at, last_at, count, samples, version, pattern, parent)
                VALUES (?,?,?,?,?,?,[],1,'','') ON CONFLICT DO UPDATE SET
            count = count + excluded.count, first_at = least(first_at, excluded.first_at),
            last_at = greatest(last_at, excluded.last_at)""",
            [template_id, text, int(level), first, last, count],
        )
        connection.execute(
            """INSERT INTO log_template_source VALUES (?,?,?,?,?,?) ON CONFLICT DO UPDATE SET
            count = count + excluded.count, first_at = least(first_at, excluded.first_at),
            last_at = greatest(last_at, excluded.last_at)""",
            [template_id, kind, source, first, last, count],
        )
    firsts, lasts = [each[0] for each in templates.values()], [each[1] for each in templates.values()]
    connection.execute(
        """INSERT INTO log_source VALUES (?,?,?,?,?,NULL) ON CONFLICT DO UPDATE SET lines = lines + excluded.lines,
        first_at = least(first_at, excluded.first_at), last_at = greatest(last_at, excluded.last_at)""",
        [kind, source, len(rows), min(firsts), max(lasts)],
    )
    connection.execute("UPDATE log_seq SET next_seq = ?", [next_seq + len(rows)])


def _insert(connection, table, rows) -> None:
    names = [name for name, *_ in connection.execute(f"DESCRIBE {table}").fetchall()]
    connection.register("brought", pa.table(dict(zip(names, zip(*rows, strict=True), strict=True))))
    connection.execute(f"INSERT INTO {table} SELECT * FROM brought")
    connection.unregister("brought")


class Watched:
    """The stage, the kept logs, and what is asked of both."""

    def __init__(self, stage: Stage, kept: Kept) -> None:
        self.stage, self.kept = stage, kept

    async def scan(self, request: Any) -> Any:
        """The completed scan."""
        return await self.stage.ops.scan(request)

    async def issues(self, check: str = "logs.template") -> list[Any]:
        """The issues of one check."""
        found = (await self.stage.ops.issues(IssueQuery())).items
        return [each for each in found if each.check == check]

    async def issue(self, check: str = "logs.template") -> Any:
        """The only one, with all that is known of it."""
        [found] = await self.issues(check)
        return await self.stage.ops.one_issue(found.issue_id)


@asynccontextmanager
async def watched(path: Path, *collectors: Any, **thresholds: Any) -> AsyncIterator[Watched]:
    """Ops with the collectors and checks of logs, upon a warehouse of its own."""
    warehouse = Warehouse(path=path.parent / "warehouse.duckdb", settings=WarehouseSettings(), tables=(TABLES,))
    await warehouse.start()
    try:
        kept = Kept(warehouse)
        settings = OpsSettings(logs=LogThresholds(**thresholds))
        who = collectors or (WorkerLogs(), BuildLogs())
        async with staged(path, *who, checks=log_checks.CHECKS, settings=settings, server={"logs": kept}) as stage:
            stage.clock.now = NOON
            yield Watched(stage, kept)
    finally:
        await warehouse.stop()
