"""One statement that takes the headers off the lines of several sources, in DuckDB."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from vibeworkbench.logs.headers.layout import AnyForm, Layout
from vibeworkbench.logs.headers.sql import bounded, columns, fits


class Plan:
    """One statement that puts the forms of several layouts to the lines of their sources."""

    def __init__(self, layouts: Sequence[Layout], now: datetime, zone: str) -> None:
        self._now = now
        self._zone = zone
        chains = [(layout.wrapper, layout.forms) for layout in layouts]
        self._chains = list(dict.fromkeys(chains))
        self.chain_of = np.array([self._chains.index(chain) for chain in chains], dtype=np.int16)
        forms = dict.fromkeys(form for _, own in self._chains for form in own)
        self._numbers: dict[AnyForm, int] = {form: number for number, form in enumerate(forms, 1)}

    def query(self) -> str:
        """Lines in, and out: row, message, said_at, level_word, attributes, and form, 0 where none fits."""
        parsed = [self._parsed(form, number) for form, number in self._numbers.items()]
        plain = (
            "SELECT row, line AS message, NULL::TIMESTAMP AS moment, NULL::INTERVAL AS step, "
            "NULL::VARCHAR AS level_word, NULL::VARCHAR AS told, form, outer_at, outer_told FROM typed WHERE form = 0"
        )
        at, outer_at = (bounded(name, "step", self._now) for name in ("moment", "outer_at"))
        return (
            f"WITH unwrapped AS ({self._unwrapped()}), "  # noqa: S608 - of constants and of patterns, which are quoted
            f"typed AS MATERIALIZED (SELECT *, {self._form()} AS form FROM unwrapped), "
            f"parsed AS ({' UNION ALL '.join([*parsed, plain])}) "
            f"SELECT row, message, coalesce({at}, {outer_at}) AS said_at, level_word, "
            f"{_merged('outer_told', 'told')} AS attributes, form FROM parsed"
        )

    @property
    def _wrappers(self) -> list[AnyForm]:
        return list(dict.fromkeys(wrapper for wrapper, _ in self._chains if wrapper))

    def _unwrapped(self) -> str:
        none = "NULL::TIMESTAMP AS outer_at, NULL::VARCHAR AS outer_told"
        kept = f"SELECT row, chain, message AS line, {none} FROM arrived_lines"  # noqa: S608 - see query
        if not self._wrappers:
            return kept
        parts, wrapped = [], []
        for wrapper in self._wrappers:
            own = ", ".join(str(at) for at, (each, _) in enumerate(self._chains) if each == wrapper)
            is_own = f"(chain IN ({own}) AND {fits(wrapper, 'message')})"
            wrapped.append(is_own)
            part = columns(wrapper, "message", self._now, self._zone)
            parts.append(
                f"SELECT row, chain, {part.message} AS line, {part.said_at} AS outer_at, "  # noqa: S608 - see query
                f"{part.attributes} AS outer_told FROM (SELECT {', '.join(['*', *part.groups])} FROM arrived_lines "
                f"WHERE {is_own})"
            )
        return " UNION ALL ".join([*parts, f"{kept} WHERE NOT ({' OR '.join(wrapped)})"])

    def _form(self) -> str:
        cases = []
        for at, (_, forms) in enumerate(self._chains):
            own = " ".join(f"WHEN {fits(form, 'line')} THEN {self._numbers[form]}" for form in forms)
            cases.append(f"WHEN {at} THEN {f'CASE {own} ELSE 0 END' if own else '0'}")
        return f"CASE chain {' '.join(cases)} ELSE 0 END"

    def _parsed(self, form: AnyForm, number: int) -> str:
        part = columns(form, "line", self._now, self._zone)
        return (
            f"SELECT row, {part.message} AS message, {part.said_at} AS moment, {part.step} AS step, "  # noqa: S608 - see query
            f"{part.level} AS level_word, {part.attributes} AS told, form, outer_at, outer_told "
            f"FROM (SELECT {', '.join(['*', *part.groups])} FROM typed WHERE form = {number})"
        )


def _merged(first: str, second: str) -> str:
    """Two JSON objects as one; the second's fields count."""
    both = f"json_merge_patch({first}, {second})::VARCHAR"
    return f"(CASE WHEN {second} IS NULL THEN {first} WHEN {first} IS NULL THEN {second} ELSE {both} END)"
