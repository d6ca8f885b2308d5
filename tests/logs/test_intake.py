"""From the door to the warehouse: everything that was acknowledged is there, once, whatever happens in between."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest

from tests.logs.staging import opened, record, until
from vibeworkbench.errors import Unavailable
from vibeworkbench.logs import service
from vibeworkbench.logs.columns import PAYLOAD, FileMark, encoded, lines_of
from vibeworkbench.logs.frames import Frame
from vibeworkbench.logs.spool import Spool
from vibeworkbench.logs.window import packed
from vibeworkbench.settings import LogSettings, WarehouseSettings
from vibeworkbench.storage.warehouse import FILE, Connection

SLOW = LogSettings(drain_interval_s=3600.0)
"""Nothing enters the warehouse unless somebody asks."""


async def _holder(directory: Path) -> asyncio.subprocess.Process:
    """Another process, which holds the warehouse until it is told something."""
    program = f"import duckdb, sys; c = duckdb.connect({str(directory / FILE)!r}); print('held', flush=True); input()"
    holder = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert await holder.stdout.readline() == b"held\n"
    return holder


def _files(directory: Path) -> list[Path]:
    return [*directory.iterdir()]


async def test_records_enter_the_warehouse_in_their_order(tmp_path: Path) -> None:
    """And again after a restart, behind those that are there."""
    async with opened(tmp_path, SLOW) as site:
        receipt = await site.logs.ingest([record(str(number)) for number in range(5)])
        assert (receipt.accepted, receipt.duplicates) == (5, 0)
        assert await site.messages() == ["0", "1", "2", "3", "4"]
    async with opened(tmp_path, SLOW) as site:
        await site.logs.ingest([record("5")])
        assert await site.messages() == ["0", "1", "2", "3", "4", "5"]
        assert await site.asked("SELECT seq FROM log_line ORDER BY seq") == [(each,) for each in range(1, 7)]


async def test_the_warehouse_takes_by_itself_what_arrives(tmp_path: Path) -> None:
    """At once after what is much, else within the interval."""
    async with opened(tmp_path, LogSettings(drain_interval_s=0.05)) as site:
        await site.logs.ingest([record("by itself")])
        await until(lambda: site.registry.get_sample_value("vibeworkbench_logs_stored_total"))
        assert await site.asked("SELECT message FROM log_line") == [("by itself",)]


async def test_ids_are_remembered_across_restarts_and_checkpoints(tmp_path: Path) -> None:
    """Also when the file of the spool in which they came is gone."""
    small = LogSettings(segment_bytes=100, drain_interval_s=3600.0)
    async with opened(tmp_path, small) as site:
        for number in range(5):
            await site.logs.ingest([record(str(number), id=f"id-{number}")])
        await site.logs.drained()
        await site.warehouse.checkpoint()
        assert len([*(tmp_path / "spool" / "1").glob("*.spool")]) == 1
    async with opened(tmp_path, small) as site:
        receipt = await site.logs.ingest([record(str(number), id=f"id-{number}") for number in range(6)])
        assert (receipt.accepted, receipt.duplicates) == (1, 5)
        assert len(await site.messages()) == 6


async def test_what_is_sent_twice_at_the_same_time_is_stored_once(tmp_path: Path) -> None:
    """Whoever comes second is answered when the first is on disk."""
    async with opened(tmp_path, SLOW) as site:
        batch = [record(str(number), id=f"id-{number}") for number in range(100)]
        receipts = await asyncio.gather(*(site.logs.ingest(batch) for _ in range(5)))
        assert sum(each.accepted for each in receipts) == 100
        assert sum(each.duplicates for each in receipts) == 400
        assert len(await site.messages()) == 100


async def test_marks_are_known_as_soon_as_their_lines_are_on_disk(tmp_path: Path) -> None:
    """And after a restart, whether the warehouse had them or not."""
    async with opened(tmp_path, SLOW) as site:
        await site.logs.ingest([record("a")], [FileMark("files:app", "/a", {"offset": 1})])
        await site.logs.ingest([record("b")], [FileMark("files:app", "/b", {"offset": 2})])
        await site.logs.ingest([], [FileMark("files:app", "/a", {"offset": 3}), FileMark("files:app", "/b", None)])
        assert await site.logs.marks("files:app") == {"/a": {"offset": 3}}
        assert await site.logs.marks("files:other") == {}
    async with opened(tmp_path, SLOW) as site:
        assert await site.logs.marks("files:app") == {"/a": {"offset": 3}}


async def test_secrets_are_masked_before_anything_is_written(tmp_path: Path) -> None:
    """In texts, in JSON lines, which stay JSON, and in attributes."""
    async with opened(tmp_path, SLOW) as site:
        await site.logs.ingest(
            [
                record("login with password=hunter2 failed"),
                record('{"msg": "x", "token": "hunter2", "n": 1}'),
                record("fine", attributes={"env": {"API_KEY": "hunter2", "HOME": "/root"}}),
            ]
        )
        assert not any(b"hunter2" in path.read_bytes() for path in _files(tmp_path / "spool" / "1"))
        assert await site.messages() == [
            "login with password=••• failed",
            "x",  # its object was taken apart: the rest are attributes
            "fine",
        ]
        (attributes,) = await site.asked("SELECT attributes FROM log_line WHERE message = 'fine'")
        assert attributes == ('{"env":{"API_KEY":"•••","HOME":"/root"}}',)


async def test_a_warehouse_that_another_process_holds_is_said_and_costs_nothing(tmp_path: Path) -> None:
    """Records are kept, and enter it when it is free."""
    holder = await _holder(tmp_path)
    async with opened(tmp_path, SLOW, WarehouseSettings(reopen_interval_s=0.05)) as site:
        assert "another process holds the warehouse" in site.warehouse.problem
        assert (await site.logs.ingest([record("kept")])).accepted == 1
        with pytest.raises(Unavailable):
            await site.logs.drained()
        with pytest.raises(Unavailable):
            await site.logs.sources()
        await holder.communicate(b"\n")
        await until(lambda: not site.warehouse.problem)
        assert await site.messages() == ["kept"]


async def test_a_damaged_warehouse_is_said_and_a_new_one_gets_all_that_the_spool_has(tmp_path: Path) -> None:
    """Nobody's file is thrown away."""
    (tmp_path / FILE).write_bytes(b"no database" * 1000)
    async with opened(tmp_path, SLOW, WarehouseSettings(reopen_interval_s=0.05)) as site:
        assert "damaged" in site.warehouse.problem
        await site.logs.ingest([record("kept")])
        (tmp_path / FILE).rename(tmp_path / "aside")
        await until(lambda: not site.warehouse.problem)
        assert await site.messages() == ["kept"]


