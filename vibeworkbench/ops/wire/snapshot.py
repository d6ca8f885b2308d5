"""What a late member of the ops room gets."""

from __future__ import annotations

from vibeworkbench.ops.wire.health import HealthBody
from vibeworkbench.ops.wire.issues import IssueBody, SummaryBody
from vibeworkbench.ops.wire.scans import RunningBody, ScanBody
from vibeworkbench.ops.wire.types import Body


class SnapshotBody(Body, frozen=True):
    """What a late member of the ops room gets: all that its messages go on from.

    ``health.history`` has the changes of the score only, so that it is small for everybody who comes.
    """

    summary: SummaryBody
    health: HealthBody
    running: list[RunningBody]
    last_scan: ScanBody | None
    issues: list[IssueBody]
