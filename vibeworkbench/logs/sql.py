"""The statements of ``queries/*.sql``, read once."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

_QUERIES = files("vibeworkbench.logs") / "queries"


@cache
def statement(name: str) -> str:
    """The text of ``queries/<name>.sql``."""
    return (_QUERIES / f"{name}.sql").read_text("utf-8")
