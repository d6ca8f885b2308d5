"""What Prometheus is told of rooms, by party: a room's name may be anything, so it is no label."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class Metrics:
    """Counters and gauges of all rooms of one server.

    Args:
        registry: Where they are registered; a server has one.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"vibeworkbench_rooms_{name}", text, ("party", *labels), registry=registry)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"vibeworkbench_rooms_{name}", text, ("party",), registry=registry)

        self.rooms = gauge("open", "Rooms in memory.")
        self.members = gauge("members", "Connections that are in a room.")
        self.lag_bytes = gauge("lag_bytes", "How far the slowest member is behind its room.")
        self.messages = counter("messages", "Messages broadcast.")
        self.sent_bytes = counter("sent_bytes", "Bytes of broadcast messages, for each member that they went to.")
        self.closed = counter("closed", "Connections that the server closed, by close code.", "code")
        self.replayed = counter("replayed", "Messages sent again to members that had missed them.")
        self.gaps = counter("gaps", "Members that had missed more than is kept.")
        self.send_errors = counter("send_errors", "Sends that failed because the connection was gone.")
        self.commit_failures = counter("commit_failures", "Messages that could not be recorded.")
