"""What Prometheus reads of logs."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge


class LogMetrics:
    """Counts what comes in, in one registry.

    Args:
        registry: Where the metrics are registered.
        pending_bytes: Asks how much waits for the warehouse.
    """

    def __init__(self, registry: CollectorRegistry, pending_bytes: Callable[[], int]) -> None:
        name = "vibeworkbench_logs"
        self._records = Counter(f"{name}_records", "Records that were brought", ["kind", "outcome"], registry=registry)
        self._stored = Counter(f"{name}_stored", "Records that the warehouse has taken", registry=registry)
        self._skipped = Counter(f"{name}_live_skipped", "Lines left out of live batches", registry=registry)
        forgotten = "What was forgotten since too much of its kind was remembered"
        self._forgotten = Counter(f"{name}_forgotten", forgotten, ["kind"], registry=registry)
        pending = Gauge(f"{name}_spool_pending_bytes", "What waits for the warehouse", registry=registry)
        pending.set_function(pending_bytes)

    def brought(self, kind: str, accepted: int, duplicates: int, rejected: int) -> None:
        """Records of one kind were brought."""
        outcomes = {"accepted": accepted, "duplicate": duplicates, "rejected": rejected}
        for outcome, count in outcomes.items():
            self._records.labels(kind, outcome).inc(count)

    def stored(self, count: int) -> None:
        """So many rows were committed."""
        self._stored.inc(count)

    def forgot(self, kind: str, count: int) -> None:
        """So many of a kind were forgotten."""
        self._forgotten.labels(kind).inc(count)

    def skipped(self, count: int) -> None:
        """So many lines were left out of a live batch."""
        self._skipped.inc(count)
