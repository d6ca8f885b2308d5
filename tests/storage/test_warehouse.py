"""The warehouse's file where its disk fails: it is opened and kept again by itself."""

from __future__ import annotations

import asyncio
import resource
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from tests.logs.staging import until
from vibeworkbench.errors import Unavailable
from vibeworkbench.settings import WarehouseSettings
from vibeworkbench.storage.warehouse import Warehouse

MEBIBYTE = "INSERT INTO kept SELECT gen_random_uuid()::TEXT FROM range(40000)"


@contextmanager
def full_disk(limit_bytes: int) -> Iterator[None]:
    """The disk is full for this process: its files may not grow beyond some size."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


@pytest.fixture
async def warehouse(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Warehouse]:
    """One that looks at its file every so many seconds while all is well, and at once when it is not."""
    settings = WarehouseSettings(checkpoint_interval_s=request.param, reopen_interval_s=0.05)
    opened = Warehouse(path=tmp_path / "warehouse.duckdb", settings=settings)
    await opened.start()
    await opened.write(lambda connection: connection.execute("CREATE TABLE kept (text VARCHAR)"))
    yield opened
    await opened.stop()


async def count(warehouse: Warehouse) -> int:
    """How many rows there are."""
    rows: list[tuple[int]] = await warehouse.read(lambda cursor: cursor.execute("SELECT count(*) FROM kept").fetchall())
    return rows[0][0]


async def filled(warehouse: Warehouse) -> None:
    """The file grows, more than any limit of these tests allows."""
    for _ in range(100):
        await warehouse.write(lambda connection: connection.execute(MEBIBYTE))
        await warehouse.checkpoint()


@pytest.mark.parametrize("warehouse", [3600.0], indirect=True)
async def test_a_file_that_had_to_be_closed_is_opened_at_once(warehouse: Warehouse) -> None:
    """It does not wait for the time of the next checkpoint."""

    def fail(_: duckdb.DuckDBPyConnection) -> None:
        raise duckdb.FatalException("the file is gone")

    await warehouse.write(lambda connection: connection.execute(MEBIBYTE))
    for _ in range(2):
        with pytest.raises(Unavailable):
            await warehouse.write(fail)
        await until(lambda: not warehouse.problem)
    assert await count(warehouse) == 40_000


@pytest.mark.parametrize("warehouse", [0.05], indirect=True)
async def test_a_checkpoint_that_finds_the_disk_full_is_not_the_last_one(warehouse: Warehouse, tmp_path: Path) -> None:
    """Whoever keeps the file goes on, and what was written is there."""
    folded = asyncio.Event()
    loop = asyncio.get_running_loop()
    warehouse.on_checkpoint(lambda: loop.call_soon_threadsafe(folded.set))
    await warehouse.checkpoint()
    with full_disk((tmp_path / "warehouse.duckdb").stat().st_size):
        with pytest.raises((Unavailable, duckdb.Error)):
            await filled(warehouse)
        await asyncio.sleep(0.5)  # it is tried, in vain, several times
    await until(lambda: not warehouse.problem)
    folded.clear()
    before = await count(warehouse)
    await warehouse.write(lambda connection: connection.execute(MEBIBYTE))
    await folded.wait()
    assert await count(warehouse) == before + 40_000
