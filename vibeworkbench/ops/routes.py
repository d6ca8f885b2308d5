"""The REST of ops: decode, one call, encode."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from vibeworkbench.ops.issues.model import Verb, Wish
from vibeworkbench.ops.service import Ops
from vibeworkbench.ops.wire.health import HealthBody, HealthQuery
from vibeworkbench.ops.wire.issues import (
    Acknowledge,
    Claim,
    IssueList,
    IssueQuery,
    IssueWithHistory,
    Mute,
    Reopen,
    Resolve,
    SummaryBody,
)
from vibeworkbench.ops.wire.scans import ScanBody, ScanList, ScanOrder, ScanQuery, request_of, scan_body
from vibeworkbench.ops.wire.targets import (
    TargetGiven,
    TargetList,
    TargetQuery,
    TargetShown,
    target_list,
    target_of,
    target_shown,
)
from vibeworkbench.web.handlers import ApiHandler
from vibeworkbench.web.operation import Answer, operation
from vibeworkbench.web.roles import Role
from vibeworkbench.web.routes import PREFIX, Route


class OpsHandler(ApiHandler):
    """Has the service at hand."""

    subsystem: ClassVar[str] = "ops"

    def initialize(self, service: Ops) -> None:
        """The service is at hand."""
        self.ops = service


class ScanHandler(OpsHandler):
    """Where scans are started."""

    @operation(
        summary="Run a scan",
        role=Role.operator,
        body=ScanOrder,
        answer=ScanBody,
        also={202: "Claimed and under way (Prefer: respond-async); Location names it"},
        errors=(409, 500),
        description=(
            "`source` limits what is read; `severity`, `type`, `timeRange` limit what is reported. All that was read "
            "is judged and filed; a scan with a `timeRange` moves no cursor. A scan that could not run answers 500, is "
            "broadcast at once, and is recorded as failed as soon as storage answers."
        ),
    )
    async def post(self, *, body: ScanOrder) -> Answer:
        """The completed scan, or with ``Prefer: respond-async`` the claimed one."""
        request = request_of(body, f"rest:{self.caller.name}")
        if not self._prefers_async():
            return Answer(200, scan_body(await self.ops.scan(request)))
        begun = await self.ops.begin(request)
        where = f"{self.base_url.rstrip('/')}{PREFIX}/api/ops/scans/{begun.scan_id}"
        return Answer(202, scan_body(begun), {"Location": where, "Preference-Applied": "respond-async"})

    def _prefers_async(self) -> bool:
        """Whether the caller asked not to wait (RFC 7240 §4.1)."""
        given = ",".join(self.request.headers.get_list("Prefer"))
        return "respond-async" in {part.partition(";")[0].strip().lower() for part in given.split(",")}


class ScansHandler(OpsHandler):
    """The scans."""

    @operation(summary="List scans, newest first", role=Role.analyst, query=ScanQuery, answer=ScanList)
    async def get(self, *, query: ScanQuery) -> ScanList:
        """A page of scans."""
        return await self.ops.scans(query)


class OneScanHandler(OpsHandler):
    """One scan."""

    @operation(summary="A scan, running or ended", role=Role.analyst, answer=ScanBody, errors=(404,))
    async def get(self, scan_id: str) -> ScanBody:
        """The scan."""
        return await self.ops.one_scan(scan_id)


class IssuesHandler(OpsHandler):
    """The issues."""

    @operation(summary="List issues, worst first", role=Role.analyst, query=IssueQuery, answer=IssueList)
    async def get(self, *, query: IssueQuery) -> IssueList:
        """A page of issues."""
        return await self.ops.issues(query)


class OneIssueHandler(OpsHandler):
    """One issue."""

    @operation(summary="An issue with its history", role=Role.analyst, answer=IssueWithHistory, errors=(404,))
    async def get(self, issue_id: str) -> IssueWithHistory:
        """The issue."""
        return await self.ops.one_issue(issue_id)


class AcknowledgeHandler(OpsHandler):
    """Somebody has seen it."""

    @operation(
        summary="Acknowledge an issue",
        role=Role.operator,
        body=Acknowledge,
        answer=IssueWithHistory,
        errors=(404, 409),
    )
    async def post(self, issue_id: str, *, body: Acknowledge) -> IssueWithHistory:
        """The issue, acknowledged."""
        return await self.ops.act(issue_id, Wish(Verb.acknowledge, self.caller.name, body.note))


class ClaimHandler(OpsHandler):
    """Somebody works on it."""

    @operation(
        summary="Claim an issue",
        role=Role.operator,
        body=Claim,
        answer=IssueWithHistory,
        errors=(404, 409),
        description="Of two who claim at once, one gets it and the other 409 with `claimedBy`.",
    )
    async def post(self, issue_id: str, *, body: Claim) -> IssueWithHistory:
        """The issue, in progress and the caller's."""
        return await self.ops.act(issue_id, Wish(Verb.claim, self.caller.name, body.note))


