"""Containers over REST."""

from __future__ import annotations

from vibeworkbench.containers.routes.looking import (
    AggregateHandler,
    ContainerHandler,
    ContainersHandler,
    HealthHandler,
    MetricsHandler,
)
from vibeworkbench.containers.routes.reports import ErrorsHandler, LogsHandler, ProcessesHandler, SamplesHandler
from vibeworkbench.containers.service import Containers
from vibeworkbench.web.routes import Route


def routes(service: Containers) -> list[Route]:
    """What the containers mount."""
    table = {
        "logs": LogsHandler,
        "errors": ErrorsHandler,
        "processes": ProcessesHandler,
        "samples": SamplesHandler,
        "health": HealthHandler,
        "metrics": MetricsHandler,
        "aggregate": AggregateHandler,
        "containers": ContainersHandler,
        "containers/{containerId}": ContainerHandler,
    }
    return [Route(f"/api/monitoring/{path}", handler, {"service": service}) for path, handler in table.items()]
