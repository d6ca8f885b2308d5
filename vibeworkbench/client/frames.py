"""Lists of values as pandas frames: every column there and typed, also when the list is empty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["text", "instant", "count", "number", "flag", "severity", "object"]
"""``instant`` is aware UTC; ``count`` is an integer that may be missing; ``severity`` is ordered, info lowest."""

SEVERITY_ORDER = ("info", "low", "medium", "high", "critical")


def frame(rows: Sequence[Any], columns: Mapping[str, Kind]) -> pd.DataFrame:
    """One row for each value, one column for each named attribute."""
    import pandas as pd  # noqa: PLC0415 - half a second that only those who want frames pay

    return pd.DataFrame(
        {name: _column([getattr(row, name) for row in rows], kind) for name, kind in columns.items()},
        columns=list(columns),
    )


def _column(values: list[Any], kind: Kind) -> pd.Series[Any]:
    import pandas as pd  # noqa: PLC0415 - see above

    match kind:
        case "instant":
            return pd.Series(pd.to_datetime(pd.Series(values, dtype="object"), utc=True)).astype("datetime64[us, UTC]")
        case "severity":
            return pd.Series(pd.Categorical(values, categories=SEVERITY_ORDER, ordered=True))
        case "count":
            return pd.Series(values, dtype="Int64")
        case "number":
            return pd.Series(values, dtype="Float64")
        case "flag":
            return pd.Series(values, dtype="boolean")
        case "text":
            return pd.Series(values, dtype="string")
        case "object":
            return pd.Series(values, dtype="object")
