"""Dashboards as REST spells them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from vibeworkbench.dashboards.model import Order, Progress, Standing, State
from vibeworkbench.web.roles import Caller, Role

RoleName = Literal["viewer", "analyst", "operator", "admin"]


class PublishBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """What is to be published, and for whom."""

    notebook: Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
    """Path relative to the server's root, or absolute inside it; with ``content``, the file's name."""
    content: str | None = None
    """The notebook file's text, where the server cannot read the file itself: never interactive, not watched."""
    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")] | None = None
    """What stands in the address; the file's name by default."""
    role: RoleName = "viewer"
    """Lowest role that may see it."""
    interactive: bool = False
    """Whether Voila may run it, with a kernel for each visitor."""
    every: Annotated[str, msgspec.Meta(max_length=256)] = ""
    """Cron expression (UTC) by which it is rendered again."""
    frame_ancestors: list[str] = []
    """Origins whose pages may embed it."""


class ProgressBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Code cells executed, of all; of none while the render waits for its turn or its kernel."""

    processed: int
    total: int


class DashboardBody(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """A dashboard as it stands; ``reason`` is for operators."""

    name: str
    title: str
    notebook: str
    stored: bool
    role: RoleName
    interactive: bool
    every: str
    frame_ancestors: list[str]
    published_by: str
    published_at: datetime
    rendered_at: datetime | None
    render_ms: float | None
    state: Literal["ready", "rendering", "failed", "never"]
    progress: ProgressBody | None
    reason: str | None
    etag: str | None
    page_bytes: int | None
    url: str


class DashboardPage(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """Dashboards in the order of their names."""

    items: list[DashboardBody]
    next_cursor: str | None


class DashboardQuery(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """Which part of the list."""

    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = 100
    cursor: Annotated[str, msgspec.Meta(pattern=r"^([a-z0-9][a-z0-9-]{0,63})?$")] = ""


def order_of(body: PublishBody) -> Order:
    """What the publisher asks for."""
    return Order(
        notebook=body.notebook,
        content=None if body.content is None else body.content.encode("utf-8", "surrogatepass"),
        name=body.name,
        role=Role[body.role],
        interactive=body.interactive,
        every=body.every.strip(),
        frame_ancestors=tuple(body.frame_ancestors),
    )


def body_of(standing: Standing, progress: Progress | None, caller: Caller, url: str) -> DashboardBody:
    """How the dashboard stands, as far as the caller may know it.

    Args:
        standing: The dashboard.
        progress: How far its render is; ``None`` when it is not being rendered.
        caller: Who asks.
        url: Where its page is.
    """
    publication, page = standing.publication, standing.page
    return DashboardBody(
        name=publication.name,
        title=publication.title,
        notebook=publication.notebook,
        stored=publication.stored,
        role=_name(publication.role),
        interactive=publication.interactive,
        every=publication.every,
        frame_ancestors=list(publication.frame_ancestors),
        published_by=publication.published_by,
        published_at=publication.published_at,
        rendered_at=page.rendered_at if page else None,
        render_ms=page.render_ms if page else None,
        state=_word(standing.state(is_rendering=progress is not None)),
        progress=ProgressBody(progress.processed, progress.total) if progress else None,
        reason=standing.failure.said if standing.failure and caller.may(Role.operator) else None,
        etag=page.etag if page else None,
        page_bytes=page.page_bytes if page else None,
        url=url,
    )


def _name(role: Role) -> RoleName:
    names: dict[Role, RoleName] = {
        Role.viewer: "viewer",
        Role.analyst: "analyst",
        Role.operator: "operator",
        Role.admin: "admin",
    }
    return names[role]


def _word(state: State) -> Literal["ready", "rendering", "failed", "never"]:
    return state.value
