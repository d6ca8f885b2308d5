"""Headers of many lines at once: lines that differ in digits only have one shape, and only shapes are looked at.

No pattern of a header asks which digit stands somewhere. So the line with every digit put to 0 tells where its header
ends, where in it the instant and the attributes stand, and which level it names; what it says is then cut out of the
bytes of all lines that have this shape at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vibeworkbench.logs.headers import Form, Layout
from vibeworkbench.logs.headers.forms import ATTRIBUTES, compiled, level_word
from vibeworkbench.logs.headers.layout import AnyForm
from vibeworkbench.logs.headers.sql import timed, told_at
from vibeworkbench.logs.instants import instants, machine_zone
from vibeworkbench.storage.warehouse import Connection

MOST_SHAPES = 200_000
"""Shapes that are remembered, of all sources together."""
_ZERO = np.uint8(ord("0"))
_LEVEL_LATER = 255
_NOTHING = (0, 0)
_INLINE_BYTES = 12
_FIRST_BYTES = np.array([0, 0xFF, 0xFFFF, 0xFFFFFF, 0xFFFFFFFF], np.uint32).view(np.int32)
"""The first so many bytes of four, in the order of memory."""
_ESCAPED = re.compile(r"[\x00-\x1f\"\\]")

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Shape:
    """Where in a line stands what, in bytes.

    Attributes:
        form: Number of its form; 0 when none fits.
        head: Where its message begins.
        stamp: Where its instant stands, and
        zone: the zone of it.
        level: The number of the level that it names; 255 when digits tell it, which stand at
        digits: this place.
        attributes: Names, and where their values stand.
        is_escaped: Whether a value must be escaped in JSON.
    """

    form: int
    head: int = 0
    stamp: Span = _NOTHING
    zone: Span = _NOTHING
    level: int = 0
    digits: Span = _NOTHING
    attributes: tuple[tuple[str, Span], ...] = ()
    is_escaped: bool = False


_SHAPELESS = Shape(0)


@dataclass(frozen=True, slots=True)
class Part:
    """Some of a batch's lines, taken apart.

    Attributes:
        rows: Which lines.
        message: Messages.
        said_at: Instants that headers tell, or null.
        level: Levels that headers tell, or 0.
        attributes: What else headers tell, as JSON, or null.
        zeroed: Messages with every digit as 0, distinct ones and which each line has.
        strange: Whether a line fits no form.
    """

    rows: np.ndarray
    message: pa.Array
    said_at: pa.Array
    level: np.ndarray
    attributes: pa.Array
    zeroed: pa.DictionaryArray
    strange: np.ndarray


def joined_parts(parts: Sequence[Part]) -> Part:
    """Parts as one, its lines in order."""
    order = np.argsort(np.concatenate([part.rows for part in parts]), kind="stable")
    at = pa.array(order)
    message = pa.concat_arrays([part.message for part in parts]).take(at)
    return Part(
        np.arange(len(order)),
        message,
        pa.concat_arrays([part.said_at for part in parts]).take(at),
        np.concatenate([part.level for part in parts])[order],
        pa.concat_arrays([part.attributes for part in parts]).take(at),
        zeroed(message).dictionary_encode(),
        np.concatenate([part.strange for part in parts])[order],
    )


def is_plain(layout: Layout) -> bool:
    """Whether all headers of a layout stand before the message, and nothing around them."""
    return layout.wrapper is None and all(isinstance(form, Form) for form in layout.forms)


def zeroed(messages: pa.Array) -> pa.Array:
    """The messages with every digit as 0, see ``masks.zeroed``: byte by byte, which is as good and much quicker."""
    _, offsets, data = messages.buffers()
    if data is None:
        return messages
    content = np.frombuffer(data, np.uint8) - _ZERO
    content *= (content > 9).view(np.uint8)  # nothing is left of digits
    content += _ZERO
    buffers = [None, offsets, pa.py_buffer(content)]
    return pa.Array.from_buffers(pa.string(), len(messages), buffers, offset=messages.offset)


class Shapes:
    """The shapes of lines that are known."""

    def __init__(self) -> None:
        self._known: dict[tuple[AnyForm, ...], dict[str, Shape]] = {}
        self._count = 0
        self._forms: dict[Form, int] = {}
        self._patterns: dict[tuple[AnyForm, ...], list[tuple[Form, Callable[[str], re.Match[str] | None]]]] = {}

    def parts(
        self,
        connection: Connection,
        messages: pa.Array,
        rows: np.ndarray,
        layouts: Sequence[Layout],
        codes: np.ndarray,
        now: datetime,
    ) -> Part:
        """Lines taken apart.

        Args:
            connection: Where instants are read.
            messages: Lines with their headers.
            rows: Their numbers.
            layouts: Layouts of sources.
            codes: Which of them each line has.
            now: The present, aware UTC.
        """
        coded = zeroed(messages).dictionary_encode()
        width = len(layouts)
        both, which = _distinct(coded.indices.to_numpy().astype(np.int64) * width + codes)
        texts = coded.dictionary.take(pa.array(both // width)).to_pylist()
        known = [self._known.setdefault(layout.forms, {}) for layout in layouts]
        shapes = [
            known[code].get(text) or self._found(known[code], layouts[code].forms, text)
            for code, text in zip((both % width).tolist(), texts, strict=True)
        ]
        cut = _Cut(messages, which)
        form = np.array([shape.form for shape in shapes], np.int16)[which]
        heads = np.array([shape.head for shape in shapes], np.int32)
        contents = [
            text[shape.head :] if text.isascii() else text.encode()[shape.head :].decode()
            for text, shape in zip(texts, shapes, strict=True)
        ]
        indices = pa.array(which.astype(np.int32))
        return Part(
            rows,
            cut.after(heads),
            self._said_at(connection, cut, shapes, form, now),
            _levels(cut, shapes),
            _attributes(cut, shapes),
            pa.DictionaryArray.from_arrays(indices, pa.array(contents, pa.string())),
            form == 0,
        )

    def _found(self, known: dict[str, Shape], forms: tuple[AnyForm, ...], text: str) -> Shape:
        if self._count >= MOST_SHAPES:
            fullest = max(self._known.values(), key=len)
            old = list(islice(fullest, MOST_SHAPES // 10))
            for each in old:
                del fullest[each]
            self._count -= len(old)
        shape = known[text] = self._looked_at(forms, text)
        self._count += 1
        return shape

    def _looked_at(self, forms: tuple[AnyForm, ...], text: str) -> Shape:
        patterns = self._patterns.get(forms)
        if patterns is None:
            plain = [form for form in forms if isinstance(form, Form)]
            patterns = self._patterns[forms] = [(form, compiled(timed(form)).match) for form in plain]
        for form, match in patterns:
            if found := match(text):
                number = self._forms.setdefault(form, len(self._forms) + 1)
                return _shape_of(form, number, found)
        return _SHAPELESS

    def _said_at(
        self, connection: Connection, cut: _Cut, shapes: Sequence[Shape], form: np.ndarray, now: datetime
    ) -> pa.Array:
        """The instants that stamps tell, each written as its form writes it."""
        present = set(np.unique(form).tolist())
        moments = {
            number: told_at(each, now, machine_zone()) for each, number in self._forms.items() if number in present
        }
        if not moments:
            return pa.nulls(len(form), pa.timestamp("us"))
        ts, ts_codes = cut.texts([shape.stamp for shape in shapes])
        z, z_codes = cut.texts([shape.zone for shape in shapes])
        zones, forms = len(z), len(self._forms) + 1
        told = (ts_codes * zones + z_codes) * forms + form
        distinct, which = _distinct(told)
        stamps = pa.table(
            {
                "ts": ts.take(pa.array(distinct // forms // zones)),
                "z": z.take(pa.array(distinct // forms % zones)),
                "form": pa.array((distinct % forms).astype(np.int16)),
            }
        )
        return instants(connection, stamps, moments, now).take(pa.array(which))


def _distinct(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The different ones, and which of them each is; they are hashed, which is quicker than sorting them."""
    coded = pa.array(numbers).dictionary_encode()
    return coded.dictionary.to_numpy(), coded.indices.to_numpy()


