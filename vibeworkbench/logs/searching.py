"""Searching for text: only stretches of lines that can hold it are read, the youngest first, and no more than needed.

A rare word costs its few stretches. A frequent one is found in the first. What has no gram (see ``grams.py``) is looked
for in all lines, in ever larger steps backwards; a search that takes too long is stopped between them or within.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from vibeworkbench.logs import grams
from vibeworkbench.storage.warehouse import Connection

T = TypeVar("T")

END = 2**62
_MOST_GRAMS = 8


@dataclass(frozen=True, slots=True)
class Span:
    """Lines from ``first`` up to, without, ``next``; none of them was said later than ``last_at``, if that is known."""

    first: int
    next: int
    last_at: datetime | None


def spans(connection: Connection, terms: Sequence[str], begin: datetime | None = None) -> list[Span]:
    """The stretches that can hold all of the terms, the youngest first; lines without a stretch yet come before all.

    Args:
        connection: The reader's.
        terms: Texts in small letters.
        begin: Stretches that ended before are left out; naive UTC.
    """
    every = grams.wanted(terms)
    wanted = every[:: -(-len(every) // _MOST_GRAMS)] if every else []
    parts = sorted({grams.part_of(gram) for gram in wanted})
    columns = ", ".join(["first_seq", "next_seq", "last_at", *(f"p{part}" for part in parts)])
    query = f"SELECT {columns} FROM log_stretch WHERE last_at >= ? ORDER BY last_at DESC"  # noqa: S608 - of numbers
    rows = connection.execute(query, [begin or datetime.min]).fetchall()  # noqa: DTZ901 - the warehouse's are naive
    places = [(3 + parts.index(grams.part_of(gram)), gram) for gram in wanted]
    found = [Span(*row[:3]) for row in rows if all(grams.is_set(row[at], gram) for at, gram in places)]
    last = connection.execute("SELECT coalesce(max(next_seq), 0) FROM log_stretch").fetchone()
    assert last is not None  # noqa: S101 - an aggregate has a row
    return [Span(int(last[0]), END, None), *found]


def newest(
    candidates: Sequence[Span], read: Callable[[int, int], Sequence[T]], said_at: Callable[[T], datetime], limit: int
) -> list[T]:
    """The newest of what is read from spans, at most ``limit``, in no order.

    Args:
        candidates: The youngest first.
        read: Reads the newest ``limit`` of a range of lines.
        said_at: When one of them was said, naive like the spans.
        limit: How many, at most.
    """
    found: list[T] = []
    at, step = 0, 1
    while at < len(candidates):
        for first, end in _ranges(candidates[at : at + step]):
            found += read(first, end)
        at, step = at + step, step * 2
        if len(found) > limit:
            found = sorted(found, key=said_at, reverse=True)[:limit]
        if len(found) == limit and at < len(candidates):
            youngest_left = candidates[at].last_at
            if youngest_left is not None and youngest_left < min(map(said_at, found)):
                break
    return found


def _ranges(some: Sequence[Span]) -> Iterator[tuple[int, int]]:
    """Spans as ranges, those that touch as one."""
    ordered = sorted(some, key=lambda span: span.first)
    first, end = ordered[0].first, ordered[0].next
    for span in ordered[1:]:
        if span.first == end:
            end = span.next
        else:
            yield first, end
            first, end = span.first, span.next
    yield first, end
