"""Instants of many stamps at once, as their forms write them; patterns are compiled for the rarer ways only."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vibeworkbench.logs.headers.sql import NO_INSTANT, Moment, bounded
from vibeworkbench.storage.warehouse import Connection

_ZONEINFO = "zoneinfo/"


def instants(connection: Connection, stamps: pa.Table, moments: Mapping[int, Moment], now: datetime) -> pa.Array:
    """The instants that stamps tell; null where a stamp tells none, or a clock is wrong.

    Args:
        connection: Where they are read.
        stamps: Columns ``ts``, ``z`` (the zone) and ``form``, a number.
        moments: How the form of each number writes them.
        now: The present, aware UTC.
    """
    steps = {number: each.step for number, each in moments.items()}
    found = _read(connection, stamps, {number: each.usual for number, each in moments.items()}, steps, now)
    others = {number: each.any for number, each in moments.items() if each.any != NO_INSTANT}
    is_open = pc.and_(pc.invert(found["is_read"]), pc.is_in(stamps["form"], pa.array(list(others), pa.int16())))
    rows = np.flatnonzero(is_open.to_numpy())
    said_at = found["said_at"].combine_chunks()
    if not len(rows):
        return said_at
    rest = _read(connection, stamps.take(pa.array(rows)), others, steps, now)
    return pc.replace_with_mask(said_at, is_open.combine_chunks(), rest["said_at"].combine_chunks())


def _read(
    connection: Connection, stamps: pa.Table, moments: Mapping[int, str], steps: Mapping[int, str], now: datetime
) -> pa.Table:
    """Columns ``is_read`` and ``said_at``, which is null when a clock is wrong, too."""
    moment, step = (
        f"CASE form {' '.join(f'WHEN {number} THEN {text}' for number, text in each.items())} END"
        for each in (moments, steps)
    )
    query = (
        f"SELECT moment IS NOT NULL AS is_read, {bounded('moment', 'step', now)} AS said_at FROM "  # noqa: S608 - of patterns, which are quoted
        f"(SELECT {moment} AS moment, {step} AS step FROM stamps AS g)"
    )
    connection.register("stamps", stamps)
    found = connection.sql(query).to_arrow_table()
    connection.unregister("stamps")
    return found


def machine_zone(paths: Iterable[str] = ("/etc/localtime",)) -> str:
    """The machine's time zone by its IANA name; UTC when it has none that is known."""
    if zone := os.environ.get("TZ", "").lstrip(":"):
        return zone
    for path in paths:
        target = str(Path(path).resolve())
        if _ZONEINFO in target:
            name = target.rpartition(_ZONEINFO)[2]
            return "UTC" if name in ("Etc/UTC", "UCT", "Zulu", "Universal") else name
    return "UTC"
