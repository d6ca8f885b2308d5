"""Settings of targets: what is looked at."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from vibeworkbench.settings.parts import Count, Positive, Section


class HttpTarget(Section, frozen=True, tag="http", tag_field="kind"):
    """An HTTP endpoint and what it must answer."""

    name: str
    url: str
    method: Literal["GET", "HEAD", "POST"] = "GET"
    expect_status: tuple[int, ...] = (200,)
    body_contains: str = ""
    """Text that must occur in the first 64 KiB of the answer; empty asks for none."""
    json_equals: dict[str, str | int | float | bool | None] = {}
    """Dotted path in a JSON answer and the value it must have, for instance ``{"status" = "ok"}``."""
    slow_after_s: Positive = 2.0
    timeout_s: Positive = 5.0
    verify_tls: bool = True


class TcpTarget(Section, frozen=True, tag="tcp", tag_field="kind"):
    """A port that must accept a connection."""

    name: str
    host: str
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)]
    timeout_s: Positive = 5.0


class TlsTarget(Section, frozen=True, tag="tls", tag_field="kind"):
    """A TLS endpoint whose certificate must stay valid."""

    name: str
    host: str
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 443
    server_name: str = ""
    """SNI name; empty means the host."""
    warn_days: Positive = 21.0
    critical_days: Positive = 7.0
    ca_file: str = ""
    """PEM file of an own authority; empty trusts the system's."""
    timeout_s: Positive = 5.0


class FilesTarget(Section, frozen=True, tag="files", tag_field="kind"):
    """Log files found by a glob, which are followed while the server runs."""

    name: str
    glob: str
    max_bytes: Count = 64 * 2**20
    """Most bytes of one file that are read before the other files have their turn."""
    max_files: Count = 1000
    """Most files of the glob that are followed, newest first; how many were left out is reported."""


class WorkspaceTarget(Section, frozen=True, tag="workspace", tag_field="kind"):
    """A git work tree whose code health is looked at; only files that git tracks are read."""

    name: str
    path: str
    tools: tuple[Literal["markers", "ruff", "mypy", "eslint", "tsc", "pip-check"], ...] = (
        "markers",
        "ruff",
        "mypy",
        "eslint",
        "tsc",
        "pip-check",
    )
    timeout_s: Positive = 60.0
    """Limit for one tool."""


Target = HttpTarget | TcpTarget | TlsTarget | FilesTarget | WorkspaceTarget
