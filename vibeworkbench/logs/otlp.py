"""Log records as OpenTelemetry's exporters send them, in both of the protocol's encodings, as records in columns. Pure.

Source: OpenTelemetry Protocol Specification 1.x, sections OTLP/HTTP and "JSON Protobuf Encoding" (names in camelCase,
64-bit integers as text, trace and span ids as hexadecimal digits, unknown fields ignored); Logs Data Model, fields
SeverityNumber and SeverityText; semantic conventions for service.*, exception.* and log.record.uid.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from vibeworkbench.errors import InvalidInput
from vibeworkbench.logs.columns import Lines, Refusal
from vibeworkbench.logs.headers.forms import level_named
from vibeworkbench.logs.model import Kind
from vibeworkbench.masking import masked
from vibeworkbench.settings import LogSettings

PROTOBUF = "application/x-protobuf"
NAMELESS = "unknown_service"
"""Source of records whose resource has no name; the name that the semantic conventions give them."""
NAME_CHARACTERS = 256
SAMPLE_CHARACTERS = 200
_UNSAID = frozenset({"exception.stacktrace", "exception.type", "exception.message", "log.record.uid"})
_INT64_DIGITS = 20
"""With the sign."""
_LATEST_NS = 9_214_646_400_000_000_000


@dataclass(frozen=True, slots=True)
class _Said:
    """One record, with what its resource and scope say."""

    resource: Mapping[str, Any]
    scope: str
    time_ns: int
    number: int
    text: str
    body: Any
    attributes: Mapping[str, Any]
    trace_id: str
    span_id: str


def protobuf_lines(body: bytes, settings: LogSettings) -> Lines:
    """The records of a protobuf body; what is wrong with some is among ``refused``.

    Raises:
        InvalidInput: It is no ExportLogsServiceRequest.
    """
    try:
        request = ExportLogsServiceRequest.FromString(body)
    except DecodeError:
        raise InvalidInput("The body is no ExportLogsServiceRequest.", field="body", reason="not protobuf") from None
    return _lines(_of_protobuf(request), settings)


def json_lines(body: bytes, settings: LogSettings) -> Lines:
    """The records of a JSON body; what is wrong with some is among ``refused``.

    Raises:
        InvalidInput: It is no ExportLogsServiceRequest.
    """
    try:
        request = _REQUEST.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason = str(error)
        raise InvalidInput("The body is no ExportLogsServiceRequest.", field="body", reason=reason) from None
    return _lines(_of_json(request), settings)


def answer(rejected: int, reason: str, *, is_json: bool) -> bytes:
    """The body of a success, of which ``rejected`` records were none."""
    if is_json:
        partial = {"partialSuccess": {"rejectedLogRecords": str(rejected), "errorMessage": reason}}
        return msgspec.json.encode(partial if rejected else {})
    response = ExportLogsServiceResponse()
    if rejected:
        partial_success = ExportLogsPartialSuccess(rejected_log_records=rejected, error_message=reason)
        response.partial_success.CopyFrom(partial_success)
    return response.SerializeToString()


# What records become


def _lines(said: Iterable[_Said], settings: LogSettings) -> Lines:
    lines = Lines()
    for each in said:
        source, message = _source(each), _message(each)
        attributes = _attributes(each)
        reason = _wrong(message, attributes, settings)
        if reason:
            sample = masked(message[: 4 * SAMPLE_CHARACTERS])[:SAMPLE_CHARACTERS]
            lines.refused.append(Refusal(Kind.worker.value, source, 1, f"{reason}: {sample}"))
            continue
        lines.kind.append(Kind.worker.value)
        lines.source.append(source)
        lines.instance.append(_name(each.resource, "service.instance.id", "host.name", "k8s.pod.name"))
        lines.stream.append(_name(each.attributes, "log.iostream"))
        lines.at_us.append(each.time_ns // 1000 if 0 < each.time_ns < _LATEST_NS else None)
        lines.level.append(_level(each))
        lines.message.append(message)
        lines.attributes.append(attributes)
        lines.id.append(_name(each.attributes, "log.record.uid"))
    return lines


def _wrong(message: str, attributes: str | None, settings: LogSettings) -> str:
    if len(message.encode("utf-8", "replace")) > settings.message_bytes:
        return f"the body is longer than {settings.message_bytes} bytes"
    if attributes is not None and len(attributes) > settings.attributes_bytes:
        return f"the attributes are larger than {settings.attributes_bytes} bytes"
    return ""


def _source(said: _Said) -> str:
    return _name(said.resource, "service.name") or NAMELESS


def _name(values: Mapping[str, Any], *names: str) -> str:
    found = next((values[name] for name in names if values.get(name) not in (None, "")), "")
    text = found if isinstance(found, str) else _json(found)
    return "".join(sign for sign in text[:NAME_CHARACTERS] if sign.isprintable())


def _message(said: _Said) -> str:
    """The body, with the exception that belongs to it: a stack trace is part of the record."""
    message = said.body if isinstance(said.body, str) else "" if said.body is None else _json(said.body)
    trace = said.attributes.get("exception.stacktrace")
    kind, text = (said.attributes.get(name, "") for name in ("exception.type", "exception.message"))
    what = f"{trace}".rstrip() if trace else f"{kind}: {text}" if kind or text else ""
    return "\n".join(part for part in (message, what) if part)


def _attributes(said: _Said) -> str | None:
    told = {name: value for name, value in said.attributes.items() if name not in _UNSAID}
    more = {"scope": said.scope, "traceId": said.trace_id, "spanId": said.span_id, "resource": _resource(said)}
    told |= {name: value for name, value in more.items() if value and name not in told}
    return _json(told) if told else None


def _resource(said: _Said) -> dict[str, Any]:
    return {name: value for name, value in said.resource.items() if not name.startswith("telemetry.sdk.")}


def _level(said: _Said) -> int:
    """The severity number; without one, what the text means."""
    if 0 < said.number <= 24:
        return said.number
    return int(level_named(said.text)) if said.text else 0


def _json(value: Any) -> str:
    return msgspec.json.encode(value, enc_hook=str).decode("utf-8", "replace")


# Protobuf


def _of_protobuf(request: ExportLogsServiceRequest) -> Iterator[_Said]:
    for resource_logs in request.resource_logs:
        resource = {each.key: _value(each.value) for each in resource_logs.resource.attributes}
        for scope_logs in resource_logs.scope_logs:
            for record in scope_logs.log_records:
                yield _Said(
                    resource,
                    scope_logs.scope.name,
                    record.time_unix_nano or record.observed_time_unix_nano,
                    record.severity_number,
                    record.severity_text,
                    _value(record.body),
                    {each.key: _value(each.value) for each in record.attributes},
                    record.trace_id.hex(),
                    record.span_id.hex(),
                )


def _value(value: AnyValue) -> Any:
    match value.WhichOneof("value"):
        case None:
            return None
        case "array_value":
            return [_value(each) for each in value.array_value.values]
        case "kvlist_value":
            return {each.key: _value(each.value) for each in value.kvlist_value.values}
        case name:
            return getattr(value, name)


# JSON


class _Fields(msgspec.Struct, rename="camel"):
    """A JSON object of the protocol: what is not known is passed over."""


class _AnyValue(_Fields):
    string_value: str | None = None
    bool_value: bool | None = None
    int_value: int | str | None = None
    double_value: float | str | None = None
    bytes_value: str | None = None
    array_value: _Values | None = None
    kvlist_value: _KeyValues | None = None

    @property
    def plain(self) -> Any:
        """What it stands for."""
        if self.array_value is not None:
            return [each.plain for each in self.array_value.values]
        if self.kvlist_value is not None:
            return _named(self.kvlist_value.values)
        if isinstance(self.int_value, str):
            is_whole = self.int_value.removeprefix("-").isdecimal() and len(self.int_value) <= _INT64_DIGITS
            return int(self.int_value) if is_whole else self.int_value
        said = (self.string_value, self.bool_value, self.int_value, self.double_value, self.bytes_value)
        return next((each for each in said if each is not None), None)


class _KeyValue(_Fields):
    key: str = ""
    value: _AnyValue | None = None


class _Values(_Fields):
    values: list[_AnyValue] = []


class _KeyValues(_Fields):
    values: list[_KeyValue] = []


class _LogRecord(_Fields):
    time_unix_nano: int | str = 0
    observed_time_unix_nano: int | str = 0
    severity_number: int | str = 0
    severity_text: str = ""
    body: _AnyValue | None = None
    attributes: list[_KeyValue] = []
    trace_id: str = ""
    span_id: str = ""


class _Scope(_Fields):
    name: str = ""


class _ScopeLogs(_Fields):
    scope: _Scope | None = None
    log_records: list[_LogRecord] = []


class _Resource(_Fields):
    attributes: list[_KeyValue] = []


class _ResourceLogs(_Fields):
    resource: _Resource | None = None
    scope_logs: list[_ScopeLogs] = []


class _Request(_Fields):
    resource_logs: list[_ResourceLogs]


_REQUEST = msgspec.json.Decoder(_Request)


def _of_json(request: _Request) -> Iterator[_Said]:
    for resource_logs in request.resource_logs:
        resource = _named(resource_logs.resource.attributes) if resource_logs.resource else {}
        for scope_logs in resource_logs.scope_logs:
            for record in scope_logs.log_records:
                yield _Said(
                    resource,
                    scope_logs.scope.name if scope_logs.scope else "",
                    _whole(record.time_unix_nano) or _whole(record.observed_time_unix_nano),
                    _whole(record.severity_number),
                    record.severity_text,
                    record.body.plain if record.body else None,
                    _named(record.attributes),
                    record.trace_id,
                    record.span_id,
                )


def _named(values: Iterable[_KeyValue]) -> dict[str, Any]:
    return {each.key: each.value.plain if each.value else None for each in values}


def _whole(said: int | str) -> int:
    if isinstance(said, int):
        return said
    return int(said) if said.isdecimal() and len(said) < 20 else 0
