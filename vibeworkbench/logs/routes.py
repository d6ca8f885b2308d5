"""Logs over REST."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from vibeworkbench.errors import InvalidInput, WorkbenchError
from vibeworkbench.logs.asking import Wanted
from vibeworkbench.logs.columns import Receipt, instant, microseconds
from vibeworkbench.logs.model import Kind, Level
from vibeworkbench.logs.reading import RECORDS_AT_ONCE, BodyReading, Reading, Unpacking, records_of
from vibeworkbench.logs.service import Logs, body_of
from vibeworkbench.logs.wire import LineBody, ReceiptBody, RecordBody, RecordsBody
from vibeworkbench.web.handlers import ApiHandler
from vibeworkbench.web.lists import cursor_of, keys_of
from vibeworkbench.web.operation import JSON, operation
from vibeworkbench.web.roles import Role
from vibeworkbench.web.routes import Route

NDJSON = "application/x-ndjson"
_ENVELOPE_BYTES = 64 * 2**10
"""What a record may have beside its message and attributes."""


class _Handler(ApiHandler):
    subsystem = "logs"

    def initialize(self, service: Logs) -> None:
        """The service is at hand."""
        self.service = service


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
        streams={JSON: RecordBody | RecordsBody, NDJSON: RecordBody},
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
        raws = await asyncio.to_thread(lambda: records_of(self._unpacking.whole(bytes(self._body))))
        self._body.clear()
        for start in range(0, len(raws), RECORDS_AT_ONCE):
            some = raws[start : start + RECORDS_AT_ONCE]
            await self._taken(await asyncio.to_thread(self._reading.several, some))


class LinesQuery(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """Which lines."""

    kind: Kind | None = None
    source: str | None = None
    instance: str | None = None
    level: Literal["trace", "debug", "info", "notice", "warning", "error", "critical", "fatal"] | None = None
    template: str | None = None
    text: str | None = None
    from_: Annotated[datetime, msgspec.Meta(tz=True)] | None = msgspec.field(default=None, name="from")
    to: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100
    cursor: str | None = None


class LinesPage(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """Lines, newest first."""

    items: list[LineBody]
    next_cursor: str | None


class LinesHandler(_Handler):
    """What is kept."""

    @operation(
        summary="Search the log lines",
        role=Role.analyst,
        query=LinesQuery,
        answer=LinesPage,
        errors=(503,),
        description="Newest first. level asks for that level and worse ones; text stands somewhere in the message, as "
        "it is written, capitalised, or in capitals.",
    )
    async def get(self, *, query: LinesQuery) -> LinesPage:
        """Lines of all that was acknowledged before."""
        before = None
        if query.cursor:
            at_us, seq = keys_of(query.cursor, (int, int))
            before = (instant(at_us), seq)
        wanted = Wanted(
            kind=None if query.kind is None else query.kind.value,
            source=query.source,
            instance=query.instance,
            level=None if query.level is None else Level[query.level],
            template=query.template,
            text=query.text or None,
            begin=query.from_,
            end=query.to,
            before=before,
            limit=query.limit + 1,
        )
        found = await self.service.lines(wanted)
        page = found[: query.limit]
        more = len(found) > len(page)
        following = cursor_of(microseconds(page[-1].said_at), page[-1].seq) if more else None
        return LinesPage(items=[body_of(each) for each in page], next_cursor=following)


class SourceBody(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Who has said something: ``layout`` tells how its lines are built, ``rejected`` how many could not be taken."""

    kind: str
    source: str
    lines: int
    first_at: datetime | None
    last_at: datetime | None
    layout: str | None
    rejected: int
    rejected_sample: str | None


class SourcesPage(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """Every source, in the order of kind and name."""

    items: list[SourceBody]
    next_cursor: str | None


class SourcesHandler(_Handler):
    """Who speaks."""

    @operation(summary="List the sources of log lines", role=Role.analyst, answer=SourcesPage, errors=(503,))
    async def get(self) -> SourcesPage:
        """Every source that has said something."""
        found = await self.service.sources()
        items = [
            SourceBody(
                kind=each.kind,
                source=each.source,
                lines=each.lines,
                first_at=each.first_at,
                last_at=each.last_at,
                layout=each.layout,
                rejected=each.refused,
                rejected_sample=each.sample,
            )
            for each in found
        ]
        return SourcesPage(items=items, next_cursor=None)


def routes(service: Logs) -> list[Route]:
    """What the logs mount."""
    return [
        Route("/api/logs/worker", IngestHandler, {"service": service, "kind": Kind.worker}),
        Route("/api/logs/build", IngestHandler, {"service": service, "kind": Kind.build}),
        Route("/api/logs", LinesHandler, {"service": service}),
        Route("/api/logs/sources", SourcesHandler, {"service": service}),
    ]
