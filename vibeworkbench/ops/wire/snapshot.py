"""What a late member of the ops room gets."""

from __future__ import annotations

from vibeworkbench.ops.wire.health import HealthSaid
from vibeworkbench.ops.wire.issues import IssueBody, SummaryBody
from vibeworkbench.ops.wire.scans import RunningBody, ScanBody
from vibeworkbench.ops.wire.types import Body


class SnapshotBody(Body, frozen=True):
    """What a late member of the ops room gets."""

    summary: SummaryBody
    health: HealthSaid
    running: list[RunningBody]
    last_scan: ScanBody | None
    issues: list[IssueBody]
