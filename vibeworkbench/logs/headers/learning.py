"""Forms of headers learned from lines: columns that hold instants, levels, numbers and tags in a stable position.

Lines are cut into cells (``cells.py``). The instant that most lines have in the same position gathers them; a level
that stands as firmly ends the header or lies within it; what lies before the last such anchor is header, whatever it
is, and what follows is header as long as it keeps its class in nearly all lines. Lines that do not fit are learned
from again. No name of any system plays a part.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from vibeworkbench.logs.headers.cells import Cell, cells_of
from vibeworkbench.logs.headers.forms import STAMP_GROUPS, Form, compiled
from vibeworkbench.logs.headers.stamps import BY_NAME, order_of, unnamed

MOST_FORMS = 12
STABLE = 0.95
FEW = 5
_LEAST_SHARE = 0.01
_LAST_ANCHOR = 14
_BEHIND, _LEAST_PART = 5, 0.1
_SPEAKERS = 6
"""Different words before a dash that are names, however few the lines: of so few, each may be another program."""

Line = tuple[str, list[Cell]]


def learned(lines: Sequence[str]) -> list[Form]:
    """The forms that the lines have, the most frequent first; lines without an instant in their header have none."""
    rest: list[Line] = [(line, cells_of(line)) for line in lines]
    least = max(1, int(len(rest) * _LEAST_SHARE))
    forms: list[Form] = []
    while rest and len(forms) < MOST_FORMS:
        group, rest = _gathered(rest)
        if len(group) < least:
            break
        form = _Columns(group).form()
        if form is not None and STAMP_GROUPS.issuperset(form.groups) and (firmer := _with_level_behind(group)):
            form = firmer
        fitting = form is not None and [line for line in group if compiled(form.pattern).match(line[0])]
        if form is None or not fitting:
            continue
        forms.append(form)
        rest += [line for line in group if not compiled(form.pattern).match(line[0])]
    return forms


def _gathered(lines: list[Line]) -> tuple[list[Line], list[Line]]:
    """The lines that have the most frequent first instant in the same position, and the others."""
    counts: Counter[tuple[int, str]] = Counter()
    for _, cells in lines:
        counts.update({(at, cell.kind) for at, cell in enumerate(cells[:_LAST_ANCHOR]) if cell.is_stamp})
    if not counts:
        return [], []
    most = max(counts.values())
    anchor = min(
        (key for key, count in counts.items() if count >= STABLE * most),
        key=lambda key: (key[0], key[1]),
    )
    chosen: list[Line] = []
    others: list[Line] = []
    for line in lines:
        (chosen if _has(line[1], *anchor) else others).append(line)
    return _with_level(chosen, others)


def _has(cells: list[Cell], at: int, *kinds: str) -> bool:
    return len(cells) > at and cells[at].kind in kinds


def _with_level(chosen: list[Line], others: list[Line]) -> tuple[list[Line], list[Line]]:
    """Those of the lines that name a level in one position, when many do; the others wait for their own form."""
    counts: Counter[int] = Counter()
    for _, cells in chosen:
        counts.update(at for at, cell in enumerate(cells[:_LAST_ANCHOR]) if _is_plain_level(cell))
    if not counts:
        return chosen, others
    at, count = min(counts.items(), key=lambda item: (-item[1], item[0]))
    several = len({cells[at].text for _, cells in chosen if _has(cells, at, "level")}) > 1
    if not (0.5 if several else 0.8) * len(chosen) <= count < STABLE * len(chosen):
        return chosen, others
    upper = [line for line in chosen if _has(line[1], at, "level") or _is_capitals(line[1], at)]
    return upper, [*others, *(line for line in chosen if line not in upper)] if len(upper) < len(chosen) else others


def _with_level_behind(lines: list[Line]) -> Form | None:
    """The form of those of the lines whose columns are alike and hold a level: it is firmer than an instant alone.

    Two programs may write their instants in the same way and position, and then go on each in its own.
    """
    kinds: dict[tuple[str, ...], list[Line]] = {}
    for line in lines:
        kinds.setdefault(tuple(cell.kind for cell in line[1][:_BEHIND]), []).append(line)
    for alike in sorted(kinds.values(), key=len, reverse=True):
        if len(alike) < max(FEW, _LEAST_PART * len(lines)) or len(alike) == len(lines):
            return None
        form = _Columns(alike).form()
        if form is not None and _levels(form, alike) > 1:
            return form
    return None


def _levels(form: Form, lines: list[Line]) -> int:
    """How many different levels the form finds: a word that is always the same may be part of the message."""
    found = (compiled(form.pattern).match(line) for line, _ in lines)
    return len({match["level"] for match in found if match}) if "level" in form.groups else 0


def _is_plain_level(cell: Cell) -> bool:
    return cell.kind == "level" and (cell.text[:1].isupper() or ":" in cell.text)


def _is_capitals(cells: list[Cell], at: int) -> bool:
    """Whether a word stands there that is written like a level, perhaps one of an unknown name."""
    return _has(cells, at, "word") and cells[at].text.isalpha() and cells[at].text.isupper()


class _Columns:
    """Lines whose first instant stands in the same column, and what their other columns are."""

    def __init__(self, lines: list[Line]) -> None:
        self._lines = [line for line, _ in lines]
        self._rows = [cells for _, cells in lines]
        self._few = len(lines) < FEW

    def form(self) -> Form | None:
        """The form that they share."""
        if (end := self._last_anchor()) is None:
            return None
        level = self._level_at()
        end = end if level is None else max(end, level)
        component = self._component(end)
        end = end if component else self._extended(end, level)
        rows = [(line, cells) for line, cells in zip(self._lines, self._rows, strict=True) if len(cells) > end]
        primary = self._primary(end)
        names, pattern = [], self._lead(rows)
        given: set[str] = set()
        for at in range(end + 1):
            name, part = self._column(at, at == primary, at == level, level, end, given)
            names.append(name)
            pattern += part + self._separator(rows, at, last=at == end)
        return Form("learned: " + " ".join([*names, *(["component"] if component else [])]), "^" + pattern + component)

    # -- where the header ends --

    def _share(self, at: int, *kinds: str) -> float:
        return sum(_has(cells, at, *kinds) for cells in self._rows) / len(self._rows)

    def _stamp_at(self, at: int) -> str | None:
        counts = Counter(cells[at].kind for cells in self._rows if len(cells) > at and cells[at].is_stamp)
        if not counts:
            return None
        kind, count = counts.most_common(1)[0]
        return kind.partition(":")[2] if count >= STABLE * len(self._rows) else None

    def _last_anchor(self) -> int | None:
        found = [at for at in range(_LAST_ANCHOR) if self._stamp_at(at)]
        if not found or not any(BY_NAME[self._stamp_at(at) or ""].dated or at == 0 for at in found):
            return None
        last = found[0]
        for at in found[1:]:
            if at - last <= 4 or self._level_at() is not None:
                last = at
        return last

    def _level_at(self) -> int | None:
        for at in range(_LAST_ANCHOR):
            if self._share(at, "level") >= 0.8 and self._is_level(at):
                return at
            if self._share(at, "letter") >= STABLE and self._is_letter(at):
                return at
        return None

    def _is_level(self, at: int) -> bool:
        cells = [cells[at] for cells in self._rows if _has(cells, at, "level")]
        rest = [cells for cells in self._rows if not _has(cells, at, "level")]
        if not all(_is_capitals(cells, at) or len(cells) <= at for cells in rest):
            return False
        if all(_is_plain_level(cell) for cell in cells):
            return True
        set_off = sum(_set_off(line, row, at) for line, row in zip(self._lines, self._rows, strict=True))
        return set_off >= STABLE * len(self._rows) or (len({cell.text for cell in cells}) > 1 and not self._few)

    def _is_letter(self, at: int) -> bool:
        return self._few or len({cells[at].text for cells in self._rows if len(cells) > at}) > 1 or at == 0

    def _extended(self, end: int, level: int | None) -> int:
        """The last column of the header, beyond the last anchor."""
        while True:
            for ahead in (1, 2, 3):
                at = end + ahead
                if self._belongs(at, ahead - 1, level):
                    end = at
                    break
            else:
                return end

    def _belongs(self, at: int, words: int, level: int | None) -> bool:
        """Whether the column is one of the header's, ``words`` words after what is known to be."""
        if at >= 16 or any(self._share(at - 1 - n, "word", "number", "level") < STABLE for n in range(words)):
            return False
        if words and not self._repeat(at - words):
            return False
        if self._share(at, "tag") >= STABLE:
            return (words == 0 or level is None) and self._is_tag(at)
        if self._share(at, "group[") >= STABLE:
            return words < 2 and self._is_group(at, level)
        if self._share(at, "dash") >= STABLE:
            return words < 2 and self._same(at)
        if words:
            return False
        if self._share(at, "number") >= 0.99:
            return not self._few or self._is_barred(at)
        return self._share(at, "word", "number") >= STABLE and self._is_column(at)

    def _texts(self, at: int) -> list[str]:
        return [cells[at].text for cells in self._rows if len(cells) > at]

    def _same(self, at: int) -> bool:
        return Counter(self._texts(at)).most_common(1)[0][1] >= STABLE * len(self._rows)

    def _repeat(self, at: int) -> bool:
        """Whether few values fill the column, as hosts and components do."""
        texts = self._texts(at)
        return self._few or len({re.sub(r"\d+", "0", text) for text in texts}) <= max(3, 0.3 * len(texts))

    def _is_tag(self, at: int) -> bool:
        if not self._few:
            return len({re.sub(r"\d+", "0", text) for text in self._texts(at)}) <= max(3, 0.5 * len(self._rows))
        if self._share(at - 1, "letter") == 1:
            return True
        return all(re.search(r"[a-z][A-Z]|[\w$][.$_:/-]\w|\[\d+\]|\.\w+:\d+:", text) for text in self._texts(at))

    def _is_group(self, at: int, level: int | None) -> bool:
        return not self._few or level is not None or all(re.match(r"\[\d+\]$", text) for text in self._texts(at))

    def _is_column(self, at: int) -> bool:
        """Whether it is set off as a column: padded or barred, or dotted names."""
        after = [
            line[cells[at].end : cells[at + 1].start]
            for line, cells in zip(self._lines, self._rows, strict=True)
            if len(cells) > at + 1
        ]
        if not after or not self._repeat(at):
            return False
        if sum(text[:1] in "])>" for text in after if text) >= STABLE * len(self._rows):
            return True  # within the brackets of what stands before
        padded = sum(len(text) > 1 and text.isspace() for text in after) >= STABLE * len(self._rows)
        dotted = sum(bool(re.fullmatch(r"[a-z_]\w*(\.\w+){1,8}", text)) for text in self._texts(at))
        return self._is_barred(at) or (padded and not self._few) or dotted >= STABLE * len(self._rows)

    def _is_barred(self, at: int) -> bool:
        rows = zip(self._lines, self._rows, strict=True)
        return sum(
            line[cells[at].end :].lstrip()[:1] == "|" for line, cells in rows if len(cells) > at
        ) >= STABLE * len(self._rows)

    # -- what the pattern is --

    def _primary(self, end: int) -> int:
        """The column whose instant counts."""
        stamps = [(BY_NAME[name].worth, -at) for at in range(end + 1) if (name := self._stamp_at(at))]
        return -max(stamps)[1]

    def _column(
        self, at: int, primary: bool, is_level: bool, level: int | None, end: int, given: set[str]
    ) -> tuple[str, str]:
        if is_level:
            part = r"[A-Z]" if self._share(at, "letter") >= STABLE else r"[A-Za-z.]+"
            module = r"(?:[\w.-]+:)?" if any(":" in text for text in self._texts(at)) else ""
            return "level", f"{module}(?P<level>{part})"
        if name := self._stamp_at(at):
            texts = [cells[at].text for cells in self._rows if _has(cells, at, f"stamp:{name}")]
            stamp = order_of(BY_NAME[name], texts)
            return ("time", stamp.blind) if primary else ("time", unnamed(stamp.blind))
        return self._plain(at, level, end, given)

    def _plain(self, at: int, level: int | None, end: int, given: set[str]) -> tuple[str, str]:
        anchor = min(n for n in range(end + 1) if self._stamp_at(n) or n == level)
        kinds = {cells[at].kind for cells in self._rows if len(cells) > at}

        def named(names: Sequence[str], part: str) -> tuple[str, str]:
            free = [name for name in names if name not in given] if at > anchor else []
            if not free:
                return "…", part
            given.add(free[0])
            return free[0], f"(?P<{free[0]}>{part})"

        if self._share(at, "tag") >= STABLE:
            name, part = named(["component"], r"[^\s\[\]|]+?")
            pid = r"(?P<pid>\d+)" if name != "…" and "pid" not in given else r"\d+"
            given |= {"pid"}
            return name, part + rf"(?:\[{pid}\])?(?: \([^()\s]*\))? *:"
        if self._share(at, "group[") >= STABLE:
            return named(["thread"], r"\[[^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)*\]")
        if self._share(at, "number") >= STABLE:
            return named(["pid", "thread"], r"#?\d+")
        if self._share(at, "dash") >= STABLE and self._same(at):
            return self._texts(at)[0], re.escape(Counter(self._texts(at)).most_common(1)[0][0])
        names = ["component"] if level is not None else ["host", "component"]
        if any(kind.startswith("group") for kind in kinds):
            return named(names, r"(?:\[[^\[\]]*(?:\[[^\[\]]*\][^\[\]]*)*\]|\S+?)")
        return named(names, r"[^\s|]+?")

    def _lead(self, rows: list[Line]) -> str:
        return _alternatives([line[: cells[0].start] for line, cells in rows])

    @staticmethod
    def _separator(rows: list[Line], at: int, *, last: bool) -> str:
        if last:
            texts = [line[cells[at].end : cells[at + 1].start if len(cells) > at + 1 else None] for line, cells in rows]
            return _alternatives([_closing(text) for text in texts])
        return _alternatives([line[cells[at].end : cells[at + 1].start] for line, cells in rows])

    def _component(self, end: int) -> str:
        """A pattern for the few words before a dash that nearly all lines have: who speaks."""
        rows = [(line, cells) for line, cells in zip(self._lines, self._rows, strict=True) if len(cells) > end + 1]
        if len(rows) < 4 * FEW or self._share(end + 1, "word") < STABLE:
            return ""
        rests = [line[cells[end + 1].start :] for line, cells in rows]
        heads = [found[1] for rest in rests if (found := re.match(r"(\S+(?: \S+){0,2}?) (?:-{1,3}|\|) ", rest))]
        if len(heads) < STABLE * len(rows) or len(set(heads)) > max(_SPEAKERS, 0.05 * len(heads)):
            return ""
        return r"(?P<component>\S+(?: \S+){0,2}?) (?:-{1,3}|\|) +"


def _closing(text: str) -> str:
    """What of a separator ends the header: not a bracket that opens in the message."""
    return re.sub(r"[\[(<\"'].*", "", text, flags=re.DOTALL)


def _set_off(line: str, cells: list[Cell], at: int) -> bool:
    """Whether the level there stands in brackets or before a colon."""
    if not _has(cells, at, "level"):
        return False
    return line[cells[at].end :].lstrip()[:1] in ("]", ":", ")", ">", "|")


def _alternatives(texts: Sequence[str]) -> str:
    """A pattern for what separates two columns, from what does in the sample."""
    counts = Counter(re.sub(r"[ \t]+", " ", text) for text in texts)
    most = [text for text, count in counts.most_common(4) if count >= 0.01 * len(texts)]
    parts = [re.escape(text).replace(r"\ ", "[ \\t]+") for text in sorted(most, key=len, reverse=True)]
    return parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})"
