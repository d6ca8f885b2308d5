"""How the server itself stands: the addresses that load balancers, Prometheus, programs and people ask first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from vibeworkbench.web.handlers import ApiHandler
from vibeworkbench.web.identity import caller_of
from vibeworkbench.web.operation import Answer, operation
from vibeworkbench.web.roles import Caller, Role
from vibeworkbench.web.routes import Route

State = Literal["ok", "degraded", "failed"]


@dataclass(frozen=True, slots=True)
class Part:
    """How one subsystem stands.

    Attributes:
        state: ``failed`` keeps the server from being ready.
        reason: Why it is not ``ok``; a sentence without paths of this machine.
        facts: What else is worth knowing, camelCase and JSON-able.
    """

    state: State = "ok"
    reason: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


Probe = Callable[[], Awaitable[Part]]


@dataclass(frozen=True, slots=True)
class Server:
    """What these addresses tell of.

    Attributes:
        version: The workbench's version.
        parts: Subsystem → how to ask it how it stands.
        registry: The workbench's metrics.
        document: The OpenAPI document, given the server's ``base_url``.
    """

    version: str
    parts: Mapping[str, Probe]
    registry: CollectorRegistry
    document: Callable[[str], Mapping[str, Any]]

    async def stands(self) -> dict[str, Part]:
        """Subsystem → how it stands now."""
        return {name: await ask() for name, ask in self.parts.items()}


class CallerBody(msgspec.Struct, frozen=True, rename="camel"):
    """Who asks; ``narrowed`` when its token reaches only some dashboards and rooms of what its role may."""

    name: str
    role: str
    narrowed: bool


class StatusBody(msgspec.Struct, frozen=True, rename="camel"):
    """The server, its caller, and its subsystems; each has ``state``, perhaps ``reason``, and facts of its own."""

    version: str
    caller: CallerBody
    roles: list[str]
    subsystems: dict[str, dict[str, Any]]


class LivenessBody(msgspec.Struct, frozen=True, rename="camel"):
    """The server answers."""

    status: Literal["live"] = "live"


class ReadinessBody(msgspec.Struct, frozen=True, rename="camel"):
    """Whether the server can do its work, and what keeps it from it."""

    status: Literal["ready", "not-ready"]
    reasons: list[str] = []


class _Handler(ApiHandler):
    subsystem = "server"

    def initialize(self, server: Server) -> None:
        """What is told of is at hand."""
        self.server = server


class StatusHandler(_Handler):
    """The first address that a client asks."""

    @operation(summary="Version, caller and subsystems", role=Role.viewer, answer=StatusBody)
    async def get(self) -> StatusBody:
        """How the server stands, and what its caller may do."""
        parts = await self.server.stands()
        return StatusBody(
            version=self.server.version,
            caller=CallerBody(self.caller.name, self.caller.role.name, self.caller.scope is not None),
            roles=[role.name for role in Role if role is not Role.ingest and self.caller.may(role)],
            subsystems={name: _body(part) for name, part in parts.items()},
        )


def _body(part: Part) -> dict[str, Any]:
    return {"state": part.state, **({"reason": part.reason} if part.reason else {}), **part.facts}


class LiveHandler(_Handler):
    """For whoever restarts servers."""

    @operation(summary="Whether the server answers", role=None, answer=LivenessBody)
    async def get(self) -> LivenessBody:
        """It does."""
        return LivenessBody()


class ReadyHandler(_Handler):
    """For whoever sends work to servers."""

    @operation(
        summary="Whether the server can do its work",
        role=None,
        answer=ReadinessBody,
        also={503: "It cannot now; reasons says why"},
    )
    async def get(self) -> Answer:
        """200 when storage answers and is up to date and the clock runs; else 503 with the reasons."""
        parts = await self.server.stands()
        reasons = [f"{name}: {part.reason or 'failed'}" for name, part in parts.items() if part.state == "failed"]
        if reasons:
            return Answer(503, ReadinessBody("not-ready", reasons), {"Retry-After": "5"})
        return Answer(200, ReadinessBody("ready"))


class MetricsHandler(_Handler):
    """For Prometheus."""

    subsystem = "metrics"

    async def caller_for(self, role: Role, action: str) -> Caller:
        """The caller; a token that is narrowed to the metrics may read them, whatever its role."""
        user = self.current_user
        known = None if user is None else caller_of(user, self.settings)
        is_held = known is not None and known.scope is not None and known.scope.metrics
        return await super().caller_for(Role.viewer if is_held else role, action)

    @operation(summary="Prometheus metrics", role=Role.analyst, answer=str, media_type=CONTENT_TYPE_PLAIN_0_0_4)
    async def get(self) -> bytes:
        """Everything that the workbench measures of itself."""
        return generate_latest(self.server.registry)


class DocumentHandler(_Handler):
    """For programs that write clients."""

    @operation(summary="This document", role=Role.analyst, answer=dict[str, Any])
    async def get(self) -> Mapping[str, Any]:
        """The OpenAPI document of what is mounted."""
        return self.server.document(self.base_url)


def routes(server: Server) -> list[Route]:
    """What every server mounts, whatever it can do."""
    return [
        Route("/api/status", StatusHandler, {"server": server}),
        Route("/api/health/live", LiveHandler, {"server": server}),
        Route("/api/health/ready", ReadyHandler, {"server": server}),
        Route("/metrics", MetricsHandler, {"server": server}),
        Route("/api/openapi.json", DocumentHandler, {"server": server}),
    ]
