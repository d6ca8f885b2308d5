"""From records as they arrived to rows of the warehouse: header, mask, template, counts.

header   heading.py: the forms of each source's layout, as patterns in DuckDB
message  naming.py: zeroed, distinct, masked, in the book of templates
counts   by template, source, level and minute, from numbers
rows     one insert; grams.py tells later which stretches of them can hold a text

Only distinct texts cross into Python. All of it happens in the transaction that the writer has begun.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vibeworkbench.logs import grams
from vibeworkbench.logs.headers import Parsed, layouts_of
from vibeworkbench.logs.heading import Headed, Headings, Key
from vibeworkbench.logs.masks import fired, masked, zeroed
from vibeworkbench.logs.mining.book import Template
from vibeworkbench.logs.naming import Names
from vibeworkbench.logs.sql import statement
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

AT_ONCE = 65_536
"""Lines that are in memory in several forms at the same time."""
SAMPLES = 3
SAMPLE_CHARACTERS = 1000
_ROWS = (
    "INSERT INTO log_line SELECT seq, received_at, said_at, kind, source, instance, stream, level, message, "
    "template_id, attributes, record_id FROM told_rows"
)


class Pipeline:
    """Puts arrived records into the tables of logs; knows the templates and the layouts of sources."""

    def __init__(self) -> None:
        self.headings = Headings()
        self.names = Names()
        self._samples: dict[str, int] = {}
        self._stretch = grams.Stretch()
        self._stretch_first = 0
        self._stretch_last_at: Any = None
        self._stretches: list[tuple[Any, ...]] = []

    def load(self, connection: Connection) -> None:
        """What is in memory agrees with the warehouse: called first, and after a transaction that failed."""
        self.headings.load(connection)
        self.names.load(connection)
        rows = connection.execute("SELECT template_id, len(samples) FROM log_template").fetchall()
        self._samples = dict(rows)
        self._load_stretch(connection)

    def store(self, connection: Connection, arrived: pa.Table, first_seq: int) -> int:
        """The records are rows, once the transaction under way commits.

        Args:
            connection: The writer's, in a transaction that others begin and commit.
            arrived: Columns as ``ARRIVED`` says.
            first_seq: The ``seq`` of the first row; the others follow without gaps, in their order.

        Returns:
            The number of rows.
        """
        tallies: list[pa.Table] = []
        samples: dict[str, list[str]] = {}
        keys: set[Key] = set()
        for start in range(0, len(arrived), AT_ONCE):
            some = arrived.slice(start, AT_ONCE).combine_chunks()
            tallies.append(self._store(connection, some, first_seq + start, samples, keys))
        if tallies:
            self.names.save(connection, pc.max(arrived["received_at"]).as_py())
            self._count(connection, pa.concat_tables(tallies), keys)
            _keep_samples(connection, samples)
            self._save_stretches(connection)
            self.headings.save(connection)
        return len(arrived)

    def explain(self, line: str, kind: str = "", source: str = "") -> dict[str, Any]:
        """How a line would get to its template, step by step; nothing is changed. Runs in the writer's thread.

        Args:
            line: Raw, or the message of a line that is kept.
            kind: Of the source, whose layout is tried first; empty for none in particular.
            source: Its name; without one, the layouts of all are tried, and the one that leads to a template counts.

        Returns:
            JSON-able: ``layout`` (the form's name), ``timestamp``, ``level``, ``message``, ``attributes``, ``masks``
            (which fired, each with the text behind it), ``masked``, ``step`` (how the template was found), ``template``
            (``{templateId, text}`` or ``None``: it would be new), ``nearest`` and at which atoms it ``differs``.
        """
        now = datetime.now(UTC)
        parsed = self._parsed(line, kind, source, now)
        zeros = zeroed(parsed.message)
        found = self.names.book.explain(masked(zeros))
        return {
            "layout": parsed.form or "no header",
            "timestamp": parsed.timestamp.isoformat() if parsed.timestamp else None,
            "level": parsed.level.name,
            "message": parsed.message,
            "attributes": dict(parsed.attributes),
            "masks": [{"name": name, "text": text} for name, text in fired(zeros)],
            "masked": found.masked,
            "step": found.step,
            "template": _told(found.template),
            "nearest": _told(found.nearest),
            "differs": [{"atom": at, "here": here, "there": there} for at, here, there in found.differs],
        }

    def _parsed(self, line: str, kind: str, source: str, now: datetime) -> Parsed:
        layout = self.headings.layout((kind, source))
        parsed = layout.parsed(line, now) if layout else None
        if parsed is not None and parsed.form:
            return parsed
        alone = layouts_of([line], now).parsed(line, now)
        tried = [each.parsed(line, now) for each in self.headings.layouts(kind)] if layout is None else []
        able = [*(each for each in tried if each.form), alone]
        book = self.names.book
        return next((each for each in able if book.explain(masked(zeroed(each.message))).template), able[0])

    def _store(
        self,
        connection: Connection,
        arrived: pa.Table,
        first_seq: int,
        samples: dict[str, list[str]],
        keys: set[Key],
    ) -> pa.Table:
        """The rows are in; of them, the tally, samples of templates that want some, and the keys of sources."""
        now = pc.max(arrived["received_at"]).as_py().replace(tzinfo=UTC)
        headed = self.headings.headed(connection, arrived, now)
        templates, told = self.names.named(connection, headed.zeroed)
        level = np.where(headed.level > 0, headed.level, told).astype(np.uint8)
        said_at = pc.coalesce(headed.said_at, arrived["received_at"].combine_chunks())
        self._insert(connection, arrived, headed, level, said_at, templates, first_seq)
        self._keep_grams(headed.message, said_at, headed.zeroed, first_seq)
        self._sample(headed.message, templates, samples)
        keys.update(headed.keys)
        return self._tally(connection, headed, level, said_at, templates)

    def _insert(
        self,
        connection: Connection,
        arrived: pa.Table,
        headed: Headed,
        level: np.ndarray,
        said_at: pa.Array,
        templates: np.ndarray,
        first_seq: int,
    ) -> None:
        ids = pa.DictionaryArray.from_arrays(
            pa.array(templates.astype(np.int32)), pa.array(self.names.ids, pa.string())
        )
        rows = pa.table(
            {
                "seq": pa.array(np.arange(first_seq, first_seq + len(arrived), dtype=np.int64)),
                "received_at": arrived["received_at"],
                "said_at": said_at,
                "kind": arrived["kind"],
                "source": arrived["source"],
                "instance": arrived["instance"],
                "stream": arrived["stream"],
                "level": pa.array(level),
                "message": headed.message,
                "template_id": ids,
                "attributes": headed.attributes,
                "record_id": arrived["record_id"],
            }
        )
        connection.register("told_rows", rows)
        connection.execute(_ROWS)
        connection.unregister("told_rows")

    def _tally(
        self, connection: Connection, headed: Headed, level: np.ndarray, said_at: pa.Array, templates: np.ndarray
    ) -> pa.Table:
        """How many lines there are of each template, source, level and minute, and between which instants."""
        lines = pa.table(
            {
                "template": pa.array(templates.astype(np.int32)),
                "source": pa.array(headed.codes.astype(np.int32)),
                "level": pa.array(level),
                "said_at": said_at,
            }
        )
        connection.register("told_lines", lines)
        found = connection.sql(statement("tally")).to_arrow_table()
        connection.unregister("told_lines")
        kinds, sources = zip(*headed.keys, strict=True)
        return pa.table(
            {
                "template_id": pa.array(self.names.ids).take(found["template"].combine_chunks()),
                "kind": pa.array(kinds).take(found["source"].combine_chunks()),
                "source": pa.array(sources).take(found["source"].combine_chunks()),
                **{name: found[name] for name in ("level", "bucket", "count", "first_at", "last_at")},
            }
        )

    def _count(self, connection: Connection, tally: pa.Table, keys: set[Key]) -> None:
        kinds, sources = zip(*keys, strict=True)
        layouts = [self.headings.words(key) for key in keys]
        connection.register("tally", tally)
        connection.register("tally_words", pa.table({"kind": kinds, "source": sources, "layout": layouts}))
        for name in ("counted", "template_source", "source_counted", "template_counted"):
            connection.execute(statement(name))
        connection.unregister("tally")
        connection.unregister("tally_words")

    def _sample(self, messages: pa.Array, templates: np.ndarray, samples: dict[str, list[str]]) -> None:
        for number in np.unique(templates).tolist():
            template_id = self.names.ids[number]
            missing = SAMPLES - self._samples.get(template_id, 0)
            if missing > 0:
                rows = np.flatnonzero(templates == number)
                picked = rows[np.unique(np.linspace(0, len(rows) - 1, missing).astype(int))].tolist()
                samples.setdefault(template_id, []).extend(messages[at].as_py()[:SAMPLE_CHARACTERS] for at in picked)
                self._samples[template_id] = SAMPLES - missing + len(picked)

    # Which stretches can hold a text

    def _load_stretch(self, connection: Connection) -> None:
        row = connection.execute("SELECT coalesce(max(next_seq), 0) FROM log_stretch").fetchone()
        assert row is not None  # noqa: S101 - an aggregate has a row
        self._stretch, self._stretch_first, self._stretch_last_at = grams.Stretch(), int(row[0]), None
        self._stretches.clear()
        rows = connection.sql(
            "SELECT seq, said_at, message FROM log_line WHERE seq >= ? ORDER BY seq", params=[row[0]]
        ).to_arrow_table()
        if len(rows):
            self._stretch_first = rows["seq"][0].as_py()
            messages, said_at = rows["message"].combine_chunks(), rows["said_at"].combine_chunks()
            self._grow(messages, said_at, None, 0, len(rows))

    def _keep_grams(self, messages: pa.Array, said_at: pa.Array, coded: pa.DictionaryArray, first_seq: int) -> None:
        start = 0
        if not self._stretch.rows:
            self._stretch_first = first_seq
        while start < len(messages):
            end = min(len(messages), start + grams.ROWS - self._stretch.rows)
            self._grow(messages, said_at, coded, start, end)
            start = end
            if self._stretch.rows >= grams.ROWS:
                bounds = (self._stretch_first, first_seq + end, self._stretch_last_at)
                self._stretches.append((*bounds, *self._stretch.parts()))
                self._stretch, self._stretch_first = grams.Stretch(), first_seq + end
                self._stretch_last_at = None

    def _save_stretches(self, connection: Connection) -> None:
        if self._stretches:
            names = [f"c{number}" for number in range(len(self._stretches[0]))]
            connection.register("stretches", pa.table(list(map(pa.array, zip(*self._stretches, strict=True))), names))
            connection.execute("INSERT INTO log_stretch SELECT * FROM stretches")
            connection.unregister("stretches")
            self._stretches.clear()

    def _grow(
        self, messages: pa.Array, said_at: pa.Array, coded: pa.DictionaryArray | None, start: int, end: int
    ) -> None:
        content = grams.bytes_between(messages, start, end)
        self._stretch.add(grams.digit_grams(content))
        if coded is None:
            self._stretch.add(grams.letter_grams(content))
        else:
            present = np.unique(coded.indices.to_numpy()[start:end])
            texts = coded.dictionary.take(pa.array(present))
            self._stretch.add(grams.letter_grams(grams.bytes_between(texts, 0, len(texts))))
        self._stretch.rows += end - start
        last_at = pc.max(said_at.slice(start, end - start)).as_py()
        self._stretch_last_at = max(last_at, self._stretch_last_at or last_at)


def _keep_samples(connection: Connection, samples: dict[str, list[str]]) -> None:
    if samples:
        connection.register("new_samples", pa.table({"id": list(samples), "texts": list(samples.values())}))
        connection.execute(statement("template_samples"))
        connection.unregister("new_samples")


def _told(template: Template | None) -> dict[str, str] | None:
    return {"templateId": template.id, "text": template.text} if template else None
