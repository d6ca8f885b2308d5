"""What Prometheus reads of terminals."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from prometheus_client import CollectorRegistry, Counter, Gauge

from vibeworkbench.terminals.model import HopState
from vibeworkbench.terminals.room import TerminalRoom

_NAME = "vibeworkbench_terminals"


class Metrics:
    """Counts and gauges of all terminals of one server.

    Args:
        registry: Where they are registered; a server has one.
        rooms: The rooms of all terminals, asked at each reading.
    """

    def __init__(self, registry: CollectorRegistry, rooms: Callable[[], Iterable[TerminalRoom]]) -> None:
        states = Gauge(f"{_NAME}_open", "Terminals by the state of their upstream.", ["state"], registry=registry)
        for state in HopState:
            states.labels(state.value).set_function(partial(_count, rooms, state))
        members = Gauge(f"{_NAME}_members", "Connections that are in a terminal.", registry=registry)
        members.set_function(lambda: float(sum(len(each.viewers) for each in rooms())))
        self.output_bytes = Counter(f"{_NAME}_output_bytes", "Bytes that programs have printed.", registry=registry)
        self.input_bytes = Counter(f"{_NAME}_input_bytes", "Bytes that members have typed.", registry=registry)
        self.refused = Counter(f"{_NAME}_input_refused", "Input of members who may not type.", registry=registry)
        self.reconnects = Counter(f"{_NAME}_reconnects", "Attempts to reach an upstream again.", registry=registry)


def _count(rooms: Callable[[], Iterable[TerminalRoom]], state: HopState) -> float:
    return float(sum(each.hop.state is state for each in rooms()))
