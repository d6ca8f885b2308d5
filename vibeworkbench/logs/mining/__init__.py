"""Templates of log lines: what the statements in the programs that wrote them say, with wildcards for the parameters.

line → message (``logs/headers``) → masked text (``logs/masks.py``) → form (``forms.py``) → pattern (``columns.py``)
→ template (``book.py``)
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from vibeworkbench.logs.headers import layouts_of
from vibeworkbench.logs.masks import masked, zeroed
from vibeworkbench.logs.mining.book import TemplateBook

_SOME_DAY = datetime(2000, 1, 1, tzinfo=UTC)
"""Headers are taken off; what they say of time does not matter here."""

_SAMPLE = 1000
_STEP = 1_000_003
"""A prime number larger than most lists."""


def mine(lines: Sequence[str]) -> list[str]:
    """The template's id of each line, in order; nothing is remembered between calls.

    Args:
        lines: Raw lines of a log, or messages, of one system or of several mixed.
    """
    return _mined(lines)[1]


def templates(lines: Sequence[str]) -> dict[str, str]:
    """The text of each template that ``mine`` finds in the same lines, by its id."""
    book, ids = _mined(lines)
    return {template_id: book.templates[template_id].text for template_id in dict.fromkeys(ids)}


def _mined(lines: Sequence[str]) -> tuple[TemplateBook, list[str]]:
    layout = layouts_of(_scattered(lines), _SOME_DAY)
    zeros = {line: zeroed(layout.parsed(line).message) for line in dict.fromkeys(lines)}
    texts = {zero: masked(zero) for zero in dict.fromkeys(zeros.values())}
    distinct = list(dict.fromkeys(texts.values()))
    book = TemplateBook(most_masked=len(distinct) + 1)
    found = dict(zip(distinct, book.match(distinct), strict=True))
    ids = {line: found[texts[zero]] for line, zero in zeros.items()}
    return book, [ids[line] for line in lines]


def _scattered(lines: Sequence[str]) -> list[str]:
    """Some lines from everywhere; not every so-manieth, since several systems may take turns."""
    return [lines[at * _STEP % len(lines)] for at in range(min(_SAMPLE, len(lines)))]