async def test_a_warehouse_that_went_back_to_its_last_checkpoint_gets_the_rest_again(tmp_path: Path) -> None:
    """Its own log was damaged and had to be moved away: the spool keeps what is not folded into the file."""
    async with opened(tmp_path, SLOW) as site:
        await site.logs.ingest([record("before")])
        await site.logs.drained()
        await site.warehouse.checkpoint()
        old = (tmp_path / FILE).read_bytes()
        await site.logs.ingest([record("after")])
        await site.logs.drained()
    (tmp_path / FILE).write_bytes(old)
    async with opened(tmp_path, SLOW) as site:
        assert await site.messages() == ["before", "after"]


async def test_a_frame_that_nobody_understands_holds_up_nothing(tmp_path: Path) -> None:
    """It is set aside, for people to look at."""
    async with opened(tmp_path, SLOW) as site:
        await site.logs.ingest([record("one")])
        await site.logs.intake.put("lines", lambda _: b"no lines", [0])
        await site.logs.intake.put("unheard-of", lambda _: b"whatever", [0])
        await site.logs.ingest([record("two")])
        assert await site.messages() == ["one", "two"]
        assert site.logs.intake.refused_frames == 2
        assert site.logs.standing().state == "degraded"
        assert (tmp_path / "spool" / "refused").stat().st_mode & 0o777 == 0o600


async def test_two_servers_on_one_data_directory_keep_all_that_they_get(tmp_path: Path) -> None:
    """Only one of them has the warehouse; what the other got enters it when the other has it."""
    async with opened(tmp_path, SLOW) as first:
        async with opened(tmp_path, SLOW) as second:
            assert second.warehouse.problem
            await first.logs.ingest([record("first")])
            await second.logs.ingest([record("second")])
        assert await first.messages() == ["first"]
    async with opened(tmp_path, SLOW) as site:
        assert sorted(await site.messages()) == ["first", "second"]


async def test_the_files_of_the_warehouse_are_its_owners(tmp_path: Path) -> None:
    """Whatever the umask says."""
    async with opened(tmp_path, SLOW) as site:
        await site.logs.ingest([record("private")])
        await site.logs.drained()
        modes = {path.name: path.stat().st_mode & 0o777 for path in _files(tmp_path) if "warehouse" in path.name}
        assert modes
        assert set(modes.values()) == {0o600}


async def test_a_query_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    """And others go on."""
    async with opened(tmp_path, SLOW) as site:
        with pytest.raises(Unavailable, match="too long"):
            await site.warehouse.read(
                lambda connection: connection.execute(
                    "SELECT count(*) FROM range(1000000) AS a, range(1000000) AS b WHERE a.range % 7 = b.range % 5"
                ).fetchall(),
                limit_s=0.2,
            )
        assert await site.asked("SELECT 1") == [(1,)]


async def test_readers_can_write_nothing_and_reach_no_file(tmp_path: Path) -> None:
    """External access is off, and the configuration is locked."""
    async with opened(tmp_path, SLOW) as site:
        for statement in (
            "DELETE FROM log_line",
            "SELECT * FROM read_text('/etc/passwd')",
            f"COPY log_line TO '{tmp_path}/copy.csv'",
            f"ATTACH '{tmp_path}/other.duckdb'",
            "SET enable_external_access = true",
        ):
            with pytest.raises(duckdb.Error):
                await site.asked(statement)


