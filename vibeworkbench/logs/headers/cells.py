"""The beginning of a line cut into cells: instants, levels, numbers, tags, bracketed groups, words; separators between.

Nothing here decides where a header ends; it only says what stands where. ``learning.py`` compares many lines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from vibeworkbench.logs.headers.stamps import STAMPS

MOST_CELLS = 18
MOST_CHARACTERS = 400

LEVEL_WORDS = (
    "TRACE|VERBOSE|FINEST|FINER|FINE|DEBUG|DBG|INFORMATION|INFO|INF|NOTICE|WARNING|WARN|WRN|ERROR|ERR|EROR|SEVERE|"
    "CRITICAL|CRIT|ALERT|EMERGENCY|EMERG|FATAL|FTL|PANIC|CONFIG|LOG|FAILURE|NOTE|SYSTEM"
)
_BEHIND_STAMP = r"(?=[\s\])>|,;\"']|:\s|$)"
_STAMPS = tuple((stamp.name, re.compile(stamp.pattern + _BEHIND_STAMP, re.ASCII)) for stamp in STAMPS)
_NAMED = re.compile(r"\(\?P<\w+>")
_SOME_STAMP = re.compile(
    f"(?:{'|'.join(_NAMED.sub('(?:', stamp.pattern) + _BEHIND_STAMP for stamp in STAMPS)})", re.ASCII
)
"""Whether one of them stands there: most cells are none, and are asked once."""
_LEVEL = re.compile(rf"(?:{LEVEL_WORDS})(?=[\s\])>|:,./;-]|$)", re.ASCII)
_LEVEL_ANY_CASE = re.compile(rf"(?:{LEVEL_WORDS})(?=[\s\])>|:,;]|$)", re.ASCII | re.IGNORECASE)
_MODULE_LEVEL = re.compile(rf"[\w.-]+:(?:{LEVEL_WORDS})(?=\])", re.ASCII | re.IGNORECASE)
_LETTER = re.compile(r"[VTDIWEFC](?=[\s\])|/])", re.ASCII)
_NUMBER = re.compile(r"#?\d+(?=[\s\])|,;]|:\s|$)", re.ASCII)
_TAG = re.compile(r"[^\s\[\]|]+(?:\[\d+\])?(?: \([^()\s]*\))?:(?=\s|$)", re.ASCII)
_TAG_APART = re.compile(r"[^\s\[\]|:]+ +:(?=\s|$)", re.ASCII)
_DASH = re.compile(r"(?:-{1,3}|\*|#|::|:|=>|>)(?=\s)", re.ASCII)
_GROUPS = {
    "[": re.compile(r"\[[^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)*\]", re.ASCII),
    "(": re.compile(r"\([^()]*(?:\([^()]*\)[^()]*)*\)", re.ASCII),
    "<": re.compile(r"<[^<>]*>", re.ASCII),
}
_WORD = re.compile(r"[^\s|\[\]]+(?:\[[^\]\s]*\][^\s|\[\]]*)*", re.ASCII)
_BEFORE_GROUPS = (
    ("level", _LEVEL),
    ("level", _LEVEL_ANY_CASE),
    ("level", _MODULE_LEVEL),
    ("letter", _LETTER),
    ("number", _NUMBER),
    ("dash", _DASH),
    ("tag", _TAG),
    ("tag", _TAG_APART),
)
_NO_GROUP = (*_BEFORE_GROUPS, ("word", _WORD))
_KINDS = {sign: (*_BEFORE_GROUPS, (f"group{sign}", group), ("word", _WORD)) for sign, group in _GROUPS.items()}
"""What a cell that begins with this sign may be, the first that fits."""
_BETWEEN = re.compile(r"[ \t|,;\])>\"']*:?[ \t|\])>]*", re.ASCII)
_INSIDE = re.compile(r"[\[(<]\s*(?:[VTDIWEFC] )?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a line.

    Attributes:
        kind: ``stamp:<name>``, ``level``, ``letter``, ``number``, ``tag``, ``group[``, ``group(``, ``group<``,
            ``dash``, ``word``.
        start: Where it starts.
        end: Where it ends; what lies between its end and the next one's start separates them.
        text: Its text.
    """

    kind: str
    start: int
    end: int
    text: str

    @property
    def is_stamp(self) -> bool:
        """Whether an instant, or a part of one, is told here."""
        return self.kind.startswith("stamp:")


def cells_of(line: str) -> list[Cell]:
    """The first cells of a line, at most 18, in order."""
    line = line[:MOST_CHARACTERS]
    cells: list[Cell] = []
    at = _after_opening(line, _skipped(line, 0))
    while at < len(line) and len(cells) < MOST_CELLS:
        cell = _cell(line, at)
        if cell is None:
            break
        cells.append(cell)
        at = _next(line, cell)
    return cells


def _next(line: str, cell: Cell) -> int:
    at = cell.end
    if cell.kind in ("level", "letter") and line[at : at + 1] in ("/", "-"):
        at += 1
    return _after_opening(line, _skipped(line, at))


def _skipped(line: str, at: int) -> int:
    found = _BETWEEN.match(line, at)
    return found.end() if found else at


def _after_opening(line: str, at: int) -> int:
    """Past an opening bracket, when an instant or a level stands first behind it: then it is but a separator."""
    if line[at : at + 1] not in _GROUPS:
        return at
    inside = _INSIDE.match(line, at)
    assert inside is not None  # noqa: S101 - it starts with a bracket
    opened = at + 1 + (len(line) - at - 1 - len(line[at + 1 :].lstrip(" \t")))
    if _stamp(line, inside.end()) or _LEVEL_ANY_CASE.match(line, opened) or _MODULE_LEVEL.match(line, opened):
        return opened
    return at


def _stamp(line: str, at: int) -> Cell | None:
    first = line[at : at + 1]
    if not (first.isdigit() or first.isupper()) or not _SOME_STAMP.match(line, at):
        return None
    for name, pattern in _STAMPS:
        if found := pattern.match(line, at):
            return Cell(f"stamp:{name}", at, found.end(), found[0])
    return None


def _cell(line: str, at: int) -> Cell | None:
    if stamp := _stamp(line, at):
        return stamp
    for kind, pattern in _KINDS.get(line[at], _NO_GROUP):
        if found := pattern.match(line, at):
            return Cell(kind, at, found.end(), found[0])
    return None
