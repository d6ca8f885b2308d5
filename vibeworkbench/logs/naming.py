"""Which template each message has: only distinct texts, with digits put to 0, are ever looked at one by one."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np
import pyarrow as pa

from vibeworkbench.logs.headers.forms import level_in
from vibeworkbench.logs.masks import LONGEST, mask_sql, masked
from vibeworkbench.logs.mining.book import Template, TemplateBook
from vibeworkbench.logs.sql import statement
from vibeworkbench.storage.warehouse import Connection

MOST_TEXTS = 200_000
MOST_MASKED = 500_000
_FEW = 64
_LEVEL_BITS = 5


class Names:
    """The templates of messages, and the levels that messages tell themselves."""

    def __init__(self) -> None:
        self._book = TemplateBook()
        self._numbers: dict[str, int] = {}
        self._codes: dict[str, int] = {}
        self.ids: list[str] = []

    @property
    def book(self) -> TemplateBook:
        """The templates."""
        return self._book

    def load(self, connection: Connection) -> None:
        """What is known is what the warehouse has."""
        rows = connection.execute(
            "SELECT template_id, pattern, version, parent FROM log_template ORDER BY number"
        ).fetchall()
        texts = connection.execute("SELECT masked, template_id FROM log_masked ORDER BY rowid").fetchall()
        self._book = TemplateBook((Template(*row) for row in rows), dict(texts), most_masked=MOST_MASKED)
        self.ids = [row[0] for row in rows]
        self._numbers = {template_id: number for number, template_id in enumerate(self.ids)}
        self._codes.clear()

    def save(self, connection: Connection, first_at: object) -> None:
        """The warehouse has the templates that are new or have changed, and the masked texts that are new.

        Args:
            connection: The writer's.
            first_at: When templates that are new were first seen, as Arrow has it.
        """
        templates, texts = self._book.changed()
        if templates:
            table = pa.table(
                {
                    "template_id": [each.id for each in templates],
                    "text": [each.text for each in templates],
                    "version": pa.array([each.version for each in templates], pa.int32()),
                    "pattern": [each.pattern for each in templates],
                    "parent": [each.parent for each in templates],
                    "number": pa.array([self._numbers.get(each.id, len(self.ids)) for each in templates], pa.int32()),
                    "first_at": pa.array([first_at] * len(templates), pa.timestamp("us")),
                }
            )
            connection.register("changed_templates", table)
            connection.execute(statement("template_new"))
            connection.unregister("changed_templates")
        if texts:
            connection.register("new_texts", pa.table({"masked": list(texts), "template_id": list(texts.values())}))
            connection.execute("INSERT INTO log_masked SELECT masked, template_id FROM new_texts")
            connection.unregister("new_texts")

    def named(self, connection: Connection, messages: pa.DictionaryArray) -> tuple[np.ndarray, np.ndarray]:
        """For each message the number of its template in ``ids``, and the level that it tells itself.

        Args:
            connection: Where masks run.
            messages: Messages with every digit as 0.
        """
        texts = [text[:LONGEST] for text in messages.dictionary.to_pylist()]
        codes = np.array(self._code(connection, texts), np.int64)[messages.indices.to_numpy()]
        return codes >> _LEVEL_BITS, (codes & (2**_LEVEL_BITS - 1)).astype(np.uint8)

    def _code(self, connection: Connection, texts: Sequence[str]) -> list[int]:
        known = self._codes
        unknown = [text for text in dict.fromkeys(texts) if text not in known]
        if unknown:
            ids = self._book.match(_masked(connection, unknown))
            for text, template_id in zip(unknown, ids, strict=True):
                known[text] = self._number(template_id) << _LEVEL_BITS | int(level_in(text))
        found = [known[text] for text in texts]
        if len(known) > MOST_TEXTS:
            for text in list(islice(known, len(known) - MOST_TEXTS * 9 // 10)):
                del known[text]
        return found

    def _number(self, template_id: str) -> int:
        number = self._numbers.setdefault(template_id, len(self.ids))
        if number == len(self.ids):
            self.ids.append(template_id)
        return number


def _masked(connection: Connection, texts: list[str]) -> list[str]:
    if len(texts) < _FEW:
        return [masked(text) for text in texts]
    connection.register("zeroed_texts", pa.table({"text": texts}))
    query = f"SELECT {mask_sql('text')} AS masked FROM zeroed_texts"  # noqa: S608 - of a constant
    found: list[str] = connection.sql(query).to_arrow_table()["masked"].to_pylist()
    connection.unregister("zeroed_texts")
    return found
