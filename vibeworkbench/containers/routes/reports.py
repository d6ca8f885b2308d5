"""Where agents send logs, errors, processes and samples of containers, and where these are listed."""

from __future__ import annotations

from typing import Any, ClassVar

from vibeworkbench.containers import asking
from vibeworkbench.containers.asking import Wanted, told_at
from vibeworkbench.containers.model import ReportKind, own_frames
from vibeworkbench.containers.pages import (
    ErrorsPage,
    ErrorsQuery,
    LogsQuery,
    ProcessesPage,
    ProcessesQuery,
    SamplesPage,
    SamplesQuery,
)
from vibeworkbench.containers.reading import LogReading, ReportReading
from vibeworkbench.containers.service import Containers
from vibeworkbench.containers.wire import (
    ErrorBody,
    ErrorReport,
    ErrorReports,
    LogReport,
    LogReports,
    ProcessBody,
    ProcessReport,
    ProcessReports,
    SampleBody,
    SampleReport,
    SampleReports,
    UseBody,
)
from vibeworkbench.logs.asking import Wanted as WantedLines
from vibeworkbench.logs.columns import Receipt, instant, microseconds
from vibeworkbench.logs.doors import NDJSON, IngestHandler
from vibeworkbench.logs.model import Kind, Level
from vibeworkbench.logs.reading import BodyReading
from vibeworkbench.logs.service import body_of as line_body
from vibeworkbench.logs.wire import LinesPage, ReceiptBody
from vibeworkbench.web.lists import cursor_of, keys_of
from vibeworkbench.web.operation import JSON, Operation, operation
from vibeworkbench.web.roles import Role

_SENT = (
    "A 200 means that what was accepted is on disk, and that the rejected ones are not. A record with an id, or with "
    "an agentId and its sequence, is kept once, however often and in whatever order it comes. The body may be gzip. "
    "NDJSON is kept while it arrives: a refusal in the middle says how many records before it were accepted."
)


def _sends(what: str, one: Any, several: Any, description: str = _SENT) -> Operation:
    return operation(
        summary=f"Send {what} of containers",
        role=Role.ingest,
        streams={JSON: (several, one), NDJSON: (one,)},
        answer=ReceiptBody,
        errors=(429, 503),
        description=description,
    )


class _ReportsHandler(IngestHandler):
    """What is sent about containers."""

    subsystem = "containers"
    kind: ClassVar[ReportKind]

    def initialize(self, service: Containers) -> None:  # type: ignore[override]
        """The service is at hand."""
        super().initialize(service.logs, Kind.container)
        self.containers = service

    def new_reading(self) -> BodyReading[Any, Any]:
        """What reads the reports of the body."""
        return ReportReading(self.kind)

    async def take(self, good: Any) -> Receipt:
        """The good reports of a slice are on disk."""
        return await self.containers.take_reports(self.kind.value, good)


class LogsHandler(_ReportsHandler):
    """Log lines of containers."""

    def new_reading(self) -> BodyReading[Any, Any]:
        """What reads the records of the body."""
        return LogReading(self.service.settings)

    async def take(self, good: Any) -> Receipt:
        """The good records of a slice are on disk."""
        return await self.containers.take_lines(good)

    @_sends("log lines", LogReport, LogReports)
    async def post(self) -> ReceiptBody:
        """The good ones are on disk."""
        return await self.received()

    @operation(
        summary="Search the log lines of containers",
        role=Role.analyst,
        query=LogsQuery,
        answer=LinesPage,
        errors=(503,),
        description="Newest first. level asks for that level and worse ones; text stands somewhere in the message, as "
        "it is written, capitalised, or in capitals.",
    )
    async def get(self, *, query: LogsQuery) -> LinesPage:
        """Lines of all that was acknowledged before."""
        before = None
        if query.cursor:
            at_us, seq = keys_of(query.cursor, (int, int))
            before = (instant(at_us), seq)
        wanted = WantedLines(
            kind=Kind.container.value,
            instance=query.container_id,
            level=None if query.level is None else Level[query.level],
            template=query.template,
            text=query.text or None,
            begin=query.from_,
            end=query.to,
            before=before,
            limit=query.limit + 1,
        )
        found = await self.containers.logs.lines(wanted)
        page = found[: query.limit]
        more = cursor_of(microseconds(page[-1].said_at), page[-1].seq) if len(found) > len(page) else None
        return LinesPage(items=[line_body(each) for each in page], next_cursor=more)


