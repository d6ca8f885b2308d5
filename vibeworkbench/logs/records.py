"""What the warehouse keeps of logs: how arrived records get into it, and what is asked of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from vibeworkbench.logs.columns import PAYLOAD, FileMark, Lines, decoded
from vibeworkbench.logs.frames import Frame
from vibeworkbench.logs.pipeline import ARRIVED, Pipeline
from vibeworkbench.logs.sql import statement
from vibeworkbench.storage.warehouse import Connection, Tables

TABLES = Tables("logs", (statement("tables_1"),))


@dataclass(frozen=True, slots=True)
class Stored:
    """Rows that were committed: from ``first_seq`` up to, without, ``next_seq``."""

    first_seq: int
    next_seq: int


class LineKeeper:
    """Puts log records into the warehouse.

    Args:
        pipeline: Finds headers and templates, and makes the rows.
        told: Is told, on the event loop, of rows that were committed.
    """

    payload = PAYLOAD

    def __init__(self, pipeline: Pipeline, told: Callable[[Stored], None]) -> None:
        self._pipeline = pipeline
        self._told = told

    def load(self, connection: Connection) -> None:
        """The pipeline knows what the warehouse knows."""
        self._pipeline.load(connection)

    def store(self, connection: Connection, frames: Sequence[Frame]) -> Stored:
        """Rows, templates, counts, marks and refusals of the frames are in the transaction."""
        first_seq = _next_seq(connection)
        tables, marks, refused = [], [], []
        for frame in frames:  # in columns, they take much less memory than as they came
            lines = decoded(frame.payload)
            tables.append(arrived_table(frame.received_us, lines))
            marks += lines.marks
            refused += [[each.kind, each.source, each.count, each.sample, frame.received_us] for each in lines.refused]
        count = self._pipeline.store(connection, pa.concat_tables(tables), first_seq)
        connection.execute("UPDATE log_seq SET next_seq = ?", [first_seq + count])
        _keep_marks(connection, marks)
        for row in refused:
            connection.execute(statement("refused"), row)
        return Stored(first_seq, first_seq + count)

    def stored(self, told: Stored) -> None:
        """Whoever watches learns of the rows."""
        self._told(told)


def arrived_table(received_us: int, lines: Lines) -> pa.Table:
    """Records that arrived together, as the pipeline takes them."""
    instant = pa.timestamp("us")
    received = pa.array(np.full(len(lines), received_us, dtype=np.int64)).cast(instant)
    columns = [
        received,
        pa.array(lines.at_us, pa.int64()).cast(instant),
        pa.array(lines.kind, pa.string()),
        pa.array(lines.source, pa.string()),
        pa.array(lines.instance, pa.string()),
        pa.array(lines.stream, pa.string()),
        pa.array(lines.level, pa.uint8()),
        pa.array(lines.message, pa.string()),
        pa.array(lines.attributes, pa.string()),
        pa.array([each or None for each in lines.id], pa.string()),
    ]
    return pa.Table.from_arrays(columns, schema=ARRIVED)


def _next_seq(connection: Connection) -> int:
    row = connection.execute("SELECT next_seq FROM log_seq").fetchone()
    assert row is not None  # noqa: S101 - the tables are made with it
    return int(row[0])


def _keep_marks(connection: Connection, marks: Sequence[FileMark]) -> None:
    newest = {(each.target, each.path): each for each in marks}
    for (target, path), each in newest.items():
        if each.mark is None:
            connection.execute("DELETE FROM tail_mark WHERE target = ? AND path = ?", [target, path])
        else:
            text = msgspec.json.encode(each.mark).decode()
            connection.execute("INSERT OR REPLACE INTO tail_mark VALUES (?, ?, ?)", [target, path, text])


def marks(connection: Connection) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Target and path → the position, of every file that is read."""
    rows = connection.execute("SELECT target, path, mark FROM tail_mark").fetchall()
    return {(target, path): msgspec.json.decode(mark) for target, path, mark in rows}
