"""What the sections of the settings have in common."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

Ratio = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]
Positive = Annotated[float, msgspec.Meta(gt=0.0)]
Count = Annotated[int, msgspec.Meta(ge=1)]
Right = Literal["viewer", "analyst", "operator", "admin"]


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the settings file."""