class ErrorsHandler(_ReportsHandler):
    """Errors in containers."""

    kind = ReportKind.error

    @_sends("errors", ErrorReport, ErrorReports)
    async def post(self) -> ReceiptBody:
        """The good ones are on disk."""
        return await self.received()

    @operation(
        summary="List the errors of containers",
        role=Role.analyst,
        query=ErrorsQuery,
        answer=ErrorsPage,
        errors=(503,),
        description="Errors of one type, masked message and own frames of the stack are one, with their count, the "
        "first and the last time. Those that came last stand first.",
    )
    async def get(self, *, query: ErrorsQuery) -> ErrorsPage:
        """Errors of all that was acknowledged before."""
        wanted = _wanted(query)
        found = await self.containers.ask(asking.errors(wanted, query.type, query.text or None))
        page = found[: query.limit]
        names = self.containers.names()
        items = [
            ErrorBody(
                error_id=each.error_id,
                type=each.type,
                message=each.message,
                stack=each.stack,
                frames=own_frames(each.stack),
                count=each.count,
                first_seen_at=each.first_at,
                last_seen_at=each.last_at,
                containers=sorted({names.get(name, name[:12]) for name in each.containers}),
            )
            for each in page
        ]
        more = cursor_of(microseconds(page[-1].last_at), page[-1].error_id) if len(found) > len(page) else None
        return ErrorsPage(items=items, next_cursor=more)


class SamplesHandler(_ReportsHandler):
    """Samples of containers."""

    kind = ReportKind.sample

    @_sends("samples", SampleReport, SampleReports)
    async def post(self) -> ReceiptBody:
        """The good ones are on disk."""
        return await self.received()

    @operation(
        summary="List the samples of containers",
        role=Role.analyst,
        query=SamplesQuery,
        answer=SamplesPage,
        errors=(503,),
        description="Newest first.",
    )
    async def get(self, *, query: SamplesQuery) -> SamplesPage:
        """Samples of all that was acknowledged before."""
        found = await self.containers.ask(asking.samples(_wanted(query)))
        page = found[: query.limit]
        names = self.containers.names()
        items = [
            SampleBody(
                container_id=each.container_id,
                container_name=names.get(each.container_id, each.container_id[:12]),
                state=each.state,
                use=UseBody(timestamp=each.at, **each.use),
            )
            for each in page
        ]
        more = cursor_of(microseconds(page[-1].at), page[-1].container_id) if len(found) > len(page) else None
        return SamplesPage(items=items, next_cursor=more)


def _wanted(query: ErrorsQuery | SamplesQuery) -> Wanted:
    before = None
    if query.cursor:
        at_us, name = keys_of(query.cursor, (int, str))
        before = (instant(at_us), name)
    return Wanted(
        container_id=query.container_id, begin=query.from_, end=query.to, before=before, limit=query.limit + 1
    )


class ProcessesHandler(_ReportsHandler):
    """Processes within containers."""

    kind = ReportKind.process

    @_sends(
        "processes",
        ProcessReport,
        ProcessReports,
        "A field that is left out keeps its value; of several values of a field, that of the latest timestamp stands, "
        f"in whatever order they come. {_SENT}",
    )
    async def post(self) -> ReceiptBody:
        """The good ones are on disk."""
        return await self.received()

    @operation(
        summary="List the processes of containers",
        role=Role.analyst,
        query=ProcessesQuery,
        answer=ProcessesPage,
        errors=(503,),
    )
    async def get(self, *, query: ProcessesQuery) -> ProcessesPage:
        """Processes of all that was acknowledged before."""
        after = None
        if query.cursor:
            container_id, process_id = keys_of(query.cursor, (str, str))
            after = (container_id, process_id)
        ended = None if query.state is None else query.state == "ended"
        asked = asking.processes(query.container_id, ended=ended, after=after, limit=query.limit + 1)
        found = await self.containers.ask(asked)
        page = found[: query.limit]
        names = self.containers.names()
        more = cursor_of(page[-1].container_id, page[-1].process_id) if len(found) > len(page) else None
        return ProcessesPage(items=[_process_body(each, names) for each in page], next_cursor=more)


def _process_body(process: asking.Process, names: Any) -> ProcessBody:
    known = process.known
    return ProcessBody(
        container_id=process.container_id,
        container_name=names.get(process.container_id, process.container_id[:12]),
        process_id=process.process_id,
        parent_id=known.value("parentId"),
        name=known.value("name"),
        command=known.value("command"),
        user=known.value("user"),
        state=known.value("state"),
        cpu_percent=known.value("cpuPercent"),
        memory_bytes=known.value("memoryBytes"),
        threads=known.value("threads"),
        started_at=told_at(known, "startedAt"),
        ended_at=told_at(known, "endedAt"),
        exit_code=known.value("exitCode"),
        first_seen_at=known.first_at,
        last_seen_at=known.last_at,
    )
