"""What all bodies are made of."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from vibeworkbench.ops.model import Severity

SeverityName = Literal["info", "low", "medium", "high", "critical"]
ScopeName = Literal["full", "incremental"]
StateName = Literal["open", "acknowledged", "in_progress", "muted", "resolved"]
StatusName = Literal["running", "completed", "failed"]
Instant = Annotated[datetime, msgspec.Meta(tz=True, description="RFC 3339, with its offset")]

_NO_NUL = r"^[^\x00]*$"  # PostgreSQL stores, and compares with, no text that has U+0000 in it
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256, pattern=_NO_NUL)]
Text = Annotated[str, msgspec.Meta(min_length=1, max_length=4000, pattern=_NO_NUL)]
Chosen = Annotated[str, msgspec.Meta(pattern=_NO_NUL)]


class Body(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True, kw_only=True):
    """A JSON object of ours: camelCase, nothing unknown."""


def severity_name(severity: Severity) -> SeverityName:
    """The name of a severity, for the network."""
    return severity.name  # type: ignore[return-value] # the enum's names are the literal's values, by a test
