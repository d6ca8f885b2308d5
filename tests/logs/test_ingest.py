"""Records over REST: a real server, a real spool, a real warehouse."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect

from tests.patience import PATIENCE_S
from tests.servers import Server

NDJSON = {"Content-Type": "application/x-ndjson"}


def record(number: int, **more: Any) -> dict[str, Any]:
    """One record of the worker ``fetcher``."""
    return {
        "source": "fetcher",
        "timestamp": f"2026-11-28T09:00:{number % 60:02}Z",
        "level": "info",
        "message": f"fetched {number} pages",
        **more,
    }


def ndjson(records: list[dict[str, Any]]) -> bytes:
    """The records, one a line."""
    return b"".join(json.dumps(each).encode() + b"\n" for each in records)


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Server]) -> Server:
    """A server of its own."""
    return start_server("", "--no-lab")


@pytest.fixture
def http(server: Server) -> Iterator[httpx.Client]:
    """Its admin."""
    with server.http() as client:
        yield client


def test_records_are_there_as_soon_as_they_are_acknowledged(http: httpx.Client) -> None:
    """A query drains first."""
    sent = [record(1, instance="a", stream="stderr", attributes={"n": 1}), record(2, level="WARN")]
    assert http.post("api/logs/worker", json={"records": sent}).json() == {
        "accepted": 2,
        "duplicates": 0,
        "rejected": [],
    }
    items = http.get("api/logs", params={"source": "fetcher"}).json()["items"]
    assert [(each["message"], each["level"], each["kind"]) for each in items[:2]] == [
        ("fetched 2 pages", "warning", "worker"),
        ("fetched 1 pages", "info", "worker"),
    ]
    assert (items[1]["instance"], items[1]["stream"], items[1]["attributes"]) == ("a", "stderr", {"n": 1})
    assert items[1]["timestamp"] == "2026-11-28T09:00:01Z"


def test_one_bare_record_is_a_body(http: httpx.Client) -> None:
    """As a shell script sends it."""
    assert http.post("api/logs/build", json=record(3, source="bare")).json()["accepted"] == 1
    assert http.get("api/logs", params={"source": "bare"}).json()["items"][0]["kind"] == "build"
    refused = http.post("api/logs/build", json=record(4, source="bare", colour="red"))
    assert (refused.status_code, refused.json()["error"]["details"]["field"]) == (400, "colour")


def test_the_good_ones_of_a_batch_are_kept_and_the_others_told(http: httpx.Client) -> None:
    """With their place, their field and the reason."""
    body = ndjson([record(1, source="mixed"), record(2, source="mixed", level="loud")]) + b"{no json\n\n"
    body += ndjson([{"source": "mixed", "level": "info", "message": "x"}, record(5, source="mixed")])
    answer = http.post("api/logs/worker", content=body, headers=NDJSON)
    assert answer.status_code == 200
    told = answer.json()
    assert (told["accepted"], [(each["index"], each["field"]) for each in told["rejected"]]) == (
        2,
        [(1, "level"), (2, "record"), (3, "timestamp")],
    )
    sources = {each["source"]: each for each in http.get("api/logs/sources").json()["items"]}
    assert (sources["mixed"]["lines"], sources["mixed"]["rejected"]) == (2, 2)


def test_sources_come_in_pages(http: httpx.Client) -> None:
    """Each once, in their order; those of which nothing could be taken, too."""
    http.post("api/logs/build", json={"records": [record(1, source=f"paged{number}") for number in range(4)]})
    http.post("api/logs/worker", json={"records": [record(2, source="paged-refused", level="loud")]})
    whole = http.get("api/logs/sources").json()
    assert whole["nextCursor"] is None
    parts, query = [], {"limit": 2}
    while query:
        page = http.get("api/logs/sources", params=query).json()
        assert len(page["items"]) <= 2
        parts += page["items"]
        query = {"limit": 2, "cursor": page["nextCursor"]} if page["nextCursor"] else {}
    assert parts == whole["items"]
    assert len({(each["kind"], each["source"]) for each in parts}) == len(parts) >= 5
    assert http.get("api/logs/sources", params={"limit": 0}).status_code == 400


def test_a_record_with_a_known_id_is_stored_once(http: httpx.Client) -> None:
    """Also within one body."""
    sent = [record(number, source="twice", id=f"r{number % 3}") for number in range(5)]
    assert http.post("api/logs/worker", json={"records": sent}).json()["duplicates"] == 2
    assert http.post("api/logs/worker", content=ndjson(sent), headers=NDJSON).json()["duplicates"] == 5
    assert len(http.get("api/logs", params={"source": "twice"}).json()["items"]) == 3


def test_whoever_watches_sees_new_lines(server: Server, http: httpx.Client) -> None:
    """In a batch that says how many it leaves out."""
    address = f"{server.url}vibeworkbench/parties/logs/main".replace("http", "ws", 1)
    headers = {"Authorization": f"token {server.token}"}
    with connect(address, additional_headers=headers, open_timeout=PATIENCE_S) as socket:
        assert json.loads(socket.recv(PATIENCE_S))["type"] == "connected"
        http.post("api/logs/worker", json={"records": [record(number, source="live") for number in range(300)]})
        seen, skipped = [], 0
        while len(seen) + skipped < 300:
            message = json.loads(socket.recv(PATIENCE_S))
            if message["type"] == "presence":
                continue
            assert message["type"] == "lines"
            seen += message["data"]["lines"]
            skipped += message["data"]["skipped"]
    assert len(seen) + skipped == 300
    assert seen[-1]["message"] == "fetched 299 pages"
    assert seen[-1]["templateId"]


def test_templates_are_listed_and_explained(http: httpx.Client) -> None:
    """With counts, samples and a course; a line that comes tomorrow is explained today."""
    http.post("api/logs/worker", json={"records": [record(number, source="mined") for number in range(5)]})
    (template,) = http.get("api/logs/templates", params={"source": "mined", "sort": "count"}).json()["items"]
    assert (template["count"], template["sources"]) == (5, [{"kind": "worker", "source": "mined"}])
    assert sum(template["sparkline"]["counts"]) == 5
    told = http.get(f"api/logs/templates/{template['templateId']}").json()
    assert told["explanation"]["template"]["templateId"] == template["templateId"]
    found = http.get("api/logs", params={"template": template["templateId"], "source": "mined", "limit": 2}).json()
    assert [each["message"] for each in found["items"]] == ["fetched 4 pages", "fetched 3 pages"]
    more = {"template": template["templateId"], "source": "mined", "cursor": found["nextCursor"]}
    assert len(http.get("api/logs", params=more).json()["items"]) == 3
    explained = http.post("api/logs/explain", json={"line": "fetched 77 pages"}).json()
    assert explained["template"]["templateId"] == template["templateId"]
    assert http.get("api/logs/templates/no-such").status_code == 404


def test_a_line_without_source_is_explained_by_the_layouts_that_are_known(http: httpx.Client) -> None:
    """Many lines tell where a header ends; one line alone would not."""
    lines = [f"2026-11-28 09:00:{number:02}   web{number % 3}   main   baked {number} loaves" for number in range(60)]
    sent = [
        record(number, source="bakery", timestamp=None, level=None, message=line) for number, line in enumerate(lines)
    ]
    assert http.post("api/logs/worker", json={"records": sent}).json()["accepted"] == 60
    (template,) = http.get("api/logs/templates", params={"source": "bakery"}).json()["items"]
    assert template["text"] == "baked <number> loaves"
    explained = http.post(
        "api/logs/explain", json={"line": "2026-11-28 10:17:00   web1   main   baked 770 loaves"}
    ).json()
    assert explained["template"]["templateId"] == template["templateId"]


def test_events_of_patches_are_taken(http: httpx.Client) -> None:
    """As log records are: the good ones kept, the others told."""
    sent = [{"kind": "patch-applied", "key": "p-1", "attributes": {"ok": True}}, {"key": "p-2"}]
    answer = http.post("api/patches/events", content=ndjson(sent), headers=NDJSON).json()
    assert (answer["accepted"], [each["field"] for each in answer["rejected"]]) == (1, ["kind"])


def test_what_is_no_json_is_refused(http: httpx.Client) -> None:
    """And a compressed body is read."""
    assert http.post("api/logs/worker", content=b"hello\nworld\n", headers=NDJSON).status_code == 400
    assert http.post("api/logs/worker", content=b"{", headers={"Content-Type": "application/json"}).status_code == 400
    packed = gzip.compress(ndjson([record(1, source="packed")]))
    headers = {**NDJSON, "Content-Encoding": "gzip"}
    assert http.post("api/logs/worker", content=packed, headers=headers).json()["accepted"] == 1


def test_only_those_who_may_deliver_and_only_those_who_may_read(server: Server) -> None:
    """Ingest posts and reads nothing; an analyst reads and posts nothing."""
    with server.http(server.grant("ingest")) as ingest, server.http(server.grant("analyst")) as analyst:
        assert ingest.post("api/logs/worker", content=ndjson([record(1)]), headers=NDJSON).status_code == 200
        assert ingest.get("api/logs").status_code == 403
        assert analyst.get("api/logs").status_code == 200
        assert analyst.post("api/logs/worker", content=ndjson([record(1)]), headers=NDJSON).status_code == 403
