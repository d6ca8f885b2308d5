"""Reports in a real warehouse: the same in whatever order they come, and gone when they are old."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest

from vibeworkbench.containers import asking, records
from vibeworkbench.containers.columns import PAYLOAD, Reports, Seen, encoded
from vibeworkbench.containers.model import Report, ReportKind
from vibeworkbench.containers.records import ReportKeeper, instant
from vibeworkbench.logs.frames import Frame
from vibeworkbench.settings import WarehouseSettings
from vibeworkbench.storage.warehouse import Warehouse

BEGIN = datetime(2026, 11, 1, tzinfo=UTC)


def at_us(minutes: int) -> int:
    return int((BEGIN + timedelta(minutes=minutes)).timestamp() * 1e6)


@pytest.fixture
async def warehouse(tmp_path):
    opened = Warehouse(path=tmp_path / "w.duckdb", settings=WarehouseSettings(), tables=(records.TABLES,))
    await opened.start()
    yield opened
    await opened.stop()


async def stored(warehouse, keeper, *batches, seen=()):
    """Each batch in a transaction of its own."""
    for batch in batches:
        frame = Frame(PAYLOAD, at_us(0), b"", encoded(Reports(list(batch), [*seen])))
        keeper.stored(await warehouse.write(lambda connection, frame=frame: keeper.store(connection, [frame])))


def reports():
    for minute in range(12):
        said = {"containerName": "api", "restarts": minute // 4, "cpuPercent": float(minute)}
        yield Report(ReportKind.sample, "c1", at_us(minute), said)
        error = {"type": "E", "message": f"lost {minute}", "count": 2}
        yield Report(ReportKind.error, f"c{minute % 2}", at_us(minute), error, f"id{minute}")
        yield Report(ReportKind.process, "c1", at_us(minute), {"processId": "1", f"field{minute % 3}": minute})


async def asked(warehouse):
    """All that is kept, comparable."""
    errors = await warehouse.read(asking.errors(asking.Wanted(), None, None))
    processes = await warehouse.read(asking.processes(None, ended=False, after=None, limit=10))
    samples = await warehouse.read(asking.samples(asking.Wanted()))
    return await warehouse.read(asking.known), errors, processes, samples


@pytest.mark.parametrize("seed", range(3))
async def test_the_order_does_not_matter(warehouse, tmp_path, seed):
    """Mixed and twice, in batches of any size, the same is known in the end."""
    told = []
    await stored(warehouse, ReportKeeper(told.append), list(reports()))
    mixed = [*reports(), *reports()]
    random.Random(seed).shuffle(mixed)
    other = Warehouse(path=tmp_path / "o.duckdb", settings=WarehouseSettings(), tables=(records.TABLES,))
    await other.start()
    keeper = ReportKeeper(told.append)
    await stored(other, keeper, *(mixed[start : start + 7] for start in range(0, len(mixed), 7)))
    one, two = await asked(warehouse), await asked(other)
    await other.stop()
    assert one == two
    known, (error,), (process,), samples = one
    assert (error.count, error.first_at, error.last_at) == (24, instant(at_us(0)), instant(at_us(11)))
    assert (error.message, error.containers) == ("lost 11", ("c0", "c1"))
    assert [process.known.value(f"field{number}") for number in range(3)] == [9, 10, 11]
    assert len(samples) == 12
    assert known["c1"].value("cpuPercent") == 11.0
    assert (await warehouse.read(lambda each: asking.restarts(each, BEGIN)))["c1"] == 2


async def test_what_is_old_is_forgotten(warehouse):
    """Samples first; errors, processes, agents and containers when nothing was heard of them since."""
    keeper = ReportKeeper(lambda _: None)
    seen = [Seen("a", "errors", [(1, 3)])]
    await stored(warehouse, keeper, list(reports()), seen=seen)
    assert await warehouse.read(records.seen_numbers) == {("a", "errors"): [(1, 3)]}
    samples_before, rest_before = instant(at_us(6)), instant(at_us(-10))
    await warehouse.write(lambda connection: records.forget(connection, samples_before, rest_before))
    known, errors, processes, samples = await asked(warehouse)
    assert (len(known), len(errors), len(processes), len(samples)) == (2, 1, 1, 6)
    await warehouse.write(lambda connection: records.forget(connection, samples_before, instant(at_us(60))))
    assert [len(each) for each in await asked(warehouse)] == [0, 0, 0, 6]
    assert await warehouse.read(records.seen_numbers) == {}
    keeper.load(warehouse.cursor())
    await stored(warehouse, keeper, [Report(ReportKind.sample, "c1", at_us(70), {"state": "running"})])
    known = (await asked(warehouse))[0]
    assert set(known["c1"].told) == {"state"}


async def test_too_many_containers_are_too_old(warehouse):
    """Those of which nothing was heard for the longest go, with their processes, and whoever watches is told."""
    told = []
    keeper = ReportKeeper(told.append, most=10)
    heard = [Report(ReportKind.sample, f"c{minute}", at_us(minute), {"state": "running"}) for minute in range(11)]
    process = Report(ReportKind.process, "c0", at_us(0), {"processId": "1"})
    await stored(warehouse, keeper, [*heard[:10], process])
    assert told[-1].forgotten == ()
    await stored(warehouse, keeper, heard[10:])
    assert sorted(told[-1].forgotten) == ["c0", "c1"]
    known, _, processes, _ = await asked(warehouse)
    assert (sorted(known), processes) == (sorted(f"c{minute}" for minute in range(2, 11)), [])


async def test_an_agent_that_is_forgotten_leaves_nothing(warehouse):
    """Its row goes with its numbers."""
    keeper = ReportKeeper(lambda _: None)
    await stored(warehouse, keeper, [], seen=[Seen("a", "errors", [(1, 3)]), Seen("b", "errors", [(1, 1)])])
    await stored(warehouse, keeper, [], seen=[Seen("a", "errors", [])])
    assert await warehouse.read(records.seen_numbers) == {("b", "errors"): [(1, 1)]}
