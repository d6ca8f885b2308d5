"""OpenTelemetry's own exporter, and its protocol in both encodings."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import msgspec
import pytest
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource

from tests.servers import Server
from vibeworkbench.logs.otlp import json_lines
from vibeworkbench.settings import LogSettings


@pytest.fixture(scope="module")
def server(start_server: Callable[..., Server]) -> Server:
    """A server that takes small bodies."""
    return start_server("[logs]\nbody_bytes = 100000\nmessage_bytes = 5000\n", "--no-lab")


@pytest.fixture
def http(server: Server) -> Iterator[httpx.Client]:
    """Its admin."""
    with server.http() as client:
        yield client


def stored(http: httpx.Client, source: str) -> list[dict[str, Any]]:
    """What is kept of a source, oldest first."""
    return list(reversed(http.get("api/logs", params={"source": source}).json()["items"]))


def said(source: str, *records: dict[str, Any]) -> dict[str, Any]:
    """An ExportLogsServiceRequest as JSON."""
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": source}}]}
    return {"resourceLogs": [{"resource": resource, "scopeLogs": [{"logRecords": list(records)}]}]}


@pytest.mark.filterwarnings("ignore:.LoggingHandler. in .opentelemetry-sdk. is deprecated:DeprecationWarning")
def test_what_the_sdk_exports_appears(server: Server, http: httpx.Client) -> None:
    """With its level, its logger, its attributes, and the whole stack trace."""
    exporter = OTLPLogExporter(
        endpoint=f"{server.url}vibeworkbench/v1/logs",
        headers={"Authorization": f"Bearer {server.grant('ingest')}"},
    )
    provider = LoggerProvider(Resource.create({"service.name": "shop", "service.instance.id": "shop-1"}))
    provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    logger = logging.getLogger("shop.cart")
    logger.propagate = False
    logger.addHandler(LoggingHandler(logger_provider=provider))
    logger.warning("cart %d is empty", 7, extra={"customer": "c-1", "password": "hunter2"})
    try:
        {}["no such cart"]
    except LookupError:
        logger.exception("checkout failed")
    assert provider.force_flush()
    provider.shutdown()
    first, second = stored(http, "shop")
    assert (first["message"], first["level"], first["instance"], first["kind"]) == (
        "cart 7 is empty",
        "warning",
        "shop-1",
        "worker",
    )
    assert first["attributes"]["customer"] == "c-1"
    assert "hunter2" not in str(first)
    assert second["level"] == "error"
    assert second["message"].startswith("checkout failed\nTraceback")
    assert second["message"].endswith("KeyError: 'no such cart'")


def test_json_is_taken_as_the_protocol_says(http: httpx.Client) -> None:
    """64-bit integers as text, ids in hexadecimal digits, and fields that nobody knows."""
    record = {
        "timeUnixNano": "1764320400123456789",
        "severityNumber": 21,
        "severityText": "FATAL",
        "body": {"kvlistValue": {"values": [{"key": "n", "value": {"intValue": "12"}}]}},
        "traceId": "5b8efff798038103d269b633813fc60c",
        "attributes": [{"key": "list", "value": {"arrayValue": {"values": [{"boolValue": True}]}}}],
        "somethingNew": 1,
    }
    answer = http.post("v1/logs", json=said("json-otlp", record))
    assert (answer.status_code, answer.json(), answer.headers["content-type"]) == (200, {}, "application/json")
    (line,) = stored(http, "json-otlp")
    assert (line["message"], line["level"], line["timestamp"]) == (
        '{"n":12}',
        "critical",
        "2025-11-28T09:00:00.123456Z",
    )
    assert line["attributes"]["traceId"] == record["traceId"]
    assert line["attributes"]["list"] == [True]


def test_what_is_too_long_is_rejected_and_the_rest_kept(http: httpx.Client) -> None:
    """As partialSuccess tells."""
    records = [{"body": {"stringValue": text}} for text in ("short", "x" * 6000)]
    answer = http.post("v1/logs", json=said("long-otlp", *records)).json()
    assert answer["partialSuccess"]["rejectedLogRecords"] == "1"
    assert [each["message"] for each in stored(http, "long-otlp")] == ["short"]


def test_a_repeated_uid_is_stored_once(http: httpx.Client) -> None:
    """``log.record.uid`` is what an exporter that tries again repeats."""
    record = {
        "body": {"stringValue": "once"},
        "attributes": [{"key": "log.record.uid", "value": {"stringValue": "01ARZ3"}}],
    }
    for _ in range(2):
        assert http.post("v1/logs", json=said("uid-otlp", record)).status_code == 200
    assert len(stored(http, "uid-otlp")) == 1


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"\xff\xff\xff", {"Content-Type": "application/x-protobuf"}, 400),
        (b"{", {"Content-Type": "application/json"}, 400),
        (b"[" * 100000, {"Content-Type": "application/json"}, 400),
        (b"{}", {"Content-Type": "text/plain"}, 400),
        (b"no gzip", {"Content-Type": "application/json", "Content-Encoding": "gzip"}, 400),
        (b"{}", {"Content-Type": "application/json", "Content-Encoding": "br"}, 400),
        (gzip.compress(b" " * 10**8, mtime=0), {"Content-Type": "application/json", "Content-Encoding": "gzip"}, 413),
        (gzip.compress(b"{}", mtime=0)[:-4], {"Content-Type": "application/json", "Content-Encoding": "gzip"}, 400),
        (b" " * 100001, {"Content-Type": "application/json"}, 413),
    ],
    ids=["no protobuf", "no JSON", "deep", "of no type", "no gzip", "another coding", "a bomb", "cut off", "large"],
)
def test_forged_bodies_are_refused(http: httpx.Client, body: bytes, headers: dict[str, str], status: int) -> None:
    """None of them is an error of the server."""
    assert http.post("v1/logs", content=body, headers=headers).status_code == status


def test_an_empty_protobuf_request_is_a_success(http: httpx.Client) -> None:
    """Exporters send it to try whether somebody answers."""
    answer = http.post("v1/logs", content=b"", headers={"Content-Type": "application/x-protobuf"})
    assert answer.status_code == 200
    assert ExportLogsServiceResponse.FromString(answer.content) == ExportLogsServiceResponse()


def test_numbers_that_are_none_are_texts_and_refused_samples_hold_no_secret() -> None:
    """Nothing that a sender writes is an error of ours."""
    values = [{"key": name, "value": {"intValue": value}} for name, value in (("a", "--5"), ("b", "9" * 5000))]
    taken = json_lines(
        msgspec.json.encode(said("shop", {"body": {"stringValue": "x"}, "attributes": values})), LogSettings()
    )
    assert msgspec.json.decode(taken.attributes[0] or "", type=dict[str, Any])["a"] == "--5"
    long = {"body": {"stringValue": "password=hunter2 " + "x" * LogSettings().message_bytes}}
    (refused,) = json_lines(msgspec.json.encode(said("shop", long)), LogSettings()).refused
    assert "hunter2" not in refused.sample