def _shape_of(form: Form, number: int, found: re.Match[str]) -> Shape:
    text, end = found.string, found.end()
    places = {name: found.span(name) for name in found.re.groupindex}
    places = {name: span for name, span in places.items() if span[0] < span[1]}

    def span(place: Span) -> Span:
        return place if text.isascii() else (len(text[: place[0]].encode()), len(text[: place[1]].encode()))

    level, digits = 0, _NOTHING
    if "level" in places:
        level = int(level_word(found["level"]))
    elif "priority" in places:
        level, digits = _LEVEL_LATER, span(places["priority"])
    elif form.status and (status := compiled(form.status).match(text[end:])):
        level, digits = _LEVEL_LATER, span((status.start(1) + end, status.end(1) + end))
    own = sorted((places[name], name) for name in ATTRIBUTES if name in places)
    return Shape(
        number,
        span((0, end))[1],
        span(places.get("ts", _NOTHING)),
        span(places.get("z", _NOTHING)),
        level,
        digits,
        tuple((name, span(place)) for place, name in own),
        bool(_ESCAPED.search(text, 0, end)) and any(_ESCAPED.search(text, *place) for place, _ in own),
    )


class _Cut:
    """The bytes of lines, to be cut."""

    def __init__(self, messages: pa.Array, which: np.ndarray) -> None:
        _, offsets, data = messages.buffers()
        bounds = np.frombuffer(offsets, np.int32)[messages.offset : messages.offset + len(messages) + 1]
        content = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
        self._content = np.concatenate([content, np.zeros(_INLINE_BYTES, np.uint8)])
        self._starts, self._ends = bounds[:-1], bounds[1:]
        self.which = which

    def after(self, heads: np.ndarray) -> pa.Array:
        """What follows the head of each line; one head for each shape."""
        starts = self._starts + heads[self.which]
        return _slices(self._content, starts, self._ends - starts)

    def between(self, spans: Sequence[Span] | np.ndarray, rows: np.ndarray | None = None) -> pa.Array:
        """What stands in a span of each line; one span for each shape."""
        table = np.asarray(spans, np.int32).reshape(-1, 2)
        which = self.which if rows is None else self.which[rows]
        starts = (self._starts if rows is None else self._starts[rows]) + table[which, 0]
        return _slices(self._content, starts, (table[:, 1] - table[:, 0])[which])

    def texts(self, spans: Sequence[Span]) -> tuple[pa.Array, np.ndarray]:
        """The different texts that stand in a span of each line, an empty one in front, and which each line has."""
        has = np.array([end > start for start, end in spans])
        codes = np.zeros(len(self.which), np.int64)
        rows = np.flatnonzero(has[self.which])
        coded = self.between(spans, rows).dictionary_encode()
        codes[rows] = coded.indices.to_numpy().astype(np.int64) + 1
        return pa.concat_arrays([pa.array([""]), coded.dictionary]), codes