async def test_whoever_takes_the_warehouse_over_takes_what_the_other_server_left_in_its_spool(tmp_path: Path) -> None:
    """With its marks, before any file is read on, and with its ids."""
    other = Spool(tmp_path / "spool" / "1", segment_bytes=2**20, limit_bytes=2**20)
    assert other.open()
    lines = lines_of([record("left", id="1")], [FileMark("files:app", "/a", {"offset": 7})])
    other.put(Frame(PAYLOAD, time.time_ns() // 1000, packed(lines.hashes()), encoded(lines))).result()
    holder = await _holder(tmp_path)
    async with opened(tmp_path, SLOW, WarehouseSettings(reopen_interval_s=0.05)) as site:
        other.close()
        await holder.communicate(b"\n")
        await until(lambda: not site.warehouse.problem)
        assert await site.logs.marks("files:app") == {"/a": {"offset": 7}}
        assert (await site.logs.ingest([record("left", id="1")])).duplicates == 1
        assert await site.messages() == ["left"]


class _Waits:
    """Keeps nothing, in its own time."""

    payload = "waits"

    def __init__(self) -> None:
        self.begun, self.may_end = threading.Event(), threading.Event()

    def load(self, connection: Connection) -> None:
        """There is nothing to know."""

    def store(self, _connection: Connection, _frames: Sequence[Frame]) -> None:
        """The batch is held up."""
        self.begun.set()
        self.may_end.wait()

    def stored(self, told: None) -> None:
        """Nobody is told."""


async def test_a_batch_whose_asker_went_away_is_stored_once(tmp_path: Path) -> None:
    """A scan that took too long, or a server that stops, leaves in the middle of a transaction."""
    waits = _Waits()
    async with opened(tmp_path, SLOW) as site:
        site.logs.intake.add(waits)
        await site.logs.ingest([record("once")])
        await site.logs.intake.put(waits.payload, lambda _: b"", is_bare=False)
        asker = asyncio.create_task(site.logs.drained())
        await asyncio.to_thread(waits.begun.wait)
        asker.cancel()
        await asyncio.wait({asker})
        waits.may_end.set()
        assert await site.messages() == ["once"]


async def test_what_was_put_is_remembered_also_when_whoever_put_it_went_away(tmp_path: Path) -> None:
    """Sent again, it is no second time there."""
    begun, may_end = threading.Event(), threading.Event()
    lines = lines_of([record("once", id="1")])

    def pack(_: Sequence[bool]) -> bytes:
        begun.set()
        may_end.wait()
        return encoded(lines)

    async with opened(tmp_path, SLOW) as site:
        putting = asyncio.create_task(site.logs.intake.put(PAYLOAD, pack, lines.hashes()))
        await asyncio.to_thread(begun.wait)
        putting.cancel()
        await asyncio.wait({putting})
        again = asyncio.create_task(site.logs.ingest([record("once", id="1")]))
        may_end.set()
        assert (await again).duplicates == 1
        assert (await site.logs.ingest([record("once", id="1")])).duplicates == 1
        assert await site.messages() == ["once"]


async def test_who_loses_the_warehouse_gives_back_what_others_left(tmp_path: Path) -> None:
    """Whoever has the warehouse next, itself or another, empties their spools."""
    other = Spool(tmp_path / "spool" / "1", segment_bytes=2**20, limit_bytes=2**20)
    assert other.open()
    holder = await _holder(tmp_path)
    opens = list[bool]()

    def look() -> None:
        spool = Spool(tmp_path / "spool" / "1", segment_bytes=2**20, limit_bytes=2**20)
        opens.append(spool.open())
        spool.close()

    def fail(_: Connection) -> None:
        look()
        raise duckdb.FatalException("the file is gone")

    async with opened(tmp_path, SLOW, WarehouseSettings(reopen_interval_s=0.05)) as site:
        lines = lines_of([record("left")])
        other.close()
        await holder.communicate(b"\n")
        await until(lambda: not site.warehouse.problem)
        site.warehouse.on_close(look)
        with pytest.raises(Unavailable):
            await site.warehouse.write(fail)
        assert opens == [False, True]
        await until(lambda: not site.warehouse.problem)
        await site.logs.take(lines)
        assert await site.messages() == ["left"]


async def test_marks_in_memory_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that the warehouse has need not be there, and are known all the same."""
    monkeypatch.setattr(service, "MOST_MARKS", 3)
    async with opened(tmp_path, SLOW) as site:
        for number in range(9):
            await site.logs.ingest([], [FileMark("files:app", f"/{number}", {"offset": number})])
            assert len(site.logs._marks) <= 4
        await site.logs.ingest([], [FileMark("files:app", "/0", None)])
        assert await site.logs.marks("files:app") == {f"/{number}": {"offset": number} for number in range(1, 9)}
