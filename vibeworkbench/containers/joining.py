"""Lines of containers that belong together, as they came together: a stack trace is one record. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vibeworkbench.logs.joining import joined, shape_of
from vibeworkbench.logs.model import Level, Record


def together(records: Sequence[Record]) -> list[Record]:
    """The records, those of one container and stream joined that are one; each has the instant of its first line.

    Only bare lines are joined: one with an id, a level or attributes was a record of its own for its sender.
    """
    lines: dict[tuple[str, str], list[int]] = {}
    for place, each in enumerate(records):
        if _is_bare(each):
            lines.setdefault((each.instance, each.stream), []).append(place)
    found = {place: each for place, each in enumerate(records) if not _is_bare(each)}
    for places in lines.values():
        found |= _joined(records, places)
    return [found[place] for place in sorted(found)]


def _is_bare(record: Record) -> bool:
    return not (record.id or record.attributes or record.level is not Level.unknown or "\n" in record.message)


def _joined(records: Sequence[Record], places: Sequence[int]) -> dict[int, Record]:
    """Place of the first line → record; blank lines between records are left out."""
    texts = [records[place].message.encode("utf-8", "surrogatepass") for place in places]
    content = b"".join(text + b"\n" for text in texts)
    found: dict[int, Record] = {}
    at = 0
    for whole in joined(content, shape_of(content), whole=True).records:
        while not texts[at].strip(b" \t\r"):
            at += 1
        message = whole.decode("utf-8", "surrogatepass")
        found[places[at]] = replace(records[places[at]], message=message)
        at += whole.count(b"\n") + 1
    return found