def _slices(content: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> pa.Array:
    """Strings that stand in ``content``, which has 12 more bytes at its end.

    Source: Arrow columnar format 1.4, variable-size binary view layout: a view has the length, four bytes, the number
    of the buffer and the offset in it; or the length and all of at most 12 bytes.
    """
    views = np.zeros((len(starts), 4), np.int32)
    words = np.ndarray((len(content) - 3,), np.int32, buffer=content, strides=(1,))
    views[:, 0], views[:, 1], views[:, 3] = lengths, words[starts], starts
    short = np.flatnonzero(lengths <= _INLINE_BYTES)
    at, size = starts[short], lengths[short]
    for part in range(3):
        views[short, 1 + part] = words[at + 4 * part] & _FIRST_BYTES[np.clip(size - 4 * part, 0, 4)]
    buffers = [None, pa.py_buffer(views), pa.py_buffer(content)]
    return pa.Array.from_buffers(pa.string_view(), len(starts), buffers).cast(pa.string())


def _levels(cut: _Cut, shapes: Sequence[Shape]) -> np.ndarray:
    level: np.ndarray = np.array([shape.level for shape in shapes], np.uint8)[cut.which]
    later = np.flatnonzero(level == _LEVEL_LATER)
    if len(later):
        coded = cut.between([shape.digits for shape in shapes], later).dictionary_encode()
        is_status = np.array([shape.digits[0] >= shape.head for shape in shapes])[cut.which[later]]
        texts = coded.dictionary.to_pylist()
        by_status = np.array([int(level_word(f"status {text}")) for text in texts], np.uint8)
        by_priority = np.array([int(level_word(f"<{text}>")) for text in texts], np.uint8)
        numbers = coded.indices.to_numpy()
        level[later] = np.where(is_status, by_status[numbers], by_priority[numbers])
    return level


def _attributes(cut: _Cut, shapes: Sequence[Shape]) -> pa.Array:
    """What headers tell besides, as JSON: for the shapes that tell the same, all lines at once."""
    kinds: dict[tuple[bool, tuple[str, ...]], list[int]] = {}
    for at, shape in enumerate(shapes):
        kinds.setdefault((shape.is_escaped, tuple([name for name, _ in shape.attributes])), []).append(at)
    kind = np.empty(len(shapes), np.int32)
    for number, members in enumerate(kinds.values()):
        kind[members] = number
    parts, places = [], []
    for number, ((is_escaped, names), members) in enumerate(kinds.items()):
        rows = np.flatnonzero(kind[cut.which] == number)
        places.append(rows)
        values = []
        for place in range(len(names)):
            spans = np.zeros((len(shapes), 2), np.int32)
            spans[members] = [shapes[at].attributes[place][1] for at in members]
            values.append(cut.between(spans, rows))
        parts.append(_objects(names, values, len(rows), is_escaped=is_escaped))
    if len(parts) == 1:
        return parts[0]
    return pa.concat_arrays(parts).take(pa.array(np.argsort(np.concatenate(places), kind="stable")))


def _objects(names: Sequence[str], values: Sequence[pa.Array], count: int, *, is_escaped: bool) -> pa.Array:
    if not names:
        return pa.nulls(count, pa.string())
    if is_escaped:
        texts = zip(*(each.to_pylist() for each in values), strict=True)
        return pa.array([msgspec.json.encode(dict(zip(names, row, strict=True))).decode() for row in texts])
    pieces: list[pa.Array | str] = []
    for at, (name, value) in enumerate(zip(names, values, strict=True)):
        pieces += [f'{{"{name}":"' if not at else f'","{name}":"', value]
    joined: pa.Array = pc.binary_join_element_wise(*pieces, '"}', "")
    return joined
