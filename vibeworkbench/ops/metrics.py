"""What Prometheus reads of ops."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from vibeworkbench.ops.issues.books import Books
from vibeworkbench.ops.issues.model import State
from vibeworkbench.ops.model import Severity
from vibeworkbench.ops.scans.model import Scan

_SECONDS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0)


class OpsMetrics:
    """Counts scans, looks, issues and health in one registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        name = "vibeworkbench_ops"
        self._scans = Counter(f"{name}_scans", "Scans that ended", ["scope", "status"], registry=registry)
        self._scan_s = Histogram(
            f"{name}_scan_seconds", "Duration of scans", ["scope"], buckets=_SECONDS, registry=registry
        )
        self._looks = Counter(f"{name}_looks", "Looks of collectors", ["collector", "state"], registry=registry)
        self._look_s = Histogram(
            f"{name}_look_seconds", "Duration of looks", ["collector"], buckets=_SECONDS, registry=registry
        )
        self._records = Counter(f"{name}_records", "Records that collectors read", ["collector"], registry=registry)
        self._issues = Gauge(f"{name}_issues", "Issues", ["state", "severity"], registry=registry)
        self._health = Gauge(
            f"{name}_health_score", "Health, 0 to 100; the whole has no target", ["target"], registry=registry
        )

    def ended(self, scan: Scan) -> None:
        """A scan ended."""
        scope = scan.request.scope.value
        self._scans.labels(scope, scan.status.value).inc()
        if scan.completed_at is not None:
            self._scan_s.labels(scope).observe(max(0.0, (scan.completed_at - scan.started_at).total_seconds()))
        for run in scan.collectors:
            self._looks.labels(run.name, run.state).inc()
            self._look_s.labels(run.name).observe(run.duration_ms / 1000)
            self._records.labels(run.name).inc(max(0, run.records))

    def balanced(self, books: Books) -> None:
        """Issues and health stand as the books say."""
        for state in State:
            for severity in Severity:
                self._issues.labels(state.value, severity.name).set(books.counts.get((state, severity), 0))
        self._health.clear()
        scores = {"": books.health.score} | {one.target: one.score for one in books.health.targets}
        for target, score in scores.items():
            if score is not None:
                self._health.labels(target).set(score)
