"""The client's containers against a real server; what strangers wrote stays text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.patience import PATIENCE_S
from vibeworkbench import connect
from vibeworkbench.client.container_series import ContainerMetrics, Group, Groups, Metrics, Series
from vibeworkbench.client.container_values import (
    Container,
    ContainerError,
    ContainerErrors,
    ContainerHealth,
    ContainerItems,
    ContainerProcess,
    ContainerProcesses,
    HealthOfContainer,
    Sample,
    Samples,
    Use,
    size,
)
from vibeworkbench.client.errors import ClientError

NOW = datetime.now(UTC)
SHOP, OLD_SHOP, DATABASE = "a" * 64, "c" * 64, "b" * 64
NASTY = "<img src=x onerror=alert(1)>\x1b[31m\u202egnp"


@pytest.fixture(scope="module")
def server(start_server):
    """A server to which agents have told of three containers."""
    started = start_server("", "--no-lab")

    def tell(kind, *records):
        with started.http() as client:
            answer = client.post(f"api/monitoring/{kind}", json={"records": list(records)}).json()
        assert answer["accepted"] == len(records), answer

    def of(container_id, called, minutes=1, **told):
        at = (NOW - timedelta(minutes=minutes)).isoformat()
        return {"containerId": container_id, "containerName": called, "timestamp": at, **told}

    use = {"state": "running", "image": "shop:2", "cpuPercent": 12.5, "memoryBytes": 2**30}
    tell("samples", *(of(SHOP, "shop", minutes, **use) for minutes in range(20, 0, -1)))
    tell("samples", of(OLD_SHOP, "shop", 90, state="exited", exitCode=0))
    tell("samples", of(DATABASE, "database", state="exited", exitCode=137, oomKilled=True))
    tell(
        "errors",
        of(SHOP, "shop", type="ValueError", message="no 7"),
        of(SHOP, "shop", type="ValueError", message="no 8"),
    )
    tell("processes", of(SHOP, "shop", processId="1", name="web", command="web --port 80"))
    lines = ({"level": "error"}, {"level": "info"})
    tell("logs", *(of(SHOP, "shop", message=f"said {each['level']}", **each) for each in lines))
    return started


@pytest.fixture
def wb(server):
    with connect(server.url, server.token) as found:
        yield found


def test_containers_are_listed_as_they_were_last_heard_of(wb):
    """In the order of their names, with the engine of the server."""
    listed = wb.containers()
    assert [each.container_name for each in listed] == ["database", "shop", "shop"]
    assert listed.engine.state in {"connected", "failing", "absent"}
    assert [each.container_id for each in wb.containers.list(state="running")] == [SHOP]
    frame = listed.to_df()
    assert frame["cpu_percent"].max() == 12.5
    assert "shop" in repr(wb.containers)
    assert "shop" in wb.containers._repr_html_()


def test_one_is_found_by_name_id_or_the_beginning_of_its_id(wb):
    """Of several with one name, the one that runs."""
    for name in ("shop", SHOP, SHOP[:8]):
        assert wb.containers.find(name).container_id == SHOP
    assert wb.containers.find(wb.containers.find("database")).oom_killed
    for name in ("nobody", ""):
        with pytest.raises(ClientError, match="no container"):
            wb.containers.find(name)


def test_the_worst_stand_first_with_their_reasons(wb):
    """What is wholly well stands last."""
    health = wb.containers.health()
    assert health[0].container_name == "database"
    assert health[0].reasons
    assert list(health.to_df()["score"]) == sorted(each.score for each in health)


def test_use_is_told_as_samples_and_by_bucket(wb):
    """Newest first, and as series."""
    samples = wb.containers.samples("shop", limit=5)
    assert len(samples) == 5
    assert list(samples.to_df()["memory_bytes"]) == [2**30] * 5
    metrics = wb.containers.metrics("shop", since=timedelta(hours=1), bucket_s=300)
    frame = metrics.to_df()
    cpu = frame[(frame["metric"] == "cpuPercent") & frame["mean"].notna()]
    assert set(cpu["mean"]) == {12.5}
    assert cpu["at"].is_monotonic_increasing
    assert "1 GiB" in metrics._repr_html_()


def test_errors_processes_and_lines_of_one_container(wb):
    """The same errors are one; lines are those of the logs."""
    errors = wb.containers.errors("shop")
    assert [(each.type, each.count, each.containers) for each in errors] == [("ValueError", 2, ["shop"])]
    assert list(wb.containers.processes("shop").to_df()["name"]) == ["web"]
    assert [each.message for each in wb.containers.logs("shop", level="error")] == ["said error"]
    groups = wb.containers.aggregate(("level",), container="shop")
    assert {each.level: each.count for each in groups} == {"error": 1, "info": 1}
    assert groups.to_df()["count"].sum() == 2


def test_one_is_followed_after_what_is_there(wb, server):
    """Its lines alone."""
    with wb.containers.tail("shop", last=1).wait_joined() as tail:
        assert len(tail.next(PATIENCE_S)) == 1
        with server.http() as client:
            for container_id in (DATABASE, SHOP):
                record = {"containerId": container_id, "message": f"from {container_id[0]}"}
                client.post("api/monitoring/logs", json={"records": [record]})
        came = []
        while not came:
            came = [each.message for each in tail.next(PATIENCE_S)]
        assert came == ["from a"]


USE = Use(timestamp=NOW, cpu_percent=1.0, memory_bytes=1)
NAMED = {"container_id": NASTY, "container_name": NASTY}


@pytest.mark.parametrize(
    "shown",
    [
        Container(**NAMED, image=NASTY, state=NASTY, reasons=[NASTY], latest=USE),
        ContainerItems([Container(**NAMED, image=NASTY, reasons=[NASTY])]),
        ContainerHealth([HealthOfContainer(**NAMED, state=NASTY, score=1, reasons=[NASTY])]),
        Samples([Sample(**NAMED, state=NASTY, use=USE)]),
        Metrics(
            [ContainerMetrics(**NAMED, latest=USE, series={"cpuPercent": Series(mean=[1, 2], max=[1, 2])})], NOW, 60
        ),
        ContainerErrors(
            [ContainerError(error_id="e", type=NASTY, message=NASTY, stack=NASTY, first_seen_at=NOW, last_seen_at=NOW)]
        ),
        ContainerProcesses([ContainerProcess(**NAMED, process_id=NASTY, name=NASTY, command=NASTY)]),
        Groups([Group(count=1, level=NASTY, container_name=NASTY, template=NASTY)]),
    ],
    ids=lambda shown: type(shown).__name__,
)
def test_what_strangers_wrote_stays_text(shown):
    """No element of theirs."""
    html = shown._repr_html_()
    assert "<img" not in html
    assert "<div" in html
    assert repr(shown)


def test_sizes_are_said_in_their_largest_unit():
    """To three digits."""
    assert [size(each) for each in (None, 10, 3 * 2**20, 5 * 2**50)] == [None, "10 B", "3 MiB", "5.12e+03 TiB"]
    with pytest.raises(AttributeError):
        _ = Sample(**NAMED, use=USE).no_such_thing
