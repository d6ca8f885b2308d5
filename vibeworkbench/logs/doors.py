"""The doors through which records come in over HTTP: bodies are taken while they arrive, and refused as early."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from vibeworkbench.errors import InvalidInput, WorkbenchError
from vibeworkbench.logs import otlp
from vibeworkbench.logs.columns import Lines, Receipt
from vibeworkbench.logs.events import EventBody, EventReading, Events, EventsBody
from vibeworkbench.logs.model import Kind
from vibeworkbench.logs.otlp import PROTOBUF
from vibeworkbench.logs.reading import RECORDS_AT_ONCE, BodyReading, Reading, Unpacking, records_of
from vibeworkbench.logs.service import Logs
from vibeworkbench.logs.wire import ReceiptBody, RecordBody, RecordsBody
from vibeworkbench.web.handlers import ApiHandler
from vibeworkbench.web.operation import JSON, Answer, operation
from vibeworkbench.web.roles import Role

NDJSON = "application/x-ndjson"
_ENVELOPE_BYTES = 64 * 2**10
"""What a record may have beside its message and attributes."""


class IngestHandler(ApiHandler):
    """Where programs send log records."""

    subsystem = "logs"

    def initialize(self, service: Logs, kind: Kind) -> None:
        """The service is at hand, and where the records come from."""
        self.service = service
        self._kind = kind

    def body_limit_bytes(self) -> int:
        """What a body may have, as it is sent."""
        settings = self.service.settings
        return settings.stream_bytes if self._is_ndjson else settings.body_bytes

    def new_reading(self) -> BodyReading[Any, Any]:
        """What reads the records of the body."""
        return Reading(self._kind, self.service.settings)

    async def prepare(self) -> None:  # type: ignore[override]
        """Whoever may not send is refused before anything is stored: an NDJSON body is, while it arrives."""
        said = self.request.headers.get("Content-Type", JSON).partition(";")[0].strip().lower()
        self._is_ndjson = said == NDJSON
        self._reading = self.new_reading()
        self._accepted = self._duplicates = 0
        await super().prepare()
        if self.request.method != "POST":
            return
        try:
            self.request.connection.set_max_body_size(self._limit_bytes)  # type: ignore[union-attr]
            if self._refusal is None:
                await self.caller_for(Role.ingest, "write")
            self._unpacking = self._unpacking_of(said)
        except WorkbenchError as error:
            self._refuse(error)

    def _unpacking_of(self, said: str) -> Unpacking:
        if said not in {JSON, NDJSON}:
            message = f"Content-Type: this takes {JSON} and {NDJSON}, not {said}."
            raise InvalidInput(message, field="Content-Type", reason="neither", allowed=[JSON, NDJSON])
        settings = self.service.settings
        encoding = self.request.headers.get("Content-Encoding", "").strip().lower()
        line_bytes = 2 * (settings.message_bytes + settings.attributes_bytes) + _ENVELOPE_BYTES
        return Unpacking(encoding, self.body_limit_bytes(), line_bytes)

    async def data_received(self, chunk: bytes) -> None:  # type: ignore[override]
        """Another piece of the body: of NDJSON, its whole lines are on disk before more is read."""
        if not self._is_ndjson or self._refusal is not None:
            super().data_received(chunk)
            return
        try:
            for content in self._unpacking.lines(chunk):
                await self._taken(await asyncio.to_thread(self._reading.lines, content))
        except WorkbenchError as error:
            self._refuse(self._with_receipt(error))

    async def take(self, good: Any) -> Receipt:
        """The good records of a slice are on disk."""
        return await self.service.take(good)

    async def _taken(self, good: Any) -> None:
        self.check_still_admitted()
        receipt = await self.take(good)
        self._accepted += receipt.accepted
        self._duplicates += receipt.duplicates

    def _with_receipt(self, error: WorkbenchError) -> WorkbenchError:
        """The refusal, with what of the body is stored all the same: its sender need not send that again."""
        error.attributes.update(accepted=self._accepted, duplicates=self._duplicates)
        return error

    @operation(
        summary="Send log records",
        role=Role.ingest,
        streams={JSON: (RecordsBody, RecordBody), NDJSON: (RecordBody,)},
        answer=ReceiptBody,
        errors=(429, 503),
        description="A 200 means that what was accepted is on disk, and that the rejected ones are not. A record with "
        "an id is stored once within the time that the settings say. The body may be gzip. NDJSON is stored while it "
        "arrives: a refusal in the middle says how many records before it were accepted.",
    )
    async def post(self) -> ReceiptBody:
        """The good records are on disk."""
        return await self.received()

    async def received(self) -> ReceiptBody:
        """What became of the records of the whole body."""
        try:
            if self._is_ndjson:
                await self._taken(await asyncio.to_thread(lambda: self._reading.lines(self._unpacking.last())))
            else:
                await self._take_whole()
        except WorkbenchError as error:
            raise self._with_receipt(error) from None
        reading = self._reading
        if reading.is_foreign:
            raise InvalidInput("The body holds no JSON.", field="body", reason="no line is JSON")
        omitted = reading.omitted or msgspec.UNSET
        return ReceiptBody(self._accepted, self._duplicates, reading.rejected, omitted)

    async def _take_whole(self) -> None:
        raws, is_list = await asyncio.to_thread(lambda: records_of(self._unpacking.whole(bytes(self._body))))
        self._body.clear()
        for start in range(0, len(raws), RECORDS_AT_ONCE):
            some = raws[start : start + RECORDS_AT_ONCE]
            await self._taken(await asyncio.to_thread(self._reading.several, some))
        if not is_list and (rejected := self._reading.rejected):  # there are no good ones beside it to be kept
            wrong = rejected[0]
            raise InvalidInput(f"{wrong.field}: {wrong.reason}.", field=wrong.field, reason=wrong.reason)


class EventsHandler(IngestHandler):
    """Where programs tell what happened."""

    def initialize(self, service: Events) -> None:  # type: ignore[override]
        """The service is at hand."""
        super().initialize(service.logs, Kind.worker)
        self.events = service

    def new_reading(self) -> BodyReading[Any, Any]:
        """What reads the events of the body."""
        return EventReading(self.service.settings)

    async def take(self, good: Any) -> Receipt:
        """The good events of a slice are on disk."""
        return await self.events.take(good)

    @operation(
        summary="Send events, such as those of patches",
        role=Role.ingest,
        streams={JSON: (EventsBody, EventBody), NDJSON: (EventBody,)},
        answer=ReceiptBody,
        errors=(429, 503),
        description="A 200 means that what was accepted is on disk. An event with an id is stored once, together with "
        "its kind and key, within the time that the settings say for log records.",
    )
    async def post(self) -> ReceiptBody:
        """The good events are on disk."""
        return await self.received()


class OtlpHandler(ApiHandler):
    """Where OpenTelemetry's exporters send log records."""

    subsystem = "logs"

    def initialize(self, service: Logs) -> None:
        """The service is at hand."""
        self.service = service

    def body_limit_bytes(self) -> int:
        """What a body may have, as it is sent."""
        return self.service.settings.body_bytes

    @operation(
        summary="Send log records by OTLP/HTTP",
        role=Role.ingest,
        streams={PROTOBUF: (bytes,), JSON: (dict[str, Any],)},
        answer=dict[str, Any],
        errors=(429, 503),
        description="ExportLogsServiceRequest in, ExportLogsServiceResponse out, both in the encoding of the request; "
        "the body may be gzip. service.name becomes the source. A 200 means that what was not rejected is on disk.",
    )
    async def post(self) -> Answer:
        """The good records are on disk; ``partialSuccess`` tells of the others."""
        said = self.request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if said not in {PROTOBUF, JSON}:
            message = f"Content-Type: this takes {PROTOBUF} and {JSON}, not {said}."
            raise InvalidInput(message, field="Content-Type", reason="neither", allowed=[PROTOBUF, JSON])
        lines = await asyncio.to_thread(self._lines, said == JSON)
        await self.service.take(lines)
        reason = lines.refused[0].sample if lines.refused else ""
        answer = otlp.answer(len(lines.refused), reason, is_json=said == JSON)
        return Answer(200, answer, {"Content-Type": said})

    def _lines(self, is_json: bool) -> Lines:
        settings = self.service.settings
        encoding = self.request.headers.get("Content-Encoding", "").strip().lower()
        body = Unpacking(encoding, settings.body_bytes, settings.body_bytes).whole(bytes(self._body))
        return (otlp.json_lines if is_json else otlp.protobuf_lines)(body, settings)
