"""Reports over REST: taken with reasons, kept once in whatever order they come, and found again."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.servers import Server

SETTINGS = '[containers]\nengine = "none"\nmost_agents = 3\n'
NOW = datetime.now(UTC).replace(microsecond=0)


def at(seconds: float) -> str:
    """An instant so many seconds after ten minutes ago."""
    return (NOW - timedelta(minutes=10) + timedelta(seconds=seconds)).isoformat()


@pytest.fixture(scope="module")
def server(start_server) -> Server:
    return start_server(SETTINGS, "--no-lab")


@pytest.fixture(scope="module")
def ingest(server):
    with server.http(server.grant("ingest")) as client:
        yield client


@pytest.fixture(scope="module")
def analyst(server):
    with server.http(server.grant("analyst")) as client:
        yield client


def post(client, kind, *records, **headers):
    """The receipt of a batch."""
    answer = client.post(f"api/monitoring/{kind}", json={"records": [*records]}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def items(client, path, **query):
    answer = client.get(f"api/monitoring/{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


def error(container="e1", seconds=0.0, **more):
    return {"containerId": container, "timestamp": at(seconds), "type": "ValueError", "message": "no card 17", **more}


def test_errors_are_counted_right_late_out_of_order_and_twice(ingest, analyst):
    """One error with the count of all that are the same, the first and the last time of any."""
    said = {"containerName": "shop"}
    assert post(ingest, "errors", error(seconds=20, id="b", **said))["accepted"] == 1
    first = post(ingest, "errors", error(seconds=5, id="a", message="no card 9"), error(seconds=20, id="b"))
    assert (first["accepted"], first["duplicates"]) == (1, 1)
    post(ingest, "errors", error("e2", 30, count=3, message="no card 11"), error(seconds=1, type="KeyError"))
    again = post(ingest, "errors", error(seconds=5, id="a"), error(seconds=5, id="a"))
    assert (again["accepted"], again["duplicates"]) == (0, 2)
    value, key = items(analyst, "errors")
    assert (value["type"], value["count"], value["message"]) == ("ValueError", 5, "no card 11")
    assert (value["firstSeenAt"], value["lastSeenAt"]) == (_z(at(5)), _z(at(30)))
    assert value["containers"] == ["e2", "shop"]
    assert (key["type"], key["count"]) == ("KeyError", 1)
    assert [each["count"] for each in items(analyst, "errors", containerId="e1", type="ValueError")] == [2]
    assert items(analyst, "errors", text="CARD 11")[0]["errorId"] == value["errorId"]
    page = analyst.get("api/monitoring/errors", params={"limit": 1}).json()
    rest = analyst.get("api/monitoring/errors", params={"limit": 1, "cursor": page["nextCursor"]}).json()
    assert [page["items"][0]["type"], rest["items"][0]["type"], rest["nextCursor"]] == ["ValueError", "KeyError", None]


def _z(text: str) -> str:
    return text.replace("+00:00", "Z")


def test_an_agents_numbers_count_once_in_any_order(ingest, analyst):
    """Numbers are of one agent and kind; also those of a batch that came in two parts."""
    numbered = [error("e3", number, agentId="a1", sequence=number) for number in range(1, 6)]
    assert post(ingest, "errors", *numbered[3:])["accepted"] == 2
    late = post(ingest, "errors", *numbered)
    assert (late["accepted"], late["duplicates"]) == (3, 2)
    assert post(ingest, "errors", *numbered)["duplicates"] == 5
    other = post(ingest, "errors", error("e3", 9, agentId="a2", sequence=1))
    assert other["accepted"] == 1
    assert [each["count"] for each in items(analyst, "errors", containerId="e3")] == [6]
    line = {"containerId": "e3", "message": "hello", "agentId": "a1"}
    assert post(ingest, "logs", *({**line, "sequence": number} for number in (1, 2, 2)))["accepted"] == 2
    assert post(ingest, "logs", {**line, "sequence": 2}, {**line, "sequence": 7})["accepted"] == 1
    assert len(items(analyst, "logs", containerId="e3")) == 3


def test_the_agent_that_was_heard_of_longest_ago_is_forgotten(ingest, analyst):
    """There is no end to names; what it sends again counts again, what the others send does not."""
    for kind, told in (("errors", error("e4", 1)), ("logs", {"containerId": "e4", "message": "x"})):
        sent = [{**told, "agentId": f"b{number}", "sequence": 1} for number in range(4)]
        assert [post(ingest, kind, each)["accepted"] for each in sent] == [1, 1, 1, 1]
        assert post(ingest, kind, *sent[1:])["duplicates"] == 3
        assert post(ingest, kind, sent[0])["accepted"] == 1
    told = [line for line in analyst.get("metrics").text.splitlines() if 'forgotten_total{kind="agents"}' in line]
    assert [float(line.split()[-1]) >= 3 for line in told] == [True]


def test_processes_are_updated_in_part(ingest, analyst):
    """A field that is left out keeps its value, a late update changes nothing newer, and one that ended is marked."""
    of = {"containerId": "p1", "processId": "7"}
    post(
        ingest,
        "processes",
        {**of, "timestamp": at(1), "name": "worker", "memoryBytes": 10, "command": "w --token=s3cret"},
    )
    post(ingest, "processes", {**of, "timestamp": at(9), "memoryBytes": 30})
    post(ingest, "processes", {**of, "timestamp": at(5), "memoryBytes": 20, "state": "sleeping"})
    (process,) = items(analyst, "processes", containerId="p1", state="running")
    assert (process["name"], process["memoryBytes"], process["state"]) == ("worker", 30, "sleeping")
    assert (process["command"], process["endedAt"]) == ("w --token=•••", None)
    post(ingest, "processes", {**of, "timestamp": at(20), "endedAt": at(19), "exitCode": 1})
    assert items(analyst, "processes", containerId="p1", state="running") == []
    (process,) = items(analyst, "processes", containerId="p1", state="ended")
    assert (process["exitCode"], process["endedAt"], process["name"]) == (1, _z(at(19)), "worker")


def test_samples_tell_standing_health_and_metrics(ingest, analyst):
    """The newest counts whatever comes after it; buckets are aligned; secrets are masked."""
    of = {"containerId": "s1", "containerName": "api", "image": "shop/api:1"}
    use = [
        {**of, "timestamp": at(60 * number), "cpuPercent": 10.0 * number, "memoryBytes": number, "state": "running"}
        for number in range(4)
    ]
    post(ingest, "samples", use[3], use[0], use[1])
    told = {"environment": {"DB_PASSWORD": "x", "PATH": "/bin"}, "labels": {"app": "shop"}, "health": "unhealthy"}
    post(ingest, "samples", {**use[2], **told}, use[2], use[3])
    one = analyst.get("api/monitoring/containers/s1").json()
    assert (one["containerName"], one["image"], one["state"], one["latest"]["cpuPercent"]) == (
        "api",
        "shop/api:1",
        "running",
        30.0,
    )
    assert one["environment"] == {"DB_PASSWORD": "•••", "PATH": "/bin"}
    assert "its health check fails" in one["reasons"]
    (health,) = [each for each in items(analyst, "health") if each["containerId"] == "s1"]
    assert health["score"] == one["score"] < 50
    assert len(items(analyst, "samples", containerId="s1")) == 4
    query = {"containerId": "s1", "from": at(0), "to": at(240), "bucketS": 60}
    (metrics,) = items(analyst, "metrics", **query)
    cpu = [each for each in metrics["series"]["cpuPercent"]["max"] if each is not None]
    assert cpu == [0.0, 10.0, 20.0, 30.0]
    assert len(metrics["series"]["memoryBytes"]["mean"]) == len(metrics["series"]["cpuPercent"]["max"])
    assert analyst.get("api/monitoring/metrics", params={**query, "bucketS": 1, "to": at(5000)}).status_code == 400
    assert analyst.get("api/monitoring/containers/none").status_code == 404


def test_lines_are_searched_and_counted(ingest, analyst):
    """By time, level, container and template, and by what they say."""
    lines = [
        {
            "containerId": "l1",
            "containerName": "web",
            "timestamp": at(number),
            "level": level,
            "message": f"{text} {number}",
        }
        for number, (level, text) in enumerate([("info", "served"), ("error", "lost card"), ("info", "served")])
    ]
    body = gzip.compress(b"".join(json.dumps(each).encode() + b"\n" for each in lines))
    headers = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}
    answer = ingest.post("api/monitoring/logs", content=body, headers=headers)
    assert answer.json() == {"accepted": 3, "duplicates": 0, "rejected": []}
    (line,) = items(analyst, "logs", containerId="l1", level="warning")
    assert (line["source"], line["instance"], line["level"], line["message"]) == ("web", "l1", "error", "lost card 1")
    counted = items(analyst, "aggregate", by="level,container", containerId="l1")
    assert [(each["level"], each["containerName"], each["count"]) for each in counted] == [
        ("info", "web", 2),
        ("error", "web", 1),
    ]
    (text,) = items(analyst, "aggregate", by="template", containerId="l1", text="LOST")
    assert (text["count"], text["level"]) == (1, None)
    by_time = items(analyst, "aggregate", by="time", containerId="l1", bucketS=3600)
    assert sum(each["count"] for each in by_time) == 3


@pytest.mark.parametrize(
    ("kind", "record", "field", "reason"),
    [
        ("errors", {"containerId": "r", "timestamp": at(0), "message": "x"}, "type", "this field is missing"),
        ("errors", {"containerId": "", "timestamp": at(0), "message": "x", "type": "E"}, "containerId", ""),
        ("errors", error(count=0), "count", ""),
        ("errors", error(sequence=3), "agentId", "a sequence belongs to an agent"),
        ("samples", {"containerId": "r", "timestamp": at(0), "cpu": 1}, "cpu", "there is no such field"),
        ("samples", {"containerId": "r", "timestamp": at(0), "state": "lost"}, "state", ""),
        ("samples", {"containerId": "r", "timestamp": 1e300}, "timestamp", "it is before 1970 or after 2261"),
        ("processes", {"containerId": "r", "timestamp": at(0), "processId": "1", "name": None}, "name", ""),
        ("logs", {"containerId": "r", "message": "x", "level": "loud"}, "level", "it names no level"),
        ("logs", {"containerId": "r", "message": "x", "attributes": [1]}, "attributes", "they are no object"),
        ("logs", {"containerId": "r", "message": "x" * 300_000}, "message", ""),
    ],
)
def test_bad_records_are_told_apart_from_good_ones(ingest, kind, record, field, reason):
    """Each with its place, field and reason; the good one beside it is kept."""
    good = {
        "errors": error("good", 0),
        "samples": {"containerId": "good", "timestamp": at(len(str(record)))},
        "processes": {"containerId": "good", "timestamp": at(0), "processId": "1"},
        "logs": {"containerId": "good", "message": "fine"},
    }[kind]
    receipt = post(ingest, kind, record, good)
    assert receipt["accepted"] == 1
    (rejected,) = receipt["rejected"]
    assert (rejected["index"], rejected["field"]) == (0, field)
    assert reason in rejected["reason"]


def test_a_single_report_and_a_body_that_is_none(ingest):
    """A bare object is one report; what is no JSON is refused as a whole."""
    assert ingest.post("api/monitoring/errors", json=error("solo", 0)).json()["accepted"] == 1
    assert (
        ingest.post(
            "api/monitoring/errors", content=b"nonsense", headers={"Content-Type": "application/json"}
        ).status_code
        == 400
    )
    assert ingest.post("api/monitoring/errors", content=b"x", headers={"Content-Type": "text/plain"}).status_code == 400


def test_who_may(server, ingest, analyst):
    """Agents deliver and ask nothing; analysts ask and deliver nothing; viewers do neither."""
    assert ingest.get("api/monitoring/errors").status_code == 403
    assert analyst.post("api/monitoring/errors", json=error()).status_code == 403
    with server.http(server.grant("viewer")) as viewer:
        assert viewer.get("api/monitoring/containers").status_code == 403
    with server.http("") as nobody:
        assert nobody.post("api/monitoring/logs", json={}).status_code in {401, 403}


def test_what_was_acknowledged_survives_a_kill(start_server, tmp_path):
    """And what is sent again after the restart is known."""
    server = start_server(SETTINGS, "--no-lab", data=tmp_path)
    numbered = [error("k", number, agentId="k", sequence=number) for number in range(1, 4)]
    line = {"containerId": "k", "message": "hello", "agentId": "k", "sequence": 1}
    with server.http() as client:
        assert post(client, "errors", *numbered[:2])["accepted"] == 2
        assert post(client, "logs", line)["accepted"] == 1
    server.process.kill()
    server.process.wait()
    again = start_server(SETTINGS, "--no-lab", data=tmp_path)
    with again.http() as client:
        receipt = post(client, "errors", *numbered)
        assert (receipt["accepted"], receipt["duplicates"]) == (1, 2)
        assert post(client, "logs", line)["duplicates"] == 1
        assert [each["count"] for each in items(client, "errors")] == [3]
        assert len(items(client, "logs")) == 1
        assert client.get("api/monitoring/containers").json()["engine"]["state"] == "absent"
