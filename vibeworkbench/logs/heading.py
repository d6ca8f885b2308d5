"""Headers of many lines at once: which layout each source has, and its forms put to all lines in DuckDB."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vibeworkbench.logs.headers import Layout, layouts_of
from vibeworkbench.logs.headers.forms import level_word
from vibeworkbench.logs.headers.kept import layout_from, text_of
from vibeworkbench.logs.headers.layout import SAMPLE, spread
from vibeworkbench.logs.headers.plan import Plan
from vibeworkbench.logs.instants import machine_zone
from vibeworkbench.logs.shapes import Part, Shapes, is_plain, joined_parts, zeroed
from vibeworkbench.logs.sql import statement
from vibeworkbench.storage.warehouse import Connection

Key = tuple[str, str]
"""Kind and source."""

FIRM = 200
"""Lines of a source after which its layout is only added to; before, it is learned again when they have doubled."""
_ADDITIONS = 5
_TRIED = 100
_STRANGE_LINES, _STRANGE_SHARE = 50, 0.2


@dataclass(slots=True)
class Source:
    """What is known of how a source writes.

    Attributes:
        layout: Its layout.
        lines: How many lines it was learned from.
        sample: Those lines, until the layout is firm.
        additions: How often forms were looked for among lines that fit none.
    """

    layout: Layout
    lines: int
    sample: list[str] = field(default_factory=list)
    additions: int = 0


@dataclass(frozen=True, slots=True)
class Headed:
    """Lines taken apart, in the order of arrival.

    Attributes:
        keys: Kinds and sources.
        codes: For each line the number of its key.
        message: Messages.
        said_at: Instants, naive UTC; null where neither record nor header tells.
        level: Level numbers; 0 where neither record nor header tells.
        attributes: JSON objects, or null.
        zeroed: Messages with every digit as 0, distinct ones and which each line has.
    """

    keys: list[Key]
    codes: np.ndarray
    message: pa.Array
    said_at: pa.Array
    level: np.ndarray
    attributes: pa.Array
    zeroed: pa.DictionaryArray


class Headings:
    """The layouts of all sources."""

    def __init__(self) -> None:
        self._sources: dict[Key, Source] = {}
        self._changed: set[Key] = set()
        self._shapes = Shapes()

    def load(self, connection: Connection) -> None:
        """What is known is what the warehouse has."""
        rows = connection.execute("SELECT kind, source, layout, lines FROM log_layout").fetchall()
        self._sources = {(kind, source): Source(layout_from(text), lines) for kind, source, text, lines in rows}
        self._changed.clear()

    def save(self, connection: Connection) -> None:
        """The warehouse has what is known."""
        for kind, source in self._changed:
            known = self._sources[kind, source]
            row = [kind, source, text_of(known.layout), known.lines]
            connection.execute("INSERT OR REPLACE INTO log_layout VALUES (?, ?, ?, ?)", row)
        self._changed.clear()

    def words(self, key: Key) -> str:
        """How a source's lines are built, in words."""
        known = self._sources.get(key)
        return ("; ".join(known.layout.names) or "no header") if known else ""

    def layout(self, key: Key) -> Layout | None:
        """The layout of a source; ``None`` when nothing of it was stored."""
        known = self._sources.get(key)
        return known.layout if known else None

    def layouts(self, kind: str = "") -> list[Layout]:
        """The layouts of all sources, or of those of a kind: different ones, those that most sources have in front."""
        counts = Counter(
            (known.layout.forms, known.layout.wrapper)
            for (of, _), known in self._sources.items()
            if known.layout.forms and kind in {"", of}
        )
        present = max((known.layout.now for known in self._sources.values()), default=None)
        return [Layout(forms, present, wrapper) for (forms, wrapper), _ in counts.most_common(_TRIED) if present]

    def headed(self, connection: Connection, arrived: pa.Table, now: datetime) -> Headed:
        """Arrived records with their headers taken off.

        Args:
            connection: Where the patterns run.
            arrived: Columns as ``pipeline.ARRIVED`` says.
            now: The present, aware UTC.
        """
        keys, codes = _keys(arrived)
        for number, key in enumerate(keys):
            self._learn(key, arrived, codes, number, now)
        layouts = [self._sources[key].layout for key in keys]
        plain = np.array([is_plain(layout) for layout in layouts])[codes]
        parts = []
        if plain.any():
            rows = np.flatnonzero(plain)
            parts.append(self._shapes.parts(connection, _of(arrived, rows), rows, layouts, codes[rows], now))
        if not plain.all():
            rows = np.flatnonzero(~plain)
            parts.append(_planned(connection, _of(arrived, rows), rows, layouts, codes[rows], now))
        found = parts[0] if len(parts) == 1 else joined_parts(parts)
        self._look_for_strangers(keys, codes, found, now)
        given = arrived["level"].to_numpy()
        return Headed(
            keys,
            codes,
            found.message,
            pc.coalesce(arrived["said_at"].combine_chunks(), found.said_at),
            np.where(given > 0, given, found.level).astype(np.uint8),
            _merged(connection, found.attributes, arrived["attributes"].combine_chunks()),
            found.zeroed,
        )

    def _learn(self, key: Key, arrived: pa.Table, codes: np.ndarray, number: int, now: datetime) -> None:
        known = self._sources.get(key)
        if known is not None and known.lines >= FIRM:
            return
        fresh = _some(arrived["message"], np.flatnonzero(codes == number))
        sample = [*(known.sample if known else ()), *fresh][-SAMPLE:]
        if known is not None and len(sample) < 2 * known.lines:
            known.sample = sample
            return
        layout = layouts_of(sample, now)
        self._sources[key] = Source(layout, len(sample), sample if len(sample) < FIRM else [])
        self._changed.add(key)

    def _look_for_strangers(self, keys: Sequence[Key], codes: np.ndarray, found: Part, now: datetime) -> None:
        strange = found.strange
        if not strange.any():
            return
        for number, key in enumerate(keys):
            mine = codes == number
            lines = np.flatnonzero(mine & strange)
            known = self._sources[key]
            if len(lines) < max(_STRANGE_LINES, _STRANGE_SHARE * mine.sum()) or known.additions >= _ADDITIONS:
                continue
            known.additions += 1
            forms = [
                form for form in layouts_of(_some(found.message, lines), now).forms if form not in known.layout.forms
            ]
            if forms:
                known.layout = replace(known.layout, forms=(*known.layout.forms, *forms))
                self._changed.add(key)


