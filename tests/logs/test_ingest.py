"""Records over REST: a real server, a real spool, a real warehouse."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

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


def test_a_record_with_a_known_id_is_stored_once(http: httpx.Client) -> None:
    """Also within one body."""
    sent = [record(number, source="twice", id=f"r{number % 3}") for number in range(5)]
    assert http.post("api/logs/worker", json={"records": sent}).json()["duplicates"] == 2
    assert http.post("api/logs/worker", content=ndjson(sent), headers=NDJSON).json()["duplicates"] == 5
    assert len(http.get("api/logs", params={"source": "twice"}).json()["items"]) == 3
