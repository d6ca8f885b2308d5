"""From records as they arrived to rows of the warehouse: header, mask, template, counts.

Owner: HEADERS. This is the call that the drain makes, with the least that stores the rows.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

import pyarrow as pa

from vibeworkbench.storage.warehouse import Connection

ARRIVED = pa.schema(
    [
        ("received_at", pa.timestamp("us")),
        ("said_at", pa.timestamp("us")),  # null where the record does not tell: its header may
        ("kind", pa.string()),
        ("source", pa.string()),
        ("instance", pa.string()),
        ("stream", pa.string()),
        ("level", pa.uint8()),  # 0 where the record does not tell: its header may
        ("message", pa.string()),  # still with its header, where it has one
        ("attributes", pa.string()),  # a JSON object, or null
        ("record_id", pa.string()),  # or null
    ]
)
"""Columns of what is handed to ``Pipeline.store``, in the order of arrival. Secrets are masked already."""


class Pipeline:
    """Puts arrived records into the tables of logs; knows the templates and the layouts of sources."""

    def load(self, connection: Connection) -> None:
        """What is in memory agrees with the warehouse: called first, and after a transaction that failed."""

    def store(self, connection: Connection, arrived: pa.Table, first_seq: int) -> int:
        """The records are rows, once the transaction under way commits.

        Args:
            connection: The writer's, in a transaction that others begin and commit.
            arrived: Columns as ``ARRIVED`` says.
            first_seq: The ``seq`` of the first row; the others follow without gaps, in their order.

        Returns:
            The number of rows.
        """
        ids = [
            hashlib.blake2b(re.sub(r"\d+", "<number>", text).encode(), digest_size=8).hexdigest()
            for text in arrived["message"].to_pylist()
        ]
        seqs = pa.array(range(first_seq, first_seq + len(arrived)), pa.int64())
        rows = arrived.append_column("template_id", pa.array(ids, pa.string())).append_column("seq", seqs)
        connection.register("arrived_rows", rows)
        connection.execute(
            """INSERT INTO log_line SELECT seq, received_at, coalesce(said_at, received_at), kind, source, instance,
            stream, level, message, template_id, attributes, record_id FROM arrived_rows ORDER BY seq"""
        )
        connection.execute(
            """INSERT INTO log_source SELECT kind, source, count(*), min(coalesce(said_at, received_at)),
            max(coalesce(said_at, received_at)), NULL FROM arrived_rows GROUP BY ALL
            ON CONFLICT DO UPDATE SET lines = lines + excluded.lines, first_at = least(first_at, excluded.first_at),
            last_at = greatest(last_at, excluded.last_at)"""
        )
        connection.unregister("arrived_rows")
        return len(arrived)

    def explain(self, line: str, kind: str = "", source: str = "") -> dict[str, Any]:
        """How a line would get to its template, step by step; nothing is changed. Runs in the writer's thread.

        Args:
            line: Raw, or the message of a line that is kept.
            kind: Of the source, whose layout is tried first; empty for none in particular.
            source: Its name.

        Returns:
            JSON-able: ``layout`` (the form's name), ``timestamp``, ``level``, ``message``, ``attributes``, ``masked``,
            ``step``, ``template`` (``{templateId, text}``), ``nearest`` and how it differs.
        """
        return {"message": line}
