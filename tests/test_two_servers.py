"""Two real servers on one data directory: a slot is run once, and a scope is scanned by one of them at a time."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.servers import Server
from vibeworkbench.data_directory import open_database
from vibeworkbench.schedules import records
from vibeworkbench.schedules.model import schedules_from
from vibeworkbench.settings import settings_from_toml
from vibeworkbench.storage import schema

ROOM = "api/rooms/ops-monitor-broadcast/main/messages"


def yearly(at: datetime) -> str:
    """Settings with one schedule, whose last slot was ``at`` and whose next one is in a year."""
    return f'[[schedules]]\nname = "yearly"\ncron = "{at:%-M %-H %-d %-m} *"\nscope = "full"\n'


def known_since(data: Path, settings: str, since: datetime) -> None:
    """The schedules of the settings are known since then, as to a server that ran at the time."""
    read = settings_from_toml(settings)
    database = open_database(read.storage, data)
    schema.upgrade(database.engine)
    database.write_now(lambda transaction: records.know(transaction, schedules_from(read.schedules), since))
    database.close()


def claimed_slots(data: Path) -> list[datetime]:
    """Every slot that was ever claimed."""
    database = open_database(settings_from_toml("").storage, data)
    slots = database.read_now(
        lambda connection: connection.execute(sa.select(records.schedule_slot.c.slot_us)).scalars().all()
    )
    database.close()
    return [records.instant(each) for each in slots]


def started_together(start_server: Callable[..., Server], data: Path, settings: str) -> list[Server]:
    """Two servers that started at the same time."""
    (data / "vibeworkbench.toml").write_text(settings)
    with ThreadPoolExecutor(2) as starting:
        return list(starting.map(lambda _: start_server("", "--no-lab", data=data), range(2)))


def result_heard(servers: list[Server], scope: str = "full") -> dict[str, Any]:
    """The first result of a scan of that scope that one of the servers tells."""
    heard = dict.fromkeys(range(len(servers)), 0)
    for index in cycle(heard):
        with servers[index].http() as client:
            page = client.get(ROOM, params={"since": heard[index], "wait": 1}).json()
        heard[index] = page["lastSeq"]
        for message in page["messages"]:
            if message["type"] == "scan-result" and message["data"]["scope"] == scope:
                return message["data"]
    raise AssertionError


def scans(server: Server) -> list[dict[str, Any]]:
    """Every scan that there was."""
    with server.http() as client:
        return client.get("api/ops/scans").json()["items"]


@pytest.mark.slow
def test_a_missed_slot_is_made_up_once_by_one_of_two_servers(start_server, tmp_path: Path) -> None:
    """Both start after it with the right to run it; a third one that comes later finds it done."""
    slot = (datetime.now(UTC) - timedelta(minutes=5)).replace(second=0, microsecond=0)
    settings = yearly(slot)
    known_since(tmp_path, settings, slot - timedelta(days=1))
    servers = started_together(start_server, tmp_path, settings)
    result = result_heard(servers)
    assert (result["trigger"], result["status"]) == ("schedule:yearly", "completed")
    for server in servers:
        with server.http() as client:
            (told,) = client.get("api/schedules").json()["items"]
        assert (told["lastScanId"], told["lastOutcome"]) == (result["scanId"], "completed")
    assert [server.stop() for server in servers] == [0, 0]
    late = start_server("", "--no-lab", data=tmp_path)
    assert [each["scanId"] for each in scans(late)] == [result["scanId"]]
    assert late.stop() == 0
    assert claimed_slots(tmp_path) == [slot]


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A port that takes connections and never says anything; whoever waits for it learns when it is closed."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def test_two_servers_never_scan_one_scope_at_once(start_server, tmp_path: Path, silent: socket.socket) -> None:
    """The other one answers 409 with the scan that is under way, scans another scope, and then this one."""
    url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
    target = f'[[ops.targets]]\nkind = "http"\nname = "silent"\nurl = "{url}"\ntimeout_s = 100\n'
    settings = f"[ops]\ncollector_limit_s = 100\nscan_limit_s = 110\n{target}"
    servers = started_together(start_server, tmp_path, settings)
    with servers[0].http() as one, servers[1].http() as other:
        begun = one.post("api/ops/scan", json={"scope": "full"}, headers={"Prefer": "respond-async"}).json()
        refused = other.post("api/ops/scan", json={"scope": "full"})
        assert refused.status_code == 409
        assert refused.json()["error"]["details"]["scanId"] == begun["scanId"]
        refused = other.post("api/schedules/full/run")
        assert refused.status_code == 409
        assert refused.json()["error"]["details"]["scanId"] == begun["scanId"]
        beside = {"scope": "incremental", "filters": {"source": "host"}}
        assert other.post("api/ops/scan", json=beside).json()["status"] == "completed"
        assert one.get(f"api/ops/scans/{begun['scanId']}").json()["status"] == "running"
        silent.close()
        assert result_heard(servers[:1])["scanId"] == begun["scanId"]
        after = other.post("api/ops/scan", json={"scope": "full", "filters": {"source": "host"}})
        assert (after.status_code, after.json()["status"]) == (200, "completed")
