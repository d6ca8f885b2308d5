"""How far each source has been read. A cursor moves in the transaction that files what was read, or not at all."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from vibeworkbench.ops.health import target_of
from vibeworkbench.ops.model import KINDS, Look
from vibeworkbench.ops.records import source_cursor, to_json


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far a source has been read, and the issues' revision of the transaction that said so, which never recurs."""

    position: Mapping[str, Any]
    version: int


Cursors = Mapping[tuple[str, str], Cursor]
"""Collector and source → cursor."""


def read_cursors(connection: sa.Connection) -> dict[tuple[str, str], Cursor]:
    """How far every source has been read."""
    rows = connection.execute(sa.select(source_cursor)).all()
    return {(row.collector, row.source): Cursor(msgspec.json.decode(row.position), row.version) for row in rows}


def first_read(looks: Iterable[Look], started_from: Cursors, targets: Collection[str]) -> frozenset[str]:
    """The targets whose sources these looks have read from their beginning."""
    known = {target_of(source, "", targets) for _, source in started_from}
    return frozenset(target_of(source, "", targets) for look in looks for source in look.cursors) - known - {""}


def forget_target(connection: sa.Connection, target: str) -> None:
    """No cursor of the target is left: whatever comes back under its name is read from the beginning."""
    _forget(connection, [key for key in read_cursors(connection) if target_of(key[1], "", {target})])


def forget_strangers(connection: sa.Connection, targets: Collection[str]) -> None:
    """No cursor of a target other than these is left."""
    of_targets = [key for key in read_cursors(connection) if key[1].partition(":")[0] in KINDS]
    _forget(connection, [key for key in of_targets if not target_of(key[1], "", targets)])


def _forget(connection: sa.Connection, keys: Iterable[tuple[str, str]]) -> None:
    for collector, source in keys:
        here = (source_cursor.c.collector == collector) & (source_cursor.c.source == source)
        connection.execute(sa.delete(source_cursor).where(here))


def move_cursors(
    connection: sa.Connection, looks: Iterable[Look], started_from: Cursors, revision: int
) -> frozenset[str]:
    """The cursors stand where the looks ended, as of this revision.

    Returns:
        Collectors whose source another scan has read meanwhile: their cursors stay where they are, and a later scan
        counts their records.
    """
    moving = {look.collector: look for look in looks if look.cursors}
    present = read_cursors(connection)
    stale = {name for name, look in moving.items() if _is_stale(look, started_from, present)}
    for name, look in moving.items():
        if name not in stale:
            _write_cursors(connection, look, present, revision)
    return frozenset(stale)


def _is_stale(look: Look, started_from: Cursors, present: Cursors) -> bool:
    keys = [(look.collector, source) for source in look.cursors]
    return any(_version(started_from, key) != _version(present, key) for key in keys)


def _version(cursors: Cursors, key: tuple[str, str]) -> int:
    found = cursors.get(key)
    return 0 if found is None else found.version


def _write_cursors(connection: sa.Connection, look: Look, present: Cursors, revision: int) -> None:
    for source, position in look.cursors.items():
        key = {"collector": look.collector, "source": source}
        values = {"position": to_json(position), "version": revision}
        if (look.collector, source) not in present:
            connection.execute(sa.insert(source_cursor).values(**key, **values))
        elif present[look.collector, source].position != position:
            here = (source_cursor.c.collector == look.collector) & (source_cursor.c.source == source)
            connection.execute(sa.update(source_cursor).where(here).values(**values))