def _some(messages: pa.ChunkedArray | pa.Array, rows: np.ndarray) -> list[str]:
    texts: list[str] = messages.take(pa.array(rows[spread(len(rows))])).to_pylist()
    return texts


def _keys(arrived: pa.Table) -> tuple[list[Key], np.ndarray]:
    kinds = arrived["kind"].combine_chunks().dictionary_encode()
    sources = arrived["source"].combine_chunks().dictionary_encode()
    width = max(len(sources.dictionary), 1)
    both = kinds.indices.to_numpy().astype(np.int64) * width + sources.indices.to_numpy()
    present, codes = np.unique(both, return_inverse=True)
    kind_names, source_names = kinds.dictionary.to_pylist(), sources.dictionary.to_pylist()
    return [(kind_names[code // width], source_names[code % width]) for code in present.tolist()], codes


def _of(arrived: pa.Table, rows: np.ndarray) -> pa.Array:
    messages = arrived["message"].combine_chunks()
    return messages if len(rows) == len(messages) else messages.take(pa.array(rows))


def _planned(
    connection: Connection,
    messages: pa.Array,
    rows: np.ndarray,
    layouts: Sequence[Layout],
    codes: np.ndarray,
    now: datetime,
) -> Part:
    """Lines whose fields are looked for in DuckDB, one by one: JSON, logfmt, and what has a wrapper."""
    plan = Plan(layouts, now, machine_zone())
    lines = pa.table(
        {
            "row": pa.array(np.arange(len(rows), dtype=np.int32)),
            "chain": pa.array(plan.chain_of[codes]),
            "message": messages,
        }
    )
    connection.register("arrived_lines", lines)
    found = connection.sql(plan.query()).to_arrow_table()
    connection.unregister("arrived_lines")
    found = found.take(pa.array(np.argsort(found["row"].to_numpy(), kind="stable")))
    message = found["message"].combine_chunks()
    return Part(
        rows,
        message,
        found["said_at"].combine_chunks(),
        _levels(found["level_word"].combine_chunks()),
        found["attributes"].combine_chunks(),
        zeroed(message).dictionary_encode(),
        found["form"].to_numpy() == 0,
    )


def _levels(words: pa.Array) -> np.ndarray:
    coded = words.dictionary_encode()
    numbers = [int(level_word(word)) for word in coded.dictionary.to_pylist()] or [0]
    indices = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False)
    return np.where(indices < 0, 0, np.array(numbers, np.uint8)[indices])


def _merged(connection: Connection, told: pa.Array, given: pa.Array) -> pa.Array:
    """Attributes of headers and of records as one; the record's count."""
    if given.null_count == len(given):
        return told
    connection.register("attributed", pa.table({"told": told, "given": given}))
    both = connection.sql(statement("attributes_merged")).to_arrow_table()["attributes"].combine_chunks()
    connection.unregister("attributed")
    return both