class ResolveHandler(OpsHandler):
    """Somebody says that it is well."""

    @operation(
        summary="Resolve an issue",
        role=Role.operator,
        body=Resolve,
        answer=IssueWithHistory,
        errors=(404, 409),
        description="The next scan that finds the trouble again reopens it.",
    )
    async def post(self, issue_id: str, *, body: Resolve) -> IssueWithHistory:
        """The issue, resolved."""
        return await self.ops.act(issue_id, Wish(Verb.resolve, self.caller.name, body.note, body.resolution))


class MuteHandler(OpsHandler):
    """Nobody wants to hear of it for a while."""

    @operation(
        summary="Mute an issue until an instant",
        role=Role.operator,
        body=Mute,
        answer=IssueWithHistory,
        errors=(404, 409),
        description="Then it returns to the state it had, or is resolved when it is no longer found.",
    )
    async def post(self, issue_id: str, *, body: Mute) -> IssueWithHistory:
        """The issue, muted."""
        return await self.ops.act(issue_id, Wish(Verb.mute, self.caller.name, body.note, until=body.until))


class ReopenHandler(OpsHandler):
    """It is not well after all, or is put back for everybody."""

    @operation(
        summary="Reopen an issue, or put it back",
        role=Role.operator,
        body=Reopen,
        answer=IssueWithHistory,
        errors=(404, 409),
    )
    async def post(self, issue_id: str, *, body: Reopen) -> IssueWithHistory:
        """The issue, open."""
        return await self.ops.act(issue_id, Wish(Verb.reopen, self.caller.name, body.note))


class SummaryHandler(OpsHandler):
    """All issues, counted."""

    @operation(summary="Count and mean severity of issues by state", role=Role.analyst, answer=SummaryBody)
    async def get(self) -> SummaryBody:
        """The summary."""
        return await self.ops.summary()


class HealthHandler(OpsHandler):
    """How everything is."""

    @operation(
        summary="Health scores of targets and of the whole",
        role=Role.analyst,
        query=HealthQuery,
        answer=HealthBody,
        errors=(404,),
        description="0 to 100; null for what was never looked at. `target` asks for the history of one target.",
    )
    async def get(self, *, query: HealthQuery) -> HealthBody:
        """The health, with its history."""
        return await self.ops.health(query.target)


class TargetsHandler(OpsHandler):
    """What scans look at."""

    @operation(summary="List targets, the settings' first", role=Role.analyst, query=TargetQuery, answer=TargetList)
    async def get(self, *, query: TargetQuery) -> msgspec.Struct:
        """A page of targets."""
        return target_list(await self.ops.targets(), query)

    @operation(
        summary="Add a target",
        role=Role.operator,
        body=TargetGiven,
        answer=TargetShown,
        status=201,
        errors=(409,),
        description="Any address or file may be a target: it is looked at with the server's own rights.",
    )
    async def post(self, *, body: Any) -> Answer:
        """The target, which the next scan looks at."""
        added = await self.ops.add_target(target_of(body))
        where = f"{self.base_url.rstrip('/')}{PREFIX}/api/ops/targets/{added.target_id}"
        return Answer(201, target_shown(added), {"Location": where})


class OneTargetHandler(OpsHandler):
    """One target of REST."""

    @operation(
        summary="Replace a target",
        role=Role.operator,
        body=TargetGiven,
        answer=TargetShown,
        errors=(404, 409),
        description="Under another kind or name, the issues of the old one are resolved.",
    )
    async def put(self, target_id: str, *, body: Any) -> msgspec.Struct:
        """The target as it is now."""
        return target_shown(await self.ops.replace_target(target_id, target_of(body), self.caller.name))

    @operation(summary="Delete a target; its issues are resolved", role=Role.operator, status=204, errors=(404, 409))
    async def delete(self, target_id: str) -> None:
        """Nothing; the target is gone."""
        await self.ops.remove_target(target_id, self.caller.name)


def routes(service: Ops) -> list[Route]:
    """Every address of ops."""
    given = {"service": service}
    one_issue = "/api/ops/issues/{issueId}"
    return [
        Route("/api/ops/scan", ScanHandler, given),
        Route("/api/ops/scans", ScansHandler, given),
        Route("/api/ops/scans/{scanId}", OneScanHandler, given),
        Route("/api/ops/issues", IssuesHandler, given),
        Route(one_issue, OneIssueHandler, given),
        Route(f"{one_issue}/acknowledge", AcknowledgeHandler, given),
        Route(f"{one_issue}/claim", ClaimHandler, given),
        Route(f"{one_issue}/resolve", ResolveHandler, given),
        Route(f"{one_issue}/mute", MuteHandler, given),
        Route(f"{one_issue}/reopen", ReopenHandler, given),
        Route("/api/ops/summary", SummaryHandler, given),
        Route("/api/health", HealthHandler, given),
        Route("/api/ops/targets", TargetsHandler, given),
        Route("/api/ops/targets/{targetId}", OneTargetHandler, given),
    ]
